"""One Cluster under test: its manifests, what Kubernetes and its status say of it, and waiting until it is as declared.

Asks Kubernetes only. What clients see is in `clients`.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from kind.cluster import Cluster
from kind.commands import CommandFailed
from kind.waiting import NotYet, until

AVAILABLE_S = 180.0
SETTLED_S = 240.0
_GROUP = "clusters.weir.dev"
_SMALL = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}


@dataclass
class Brokers:
    """A Cluster of a name in a namespace."""

    there: Cluster
    namespace: str
    name: str
    replicas: int = 3
    spec: dict = field(default_factory=dict)

    def manifest(self) -> str:
        config = {"default.replication.factor": str(min(3, self.replicas)), "min.insync.replicas": "2" if self.replicas > 2 else "1"}
        spec = {"replicas": self.replicas, "storage": {"size": "1Gi"}, "resources": _SMALL, "config": config, **self.spec}
        metadata = {"name": self.name, "namespace": self.namespace}
        return json.dumps({"apiVersion": "weir.dev/v1alpha1", "kind": "Cluster", "metadata": metadata, "spec": spec})

    def apply(self) -> None:
        self.there.kubectl("apply", "-f", "-", stdin=self.manifest())

    def patch(self, spec: dict) -> None:
        """A merge patch of the spec, as a user edits it: null takes a key away."""
        self.kubectl("patch", _GROUP, self.name, "--type=merge", "--patch", json.dumps({"spec": spec}))

    def delete(self, wait: bool = True) -> None:
        self.kubectl("delete", _GROUP, self.name, "--ignore-not-found", f"--wait={str(wait).lower()}", timeout_s=120)

    def kubectl(self, *arguments: object, stdin: str | None = None, timeout_s: float = 60.0) -> str:
        return self.there.kubectl("--namespace", self.namespace, *arguments, stdin=stdin, timeout_s=timeout_s)

    def get(self, *what: object) -> dict:
        return self.there.get(*what, "--namespace", self.namespace)

    def object(self) -> dict:
        return self.get(_GROUP, self.name)

    def status(self) -> dict:
        return self.object().get("status", {})

    def condition(self, which: str) -> dict:
        return condition(self.object(), which)

    def weir(self, *words: str) -> str:
        """The command line, in the first broker's pod."""
        return self.kubectl("exec", self.pod_name(0), "--", "weir", "--bootstrap", f"{self.name}-bootstrap:9092", *words)

    def pod_name(self, broker: int) -> str:
        return f"{self.name}-{broker}"

    def pods(self) -> dict[int, dict]:
        """The pods that are there, by broker."""
        found = self.get("pods", "--selector", f"weir.dev/cluster={self.name}")["items"]
        return {int(pod["metadata"]["name"].rsplit("-", 1)[1]): pod for pod in found}

    def uids(self) -> dict[int, str]:
        return {broker: pod["metadata"]["uid"] for broker, pod in self.pods().items()}

    def await_condition(self, which: str, status: str, within_s: float = AVAILABLE_S) -> dict:
        seen: dict = {}

        def look() -> None:
            seen.update(self.condition(which))
            if seen.get("status") != status:
                raise NotYet(f"{which} is {seen.get('status')}: {seen.get('reason')}, {seen.get('message')}")

        until(f"{self.name}: {which}={status}", within_s, look)
        return seen

    def await_settled(self, within_s: float = SETTLED_S) -> None:
        """Everything is as declared, nothing is wrong, and status tells of the newest spec."""
        until(f"{self.name} is settled", within_s, self.check_settled)

    def check_settled(self) -> None:
        now = self.object()
        status = now.get("status", {})
        if status.get("observedGeneration") != now["metadata"]["generation"]:
            raise NotYet("the operator has not seen the newest spec")
        if status.get("readyReplicas") != now["spec"]["replicas"]:
            raise NotYet(f"{status.get('readyReplicas', 0)} of {now['spec']['replicas']} brokers are ready")
        for which, wanted in (("Available", "True"), ("Progressing", "False"), ("Degraded", "False")):
            one = condition(now, which)
            if one.get("status") != wanted:
                raise NotYet(f"{which} is {one.get('status')}: {one.get('reason')}, {one.get('message')}")
        if not all(is_ready(pod) for pod in self.pods().values()):
            raise NotYet("a pod is not ready")

    def blocked_by(self) -> list[str]:
        return (self.status().get("operation") or {}).get("blockedBy", [])


def condition(of: dict, which: str) -> dict:
    return next((one for one in of.get("status", {}).get("conditions", ()) if one["type"] == which), {})


def is_ready(pod: dict) -> bool:
    if pod["metadata"].get("deletionTimestamp"):
        return False
    return condition(pod, "Ready").get("status") == "True"


def expect(what: str, true: bool, seen: object = "") -> None:
    """A promise of the scenario; one that is broken ends it."""
    if not true:
        raise CommandFailed(f"not so: {what}" + (f"; seen: {seen}" if seen != "" else ""))


def refused(act: Callable[[], object]) -> str:
    """What Kubernetes says when it refuses; a failure if it does not."""
    try:
        said = act()
    except CommandFailed as refusal:
        return str(refusal)
    raise CommandFailed(f"this was to be refused, and was not: {said}")
