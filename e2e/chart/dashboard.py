#!/usr/bin/env python3
"""Makes charts/weir/files/dashboard.json from the panels below: `dashboard.py` checks, `dashboard.py --write` writes.

A row of panels answers a question, from "does it work" down to "who is behind". Every expression is run against a live
Prometheus by e2e/watching.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path

DASHBOARD = Path(__file__).resolve().parents[2] / "charts" / "weir" / "files" / "dashboard.json"
_SOURCE = {"type": "prometheus", "uid": "${source}"}
# Without the chart's PodMonitor there is no label of that name, and All matches that, too.
BROKERS = '{weir_dev_cluster=~"$cluster"}'
_WIDTH, _HEIGHT = 24, 8


@dataclass(frozen=True)
class Panel:
    """A title, what each line shows, and in which unit of Grafana's."""

    title: str
    lines: dict[str, str]
    unit: str = "short"
    about: str = ""
    kind: str = "timeseries"
    # The least that the axis shows; none: as low as the values go.
    least: int | None = 0


@dataclass(frozen=True)
class Row:
    """A question and the panels that answer it."""

    title: str
    panels: list[Panel] = field(default_factory=list)


def _each(expression: str) -> dict[str, str]:
    return {"{{pod}} {{instance}}": expression}


ROWS = [
    Row(
        "Does it work?",
        [
            Panel("Brokers counted on", {"": 'max(weir_brokers{state="active",weir_dev_cluster=~"$cluster"})'}, kind="stat"),
            Panel("Controllers", {"": f"sum(weir_active_controller{BROKERS})"}, kind="stat", about="One, always."),
            Panel("Partitions without a leader", {"": f"max(weir_leaderless_partitions{BROKERS})"}, kind="stat"),
            Panel(
                "Partitions that refuse writes",
                {"": f"sum(weir_under_min_isr_partitions{BROKERS})"},
                kind="stat",
                about="Fewer replicas in sync than min.insync.replicas.",
            ),
            Panel("Partitions not whole", {"": f"sum(weir_under_replicated_partitions{BROKERS})"}, kind="stat"),
            Panel("Partitions that move", {"": f"max(weir_moving_partitions{BROKERS})"}, kind="stat"),
        ],
    ),
    Row(
        "How much goes through?",
        [
            Panel("Records written", _each(f"rate(weir_produced_records_total{BROKERS}[$__rate_interval])"), "wps"),
            Panel("Bytes written", _each(f"rate(weir_produced_bytes_total{BROKERS}[$__rate_interval])"), "Bps"),
            Panel("Bytes read by consumers", _each(f"rate(weir_fetched_bytes_total{BROKERS}[$__rate_interval])"), "Bps"),
            Panel("Bytes to followers", _each(f"rate(weir_replication_bytes_out_total{BROKERS}[$__rate_interval])"), "Bps"),
            Panel("Requests", {"{{api}}": f"sum by (api) (rate(weir_requests_total{BROKERS}[$__rate_interval])) > 0"}, "reqps"),
            Panel("Connections", _each(f"weir_connections{BROKERS}")),
        ],
    ),
    Row(
        "How long does it take?",
        [
            Panel(
                f"{api}, {what}",
                {
                    "{{pod}} {{instance}}": f"histogram_quantile({quantile}, sum by (pod, instance, le) "
                    f'(rate(weir_request_seconds_bucket{{api="{api}",weir_dev_cluster=~"$cluster"}}[$__rate_interval])))'
                },
                "s",
            )
            for api, what, quantile in (
                ("Produce", "median", 0.5),
                ("Produce", "99 of 100", 0.99),
                ("Fetch", "99 of 100, with the waiting that was asked for", 0.99),
            )
        ]
        + [
            Panel(
                "Sync to disk, 99 of 100",
                _each(f"histogram_quantile(0.99, rate(weir_log_sync_seconds_bucket{BROKERS}[$__rate_interval]))"),
                "s",
            )
        ],
    ),
    Row(
        "What does it cost, and for how long is there room?",
        [
            Panel(
                "Busy threads",
                _each(f"rate(weir_worker_busy_seconds_total{BROKERS}[$__rate_interval]) / weir_workers{BROKERS}"),
                "percentunit",
            ),
            Panel("CPU", _each('rate(process_cpu_seconds_total{weir_dev_cluster=~"$cluster"}[$__rate_interval])'), about="Cores."),
            Panel("Memory", _each(f"process_resident_memory_bytes{BROKERS}"), "bytes"),
            Panel("Disk in use", _each(f"1 - weir_disk_free_bytes{BROKERS} / weir_disk_total_bytes{BROKERS}"), "percentunit"),
            Panel(
                "Until the disk is full, as it goes",
                _each(f"weir_disk_free_bytes{BROKERS} / clamp_min(-deriv(weir_disk_free_bytes{BROKERS}[1h]), 1)"),
                "s",
            ),
            Panel("Partitions led", _each(f"weir_leaders{BROKERS}")),
        ],
    ),
    Row(
        "How many brokers should there be?",
        [
            Panel(
                "Brokers",
                {
                    "{{cluster}} that the load asks for": 'weir_cluster_brokers_recommended{cluster=~"$cluster"}',
                    "{{cluster}} wanted": 'weir_operator_brokers_desired{cluster=~"$cluster"}',
                    "{{cluster}} ready": 'weir_operator_brokers_ready{cluster=~"$cluster"}',
                },
            ),
            Panel(
                "Headroom",
                {"{{cluster}} {{resource}}": 'weir_cluster_headroom_ratio{cluster=~"$cluster"}'},
                "percentunit",
                about="What is left of the target. Below nothing, brokers bear more than they should.",
                least=None,
            ),
            Panel(
                "Would another number be better?",
                {
                    "{{cluster}} one more helps": 'weir_cluster_one_more_broker_helps{cluster=~"$cluster"}',
                    "{{cluster}} one fewer is safe": 'weir_cluster_one_fewer_broker_safe{cluster=~"$cluster"}',
                    "{{cluster}} needs more than it may have": 'weir_cluster_autoscaling_limited{cluster=~"$cluster"}',
                },
                about="1 is yes. Nothing is shown while it is not known.",
            ),
            Panel("Partitions that move", {"{{cluster}}": 'weir_cluster_moves_in_flight{cluster=~"$cluster"}'}),
            Panel("Bytes that move", {"{{cluster}}": 'weir_cluster_moves_in_flight_bytes{cluster=~"$cluster"}'}, "bytes"),
        ],
    ),
    Row(
        "Who is behind?",
        [
            Panel("Groups, in records", {"{{group}} {{topic}}": f"sum by (group, topic) (weir_group_lag_records{BROKERS})"}),
            Panel("Groups, in time", {"{{group}} {{topic}}": f"max by (group, topic) (weir_group_lag_seconds{BROKERS})"}, "s"),
            Panel("Followers, in records", _each(f"weir_replication_lag_max_records{BROKERS}")),
        ],
    ),
    Row(
        "What does the operator do?",
        [
            Panel(
                "Operation in progress for",
                {"{{cluster}} {{operation}}": 'time() - weir_operator_operation_started_timestamp_seconds{cluster=~"$cluster"}'},
                "s",
            ),
            Panel("Topics not as declared", {"{{cluster}}": 'weir_operator_topics{ready="false",cluster=~"$cluster"}'}),
            Panel("Failures", {"{{kind}} {{reason}}": "rate(weir_operator_reconcile_errors_total[$__rate_interval])"}),
            Panel(
                "Calls to the API server", {"{{verb}}": "sum by (verb) (rate(weir_operator_api_calls_total[$__rate_interval]))"}, "reqps"
            ),
        ],
    ),
]


def expressions() -> list[str]:
    """Every expression, as it stands in the dashboard."""
    return [expression for row in ROWS for panel in row.panels for expression in panel.lines.values()]


def dashboard() -> dict:
    """The whole of it, as Grafana takes it."""
    panels, y = [], 0
    for row in ROWS:
        panels.append(
            {"type": "row", "title": row.title, "collapsed": False, "gridPos": {"x": 0, "y": y, "w": _WIDTH, "h": 1}, "panels": []}
        )
        y += 1
        small = all(panel.kind == "stat" for panel in row.panels)
        across = len(row.panels) if small else 3
        width, height = _WIDTH // across, _HEIGHT // 2 if small else _HEIGHT
        for number, panel in enumerate(row.panels):
            at = {"x": number % across * width, "y": y + number // across * height, "w": width, "h": height}
            panels.append(_panel(panel, at))
        y += -(-len(row.panels) // across) * height
    for number, panel in enumerate(panels, 1):
        panel["id"] = number
    return {
        "uid": "weir",
        "title": "Weir",
        "tags": ["weir", "kafka"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_source(), _cluster()]},
        "panels": panels,
    }


def _panel(panel: Panel, at: dict) -> dict:
    targets = [
        {"refId": chr(ord("A") + number), "datasource": _SOURCE, "expr": expression, "legendFormat": legend or "__auto"}
        for number, (legend, expression) in enumerate(panel.lines.items())
    ]
    shown = {
        "type": panel.kind,
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": at,
        "fieldConfig": {"defaults": {"unit": panel.unit} | ({} if panel.least is None else {"min": panel.least}), "overrides": []},
        "targets": targets,
    }
    return {**shown, "description": panel.about} if panel.about else shown


def _source() -> dict:
    return {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _cluster() -> dict:
    query = "label_values(weir_brokers, weir_dev_cluster)"
    return {
        "name": "cluster",
        "type": "query",
        "label": "Cluster",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": "cluster"},
        "definition": query,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
    }


def main() -> int:
    text = json.dumps(dashboard(), indent=1) + "\n"
    if "--write" in sys.argv[1:]:
        DASHBOARD.write_text(text)
        return 0
    if not DASHBOARD.exists() or DASHBOARD.read_text() != text:
        print(f"{DASHBOARD} is stale: run e2e/chart/dashboard.py --write", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
