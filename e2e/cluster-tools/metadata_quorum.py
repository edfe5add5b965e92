"""kafka-metadata-quorum: three voters, one leader, nobody behind."""

import re

from java.tools import contains, rows, tool
from scenario import equal, eventually


def main() -> None:
    status = tool("kafka-metadata-quorum", "describe", "--status")
    contains(status, "ClusterId:", "LeaderEpoch:", "HighWatermark:", "MaxFollowerLag:", "CurrentVoters:", "CurrentObservers:")
    leader = int(re.search(r"LeaderId:\s+(\d+)", status).group(1))
    equal("a leader of ours", leader in (0, 1, 2), True)
    voters = re.search(r"CurrentVoters:\s+(.*)", status).group(1)
    equal(
        "voters",
        sorted({int(number) for number in re.findall(r'"id": (\d+)', voters)} or set(map(int, re.findall(r"\d+", voters)))),
        [0, 1, 2],
    )

    eventually("nobody is behind", lambda: all(int(lag) < 5 for lag in lags().values()))
    equal("who replicates", sorted(lags()), [0, 1, 2])
    states = {line[0]: line[-1] for line in replication()}
    equal("states", sorted(states.values()), ["Follower", "Follower", "Leader"])
    equal("the leader is the same", states[str(leader)], "Leader")
    human = tool("kafka-metadata-quorum", "describe", "--replication", "--human-readable")
    contains(human, "ms ago")
    print(f"broker {leader} leads three voters")


def replication() -> list[list[str]]:
    """One row a replica: number, directory, log end, lag, two times, state."""
    return [line for line in rows(tool("kafka-metadata-quorum", "describe", "--replication")) if line[0].isdigit()]


def lags() -> dict[int, str]:
    return {int(line[0]): line[3] for line in replication()}


if __name__ == "__main__":
    main()
