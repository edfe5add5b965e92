//! Brokers, topics and partitions of an image as the service shows them. Pure, but for what this broker says of itself.

use weir_admin::admin::v1;
use weir_core::controller::{Broker as Registered, Image, Partition, Topic, is_internal};
use weir_model::PartitionIndex;
use weir_model::config::Pairs;

use super::words::{broker_ref, host_port, numbers, topic_text};
use crate::broker::Broker;
use crate::health::Phase;

/// A broker, as far as the metadata tells.
pub(super) fn broker(image: &Image, registered: &Registered) -> v1::BrokerDescription {
    let registration = &registered.registration;
    let listeners = registration.endpoints.iter().map(|endpoint| v1::Listener {
        name: endpoint.listener.clone(),
        address: Some(v1::HostPort { host: endpoint.host.clone(), port: u32::from(endpoint.port) }),
    });
    v1::BrokerDescription {
        broker: Some(broker_ref(registration.id, registration.incarnation)),
        epoch: registration.epoch,
        rack: registration.rack.clone(),
        state: state(image, registered).into(),
        fenced: registration.fenced,
        drained: registration.drained,
        listeners: listeners.collect(),
        peer: registration.peer.as_ref().map(host_port),
        admin: registration.admin.as_ref().map(host_port),
        replicas: image.replica_count(registration.id) as u64,
        leaders: image.leader_count(registration.id) as u64,
        measures: None,
        measures_missing: String::new(),
    }
}

/// What a broker is doing, as far as the metadata tells: one that is fenced may be dead, starting or recovering.
pub(super) fn state(image: &Image, registered: &Registered) -> v1::BrokerState {
    let registration = &registered.registration;
    match registration {
        r if r.fenced => v1::BrokerState::Fenced,
        r if r.shutting_down => v1::BrokerState::ShuttingDown,
        r if r.drained && image.replica_count(r.id) == 0 => v1::BrokerState::Drained,
        r if r.drained => v1::BrokerState::Draining,
        _ => v1::BrokerState::Active,
    }
}

/// What this broker is doing, by its own account.
pub(super) fn own_state(broker: &Broker) -> v1::BrokerState {
    let image = broker.image();
    match broker.health.phase() {
        Phase::Starting => v1::BrokerState::Starting,
        Phase::Recovering => v1::BrokerState::Recovering,
        Phase::Stopping => v1::BrokerState::ShuttingDown,
        Phase::Serving => {
            image.broker(broker.id).map_or(v1::BrokerState::Starting, |registered| state(&image, registered))
        }
    }
}

/// A topic without its partitions.
pub(super) fn topic(image: &Image, topic: &Topic, defaults: &Pairs) -> v1::TopicDescription {
    let config =
        topic.config.iter().map(|(name, value)| v1::Setting { name: name.clone(), value: value.clone() });
    v1::TopicDescription {
        name: topic.name.as_str().to_owned(),
        topic_id: topic_text(topic.id),
        internal: is_internal(topic.name.as_str()),
        config: config.collect(),
        partition_count: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
        min_insync_replicas: i32::try_from(image.min_isr(topic, defaults)).unwrap_or(i32::MAX),
        partitions: Vec::new(),
    }
}

/// A partition; its size and rates are not in the metadata.
pub(super) fn partition(index: PartitionIndex, state: &Partition) -> v1::PartitionDescription {
    v1::PartitionDescription {
        partition: index.0,
        replicas: numbers(&state.replicas),
        isr: numbers(&state.isr),
        elr: numbers(&state.elr),
        leader: state.leader.map(|leader| leader.0),
        leader_epoch: state.leader_epoch.0,
        partition_epoch: state.partition_epoch.0,
        adding: numbers(&state.adding),
        removing: numbers(&state.removing),
        throttle_bytes_per_second: state.throttle,
        ..v1::PartitionDescription::default()
    }
}

#[cfg(test)]
mod tests {
    use weir_core::controller::{Record, Registration};
    use weir_model::{BrokerId, TopicId, TopicName};

    use super::*;

    #[test]
    fn the_metadata_tells_a_brokers_state_as_far_as_it_knows() {
        let mut image = Image::default();
        let flags = [
            (false, false, false),
            (true, false, false),
            (true, true, true),
            (false, true, true),
            (false, false, true),
            (false, false, true),
        ];
        for (id, (fenced, shutting_down, drained)) in (0..).zip(flags) {
            let id = BrokerId(id);
            let registration = Registration { id, fenced, shutting_down, drained, ..Registration::default() };
            image.apply(&Record::BrokerRegistered(registration)).unwrap();
        }
        let id = TopicId(uuid::Uuid::from_u128(7));
        image.apply(&Record::TopicCreated { id, name: TopicName::new("t").unwrap() }).unwrap();
        let replicas = vec![BrokerId(5)];
        let state = Partition { replicas, ..Partition::default() };
        image.apply(&Record::PartitionChanged { topic: id, index: PartitionIndex(0), state }).unwrap();
        let found: Vec<_> = image.brokers().map(|broker| super::state(&image, broker)).collect();
        let wanted = [
            v1::BrokerState::Active,
            v1::BrokerState::Fenced,
            v1::BrokerState::Fenced,
            v1::BrokerState::ShuttingDown,
            v1::BrokerState::Drained,
            v1::BrokerState::Draining,
        ];
        assert_eq!(found, wanted);
    }
}
