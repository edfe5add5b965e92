//! The words of the admin service's messages, from and to those of the domain. Decides what an id may look like.

use uuid::Uuid;
use weir_admin::admin::v1;
use weir_core::controller::{HostPort, Image, Registration, Topic};
use weir_model::{BrokerId, Incarnation, PartitionIndex, TopicId};

use super::refusal::Refused;
use crate::api::cluster_id;

/// A topic's id, in either form.
pub(super) fn topic_id(text: &str) -> Result<TopicId, Refused> {
    let parsed = cluster_id::from_text(text).or_else(|| Uuid::parse_str(text).ok());
    let id = parsed.map(TopicId).filter(|id| *id != TopicId::ZERO);
    id.ok_or_else(|| {
        Refused::argument(
            format!("{text:?} is not a topic id"),
            "ids have 22 characters of URL-safe base64, as `weir topic describe` shows them",
        )
    })
}

/// The text of a topic's id.
pub(super) fn topic_text(id: TopicId) -> String {
    cluster_id::as_text(id.0)
}

/// A partition's topic and number.
pub(super) fn partition(named: Option<&v1::PartitionRef>) -> Result<(TopicId, PartitionIndex), Refused> {
    let named =
        named.ok_or_else(|| Refused::argument("no partition is named", "set `partition` of every item"))?;
    Ok((topic_id(&named.topic_id)?, PartitionIndex(named.partition)))
}

/// The reference to a partition.
pub(super) fn partition_ref(topic: TopicId, index: PartitionIndex) -> v1::PartitionRef {
    v1::PartitionRef { topic_id: topic_text(topic), partition: index.0 }
}

/// The identity of a disk.
pub(super) fn incarnation(text: &str) -> Result<Incarnation, Refused> {
    Uuid::parse_str(text).map(Incarnation).map_err(|_| {
        Refused::argument(
            format!("{text:?} is not an incarnation"),
            "name the one that DescribeCluster shows for the broker",
        )
    })
}

/// A broker, and the disk that the caller believes it to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) id: BrokerId,
    pub(super) incarnation: Incarnation,
}

impl Named {
    pub(super) fn of(reference: Option<&v1::BrokerRef>) -> Result<Self, Refused> {
        let reference = reference.ok_or_else(|| {
            Refused::argument("no broker is named", "set `broker` with the id and incarnation of the broker")
        })?;
        if reference.incarnation.is_empty() {
            return Err(Refused::argument(
                format!("the incarnation of broker {} is not named", reference.id),
                "name the one that DescribeCluster shows, so that no other disk is meant",
            ));
        }
        Ok(Self { id: BrokerId(reference.id), incarnation: incarnation(&reference.incarnation)? })
    }

    /// The broker that is registered so, and no other.
    pub(super) fn registered(self, image: &Image) -> Result<&Registration, Refused> {
        let broker = image.broker(self.id).ok_or_else(|| Refused::unknown_broker(self.id))?;
        let registration = &broker.registration;
        if registration.incarnation != self.incarnation {
            return Err(Refused::wrong_incarnation(self.id, registration.incarnation, self.incarnation));
        }
        Ok(registration)
    }
}

/// The reference to a broker.
pub(super) fn broker_ref(id: BrokerId, incarnation: Incarnation) -> v1::BrokerRef {
    v1::BrokerRef { id: id.0, incarnation: incarnation.to_string() }
}

/// Refuses a call that means another cluster.
pub(super) fn check_cluster(image: &Image, named: &str) -> Result<(), Refused> {
    if named.is_empty() {
        return Ok(());
    }
    let meant = cluster_id::from_text(named).or_else(|| Uuid::parse_str(named).ok());
    match image.cluster_id() {
        Some(id) if meant == Some(id) => Ok(()),
        id => Err(Refused::wrong_cluster(named, id)),
    }
}

/// An address.
pub(super) fn host_port(address: &HostPort) -> v1::HostPort {
    v1::HostPort { host: address.host.clone(), port: u32::from(address.port) }
}

/// The topic of that id.
pub(super) fn topic(image: &Image, id: TopicId) -> Result<&Topic, Refused> {
    image.topic_by_id(id).map(|topic| &**topic).ok_or_else(|| Refused::unknown_topic(id))
}

/// Brokers as numbers.
pub(super) fn numbers(brokers: &[BrokerId]) -> Vec<i32> {
    brokers.iter().map(|broker| broker.0).collect()
}
