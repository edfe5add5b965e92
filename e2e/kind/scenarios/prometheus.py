"""A real Prometheus, Debian's, beside the cluster: it finds brokers by the cluster's DNS and scrapes them and the operator."""

import json
import shutil
import tempfile
from pathlib import Path

from chart import dashboard
from harness import children
from kind import machine, on_a_node
from kind.commands import CommandFailed, run
from kind.scenarios.book import scenario
from kind.scenarios.brokers import expect
from kind.scenarios.stage import NAMESPACE, Stage, operator_pods
from kind.waiting import NotYet, until
from watching import metrics

_PORT = 19090
_UP_S = 60.0
_TARGETS = 4
_ALL = 'count({job=~".+"})'
_JUDGED_S = 90.0
# What the operator tells of every cluster, always; where something is going on there is more.
_OF_CLUSTERS = "weir_cluster_"


@scenario("Prometheus scrapes brokers and operator")
def scraped(stage: Stage) -> None:
    machine.install({"/usr/bin/prometheus": "prometheus"})
    through = on_a_node.prefix(stage.there, NAMESPACE)
    folder = Path(tempfile.mkdtemp(prefix="weir-prometheus-"))
    config = folder / "prometheus.yml"
    # JSON is YAML.
    config.write_text(json.dumps(_config(stage)))
    options = [f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{_PORT}"]
    with (folder / "log").open("wb") as log:
        child = children.spawn([*through, "prometheus", *options], stdout=log, stderr=log)
    try:
        until("all targets are up", _UP_S, lambda: _all_up(through))
        for metric in ("weir_operator_leader", "process_resident_memory_bytes"):
            found = _ask(through, metric)
            expect(f"{metric} is there", found != [], found)
        until("what the dashboard shows of every cluster is there", _JUDGED_S, lambda: _all_named(through))
        stage.note(f"{_TARGETS} targets up; {_ask(through, _ALL)[0]['value'][1]} series")
    except CommandFailed as failed:
        raise CommandFailed(f"{failed}\n{(folder / 'log').read_text(errors='replace')[-2000:]}") from failed
    finally:
        children.end_group(child)
        shutil.rmtree(folder, ignore_errors=True)


def _config(stage: Stage) -> dict:
    by_dns = {"names": [f"{stage.brokers.name}-brokers.{NAMESPACE}.svc.cluster.local"], "type": "A", "port": 9644, "refresh_interval": "2s"}
    operators = [f"{pod['status']['podIP']}:8080" for pod in operator_pods(stage.there)]
    return {
        "global": {"scrape_interval": "2s"},
        "scrape_configs": [
            {"job_name": "brokers", "dns_sd_configs": [by_dns]},
            {"job_name": "operator", "static_configs": [{"targets": operators}]},
        ],
    }


def _all_up(through: list[object]) -> None:
    up = [series["value"][1] for series in _ask(through, "up")]
    if up != ["1"] * _TARGETS:
        raise NotYet(f"up is {up}")


def _all_named(through: list[object]) -> None:
    named = {name for expression in dashboard.expressions() for name in metrics(expression) if name.startswith(_OF_CLUSTERS)}
    missing = [name for name in sorted(named) if not _ask(through, name)]
    if missing:
        raise NotYet(f"missing: {', '.join(missing)}")


def _ask(through: list[object], expression: str) -> list[dict]:
    url = f"http://127.0.0.1:{_PORT}/api/v1/query"
    script = (
        "import sys, urllib.parse, urllib.request as r; "
        "print(r.urlopen(sys.argv[1] + '?' + urllib.parse.urlencode({'query': sys.argv[2]}), timeout=5).read().decode())"
    )
    return json.loads(run([*through, "python3", "-c", script, url, expression]))["data"]["result"]
