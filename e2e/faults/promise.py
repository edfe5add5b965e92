"""Decides whether a fault may be done now. Pure: how the cluster stands goes in, a reason not to do it comes out.

The contract is that what was acknowledged survives any fault which leaves a majority of the quorum and one replica in sync. A broker
that is killed, paused, stopped or cut off keeps its disk, so any number of them may be hurt at a time: nobody may be answered then,
and nothing may be lost. A wiped disk is gone for good, so one may be wiped only where everything it held is elsewhere:

  every partition keeps a replica in sync on a broker that has no fault, and on all of those every replica is in sync, and
  every broker without a fault is a voter that knows what the quorum committed, so that those who are left are a majority, and
  every disk that was wiped before is whole again: its broker was seen to vote, and in sync, since then.

While a wiped broker is gone others may be hurt in their turn, but no second one is wiped.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from faults.schedule import ALL_AT_ONCE, WIPE


@dataclass(frozen=True)
class Standing:
    """How a partition stands."""

    topic: str
    partition: int
    leader: int
    replicas: frozenset[int]
    in_sync: frozenset[int]

    @property
    def whole(self) -> bool:
        return self.leader >= 0 and self.in_sync == self.replicas

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition} leader {self.leader} replicas {sorted(self.replicas)} in sync {sorted(self.in_sync)}"


@dataclass(frozen=True)
class Quorum:
    """Who leads the quorum, and which of its voters know all that it committed; in which reign."""

    leader: int
    voters: frozenset[int]
    caught_up: frozenset[int]
    epoch: int = 0


@dataclass(frozen=True)
class Scene:
    """What a fault would meet: the brokers, which fault each has, whose disk was wiped and has not been seen whole since then,
    how the partitions stand and what the quorum says.
    """

    brokers: int
    hurt: Mapping[int, str]
    standings: tuple[Standing, ...] = ()
    quorum: Quorum | None = None
    unfilled: frozenset[int] = frozenset()


def filled(broker: int, standings: Iterable[Standing], quorum: Quorum | None) -> bool:
    """Whether a broker votes and has everything. The vote of a disk that is gone is not up to date: its broker registered anew."""
    knows = quorum is not None and broker in quorum.voters & quorum.caught_up
    held = [standing for standing in standings if broker in standing.replicas]
    return knows and bool(held) and all(broker in standing.in_sync for standing in held)


def forbids(kind: str, victim: int, scene: Scene) -> str | None:
    """Why this fault may not be done to this broker now; nothing if it may."""
    if victim in scene.hurt:
        return f"broker {victim} has a fault already"
    if kind in ALL_AT_ONCE and scene.hurt:
        return f"broker {min(scene.hurt)} has a fault already, and this one is for all"
    return _keeps_one_copy(victim, scene) if kind == WIPE else None


def _keeps_one_copy(victim: int, scene: Scene) -> str | None:
    if WIPE in scene.hurt.values():
        return "another disk has been wiped"
    if scene.unfilled:
        return f"broker {min(scene.unfilled)} has not been seen whole since its disk was wiped"
    if not scene.standings:
        return "no broker tells how the partitions stand"
    return _quorum_keeps_majority(victim, scene) or _first(_partition_keeps_copy(victim, one, scene.hurt) for one in scene.standings)


def _quorum_keeps_majority(victim: int, scene: Scene) -> str | None:
    if scene.quorum is None:
        return "no broker tells how the quorum stands"
    untouched = set(range(scene.brokers)) - set(scene.hurt)
    if len(scene.quorum.voters) < scene.brokers:
        return f"the quorum has the voters {sorted(scene.quorum.voters)} only"
    if not untouched <= scene.quorum.caught_up:
        return f"broker {min(untouched - scene.quorum.caught_up)} does not know yet what the quorum committed"
    left = scene.quorum.voters - {victim}
    return None if 2 * len(left) > len(scene.quorum.voters) else f"the voters {sorted(left)} are no majority"


def _partition_keeps_copy(victim: int, standing: Standing, hurt: Mapping[int, str]) -> str | None:
    untouched = standing.replicas - set(hurt)
    if standing.leader < 0 or not untouched <= standing.in_sync:
        return f"not every replica is in sync: {standing}"
    if not untouched - {victim}:
        return f"nobody without a fault would have it: {standing}"
    return None


def _first(reasons: Iterable[str | None]) -> str | None:
    return next((reason for reason in reasons if reason), None)
