"""A reader of every topic whose name matches: also of one that is created while it reads."""

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from scenario import BOOTSTRAP, PATIENCE_S, eventually, unique


def main() -> None:
    stem = unique("audit")
    admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    admin.create_topics([f"{stem}.eu", f"{stem}.us"], wait_for_metadata=True)

    consumer = KafkaConsumer(
        bootstrap_servers=BOOTSTRAP, group_id=unique("auditors"), auto_offset_reset="earliest", metadata_max_age_ms=500
    )
    consumer.subscribe(pattern=f"^{stem}\\..*")
    read: set[bytes] = set()

    # A poll ends with the first records; it must not end for want of time while the group is joined anew. kafka-python
    # 3.0 takes what its metadata showed for assigned once it has shared the partitions out, before SyncGroup has
    # answered: when the poll's time ends between the two, the next one sees nothing to join, and neither applies the
    # assignment nor sends heartbeats.
    def poll() -> set[bytes]:
        for records in consumer.poll(timeout_ms=int(PATIENCE_S * 1000)).values():
            read.update(record.value for record in records)
        return read

    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    producer.send(f"{stem}.eu", b"eu").get(timeout=PATIENCE_S)
    producer.send(f"{stem}.us", b"us").get(timeout=PATIENCE_S)
    eventually("both topics are read", lambda: poll() == {b"eu", b"us"})

    admin.create_topics([f"{stem}.asia"], wait_for_metadata=True)
    producer.send(f"{stem}.asia", b"asia").get(timeout=PATIENCE_S)
    eventually("the new topic is read", lambda: poll() == {b"eu", b"us", b"asia"})
    consumer.close()
    producer.close()
    admin.close()
    print("two topics, and a third that came later")


if __name__ == "__main__":
    main()
