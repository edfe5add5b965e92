"""Every codec: what went in compressed comes out as it was, headers too, with several codecs in one partition."""

from kafka import KafkaConsumer, KafkaProducer

from scenario import BOOTSTRAP, PATIENCE_S, equal, unique

CODECS = (None, "gzip", "snappy", "lz4", "zstd")
LINES = 200


def main() -> None:
    topic = unique("pages")
    expected = []
    for codec in CODECS:
        producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, compression_type=codec, linger_ms=50, batch_size=64 * 1024)
        page = [(f"{codec} {line} ".encode() + b"lorem ipsum " * 40, [("codec", str(codec).encode())]) for line in range(LINES)]
        for value, headers in page:
            producer.send(topic, value, headers=headers)
        producer.flush(timeout=PATIENCE_S)
        producer.close()
        expected += page

    consumer = KafkaConsumer(topic, bootstrap_servers=BOOTSTRAP, auto_offset_reset="earliest", consumer_timeout_ms=int(PATIENCE_S * 1000))
    read = [(record.value, [tuple(header) for header in record.headers]) for _, record in zip(expected, consumer)]
    consumer.close()
    equal("number of records", len(read), len(expected))
    for got, wanted in zip(read, expected):
        equal("record", got, wanted)
    print(f"{len(read)} records through {', '.join(map(str, CODECS))}")


if __name__ == "__main__":
    main()
