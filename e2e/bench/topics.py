"""Makes, awaits and deletes the topics of a measured cluster, by librdkafka, which is not measured."""

import time
from collections.abc import Callable

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, OffsetSpec

from harness.brokers import BrokerFailed

_WITHIN_S = 120.0
_POLL_S = 0.001
# What a broker answers for a partition that it does not lead, or does not know, yet; and librdkafka where no broker names a leader.
_NOT_YET = (
    KafkaError._NOENT,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_LEADER_EPOCH,
)


class Topics:
    def __init__(self, bootstrap: str, replicas: int, settings: dict[str, str]):
        self._bootstrap, self._replicas, self._settings = bootstrap, replicas, settings

    def create(self, name: str, partitions: int, **settings: str) -> None:
        self.create_all([name], partitions, **settings)

    def create_all(self, names: list[str], partitions: int, **settings: str) -> None:
        """By one request, and until the last of them is led."""
        topics = [NewTopic(name, partitions, self._replicas, config=self._settings | settings) for name in names]
        admin = self._admin()
        for created in admin.create_topics(topics, operation_timeout=_WITHIN_S).values():
            created.result(_WITHIN_S)
        self.await_in_sync(names[-1], partitions)

    def create_to_write(self, name: str, partitions: int, **settings: str) -> None:
        self.create(name, partitions, **settings)
        self.await_leaders(name, partitions)

    def await_leaders(self, name: str, partitions: int) -> None:
        """Until each answers for itself: a broker may name itself as the leader before it is."""
        ends = {TopicPartition(name, number): OffsetSpec.latest() for number in range(partitions)}
        _until(lambda: self._ends(ends) is not None, f"{name} has leaders that do not answer")

    def await_readable(self, name: str, records: int) -> None:
        """Until a consumer may see so many: with acks=1 that is later than the acknowledgement."""
        partitions = self._admin().list_topics(name, timeout=_WITHIN_S).topics[name].partitions
        ends = {TopicPartition(name, number): OffsetSpec.latest() for number in partitions}
        _until(lambda: (self._ends(ends) or 0) >= records, f"{name} does not show its {records} records")

    def _ends(self, ends: dict[TopicPartition, OffsetSpec]) -> int | None:
        """Their sum; none while a leader is not ready to answer."""
        admin = self._admin()
        try:
            return sum(answer.result(_WITHIN_S).offset for answer in admin.list_offsets(ends, request_timeout=_WITHIN_S).values())
        except KafkaException as refused:
            if refused.args[0].code() in _NOT_YET:
                return None
            raise

    def delete(self, name: str) -> None:
        admin = self._admin()
        admin.delete_topics([name], operation_timeout=_WITHIN_S)[name].result(_WITHIN_S)

    def set_for_topic(self, name: str, settings: dict[str, str]) -> None:
        self._set(ConfigResource(ConfigResource.Type.TOPIC, name, incremental_configs=_entries(settings)))

    def set_for_brokers(self, settings: dict[str, str]) -> None:
        """For each of them, while they run."""
        for broker in self._admin().list_topics(timeout=_WITHIN_S).brokers:
            self._set(ConfigResource(ConfigResource.Type.BROKER, str(broker), incremental_configs=_entries(settings)))

    def _set(self, wanted: ConfigResource) -> None:
        admin = self._admin()
        for changed in admin.incremental_alter_configs([wanted], request_timeout=_WITHIN_S).values():
            changed.result(_WITHIN_S)

    def last_of_each_key(self, name: str) -> tuple[dict[bytes, int], int]:
        """Of its one partition: by key a hash of the last value, and how many records there are."""
        quiet = {"enable.partition.eof": True, "enable.auto.commit": False, "group.id": f"{name}-reader", "log_level": 2}
        consumer = Consumer({"bootstrap.servers": self._bootstrap, **quiet})
        try:
            consumer.assign([TopicPartition(name, 0, OFFSET_BEGINNING)])
            return _last_of_each_key(consumer)
        finally:
            consumer.close()

    def await_in_sync(self, name: str, partitions: int | None) -> None:
        """Until so many partitions are led and all replicas are in sync; as many as there are, where no number is given."""
        _until(lambda: self._in_sync(name, partitions), f"{name} has not all its leaders and replicas")

    def await_led(self, partitions: int) -> None:
        """Until so many partitions of all topics have a leader."""
        _until(lambda: self._led() >= partitions, f"not all of {partitions} partitions have a leader")

    def _led(self) -> int:
        topics = self._admin().list_topics(timeout=_WITHIN_S).topics.values()
        return sum(partition.leader >= 0 for topic in topics for partition in topic.partitions.values())

    def _in_sync(self, name: str, wanted: int | None) -> bool:
        partitions = self._admin().list_topics(name, timeout=_WITHIN_S).topics[name].partitions
        whole = sum(partition.leader >= 0 and len(partition.isrs) == self._replicas for partition in partitions.values())
        return whole > 0 and whole == (len(partitions) if wanted is None else wanted)

    def _admin(self) -> AdminClient:
        """It must live until its calls are answered."""
        return AdminClient({"bootstrap.servers": self._bootstrap, "request.timeout.ms": 60_000, "log_level": 2})


def _until(so: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + _WITHIN_S
    while not so():
        if time.monotonic() > deadline:
            raise BrokerFailed(f"{otherwise} within {_WITHIN_S:.0f} s")
        time.sleep(_POLL_S)


def _entries(settings: dict[str, str]) -> list[ConfigEntry]:
    return [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in settings.items()]


def _last_of_each_key(consumer: Consumer) -> tuple[dict[bytes, int], int]:
    last, records, deadline = {}, 0, time.monotonic() + _WITHIN_S
    while time.monotonic() < deadline:
        for message in consumer.consume(10_000, 1.0):
            if message.error() is None:
                last[message.key()] = hash(message.value())
                records += 1
            elif message.error().code() == KafkaError._PARTITION_EOF:
                return last, records
            else:
                raise BrokerFailed(str(message.error()))
    raise BrokerFailed(f"the end was not read within {_WITHIN_S:.0f} s")
