"""What the chart brings for monitoring, with the Prometheus operator's own definitions on the API server: taken, and gone again."""

import json

from kind import building, paths, versions
from kind.first_steps import OPERATORS_NAMESPACE, RELEASE, install
from kind.scenarios.book import scenario
from kind.scenarios.brokers import expect
from kind.scenarios.stage import Stage
from kind.waiting import until

_ESTABLISHED_S = 60.0
_OURS = f"app.kubernetes.io/instance={RELEASE}"
_KINDS = "prometheusrules,servicemonitors,podmonitors,configmaps"
_ON = (
    "metrics.serviceMonitor.enabled=true,metrics.podMonitor.enabled=true,metrics.prometheusRule.enabled=true,metrics.dashboard.enabled=true"
)
_MADE = {"PrometheusRule", "ServiceMonitor", "PodMonitor", "ConfigMap"}


@scenario(
    "monitors, alert rules and the dashboard are taken by the API server as the chart brings them, and go when they are turned off",
    clients=False,
)
def turned_on_and_off(stage: Stage) -> None:
    there = stage.there
    definitions = building.fetched(versions.PROMETHEUS_CRDS)
    for definition in definitions:
        there.kubectl("apply", "--server-side", "-f", definition)
    try:
        until("the definitions are established", _ESTABLISHED_S, lambda: _objects(stage))
        options = ("--namespace", OPERATORS_NAMESPACE, "--set", stage.image.chart_values, "--set", _ON, "--wait", "--timeout", "120s")
        there.helm("upgrade", "--install", RELEASE, paths.CHART, *options, timeout_s=130)
        made = {one["kind"]: one for one in _objects(stage)}
        expect("all of them are there", made.keys() == _MADE, made.keys())
        rules = [rule["alert"] for group in made["PrometheusRule"]["spec"]["groups"] for rule in group["rules"]]
        panels = json.loads(made["ConfigMap"]["data"]["weir.json"])["panels"]
        stage.note(f"{len(rules)} alerts, a dashboard of {len(panels)} panels, a ServiceMonitor and a PodMonitor")
        install(there, stage.image)
        expect("nothing of them is left", _objects(stage) == [], [one["kind"] for one in _objects(stage)])
    finally:
        for definition in definitions:
            there.kubectl("delete", "--ignore-not-found", "-f", definition)


def _objects(stage: Stage) -> list[dict]:
    return stage.there.get(_KINDS, "-n", OPERATORS_NAMESPACE, "--selector", _OURS)["items"]
