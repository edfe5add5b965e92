"""Runs are put together without a figure that meets the limits of another run."""

import unittest

from bench import runs


def result(name: str, *workloads: str) -> dict:
    return runs.one({"command": name}, {workload: {"measured": {"weir": [{"of": name}]}, "failure": None} for workload in workloads})


class Runs(unittest.TestCase):
    def test_what_is_measured_anew_stands_for_what_was_there(self):
        both = runs.merged(result("first", "a", "b"), result("second", "b", "c"))
        self.assertEqual([run["command"] for run in both["runs"]], ["first", "second"])
        whose = {name: runs.run_of(both, name)["command"] for name in both["workloads"]}
        self.assertEqual(whose, {"a": "first", "b": "second", "c": "second"})
        self.assertTrue(all(outcome["measured"]["weir"][0]["of"] == whose[name] for name, outcome in both["workloads"].items()))

    def test_a_run_of_which_nothing_is_left_is_forgotten(self):
        three = runs.merged(runs.merged(result("first", "a"), result("second", "b")), result("third", "a"))
        self.assertEqual([run["command"] for run in three["runs"]], ["second", "third"])
        self.assertEqual(runs.run_of(three, "a")["command"], "third")

    def test_a_run_that_is_published_after_each_workload_is_one_run(self):
        before = result("before", "a", "b")
        whole = runs.merged(runs.merged(before, result("this", "a")), result("this", "a", "b"))
        self.assertEqual([run["command"] for run in whole["runs"]], ["this"])


if __name__ == "__main__":
    unittest.main()
