"""Makes, awaits and deletes the topics of a measured cluster, by librdkafka, which is not measured."""

import time

from confluent_kafka.admin import AdminClient, NewTopic

from harness.brokers import BrokerFailed

_WITHIN_S = 120.0
_POLL_S = 0.001


class Topics:
    def __init__(self, bootstrap: str, replicas: int, settings: dict[str, str]):
        self._bootstrap, self._replicas, self._settings = bootstrap, replicas, settings

    def create(self, name: str, partitions: int) -> None:
        topic = NewTopic(name, partitions, self._replicas, config=self._settings)
        admin = self._admin()
        admin.create_topics([topic], operation_timeout=_WITHIN_S)[name].result(_WITHIN_S)
        self.await_in_sync(name, partitions)

    def delete(self, name: str) -> None:
        admin = self._admin()
        admin.delete_topics([name], operation_timeout=_WITHIN_S)[name].result(_WITHIN_S)

    def await_in_sync(self, name: str, partitions: int | None) -> None:
        """Until so many partitions are led and all replicas are in sync; as many as there are, where no number is given."""
        deadline = time.monotonic() + _WITHIN_S
        while not self._in_sync(name, partitions):
            if time.monotonic() > deadline:
                raise BrokerFailed(f"{name} has not all its leaders and replicas within {_WITHIN_S:.0f} s")
            time.sleep(_POLL_S)

    def _in_sync(self, name: str, wanted: int | None) -> bool:
        partitions = self._admin().list_topics(name, timeout=_WITHIN_S).topics[name].partitions
        whole = sum(partition.leader >= 0 and len(partition.isrs) == self._replicas for partition in partitions.values())
        return whole > 0 and whole == (len(partitions) if wanted is None else wanted)

    def _admin(self) -> AdminClient:
        """It must live until its calls are answered."""
        return AdminClient({"bootstrap.servers": self._bootstrap, "request.timeout.ms": 60_000, "log_level": 4})
