"""Which processors brokers and clients run on. Two are needed to keep them apart; on one, all share it, and it is said so."""

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Cores:
    broker: int
    client: int

    @property
    def apart(self) -> bool:
        return self.broker != self.client


def split() -> Cores:
    """The first allowed processor is the brokers', the last one the clients'."""
    allowed = sorted(os.sched_getaffinity(0))
    return Cores(allowed[0], allowed[-1])
