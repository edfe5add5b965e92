//! Which topics a group is subscribed to. Metadata is opaque to the coordinator with this one exception, as in Kafka: for
//! the protocol type `consumer` the list of topics at its front decides which offsets are in use. Must not fail on
//! garbage: what can not be read counts as "any topic".

use std::collections::BTreeSet;

use bytes::{Buf, Bytes};

use super::ids::ProtocolType;

/// The topics a group's members consume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subscribed {
    /// These, and no others.
    To(BTreeSet<String>),
    /// Consumers whose topics are not known: treated as using all.
    Unknown,
    /// Not a group of consumers: its metadata says nothing of topics.
    NotConsumers,
}

impl Subscribed {
    pub(super) fn uses(&self, topic: &str) -> bool {
        match self {
            Self::To(topics) => topics.contains(topic),
            Self::Unknown => true,
            Self::NotConsumers => false,
        }
    }
}

/// The protocol type whose metadata may be looked into.
pub(super) fn is_consumer(protocol_type: Option<&ProtocolType>) -> bool {
    protocol_type.is_some_and(|t| t.as_str() == "consumer")
}

/// The union of what the members' metadata names.
pub(super) fn subscribed<'a>(
    protocol_type: Option<&ProtocolType>,
    metadata: impl Iterator<Item = &'a Bytes>,
) -> Subscribed {
    if !is_consumer(protocol_type) {
        return Subscribed::NotConsumers;
    }
    let mut all = BTreeSet::new();
    for one in metadata {
        match topics(one.clone()) {
            Some(topics) => all.extend(topics),
            None => return Subscribed::Unknown,
        }
    }
    Subscribed::To(all)
}

/// Version 0 of the consumer protocol is the front of every later one: version, then the topics.
fn topics(mut metadata: Bytes) -> Option<Vec<String>> {
    let version = metadata.try_get_i16().ok()?;
    let count = metadata.try_get_i32().ok()?;
    if version < 0 || count < 0 {
        return None;
    }
    let mut topics = Vec::new();
    for _ in 0..count {
        let len = usize::try_from(metadata.try_get_i16().ok()?).ok()?;
        if len > metadata.len() {
            return None;
        }
        topics.push(String::from_utf8(metadata.split_to(len).to_vec()).ok()?);
    }
    Some(topics)
}
