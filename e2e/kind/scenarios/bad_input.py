"""What users get wrong: refused at once with a sentence where that can be, and else told by a condition that says what to do."""

from kind.scenarios.book import scenario
from kind.scenarios.brokers import Brokers, expect, refused
from kind.scenarios.clients import apply_topic
from kind.scenarios.stage import Stage
from kind.waiting import NotYet, until

_TOLD_S = 120.0
# Partitions for a broker of 12 MiB: each wants some KiB.
_TOO_MANY = 10_000
# What each needs to say to be of use: words of its message.
_IMPOSSIBLE = {
    "no-class": ({"storage": {"size": "1Gi", "storageClassName": "no-such-class"}}, ("no StorageClass no-such-class",)),
    "no-image": ({"image": "registry.invalid/weir:none"}, ("correct spec.image",)),
    "no-memory": ({"resources": {"limits": {"memory": "12Mi"}}}, ("raise resources.limits.memory",)),
}
_REFUSED = {
    "replicas must be at least 1": {"replicas": 0},
    "can only grow": {"storage": {"size": "1Mi"}},
    "two listeners have the same": {
        "listeners": [{"name": "a", "port": 9500, "type": "NodePort"}, {"name": "b", "port": 9500, "type": "NodePort"}]
    },
    "these settings are the operator's": {"config": {"advertised.listeners": "PLAINTEXT://x:1"}},
}


@scenario("a wrong StorageClass, an image that is not there and too little memory are told by conditions", core=True, clients=False)
def told(stage: Stage) -> None:
    with stage.namespace("mistaken") as namespace:
        all_of_them = {name: Brokers(stage.there, namespace, name, 1, spec) for name, (spec, _) in _IMPOSSIBLE.items()}
        for brokers in all_of_them.values():
            brokers.apply()
        # An idle broker does with very little: it is what it holds that wants room.
        apply_topic(all_of_them["no-memory"], "too-much", {"clusterRef": {"name": "no-memory"}, "partitions": _TOO_MANY})
        for name, brokers in all_of_them.items():
            words = _IMPOSSIBLE[name][1]
            until(f"{name} is told", _TOLD_S, lambda one=brokers, of=words: _says(one, of))
            seen = brokers.condition("Degraded")
            stage.note(f"{name}: {seen['reason']}: {seen['message'][:200]}")
            described = brokers.kubectl("describe", "clusters.weir.dev", name)
            expect(f"describe shows it of {name}", seen["reason"] in described)
            shown = brokers.kubectl("get", "clusters.weir.dev", name, "--output", "wide")
            expect(f"get shows that {name} is not available", "False" in shown, shown)


@scenario("an object of somebody else's with a name that a Cluster needs is left alone, and a condition says so", core=True, clients=False)
def name_taken(stage: Stage) -> None:
    with stage.namespace("taken") as namespace:
        brokers = Brokers(stage.there, namespace, "logs", 1)
        brokers.kubectl("create", "service", "clusterip", "logs-bootstrap", "--tcp=80:80")
        before = brokers.get("service", "logs-bootstrap")
        brokers.apply()
        until("a condition says so", _TOLD_S, lambda: _says(brokers, ("logs-bootstrap",)))
        expect("the object is as it was", brokers.get("service", "logs-bootstrap") == before)
        stage.note(f"{brokers.condition('Degraded')['reason']}: {brokers.condition('Degraded')['message']}")
        brokers.kubectl("delete", "service", "logs-bootstrap")
        brokers.await_settled()


@scenario("illegal fields are refused when they are applied, with a sentence", core=True, clients=False)
def refused_at_once(stage: Stage) -> None:
    brokers = stage.brokers
    before = brokers.object()["metadata"]["resourceVersion"]
    for sentence, spec in _REFUSED.items():
        said = refused(lambda wrong=spec: brokers.patch(wrong))
        expect(f"{spec} is refused", sentence in said, said)
    expect("nothing was changed", brokers.object()["metadata"]["generation"] == brokers.status()["observedGeneration"], before)


def _says(brokers: Brokers, words: tuple[str, ...]) -> None:
    seen = brokers.condition("Degraded")
    if seen.get("status") != "True" or not any(word in seen.get("message", "") for word in words):
        raise NotYet(f"Degraded is {seen.get('status')}: {seen.get('reason')}, {seen.get('message')}")
