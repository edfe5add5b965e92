//! The network edge: accepting connections, framing, order of replies. Knows bytes and limits, not Kafka's APIs.

pub(crate) mod admission;
pub(crate) mod budget;
pub(crate) mod connection;
pub(crate) mod descriptors;
mod line;
pub(crate) mod listener;
pub(crate) mod outgoing;
pub(crate) mod patience;
pub(crate) mod receive;
