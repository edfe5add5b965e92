//! Who a request is for. Names a role; `client` finds the broker that has it.

use weir_model::{BrokerId, PartitionIndex};

/// Who a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Whoever answers.
    Any,
    /// One broker.
    Broker(BrokerId),
    /// The controller, or the broker that passes requests on to it.
    Controller,
    /// The leader of a partition.
    Leader {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionIndex,
    },
    /// The coordinator of a group.
    GroupCoordinator(String),
}
