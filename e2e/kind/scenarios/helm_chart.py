"""The chart: checked, its examples taken by a real API server, tested, upgraded with other CRDs, removed, and installed again."""

import json
import shutil
import tempfile
from pathlib import Path

from kind import paths
from kind.first_steps import OPERATORS_NAMESPACE, RELEASE, install
from kind.scenarios.book import scenario
from kind.scenarios.brokers import expect
from kind.scenarios.stage import Stage, operator_pods
from kind.waiting import NotYet, until

_TEST_S = 240.0
_GONE_S = 60.0
_NAMESPACED = (
    "deployments,pods,services,configmaps,secrets,serviceaccounts,roles,rolebindings,leases,jobs,poddisruptionbudgets,networkpolicies"
)
_CLUSTER_WIDE = "clusterroles,clusterrolebindings"
_EVERYTHING = "replicas=2,networkPolicy.enabled=true,podDisruptionBudget.enabled=true"
_FIELD = "adoption"


@scenario("the chart passes lint, and the API server takes every example and everything that is optional", core=True, clients=False)
def examples(stage: Stage) -> None:
    there = stage.there
    there.helm("lint", "--strict", paths.CHART)
    found = sorted((paths.CHART / "examples").glob("*.yaml"))
    with stage.namespace("examples") as namespace:
        for example in found:
            there.kubectl("apply", "--dry-run=server", "--namespace", namespace, "-f", example)
        rendered = there.helm("template", RELEASE, paths.CHART, "--namespace", namespace, "--set", _EVERYTHING)
        there.kubectl(
            "apply", "--dry-run=server", "--server-side", "--force-conflicts", "--namespace", namespace, "-f", "-", stdin=rendered
        )
    stage.note(f"{len(found)} examples: {', '.join(example.stem for example in found)}")


@scenario("helm test produces and consumes by a cluster of its own", core=True, clients=False)
def tested(stage: Stage) -> None:
    stage.there.helm("test", RELEASE, "-n", OPERATORS_NAMESPACE, "--timeout", f"{_TEST_S:.0f}s", timeout_s=_TEST_S + 10)
    until("nothing of the test is left", _GONE_S, lambda: _test_gone(stage))


@scenario("the chart is upgraded from one with older CRDs: the new ones are there and no broker is restarted")
def upgraded(stage: Stage) -> None:
    there, brokers = stage.there, stage.brokers
    with tempfile.TemporaryDirectory(prefix="weir-chart-") as folder:
        older = _older_chart(Path(folder))
        _install(stage, older)
    expect("the older CRD is there", _FIELD not in _topic_fields(stage))
    before = brokers.uids()
    install(there, stage.image)
    expect("the newer CRD is there", _FIELD in _topic_fields(stage))
    brokers.await_settled()
    expect("no broker was restarted", brokers.uids() == before)


@scenario("the chart is uninstalled: brokers and data stay, nothing of it is left; installed again, it takes them over", core=True)
def uninstalled(stage: Stage) -> None:
    there, brokers = stage.there, stage.brokers
    before = brokers.uids()
    there.helm("uninstall", RELEASE, "-n", OPERATORS_NAMESPACE, "--wait", "--timeout", "60s")
    until("nothing of the chart is left", _GONE_S, lambda: _nothing_left(stage))
    expect("the Cluster is there", brokers.object()["metadata"]["name"] == brokers.name)
    expect("its brokers run on", brokers.uids() == before)
    install(there, stage.image)
    brokers.await_settled()
    expect("no broker was restarted", brokers.uids() == before)


def _older_chart(folder: Path) -> Path:
    """The chart as it was before Topics had some field."""
    chart = folder / "weir"
    shutil.copytree(paths.CHART, chart)
    about = (chart / "Chart.yaml").read_text().splitlines()
    (chart / "Chart.yaml").write_text("\n".join("version: 0.0.1" if line.startswith("version:") else line for line in about) + "\n")
    crd = chart / "files" / "crds" / "weir.dev_topics.yaml"
    crd.write_text(without_field(crd.read_text(), _FIELD))
    return chart


def without_field(text: str, field: str) -> str:
    """YAML as our generator writes it, without a key and what is indented below it."""
    kept, depth = [], None
    for line in text.splitlines():
        indent = len(line) - len(line.lstrip())
        if depth is not None and (indent > depth or line.lstrip().startswith("- ") and indent == depth):
            continue
        depth = indent if line.strip() == f"{field}:" else None
        if depth is None:
            kept.append(line)
    return "\n".join(kept) + "\n"


def _install(stage: Stage, chart: Path) -> None:
    options = ("--namespace", OPERATORS_NAMESPACE, "--set", stage.image.chart_values, "--wait", "--timeout", "120s")
    stage.there.helm("upgrade", "--install", RELEASE, chart, *options, timeout_s=130)


def _topic_fields(stage: Stage) -> dict:
    crd = stage.there.get("crd", "topics.weir.dev")
    return crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]


def _test_gone(stage: Stage) -> None:
    left = [
        pod["metadata"]["name"] for pod in stage.there.get("pods", "-n", OPERATORS_NAMESPACE)["items"] if "test" in pod["metadata"]["name"]
    ]
    if left or len(operator_pods(stage.there)) != 1:
        raise NotYet(f"left: {left}")


def _nothing_left(stage: Stage) -> None:
    """Kubernetes' own: every namespace has a root certificate and a default service account."""
    there = stage.there
    ours = json.loads(there.kubectl("get", _CLUSTER_WIDE, "-l", f"app.kubernetes.io/instance={RELEASE}", "-o", "json"))["items"]
    inside = json.loads(there.kubectl("get", _NAMESPACED, "-n", OPERATORS_NAMESPACE, "-o", "json"))["items"]
    names = [f"{one['kind']}/{one['metadata']['name']}" for one in (*ours, *inside)]
    left = [name for name in names if name not in ("ConfigMap/kube-root-ca.crt", "ServiceAccount/default")]
    if left:
        raise NotYet(f"left: {', '.join(left)}")
