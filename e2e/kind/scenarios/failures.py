"""What happens to brokers by themselves: a process dies, a pod goes with its volume, a node loses its power for a while."""

import time

from kind import faults
from kind.scenarios.book import scenario
from kind.scenarios.brokers import expect, is_ready
from kind.scenarios.scaling import data, held
from kind.scenarios.stage import Stage, kill_process, node_of
from kind.waiting import NotYet, until

_BACK_S = 120.0
_AWAY_S = {True: 15.0, False: 50.0}


@scenario("a broker that is killed with -9 comes back in its pod, and its partitions are led by others meanwhile", core=True)
def killed(stage: Stage) -> None:
    for broker in (0,) if stage.only_core else (0, 1, 2):
        pod = stage.brokers.pods()[broker]
        kill_process(stage.there, pod, "weir")
        took = until(f"broker {broker} is back", _BACK_S, lambda number=broker: _restarted(stage, number))
        stage.brokers.await_settled()
        expect("the pod is the same", stage.brokers.uids()[broker] == pod["metadata"]["uid"])
        stage.note(f"broker {broker} ready after {took:.1f} s")


@scenario("a pod and its volume are deleted: the broker comes back empty and is filled by the others", core=True)
def pod_and_volume_deleted(stage: Stage) -> None:
    brokers = stage.brokers
    claim = f"data-{brokers.pod_name(1)}"
    pod, volume = brokers.uids()[1], brokers.get("pvc", claim)["metadata"]["uid"]
    brokers.kubectl("delete", "pvc", claim, "--wait=false")
    brokers.kubectl("delete", "pod", brokers.pod_name(1), "--wait=false")
    took = until("the broker is back", _BACK_S, lambda: _another(stage, 1, pod))
    brokers.await_settled()
    expect("its volume is another", brokers.get("pvc", claim)["metadata"]["uid"] != volume)
    stage.note(f"ready with an empty disk after {took:.1f} s")


@scenario("a node loses its power, and later has it back", core=True, hurts_nodes=True)
def node_away(stage: Stage) -> None:
    brokers = stage.brokers
    node = node_of(brokers.pods()[2])
    faults.stop(stage.there, node)
    time.sleep(_AWAY_S[stage.only_core])
    faults.start(stage.there, node)
    began = time.monotonic()
    brokers.await_settled()
    stage.note(f"{node} was away for {_AWAY_S[stage.only_core]:.0f} s; all as declared {time.monotonic() - began:.1f} s after its return")


@scenario("a volume with 100 replicas of data is deleted, and its pod: everything is there again without a hand")
def volume_with_data_deleted(stage: Stage) -> None:
    brokers = stage.brokers
    with data(brokers):
        pod = brokers.uids()[2]
        brokers.kubectl("delete", "pvc", f"data-{brokers.pod_name(2)}", "--wait=false")
        brokers.kubectl("delete", "pod", brokers.pod_name(2), "--wait=false")
        ready = until("the broker is back", _BACK_S, lambda: _another(stage, 2, pod))
        began = time.monotonic()
        brokers.await_settled()
        stage.note(
            f"ready with an empty disk after {ready:.1f} s, all replicas in sync {time.monotonic() - began:.1f} s later: {held(brokers)}"
        )


def _restarted(stage: Stage, broker: int) -> None:
    pod = stage.brokers.pods()[broker]
    restarts = pod["status"]["containerStatuses"][0]["restartCount"]
    if restarts == 0 or not is_ready(pod):
        raise NotYet(f"restarted {restarts} times, ready: {is_ready(pod)}")


def _another(stage: Stage, broker: int, before: str) -> None:
    pod = stage.brokers.pods().get(broker)
    if pod is None or pod["metadata"]["uid"] == before or not is_ready(pod):
        raise NotYet("it is not there yet" if pod is None else "it is the old one, or not ready")
