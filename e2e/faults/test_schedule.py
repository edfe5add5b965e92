"""A seed says everything about a run that can be said beforehand."""

import unittest

from faults import schedule as schedules
from faults.schedule import ANY, CONTROLLER, KINDS, LEADER, PAUSE, PROCESS_FAULTS, WIPE, Fault


def schedule(*arguments, **options) -> tuple[Fault, ...]:
    return schedules.schedule(*arguments, **options).faults


def overlapping(faults: tuple[Fault, ...]) -> list[tuple[str, str]]:
    """The kinds of those that share some time."""
    return [(one.kind, other.kind) for at, one in enumerate(faults) for other in faults[at + 1 :] if other.at_s < one.at_s + one.lasts_s]


class TheSchedule(unittest.TestCase):
    def test_is_the_same_for_the_same_seed(self):
        self.assertEqual(schedule(7, 60, 3), schedule(7, 60, 3))

    def test_is_another_for_another_seed(self):
        self.assertNotEqual(schedule(7, 60, 3), schedule(8, 60, 3))

    def test_ends_in_time(self):
        for seed in range(100):
            self.assertLessEqual(max((fault.at_s + fault.lasts_s for fault in schedule(seed, 60, 3)), default=0), 60)

    def test_of_one_lane_has_one_fault_at_a_time(self):
        for seed in range(100):
            faults = schedule(seed, 60, 3, at_once=1)
            for before, after in zip(faults, faults[1:]):
                self.assertGreater(after.at_s, before.at_s + before.lasts_s)

    def test_of_two_lanes_has_faults_side_by_side(self):
        self.assertTrue(overlapping(schedule(1, 60, 3, at_once=2)))

    def test_of_two_lanes_comes_to_every_pair_of_kinds_side_by_side(self):
        met = {frozenset(pair) for seed in range(600) for pair in overlapping(schedule(seed, 60, 3, at_once=2))}
        self.assertEqual(met, {frozenset((one, other)) for one in KINDS for other in KINDS})

    def test_has_one_lane_or_two_as_the_seed_says(self):
        self.assertEqual([schedules.schedule(seed, 60, 3).at_once for seed in (2, 3, 4, 5)], [1, 2, 1, 2])

    def test_pauses_the_controller_and_wipes_whoever_leads(self):
        met = {(fault.kind, fault.target) for seed in range(100) for fault in schedule(seed, 60, 3)}
        self.assertLessEqual({(PAUSE, CONTROLLER), (PAUSE, LEADER), (WIPE, LEADER), (WIPE, CONTROLLER), (WIPE, ANY)}, met)

    def test_knows_only_the_kinds_it_is_given(self):
        self.assertLessEqual({fault.kind for seed in range(20) for fault in schedule(seed, 60, 3, PROCESS_FAULTS)}, set(PROCESS_FAULTS))

    def test_comes_to_every_kind(self):
        self.assertEqual({fault.kind for seed in range(100) for fault in schedule(seed, 60, 3)}, set(KINDS))

    def test_never_has_a_broker_cut_off_from_itself(self):
        self.assertTrue(all(fault.node != fault.other for seed in range(100) for fault in schedule(seed, 60, 3)))


if __name__ == "__main__":
    unittest.main()
