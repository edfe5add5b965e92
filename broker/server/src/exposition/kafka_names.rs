//! The names under which dashboards made for Kafka look for what Weir counts anyway: those of its metrics as the usual
//! exporters write them. The values are the same as under our own names.

use super::families::{Families, real, records};
use crate::broker::Broker;

pub(super) fn add(families: &Families, broker: &Broker) -> Result<(), prometheus::Error> {
    let (metrics, image) = (&broker.metrics, broker.image());
    let requests = |api| metrics.requests.with_label_values(&[api]).get();
    let replication = &metrics.replication;
    let topics = [
        ("messagesin", "records appended", metrics.produced_records.get()),
        ("bytesin", "bytes of record batches appended", metrics.produced_bytes.get()),
        ("bytesout", "bytes of record batches sent to consumers", metrics.fetched_bytes.get()),
        ("replicationbytesin", "bytes fetched from leaders", replication.bytes_in.get()),
        ("replicationbytesout", "bytes sent to followers", replication.bytes_out.get()),
        ("totalproducerequests", "Produce requests", requests("Produce")),
        ("totalfetchrequests", "Fetch requests", requests("Fetch")),
    ];
    for (name, help, value) in topics {
        let name = format!("kafka_server_brokertopicmetrics_{name}_total");
        families.counter(&name, help, records(value))?;
    }
    let active = image.brokers().filter(|registered| registered.is_active()).count();
    let is_controller = metrics.active_controller.get();
    let leaderless = if is_controller == 1 { image.leaderless_count() } else { 0 };
    let gauges = [
        ("kafka_brokers", "brokers that the cluster counts on", active),
        (
            "kafka_server_replicamanager_leadercount",
            "partitions that this broker leads",
            image.leader_count(broker.id),
        ),
        (
            "kafka_server_replicamanager_partitioncount",
            "partition replicas on this broker",
            image.replica_count(broker.id),
        ),
        (
            "kafka_server_replicamanager_underreplicatedpartitions",
            "partitions led here with a replica that is not in sync",
            image.under_replicated_count(broker.id),
        ),
        (
            "kafka_controller_kafkacontroller_offlinepartitionscount",
            "partitions that nobody leads, as the broker that decides says",
            leaderless,
        ),
    ];
    for (name, help, value) in gauges {
        families.float(name, help, real(value))?;
    }
    let name = "kafka_controller_kafkacontroller_activecontrollercount";
    families.gauge(name, "1 on the broker that decides", is_controller)
}
