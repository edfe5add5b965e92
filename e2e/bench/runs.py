"""Results of several runs as one: each workload as it was measured last, with the machine and the limits of that very run. Pure."""

# What a run was: its command, how long it took, the machine and its limits. Ratios and shares of a limit never cross runs.
Run = dict
# `runs`, and by workload what it showed and the number of its run.
Result = dict


def one(run: Run, outcomes: dict[str, dict]) -> Result:
    """Of each workload what was `measured`, the `failure` if there was one, and by guest why it `could_not`."""
    return {"runs": [run], "workloads": {name: {"run": 0, **outcome} for name, outcome in outcomes.items()}}


def merged(old: Result, new: Result) -> Result:
    """What was measured anew stands for what was there. A run of which nothing is left is forgotten."""
    runs = [*old["runs"], *new["runs"]]
    shifted = {name: outcome | {"run": outcome["run"] + len(old["runs"])} for name, outcome in new["workloads"].items()}
    workloads = old["workloads"] | shifted
    used = sorted({outcome["run"] for outcome in workloads.values()})
    place = {before: after for after, before in enumerate(used)}
    return {
        "runs": [runs[number] for number in used],
        "workloads": {name: outcome | {"run": place[outcome["run"]]} for name, outcome in workloads.items()},
    }


def run_of(result: Result, workload: str) -> Run:
    return result["runs"][result["workloads"][workload]["run"]]
