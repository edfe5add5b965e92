"""weir rebalance, with a kubectl that was made up: what it prints, asks for and writes, and what it says when it can not.

The Cluster of a real operator is in kind/scenarios; here are the exit codes, the formats and the refusals.
"""

import copy
import itertools
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from command_line import attempt, refused, weir, weir_json
from scenario import equal

PLAN = "0123abcd"


def proposed() -> dict:
    """A Cluster that waits for its approval."""
    numbers = {"replicasBefore": 40, "replicasAfter": 30, "leadersBefore": 20, "leadersAfter": 15, "bytesBefore": 0, "bytesAfter": 0}
    newcomer = {"replicasBefore": 0, "replicasAfter": 30, "leadersBefore": 0, "leadersAfter": 15, "bytesBefore": 0, "bytesAfter": 0}
    since = "2026-01-31T12:00:00Z"
    skewed = {"type": "Balanced", "status": "False", "reason": "Proposed", "message": "30 moves", "lastTransitionTime": since}
    return {
        "metadata": {"name": "logs", "namespace": "prod", "generation": 1},
        "spec": {"rebalance": {"mode": "Propose"}},
        "status": {
            "observedGeneration": 1,
            "conditions": [skewed],
            "proposal": {
                "hash": PLAN,
                "moves": 30,
                "leaderships": 0,
                "bytes": 1 << 30,
                "brokers": [{"id": 0, **numbers}, {"id": 1, **numbers}, {"id": 2, **numbers}, {"id": 3, **newcomer}],
            },
        },
    }


def under_way(done: int) -> dict:
    cluster = copy.deepcopy(proposed())
    cluster["spec"]["rebalance"]["approved"] = PLAN
    del cluster["status"]["proposal"]
    cluster["status"]["balancing"] = PLAN
    cluster["status"]["operation"] = {"type": "Rebalance", "reason": "some are left", "movesDone": done, "movesTotal": 30}
    return cluster


def balanced() -> dict:
    cluster = copy.deepcopy(proposed())
    del cluster["status"]["proposal"]
    told = {"type": "Balanced", "status": "True", "reason": "Spread", "message": "spread", "lastTransitionTime": "2026-01-31T12:05:00Z"}
    cluster["status"]["conditions"] = [told]
    return cluster


class Kubectl:
    """Gives one Cluster after the other, call by call, the last one for ever, and notes what it is told."""

    def __init__(self, folder: Path, *clusters: dict) -> None:
        folder.mkdir()
        self._calls = folder / "kubectl.calls"
        for number, cluster in enumerate(clusters, start=1):
            (folder / f"kubectl.{number}").write_text(json.dumps(cluster))
        self.program = folder / "kubectl"
        last = len(clusters)
        self.program.write_text(
            "#!/bin/sh\n"
            'echo "$@" >> "$0.calls"\n'
            'number=$(wc -l < "$0.calls")\n'
            f'[ "$number" -gt {last} ] && number={last}\n'
            'cat "$0.$((number))"\n'
        )
        self.program.chmod(0o755)

    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []

    def flags(self) -> tuple[str, ...]:
        return ("--cluster", "logs", "--namespace", "prod", "--kubectl", str(self.program))


Maker = Callable[..., Kubectl]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="weir-e2e-rebalance-") as directory:
        numbers = itertools.count()

        def kubectl(*clusters: dict) -> Kubectl:
            return Kubectl(Path(directory) / str(next(numbers)), *clusters)

        shown(kubectl)
        approved(kubectl)
        watched(kubectl)
        cancelled(kubectl)
        impossible(kubectl)
    print("planned, approved, watched, cancelled, nine refusals")


def shown(kubectl: Maker) -> None:
    fake = kubectl(proposed())
    text = weir("rebalance", "plan", *fake.flags())
    for words in (f"Cluster logs in prod, plan {PLAN}: 30 moves, 1 GiB to copy", "40 -> 30", "weir rebalance approve --cluster logs"):
        equal(f"{words} is in the plan", words in text, True)
    equal("what kubectl is asked", fake.calls(), ["get clusters.weir.dev logs --output=json --namespace=prod"])
    told = weir_json("rebalance", "plan", *fake.flags())
    equal("as a value", (told["mode"], told["plan"]["hash"], told["plan"]["brokers"][3]["replicas_after"]), ("Propose", PLAN, 30))
    equal("what waits", weir_json("rebalance", "status", *fake.flags())["proposed"], PLAN)
    equal("balanced since", "balanced since 2026-01-31T12:05:00Z" in weir("rebalance", "plan", *kubectl(balanced()).flags()), True)


def approved(kubectl: Maker) -> None:
    fake = kubectl(proposed(), under_way(0))
    told = weir_json("rebalance", "approve", PLAN, "--yes", *fake.flags())
    equal("approved", (told["approved"], told["moves"]), (PLAN, 30))
    patch = json.dumps({"spec": {"rebalance": {"approved": PLAN}}}, separators=(",", ":"))
    wanted = f"patch clusters.weir.dev logs --type=merge --patch={patch} --output=json --namespace=prod"
    equal("what kubectl is told", fake.calls()[1], wanted)
    nobody = kubectl(proposed())
    refused("rebalance", "approve", *nobody.flags(), code=1, says=("nobody can be asked", f"approve {PLAN} --yes"))
    other = kubectl(proposed())
    refused("rebalance", "approve", "ffff", "--yes", *other.flags(), code=1, says=(f"the plan is {PLAN} now, no longer ffff",))
    nothing = kubectl(balanced())
    refused("rebalance", "approve", "--yes", *nothing.flags(), code=1, says=("there is no plan to approve",))
    written = [call for fake in (nobody, other, nothing) for call in fake.calls() if call.startswith("patch")]
    equal("what was written by those", written, [])


def watched(kubectl: Maker) -> None:
    fake = kubectl(under_way(10), under_way(10), under_way(20), balanced())
    text = weir("rebalance", "status", "--watch", *fake.flags())
    looks = [line for line in text.splitlines() if "moves" in line and line.startswith("[")]
    equal("each change once", [line.split("] ")[1] for line in looks], ["10 of 30 moves", "20 of 30 moves"])
    equal("the end of it", text.splitlines()[-1], "balanced since 2026-01-31T12:05:00Z: spread")


def cancelled(kubectl: Maker) -> None:
    fake = kubectl(under_way(10), proposed())
    equal("cancelled", weir_json("rebalance", "cancel", *fake.flags())["cancelled"], PLAN)
    equal("what kubectl is told", '--patch={"spec":{"rebalance":{"approved":null}}}' in fake.calls()[1], True)
    by_itself = under_way(10)
    by_itself["spec"]["rebalance"] = {"mode": "Auto"}
    auto = kubectl(by_itself)
    refused("rebalance", "cancel", *auto.flags(), code=1, says=("the operator would begin the same again", "--mode propose"))
    weir("rebalance", "cancel", "--mode", "never", *auto.flags())
    equal("what kubectl is told then", '{"approved":null,"mode":"Never"}' in auto.calls()[-1], True)
    refused("rebalance", "cancel", *kubectl(balanced()).flags(), code=1, says=("there is nothing to cancel",))


def impossible(kubectl: Maker) -> None:
    refused("rebalance", "plan", "--kubectl", "/nowhere/kubectl", code=1, says=("there is no program /nowhere/kubectl", "--kubectl PATH"))
    several = kubectl({"items": [proposed(), balanced()]})
    refused("rebalance", "plan", "--kubectl", str(several.program), code=1, says=("several Clusters", "--cluster NAME"))
    none = kubectl({"items": []})
    nowhere = ("no Cluster in namespace prod", "--all-namespaces")
    refused("rebalance", "status", "-n", "prod", "--kubectl", str(none.program), code=1, says=nowhere)
    refused("rebalance", "cancel", "--mode", "auto", code=2, says=("propose", "never"))
    equal("help", attempt("rebalance", "--help").code, 0)


if __name__ == "__main__":
    main()
