//! Between records and their bytes. Decoding checks every value, so that whatever it lets through can be applied.

use prost::Message;
use uuid::Uuid;
use weir_model::{
    BrokerId, Incarnation, LeaderEpoch, PartitionEpoch, PartitionIndex, ProducerId, TopicId, TopicName,
};

use super::message::{self, Body, Envelope, FORMAT_VERSION, Scope};
use super::{BrokerEndpoint, ConfigScope, HostPort, Record, RecordError, Registration, VersionRange};
use crate::controller::image::Partition;

impl Record {
    /// The record's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Envelope { version: FORMAT_VERSION, body: Some(self.body()) }.encode_to_vec()
    }

    /// Reads [`Record::encode`]'s bytes, and refuses what this code does not understand completely.
    pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let envelope = Envelope::decode(bytes).map_err(|e| RecordError::Damaged(e.to_string()))?;
        match envelope.version {
            0 => return Err(RecordError::Damaged("it has no version".to_owned())),
            FORMAT_VERSION => {}
            newer => return Err(RecordError::Version(newer)),
        }
        from_body(envelope.body.ok_or(RecordError::UnknownKind)?)
    }

    fn body(&self) -> Body {
        match self {
            Self::ClusterCreated { id } => {
                Body::ClusterCreated(message::ClusterCreated { id: id_bytes(*id) })
            }
            Self::TopicCreated { id, name } => Body::TopicCreated(message::TopicCreated {
                id: id_bytes(id.0),
                name: name.as_str().to_owned(),
            }),
            Self::PartitionChanged { topic, index, state } => {
                Body::PartitionChanged(partition(*topic, *index, state))
            }
            Self::TopicDeleted { id } => Body::TopicDeleted(message::TopicDeleted { id: id_bytes(id.0) }),
            Self::ConfigChanged { scope, name, value } => Body::ConfigChanged(message::ConfigChanged {
                scope: Some(match scope {
                    ConfigScope::Topic(id) => Scope::Topic(id_bytes(id.0)),
                    ConfigScope::Broker(id) => Scope::Broker(id.0),
                    ConfigScope::AllBrokers => Scope::AllBrokers(true),
                }),
                name: name.clone(),
                value: value.clone(),
            }),
            Self::BrokerRegistered(registration) => Body::BrokerRegistered(broker(registration)),
            Self::BrokerFencingChanged { id, fenced } => {
                Body::BrokerFencingChanged(message::BrokerFencingChanged { id: id.0, fenced: *fenced })
            }
            Self::BrokerShuttingDown { id } => {
                Body::BrokerShuttingDown(message::BrokerShuttingDown { id: id.0 })
            }
            Self::BrokerDrainChanged { id, drained } => {
                Body::BrokerDrainChanged(message::BrokerDrainChanged { id: id.0, drained: *drained })
            }
            Self::BrokerUnregistered { id, epoch } => {
                Body::BrokerUnregistered(message::BrokerUnregistered { id: id.0, epoch: *epoch })
            }
            Self::ProducerIdsAllocated { next } => {
                Body::ProducerIdsAllocated(message::ProducerIdsAllocated { next: next.0 })
            }
            Self::FeatureLevelChanged { name, level } => {
                Body::FeatureLevelChanged(message::FeatureLevelChanged {
                    name: name.clone(),
                    level: i32::from(*level),
                })
            }
        }
    }
}

fn id_bytes(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}

fn ids(brokers: &[BrokerId]) -> Vec<i32> {
    brokers.iter().map(|b| b.0).collect()
}

fn partition(topic: TopicId, index: PartitionIndex, state: &Partition) -> message::PartitionChanged {
    message::PartitionChanged {
        topic: id_bytes(topic.0),
        index: index.0,
        replicas: ids(&state.replicas),
        isr: ids(&state.isr),
        elr: ids(&state.elr),
        leader: state.leader.map(|b| b.0),
        leader_epoch: state.leader_epoch.0,
        partition_epoch: state.partition_epoch.0,
        adding: ids(&state.adding),
        removing: ids(&state.removing),
        throttle: state.throttle,
        last_known: state.last_known.map(|b| b.0),
    }
}

fn broker(registration: &Registration) -> message::BrokerRegistered {
    let endpoint = |e: &BrokerEndpoint| message::Endpoint {
        listener: e.listener.clone(),
        host: e.host.clone(),
        port: u32::from(e.port),
    };
    message::BrokerRegistered {
        id: registration.id.0,
        incarnation: id_bytes(registration.incarnation.0),
        epoch: registration.epoch,
        rack: registration.rack.clone(),
        endpoints: registration.endpoints.iter().map(endpoint).collect(),
        fenced: registration.fenced,
        shutting_down: registration.shutting_down,
        drained: registration.drained,
        peer: registration.peer.as_ref().map(address),
        admin: registration.admin.as_ref().map(address),
        versions: Some(message::Versions {
            min: i32::from(registration.versions.min),
            max: i32::from(registration.versions.max),
        }),
    }
}

fn address(to: &HostPort) -> message::Address {
    message::Address { host: to.host.clone(), port: u32::from(to.port) }
}

fn from_body(body: Body) -> Result<Record, RecordError> {
    Ok(match body {
        Body::ClusterCreated(m) => Record::ClusterCreated { id: uuid(&m.id)? },
        Body::TopicCreated(m) => Record::TopicCreated {
            id: topic_id(&m.id)?,
            name: TopicName::new(&m.name).map_err(|_| RecordError::Impossible("topic name"))?,
        },
        Body::PartitionChanged(m) => Record::PartitionChanged {
            topic: topic_id(&m.topic)?,
            index: PartitionIndex(natural(m.index, "partition")?),
            state: to_partition(&m)?,
        },
        Body::TopicDeleted(m) => Record::TopicDeleted { id: topic_id(&m.id)? },
        Body::ConfigChanged(m) => Record::ConfigChanged {
            scope: match m.scope.ok_or(RecordError::UnknownKind)? {
                Scope::Topic(id) => ConfigScope::Topic(topic_id(&id)?),
                Scope::Broker(id) => ConfigScope::Broker(broker_id(id)?),
                Scope::AllBrokers(_) => ConfigScope::AllBrokers,
            },
            name: m.name,
            value: m.value,
        },
        Body::BrokerRegistered(m) => Record::BrokerRegistered(to_registration(m)?),
        Body::BrokerFencingChanged(m) => {
            Record::BrokerFencingChanged { id: broker_id(m.id)?, fenced: m.fenced }
        }
        Body::BrokerShuttingDown(m) => Record::BrokerShuttingDown { id: broker_id(m.id)? },
        Body::BrokerDrainChanged(m) => {
            Record::BrokerDrainChanged { id: broker_id(m.id)?, drained: m.drained }
        }
        Body::BrokerUnregistered(m) => Record::BrokerUnregistered { id: broker_id(m.id)?, epoch: m.epoch },
        Body::ProducerIdsAllocated(m) if m.next < 0 => return Err(RecordError::Impossible("producer id")),
        Body::ProducerIdsAllocated(m) => Record::ProducerIdsAllocated { next: ProducerId(m.next) },
        Body::FeatureLevelChanged(m) => Record::FeatureLevelChanged {
            name: m.name,
            level: i16::try_from(m.level)
                .ok()
                .filter(|level| *level >= 0)
                .ok_or(RecordError::Impossible("feature level"))?,
        },
    })
}

fn to_partition(m: &message::PartitionChanged) -> Result<Partition, RecordError> {
    let state = Partition {
        replicas: broker_ids(&m.replicas)?,
        isr: broker_ids(&m.isr)?,
        elr: broker_ids(&m.elr)?,
        leader: m.leader.map(broker_id).transpose()?,
        leader_epoch: LeaderEpoch(natural(m.leader_epoch, "leader epoch")?),
        partition_epoch: PartitionEpoch(natural(m.partition_epoch, "partition epoch")?),
        adding: broker_ids(&m.adding)?,
        removing: broker_ids(&m.removing)?,
        throttle: m.throttle,
        last_known: m.last_known.map(broker_id).transpose()?,
    };
    let known = |b: &BrokerId| state.replicas.contains(b);
    let sound = !state.replicas.is_empty()
        && state.isr.iter().chain(&state.elr).chain(&state.last_known).all(known)
        && state.adding.iter().chain(&state.removing).all(known)
        && !state.elr.iter().any(|b| state.isr.contains(b))
        && !state.adding.iter().any(|b| state.removing.contains(b))
        && state.removing.len() < state.replicas.len()
        && (state.throttle.is_none() || state.is_moving())
        && state.leader.iter().all(|leader| state.isr.contains(leader));
    if sound { Ok(state) } else { Err(RecordError::Impossible("replica set")) }
}

fn to_registration(m: message::BrokerRegistered) -> Result<Registration, RecordError> {
    let endpoint = |e: message::Endpoint| {
        let port = u16::try_from(e.port).map_err(|_| RecordError::Impossible("port"))?;
        Ok(BrokerEndpoint { listener: e.listener, host: e.host, port })
    };
    Ok(Registration {
        id: broker_id(m.id)?,
        incarnation: Incarnation(uuid(&m.incarnation)?),
        epoch: m.epoch,
        rack: m.rack,
        endpoints: m.endpoints.into_iter().map(endpoint).collect::<Result<_, _>>()?,
        fenced: m.fenced,
        shutting_down: m.shutting_down,
        drained: m.drained,
        peer: m.peer.map(to_address).transpose()?,
        admin: m.admin.map(to_address).transpose()?,
        versions: to_versions(m.versions)?,
    })
}

fn to_address(m: message::Address) -> Result<HostPort, RecordError> {
    let port = u16::try_from(m.port).map_err(|_| RecordError::Impossible("port"))?;
    Ok(HostPort { host: m.host, port })
}

/// A broker that says nothing knows only the first level.
fn to_versions(m: Option<message::Versions>) -> Result<VersionRange, RecordError> {
    let Some(m) = m else { return Ok(VersionRange { min: 1, max: 1 }) };
    let level = |n| i16::try_from(n).map_err(|_| RecordError::Impossible("feature level"));
    Ok(VersionRange { min: level(m.min)?, max: level(m.max)? })
}

fn uuid(bytes: &[u8]) -> Result<Uuid, RecordError> {
    Uuid::from_slice(bytes).map_err(|_| RecordError::Impossible("id"))
}

fn topic_id(bytes: &[u8]) -> Result<TopicId, RecordError> {
    uuid(bytes).map(TopicId)
}

fn natural(n: i32, what: &'static str) -> Result<i32, RecordError> {
    if n < 0 { Err(RecordError::Impossible(what)) } else { Ok(n) }
}

fn broker_id(id: i32) -> Result<BrokerId, RecordError> {
    natural(id, "broker id").map(BrokerId)
}

fn broker_ids(ids: &[i32]) -> Result<Vec<BrokerId>, RecordError> {
    let brokers = ids.iter().map(|id| broker_id(*id)).collect::<Result<Vec<_>, _>>()?;
    let distinct = brokers.iter().enumerate().all(|(at, b)| !brokers[..at].contains(b));
    if distinct { Ok(brokers) } else { Err(RecordError::Impossible("replica set")) }
}
