"""The checker finds each kind of bad history, and only that; a checker that never complains proves nothing."""

import unittest

from faults.checker import KINDS, check, counts
from faults.history import History, Seen, Value, gather


def wrote(*numbers: int, writer: str = "w", partition: int = 0, first: int = 0) -> list[dict]:
    """Each invoked and acknowledged, at offsets that count up."""
    events = []
    for offset, number in enumerate(numbers, first):
        events += [invoke(number, writer, partition), ok(number, offset, writer, partition)]
    return events


def invoke(number: int, writer: str = "w", partition: int = 0) -> dict:
    return {"e": "invoke", "t": float(number), "w": writer, "p": partition, "v": number}


def ok(number: int, offset: int, writer: str = "w", partition: int = 0) -> dict:
    return {"e": "ok", "t": number + 0.5, "w": writer, "p": partition, "v": number, "o": offset}


def verdict(kind: str, number: int) -> dict:
    return {"e": kind, "t": 1.0, "w": "w", "p": 0, "v": number, "why": "made up"}


def own(consumer: str, generation: int, *partitions: int) -> dict:
    return {"e": "own", "t": 0.0, "c": consumer, "group": "g", "g": generation, "ps": list(partitions)}


def assign(consumer: str, number: int, at: float) -> dict:
    return {"e": "assign", "t": at, "c": consumer, "a": number, "ps": [0]}


def poll(*pairs: tuple[int, int], consumer: str = "c", assignment: int = 1) -> dict:
    return {"e": "poll", "t": 9.0, "c": consumer, "p": 0, "a": assignment, "r": [[offset, "w", number] for offset, number in pairs]}


def commit(offset: int, at: float, consumer: str = "c") -> dict:
    return {"e": "commit", "t": at, "c": consumer, "ps": {"0": offset}}


def log(*numbers: int, writer: str = "w") -> list[Seen]:
    return [Seen(offset, Value(writer, number)) for offset, number in enumerate(numbers)]


def history(events: list[dict], final: list[Seen] | None = None) -> History:
    gathered = gather(events)
    if final is not None:
        gathered.final[0] = final
    return gathered


def kinds(checked: History) -> list[str]:
    return [kind for kind, count in counts(check(checked)).items() if count]


class AGoodHistory(unittest.TestCase):
    def test_has_no_violation(self):
        events = [*wrote(0, 1, 2), own("c", 1, 0), assign("c", 1, 0.0), poll((0, 0), (1, 1)), poll((2, 2)), commit(3, 9.5)]
        good = history(events, log(0, 1, 2))
        good.copies["broker 1", 0] = log(0, 1, 2)
        good.group_offsets["g"] = {0: 3}
        self.assertEqual(check(good), [])

    def test_may_be_empty(self):
        self.assertEqual(check(History()), [])

    def test_may_hold_a_value_of_unknown_fate(self):
        self.assertEqual(kinds(history([*wrote(0), invoke(1), verdict("unknown", 1)], log(0, 1))), [])

    def test_may_lack_a_value_of_unknown_fate(self):
        self.assertEqual(kinds(history([*wrote(0), invoke(1), verdict("unknown", 1)], log(0))), [])

    def test_may_hold_a_value_that_was_sent_and_never_answered(self):
        self.assertEqual(kinds(history([*wrote(0), invoke(1)], log(0, 1))), [])

    def test_may_lack_a_refused_value(self):
        self.assertEqual(kinds(history([*wrote(0), invoke(1), verdict("fail", 1)], log(0))), [])

    def test_may_read_again_what_was_not_committed_in_a_new_assignment(self):
        events = [*wrote(0, 1), own("c", 1, 0), assign("c", 1, 0.0), poll((0, 0), (1, 1)), assign("c", 2, 5.0), poll((0, 0), assignment=2)]
        self.assertEqual(kinds(history(events, log(0, 1))), [])

    def test_may_interleave_writers(self):
        final = [Seen(0, Value("a", 0)), Seen(1, Value("b", 0)), Seen(2, Value("a", 1))]
        events = [*wrote(0, writer="a"), *wrote(0, writer="b", first=1), *wrote(1, writer="a", first=2)]
        self.assertEqual(kinds(history(events, final)), [])

    def test_may_hold_late_what_a_careless_writer_gave_up(self):
        events = [{"e": "careless", "t": 0.0, "w": "w"}, invoke(0), verdict("unknown", 0), *wrote(1)]
        self.assertEqual(kinds(history(events, log(1, 0))), [])

    def test_may_have_an_owner_for_each_generation(self):
        self.assertEqual(kinds(history([own("c", 1, 0, 1), own("d", 2, 0), own("c", 2, 1)])), [])


class AcknowledgedValues(unittest.TestCase):
    def test_whose_place_others_took_are_lost(self):
        self.assertEqual(kinds(history([*wrote(0, 1), *wrote(2, first=1)], log(0, 2))), ["lost"])

    def test_behind_the_end_of_the_log_are_unseen(self):
        self.assertEqual(kinds(history(wrote(0, 1, 2), log(0, 1))), ["unseen"])

    def test_of_a_log_nobody_read_are_unseen(self):
        self.assertEqual(kinds(history(wrote(0, 1, 2))), ["unseen"])

    def test_of_a_partition_nobody_read_are_unseen(self):
        self.assertEqual(kinds(history([*wrote(0), *wrote(0, partition=7)], log(0))), ["unseen"])

    def test_at_another_offset_are_misplaced(self):
        self.assertEqual(kinds(history([*wrote(0), invoke(1), invoke(2), ok(2, 1)], log(0, 1, 2))), ["misplaced"])


class TheLog(unittest.TestCase):
    def test_with_one_value_twice_has_a_duplicate(self):
        self.assertEqual(kinds(history([*wrote(0, 1)], log(0, 1, 1))), ["duplicate"])

    def test_with_values_out_of_order_is_reordered(self):
        self.assertEqual(kinds(history([invoke(0), invoke(1), invoke(2)], log(0, 2, 1))), ["reordered"])

    def test_with_acknowledged_values_of_a_careless_writer_out_of_order_is_reordered(self):
        events = [{"e": "careless", "t": 0.0, "w": "w"}, *wrote(1), *wrote(0, first=1)]
        self.assertEqual(kinds(history(events, log(1, 0))), ["reordered"])

    def test_with_a_refused_value_has_an_aborted_read(self):
        self.assertEqual(kinds(history([*wrote(0), invoke(1), verdict("fail", 1)], log(0, 1))), ["aborted read"])

    def test_with_a_value_nobody_wrote_has_a_phantom(self):
        self.assertEqual(kinds(history(wrote(0), log(0, 5))), ["phantom"])

    def test_that_does_not_begin_at_its_beginning_has_a_hole(self):
        self.assertEqual(kinds(history([invoke(0), *wrote(1, first=1)], log(0, 1)[1:])), ["hole"])

    def test_that_a_replica_holds_otherwise_has_diverged(self):
        bad = history(wrote(0, 1), log(0, 1))
        bad.copies["broker 2", 0] = log(0)
        self.assertEqual(kinds(bad), ["diverged copy"])

    def test_with_two_values_at_an_offset_of_two_replicas_is_inconsistent(self):
        bad = history([*wrote(0, 1), invoke(2)], log(0, 1))
        bad.copies["broker 2", 0] = log(0, 2)
        self.assertEqual(kinds(bad), ["inconsistent offset", "diverged copy"])


class Consumers(unittest.TestCase):
    def test_that_step_back_are_non_monotonic(self):
        self.assertEqual(kinds(history([*wrote(0, 1), poll((0, 0), (1, 1)), poll((0, 0))], log(0, 1))), ["non-monotonic poll"])

    def test_that_are_given_an_offset_twice_running_are_non_monotonic(self):
        self.assertEqual(kinds(history([*wrote(0), poll((0, 0)), poll((0, 0))], log(0))), ["non-monotonic poll"])

    def test_that_leave_an_offset_out_skip(self):
        self.assertEqual(kinds(history([*wrote(0, 1, 2), poll((0, 0)), poll((2, 2))], log(0, 1, 2))), ["skipped poll"])

    def test_that_saw_a_refused_value_saw_an_aborted_read_which_vanished(self):
        events = [*wrote(0), invoke(1), verdict("fail", 1), poll((0, 0), (1, 1))]
        self.assertEqual(kinds(history(events, log(0))), ["aborted read", "vanished read"])

    def test_that_saw_what_the_log_no_longer_has_read_too_far(self):
        self.assertEqual(kinds(history([*wrote(0), invoke(1), poll((0, 0), (1, 1))], log(0))), ["vanished read"])

    def test_that_disagree_about_an_offset_are_inconsistent(self):
        events = [*wrote(0), invoke(1), invoke(2), poll((0, 0), (1, 1)), poll((0, 0), (1, 2), consumer="d")]
        self.assertEqual(kinds(history(events, log(0, 2))), ["inconsistent offset", "vanished read"])


class Groups(unittest.TestCase):
    def test_with_two_owners_in_a_generation_own_twice(self):
        self.assertEqual(kinds(history([own("c", 3, 0, 1), own("d", 3, 1, 2)])), ["owned twice"])

    def test_that_begin_below_an_answered_commit_have_forgotten_it(self):
        events = [*wrote(0, 1), own("c", 1, 0), assign("c", 1, 0.0), poll((0, 0), (1, 1)), commit(2, 3.0)]
        events += [assign("c", 2, 5.0), poll((0, 0), assignment=2)]
        self.assertEqual(kinds(history(events, log(0, 1))), ["commit forgotten"])

    def test_that_end_below_an_answered_commit_have_forgotten_it(self):
        bad = history([*wrote(0, 1), own("c", 1, 0), assign("c", 1, 0.0), poll((0, 0), (1, 1)), commit(2, 3.0)], log(0, 1))
        bad.group_offsets["g"] = {0: 1}
        self.assertEqual(kinds(bad), ["commit forgotten"])

    def test_that_stand_behind_what_no_member_polled_passed_it_over(self):
        events = [*wrote(0, 1, 2), own("c", 1, 0), assign("c", 1, 0.0), poll((0, 0)), assign("c", 2, 5.0), poll((2, 2), assignment=2)]
        bad = history(events, log(0, 1, 2))
        bad.group_offsets["g"] = {0: 3}
        self.assertEqual(kinds(bad), ["passed over"])


class TheRules(unittest.TestCase):
    def test_judge_partitions_apart(self):
        good = history([*wrote(0), *wrote(0, partition=1)], log(0))
        good.final[1] = log(0)
        self.assertEqual(check(good), [])

    def test_are_counted_with_their_zeros(self):
        self.assertEqual(counts([]), dict.fromkeys(KINDS, 0))

    def test_refuse_a_line_they_do_not_know(self):
        with self.assertRaises(ValueError):
            gather([{"e": "surprise", "t": 0.0}])


if __name__ == "__main__":
    unittest.main()
