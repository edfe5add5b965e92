"""What `make up` shows: the chart, three brokers, a topic, records there and back, and what to try next.

The same steps that a user takes, by the same commands. Ends early, and says why, where a part is not built yet.
"""

from pathlib import Path

from kind import cluster, paths, weir_image
from kind.cluster import Cluster
from kind.commands import CommandFailed
from kind.telling import say, step
from kind.weir_image import Image

RELEASE = "weir"
OPERATORS_NAMESPACE = "weir-system"
_INSTALL_S = 180.0
_BROKERS_S = 180.0
_TOPIC_S = 60.0
_EXAMPLES = ("three-brokers.yaml", "topics.yaml")
_NEXT = """
try next
  e2e/kind/run kubectl get clusters,topics
  e2e/kind/run kubectl describe cluster logs
  e2e/kind/run kubectl scale cluster logs --replicas 4
  e2e/kind/run node stop weir-worker       # and: node start weir-worker
  e2e/kind/run kubectl exec logs-0 -- weir cluster top
  make down
"""
_NEXT_ON_A_GIVEN_ONE = f"""
try next
  kubectl get clusters,topics
  kubectl describe cluster logs
  kubectl scale cluster logs --replicas 4
  kubectl exec logs-0 -- weir cluster top
and to remove it: the examples, the chart, the volumes, and what the chart keeps
  kubectl delete {" ".join(f"-f charts/weir/examples/{name}" for name in reversed(_EXAMPLES))}
  helm uninstall {RELEASE} --namespace {OPERATORS_NAMESPACE}
  kubectl delete pvc -l weir.dev/cluster=logs
  kubectl delete namespace {OPERATORS_NAMESPACE}
  kubectl delete crd clusters.weir.dev topics.weir.dev
"""


def first_steps(kubeconfig: Path | None, workers: int) -> None:
    there = cluster.up(kubeconfig, workers)
    image = weir_image.on_every_node(there)
    if there.is_ours and (not paths.CHART.exists() or not weir_image.OPERATOR_BINARY.exists()):
        say(f"no operator yet ({paths.CHART.name} or {weir_image.OPERATOR_BINARY} is missing): the cluster is up, and that is all")
        return
    install(there, image)
    _three_brokers(there)
    _round_trip(there)
    print(there.kubectl("get", "clusters,topics"), end="")
    print(_metrics(there))
    print(_NEXT if there.is_ours else _NEXT_ON_A_GIVEN_ONE, end="")


def install(there: Cluster, image: Image, operators: int = 1) -> None:
    with step("helm install"):
        there.helm(
            *("upgrade", "--install", RELEASE, paths.CHART),
            *("--namespace", OPERATORS_NAMESPACE, "--create-namespace"),
            *("--set", f"{image.chart_values},replicas={operators}"),
            *("--wait", "--timeout", f"{_INSTALL_S:.0f}s"),
            timeout_s=_INSTALL_S + 10,
        )


def _three_brokers(there: Cluster) -> None:
    with step("three brokers, and the topics of the example"):
        for example in _EXAMPLES:
            there.kubectl("apply", "-f", paths.CHART / "examples" / example)
        _wait(there, "cluster/logs", "Available", _BROKERS_S)
        there.kubectl("wait", "cluster/logs", "--for=jsonpath={.status.readyReplicas}=3", "--timeout=60s", timeout_s=70.0)
        _wait(there, "topic/orders", "Ready", _TOPIC_S)


def _round_trip(there: Cluster) -> None:
    """A record by one broker's pod, read in another's."""
    sent = "it works"
    with step("a record there and back"):
        _weir(there, "logs-0", "produce", "orders", "--value", sent)
        read = _weir(there, "logs-1", "consume", "orders").splitlines()
    if sent not in read:
        raise CommandFailed(f"{sent!r} was produced, and {read[-10:]} was read")
    print(f"produced and consumed: {sent!r}")


def _metrics(there: Cluster) -> str:
    """One line of what Prometheus would see."""
    raw = "/api/v1/namespaces/default/pods/logs-0:9644/proxy/metrics"
    lines = [line for line in there.kubectl("get", "--raw", raw).splitlines() if not line.startswith("#")]
    return f"metrics of logs-0: {len(lines)} series, such as {lines[0] if lines else 'none'}"


def _wait(there: Cluster, what: str, condition: str, within_s: float) -> None:
    patience = f"--timeout={within_s:.0f}s"
    try:
        there.kubectl("wait", what, f"--for=condition={condition}", patience, timeout_s=within_s + 10)
    except CommandFailed as failed:
        raise CommandFailed(f"{failed}\n{there.kubectl('describe', what)}") from failed


def _weir(there: Cluster, pod: str, *arguments: str) -> str:
    return there.kubectl("exec", pod, "--", "weir", "--bootstrap", "logs-bootstrap:9092", *arguments)
