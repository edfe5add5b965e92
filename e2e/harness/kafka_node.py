"""How a broker of an Apache Kafka cluster is set up and started: combined with a controller, on static voters, in a small heap."""

from pathlib import Path

from harness import paths
from harness.brokers import BrokerFailed, format_kafka_storage, new_kafka_cluster_id

new_cluster_id = new_kafka_cluster_id

# Kafka's own defaults, but for what fits a small machine and brokers that come and go.
SETTINGS = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "transaction.state.log.replication.factor": 3,
    "transaction.state.log.min.isr": 2,
    "share.coordinator.state.topic.replication.factor": 3,
    "share.coordinator.state.topic.min.isr": 2,
    "num.network.threads": 2,
    "num.io.threads": 2,
    "log.cleaner.dedupe.buffer.size": 4 << 20,
}
# For brokers that come and go, several on a machine. Not for measuring what they cost.
SMALL_JVM = ("-Xms96m", "-Xmx320m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


def prepared(properties: Path, settings: dict[str, object], cluster_id: str) -> Path:
    """Writes the settings, and formats whichever of the directories are new."""
    properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    directories = (Path(str(settings["log.dirs"])), Path(str(settings["metadata.log.dir"])))
    if not all((directory / "meta.properties").exists() for directory in directories):
        format_kafka_storage(properties, cluster_id)
    return properties


def command(properties: Path, jvm: tuple[str, ...] = SMALL_JVM) -> list:
    if not any(paths.KAFKA_LIBS.glob("kafka-tools-*.jar")):
        raise BrokerFailed(f"no Apache Kafka in {paths.KAFKA_LIBS}: `e2e/run --against kafka` fetches it")
    return [
        "java",
        *jvm,
        "-Dlog4j2.level=WARN",
        "-cp",
        paths.kafka_classpath(),
        "kafka.Kafka",
        properties,
    ]
