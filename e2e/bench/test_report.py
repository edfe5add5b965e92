"""The report quotes the better peer, tells met from missed, and says so when something failed."""

import unittest

from bench import curves, plots, report, runs
from bench.workloads import ALL
from bench.workloads.workload import Curve, steps

LIMITS = {
    "memcpy_gb_s": 10.0,
    "crc32c_gb_s": 10.0,
    "loopback": {"gb_s": 3.0, "sender_cpu_s_per_gb": 0.1, "receiver_cpu_s_per_gb": 0.2},
    "sendfile": {"gb_s": 3.0, "sender_cpu_s_per_gb": 0.1, "receiver_cpu_s_per_gb": 0.2},
    "append": {"gb_s": 2.0, "cpu_s_per_gb": 0.3},
    "fdatasync_per_s": 1000.0,
    "echo": {"requests_per_s": 100_000.0, "server_cpu_us_per_request": 5.0},
}


def block(cpu: float) -> dict:
    return {"cpu_s_per_gb": cpu, "gb_s": 1.0, "requests": 15_000, "batch_bytes": 1e9}


def result(failure: str | None = None, guests: dict | None = None, could_not: dict | None = None) -> dict:
    measured = {"weir": [block(1.0)] * 3, "kafka": [block(4.0)] * 3, "kafka-tuned": [block(3.0)] * 3, "kafka-again": [block(4.4)] * 3}
    run = {"command": "e2e/bench/run", "seconds": 60.0, "machine": {"kernel": "6"}, "limits": LIMITS}
    return runs.one(run, {"produce-1k": {"measured": measured | (guests or {}), "failure": failure, "could_not": could_not or {}}})


class Report(unittest.TestCase):
    def test_the_better_peer_is_quoted_and_the_target_judged(self):
        row = next(line for line in report.render(result()).splitlines() if line.startswith("| produce-1k"))
        self.assertIn("| kafka-tuned | 3.00x (3.00–3.00) | 2.5x met |", row)

    def test_a_guest_is_shown_and_is_nobody_to_be_measured_by(self):
        told = report.render(result(guests={"tansu": [block(2.0)] * 3}))
        self.assertIn("| | weir | kafka | kafka-tuned | kafka-again | tansu |", told)
        self.assertIn("| kafka-tuned | 3.00x", next(line for line in told.splitlines() if line.startswith("| produce-1k")))

    def test_what_a_guest_could_not_do_is_told(self):
        told = report.render(result(could_not={"tansu": "BrokerFailed: no such API"}))
        self.assertIn("`tansu` could not do it: BrokerFailed: no such API", told)
        self.assertNotIn("**Failed:**", told)

    def test_the_share_of_the_limit_is_what_the_least_code_would_cost(self):
        # 0.2 to receive, 0.1 to check, 0.3 to append, 15,000 requests of 5 us: 0.675 of 1.
        self.assertIn("| 68% | 70% MISSED |", report.render(result()))

    def test_each_block_is_held_against_what_the_machine_could_do_beside_it(self):
        drifting = result()
        slow = LIMITS | {"append": {"gb_s": 1.0, "cpu_s_per_gb": 0.525}}
        drifting["workloads"]["produce-1k"]["limits"] = [slow, slow, LIMITS]
        self.assertIn("| 90% | 70% met |", report.render(drifting))

    def test_a_limit_that_an_older_run_did_not_measure_is_left_open(self):
        run = {"command": "e2e/bench/run", "seconds": 60.0, "machine": {"kernel": "6"}, "limits": LIMITS}
        block = {"p50_10": 0.1, "p99_10": 1.0, "p999_10": 5.0}
        older = runs.one(run, {"latency": {"measured": {"weir": [block], "kafka": [block]}, "failure": None, "could_not": {}}})
        self.assertIn("| 0.1 | kafka | 1.00x (one block) | 2x MISSED |  | 50% ? |", report.render(older))
        block["echo_p50_10"] = 0.06
        self.assertIn("| 0.1 | kafka | 1.00x (one block) | 2x MISSED | 60% | 50% met |", report.render(older))

    def test_of_a_rate_the_share_is_what_is_reached_of_it(self):
        run = {"command": "e2e/bench/run", "seconds": 60.0, "machine": {"kernel": "6"}, "limits": LIMITS}
        measured = {"weir-fsync": [{"requests_s": 800.0}], "kafka-fsync": [{"requests_s": 100.0}]}
        told = report.render(runs.one(run, {"produce-fsync-wide": {"measured": measured, "failure": None, "could_not": {}}}))
        self.assertIn("| 800 | kafka-fsync | 8.00x (one block) | 8x met | 80% | 75% met |", told)

    def test_the_noise_floor_is_kafka_beside_itself(self):
        self.assertIn("Noise floor: Kafka beside itself, broker CPU-s/GB: 1.10x", report.render(result()))

    def test_the_middle_of_two_blocks_lies_between_them(self):
        measured = result()
        measured["workloads"]["produce-1k"]["measured"]["weir"] = [block(1.0), block(2.0)]
        self.assertIn("| broker CPU-s/GB | 1.5 (1–2) |", report.render(measured))

    def test_a_failure_is_reported(self):
        self.assertIn("**Failed:** lost", report.render(result("lost")))

    def test_every_workload_has_a_name_of_its_own_and_something_to_compare(self):
        self.assertEqual(len({workload.name for workload in ALL}), len(ALL))
        self.assertTrue(all(workload.figures for workload in ALL))

    def test_plots_are_drawn_from_what_there_is(self):
        svg = plots.bars("produce-1k", ALL[0].figures[0], result()["workloads"]["produce-1k"]["measured"])
        self.assertEqual(svg.count("<rect"), 5)
        curve = {"curve_10_0.5": 1.0, "curve_10_0.99": 10.0, "curve_50_0.5": 5.0}
        self.assertIn("polyline", plots.percentiles("latency", "10", {"weir": [curve]}))

    def test_what_grows_is_drawn_as_a_panel_for_each_curve_that_was_measured(self):
        figures = steps((10, 1_000), (Curve("cost", "us each", {1_000: 2.0}), Curve("size", "KiB"), Curve("never", "measured")))
        self.assertEqual([figure.target for figure in figures if figure.name.startswith("cost")], [None, 2.0])
        grown = {"cost_10": 5.0, "cost_1000": 5.0, "size_10": 0.0, "size_1000": 7.0}
        drawn = curves.growth("much", figures, {"weir": [grown], "kafka": [grown | {"cost_1000": 500.0}]})
        self.assertEqual(drawn.count("<polyline"), 4)
        self.assertEqual([title in drawn for title in ("us each", "KiB", "measured")], [True, True, False])
        flat, rising = (line.split('"')[1].split() for line in drawn.splitlines() if "<polyline" in line and " " in line.split('"')[1])
        self.assertEqual(*(point.split(",")[1] for point in flat))
        self.assertGreater(*(float(point.split(",")[1]) for point in rising))


if __name__ == "__main__":
    unittest.main()
