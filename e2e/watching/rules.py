"""Every alert fires when it should, and no other does: run by promtool against made-up series, without a broker.

The world below is one where all is well. Each alert has one change to it, a minute at which it must still be quiet, and one at
which it must fire. Also: promtool takes the rules, each alert has its runbook and its test, and the dashboard is as it is made.
"""

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from chart import dashboard
from scenario import equal
from watching import CHART, alerts

_MINUTES = 110
_TROUBLE_AT = 60
_BROKER = 'namespace="shop",weir_dev_cluster="logs",pod="logs-0",instance="10.0.0.1:9644"'
_CLUSTER = 'namespace="shop",cluster="logs"'


def always(value: float) -> str:
    return f"{value}x{_MINUTES}"


def then(before: float, after: float) -> str:
    """One value, and another one from the minute of the trouble on."""
    return f"{before}x{_TROUBLE_AT - 1} {after}x{_MINUTES - _TROUBLE_AT}"


def grows(by: float, later: float | None = None) -> str:
    """A counter, by so much each minute, and by another measure later on."""
    if later is None:
        return f"0+{by}x{_MINUTES}"
    return f"0+{by}x{_TROUBLE_AT - 1} {by * _TROUBLE_AT}+{later}x{_MINUTES - _TROUBLE_AT}"


WELL = {
    f"weir_leaderless_partitions{{{_BROKER}}}": always(0),
    f"weir_under_min_isr_partitions{{{_BROKER}}}": always(0),
    f"weir_under_replicated_partitions{{{_BROKER}}}": always(0),
    f"weir_active_controller{{{_BROKER}}}": always(1),
    f'weir_brokers{{{_BROKER},state="active"}}': always(3),
    f'weir_brokers{{{_BROKER},state="fenced"}}': always(0),
    f"weir_log_dir_failed{{{_BROKER}}}": always(0),
    f"weir_offline_partitions{{{_BROKER}}}": always(0),
    f"weir_log_damaged_partitions{{{_BROKER}}}": always(0),
    f"weir_disk_free_bytes{{{_BROKER}}}": always(1500),
    f"weir_disk_total_bytes{{{_BROKER}}}": always(2000),
    f"weir_workers{{{_BROKER}}}": always(2),
    f"weir_worker_busy_seconds_total{{{_BROKER}}}": grows(6),
    f'weir_log_sync_seconds_bucket{{{_BROKER},le="0.001"}}': grows(100),
    f'weir_log_sync_seconds_bucket{{{_BROKER},le="1"}}': grows(100),
    f'weir_log_sync_seconds_bucket{{{_BROKER},le="+Inf"}}': grows(100),
    f'weir_connections_refused_total{{{_BROKER},limit="max.connections"}}': always(7),
    f'weir_bad_input_total{{{_BROKER},kind="frame"}}': grows(6),
    f'weir_peers_refused_total{{{_BROKER},why="silent"}}': grows(1),
    f'weir_group_lag_seconds{{{_BROKER},group="g",topic="t"}}': always(60),
    f"weir_group_lag_unknown{{{_BROKER}}}": always(0),
    'weir_operator_leader{pod="weir-operator-0"}': always(1),
    'weir_operator_reconcile_errors_total{kind="Cluster",reason="api"}': always(3),
    f"weir_operator_brokers_desired{{{_CLUSTER}}}": always(3),
    f"weir_operator_brokers_ready{{{_CLUSTER}}}": always(3),
    f'weir_operator_topics{{{_CLUSTER},ready="false"}}': always(0),
    f"weir_cluster_brokers_recommended{{{_CLUSTER}}}": always(3),
    f"weir_cluster_autoscaling_limited{{{_CLUSTER}}}": always(0),
}


@dataclass(frozen=True)
class Trouble:
    """What changes, and when the alert must and must not fire yet."""

    metric: str
    values: str
    quiet_at: int = _TROUBLE_AT - 1
    fires_at: int = _TROUBLE_AT + 40
    # Part of the series' labels, where the metric has several.
    where: str = ""


TROUBLES = {
    "WeirPartitionsWithoutLeader": Trouble("weir_leaderless_partitions", then(0, 2), _TROUBLE_AT, _TROUBLE_AT + 2),
    "WeirWritesRefused": Trouble("weir_under_min_isr_partitions", then(0, 1), _TROUBLE_AT + 1, _TROUBLE_AT + 3),
    "WeirUnderReplicated": Trouble("weir_under_replicated_partitions", then(0, 9), _TROUBLE_AT + 14, _TROUBLE_AT + 16),
    "WeirNoController": Trouble("weir_active_controller", then(1, 0), _TROUBLE_AT, _TROUBLE_AT + 2),
    "WeirBrokerAway": Trouble("weir_brokers", then(0, 1), _TROUBLE_AT + 4, _TROUBLE_AT + 6, where="fenced"),
    "WeirDataDirectoryFailed": Trouble("weir_log_dir_failed", then(0, 1), fires_at=_TROUBLE_AT),
    "WeirReplicaOffline": Trouble("weir_offline_partitions", then(0, 1), _TROUBLE_AT, _TROUBLE_AT + 2),
    "WeirDamageNotMended": Trouble("weir_log_damaged_partitions", then(0, 1), _TROUBLE_AT + 14, _TROUBLE_AT + 16),
    # A quarter of an hour later a trend would be seen in it, too.
    "WeirDiskAlmostFull": Trouble("weir_disk_free_bytes", then(1500, 150), _TROUBLE_AT + 4, _TROUBLE_AT + 6),
    "WeirDiskFillsUp": Trouble("weir_disk_free_bytes", f"1000-4x{_MINUTES}", 60, 90),
    "WeirBrokerBusy": Trouble("weir_worker_busy_seconds_total", grows(6, 114), _TROUBLE_AT + 15),
    "WeirSyncsSlow": Trouble("weir_log_sync_seconds_bucket", grows(100, 0), _TROUBLE_AT + 5, where="0.001"),
    "WeirConnectionsRefused": Trouble("weir_connections_refused_total", f"7x{_TROUBLE_AT - 1} 7+3x50"),
    "WeirBadInput": Trouble("weir_bad_input_total", grows(6, 600), _TROUBLE_AT + 8),
    "WeirStrangersAtPeerPort": Trouble("weir_peers_refused_total", grows(1, 60), _TROUBLE_AT + 8),
    "WeirGroupFarBehind": Trouble("weir_group_lag_seconds", then(60, 4000), _TROUBLE_AT + 14, _TROUBLE_AT + 16),
    "WeirGroupLagUnknown": Trouble("weir_group_lag_unknown", then(0, 5), _TROUBLE_AT + 14, _TROUBLE_AT + 16),
    "WeirOperatorAbsent": Trouble("weir_operator_leader", then(1, 0), _TROUBLE_AT + 4, _TROUBLE_AT + 6),
    "WeirOperatorFails": Trouble("weir_operator_reconcile_errors_total", f"3x{_TROUBLE_AT - 1} 4+1x50", _TROUBLE_AT + 15),
    # In this world time begins with 0, which is when the operation began.
    "WeirOperationTakesLong": Trouble("weir_operator_operation_started_timestamp_seconds", always(0), 59, 66),
    "WeirBrokersMissing": Trouble("weir_operator_brokers_ready", then(3, 2), _TROUBLE_AT + 14, _TROUBLE_AT + 16),
    "WeirMoreBrokersWanted": Trouble("weir_cluster_brokers_recommended", then(3, 5), _TROUBLE_AT + 29, _TROUBLE_AT + 31),
    "WeirAutoscalingLimited": Trouble("weir_cluster_autoscaling_limited", then(0, 1), _TROUBLE_AT + 14, _TROUBLE_AT + 16),
    "WeirTopicsNotAsDeclared": Trouble("weir_operator_topics", then(0, 1), _TROUBLE_AT + 14, _TROUBLE_AT + 16),
}


def world(trouble: Trouble | None) -> list[dict]:
    """All series, one of them changed."""
    series = dict(WELL)
    if trouble:
        found = [name for name in series if name.startswith(trouble.metric + "{") and trouble.where in name]
        named = found or [f'{trouble.metric}{{{_CLUSTER},operation="Roll"}}']
        equal(f"series of {trouble.metric}", len(named), 1)
        series[named[0]] = trouble.values
    return [{"series": name, "values": values} for name, values in series.items()]


def fires(at_minute: int, names: list[str]) -> dict:
    return {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": f"{at_minute}m",
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in names],
    }


def tests() -> list[dict]:
    """As promtool takes them. JSON is YAML."""
    calm = {"name": "all is well", "interval": "1m", "input_series": world(None), "promql_expr_test": [fires(_MINUTES, [])]}
    return [
        calm,
        *(
            {
                "name": name,
                "interval": "1m",
                "input_series": world(trouble),
                "promql_expr_test": [fires(trouble.quiet_at, []), fires(trouble.fires_at, [name])],
            }
            for name, trouble in TROUBLES.items()
        ),
    ]


def main() -> int:
    rules, declared = CHART / "files" / "alerts.yaml", alerts()
    equal("alerts with a test", sorted(TROUBLES), sorted(declared))
    headings = re.findall(r"^## (Weir\w+)$", (CHART / "RUNBOOKS.md").read_text(), re.MULTILINE)
    equal("runbooks", headings, declared)
    equal("e2e/chart/dashboard.py", dashboard.main(), 0)
    _promtool("check", "rules", rules)
    with tempfile.TemporaryDirectory(prefix="weir-watching-") as folder:
        file = Path(folder) / "tests.json"
        file.write_text(json.dumps({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": tests()}))
        _promtool("test", "rules", file)
    print(f"{len(declared)} alerts: each fires alone when it should, and none while all is well")
    return 0


def _promtool(*arguments: object) -> None:
    done = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise AssertionError(f"promtool {arguments[0]} {arguments[1]}:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main())
