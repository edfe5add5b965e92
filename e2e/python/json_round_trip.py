"""Orders as JSON: what the producer's serializer wrote, the consumer's deserializer reads, in order, with its position."""

import json

from kafka import KafkaConsumer, KafkaProducer

from scenario import BOOTSTRAP, PATIENCE_S, equal, unique


def main() -> None:
    topic = unique("orders")
    orders = [{"id": number, "item": "naïve café ☕", "price": number / 4, "tags": ["a", None, True]} for number in range(100)]

    producer = KafkaProducer(
        bootstrap_servers=BOOTSTRAP,
        acks="all",
        key_serializer=str.encode,
        value_serializer=lambda value: json.dumps(value).encode(),
    )
    sent = [producer.send(topic, key=f"order-{order['id']}", value=order) for order in orders]
    offsets = [future.get(timeout=PATIENCE_S).offset for future in sent]
    producer.close()
    equal("offsets of the acknowledgements", offsets, list(range(100)))

    consumer = KafkaConsumer(
        topic,
        bootstrap_servers=BOOTSTRAP,
        group_id=unique("billing"),
        auto_offset_reset="earliest",
        consumer_timeout_ms=int(PATIENCE_S * 1000),
        key_deserializer=bytes.decode,
        value_deserializer=json.loads,
    )
    read = [record for _, record in zip(orders, consumer)]
    consumer.close()
    equal("values", [record.value for record in read], orders)
    equal("keys", [record.key for record in read], [f"order-{order['id']}" for order in orders])
    equal("offsets", [record.offset for record in read], list(range(100)))
    print("100 orders came back as they went")


if __name__ == "__main__":
    main()
