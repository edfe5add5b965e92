"""The pure parts of the scenarios: which are chosen, what a chart without a field looks like, what the operator says."""

import unittest

from kind.commands import CommandFailed
from kind.scenarios.autoscaling import rises_and_falls
from kind.scenarios.book import Scenario, chosen
from kind.scenarios.helm_chart import without_field
from kind.scenarios.nodes_gone import command_in
from kind.scenarios.operators_metrics import calls, memory_mib, parsed
from kind.scenarios.playing import all_scenarios
from kind.scenarios.stage import crowding

_OPERATOR = "weir_operator_api_calls_total"


def _scenario(sentence: str, core: bool) -> Scenario:
    return Scenario(sentence, lambda stage: None, core, True)


def _series(verb: str, value: int) -> str:
    return f'{_OPERATOR}{{outcome="ok",verb="{verb}"}} {value}\n'


class Choosing(unittest.TestCase):
    def setUp(self):
        self.all = [_scenario("a broker is killed", True), _scenario("an Image rolls", False)]

    def test_the_core_or_all_are_played(self):
        self.assertEqual(chosen(self.all, True, ""), self.all[:1])
        self.assertEqual(chosen(self.all, False, ""), self.all)

    def test_a_word_finds_its_sentence_in_the_core_or_not(self):
        self.assertEqual(chosen(self.all, True, "image"), self.all[1:])
        self.assertEqual(chosen(self.all, True, "killed, rolls"), self.all)
        self.assertEqual(chosen(self.all, False, "nothing of it"), [])

    def test_clients_and_faults_need_nodes_of_ours(self):
        plain, at_work = Scenario("", lambda stage: None, False, False), _scenario("", False)
        hurting = Scenario("", lambda stage: None, False, False, hurts_nodes=True)
        self.assertEqual([one.needs_our_nodes for one in (plain, at_work, hurting)], [False, True, True])

    def test_sentences_are_told_apart(self):
        sentences = [one.sentence for one in all_scenarios()]
        self.assertEqual(len(set(sentences)), len(sentences))


class Numbers(unittest.TestCase):
    def test_they_rise_and_fall_once(self):
        for numbers in ([3, 5, 3], [3, 4, 5, 4, 3]):
            self.assertTrue(rises_and_falls(numbers), numbers)
        for numbers in ([3], [3, 5], [5, 3], [3, 5, 4, 5, 3], [4, 3, 5, 3], [3, 5, 3, 4]):
            self.assertFalse(rises_and_falls(numbers), numbers)


class Nodes(unittest.TestCase):
    def test_a_broker_crowds_one_with_a_smaller_number(self):
        self.assertIsNone(crowding({0: "a", 1: "b", 2: "c"}))
        self.assertEqual(crowding({2: "a", 0: "a", 1: "c"}), 2)
        self.assertEqual(crowding({0: "a", 1: "a", 2: "a"}), 1)


class ToldCommand(unittest.TestCase):
    def test_it_is_what_the_message_ends_with(self):
        told = "node n2 is gone; to start the broker anew, kubectl delete --namespace logs pvc/data-logs-2 pod/logs-2"
        self.assertEqual(command_in(told), ["kubectl", "delete", "--namespace", "logs", "pvc/data-logs-2", "pod/logs-2"])

    def test_none_is_told_where_records_would_be_lost(self):
        with self.assertRaisesRegex(CommandFailed, "bring the node back"):
            command_in("t-3 has too few replicas in sync elsewhere: bring the node back, or records may be lost")


class OlderChart(unittest.TestCase):
    def test_a_field_goes_with_all_that_is_below_it(self):
        text = "properties:\n  adoption:\n    enum:\n    - A\n    type: string\n  name:\n    type: string\n"
        self.assertEqual(without_field(text, "adoption"), "properties:\n  name:\n    type: string\n")


class Metrics(unittest.TestCase):
    def test_reads_and_writes_are_counted_apart(self):
        before = parsed(_series("patch", 3))
        after = parsed(_series("patch", 5) + _series("read", 4) + _series("watch", 1))
        self.assertEqual(calls(before, after), (5, 2))

    def test_what_the_fence_refused_is_no_call(self):
        refused = f'{_OPERATOR}{{outcome="fenced",verb="patch"}} 7\n'
        self.assertEqual(calls({}, parsed(refused + _series("delete", 1))), (0, 1))

    def test_memory_is_told_in_mebibytes(self):
        self.assertEqual(memory_mib(parsed("# HELP x\nprocess_resident_memory_bytes 20971520\n")), 20.0)


if __name__ == "__main__":
    unittest.main()
