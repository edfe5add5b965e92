//! What the consensus library is told about us: who its nodes are, what an entry holds, and what applying one gives.

use std::fmt;
use std::io::Cursor;
use std::sync::Arc;

use openraft::TokioRuntime;
use weir_core::controller::Record;
use weir_model::{BrokerId, Incarnation};

/// One disk of one broker. An empty disk is another incarnation, hence another node: it can never vote as the one that
/// was lost, nor be counted as holding what that one held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// The broker.
    pub broker: BrokerId,
    /// Its disk.
    pub incarnation: Incarnation,
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Eight digits tell disks apart in a log line.
        let disk = self.incarnation.0.as_fields().0;
        write!(f, "{}/{disk:08x}", self.broker)
    }
}

/// Where a node's peer listener is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerAddress {
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// The position of an entry in the replicated log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogIndex(pub u64);

impl fmt::Display for LogIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A leader's reign. Grows with every election.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Term(pub u64);

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What one proposal holds: decisions that were made together, applied together or not at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// The last round in the image that the decisions were made on; 0 for none (entry 0 is never a round). A round that
    /// is not applied to exactly this image is stale, and has no effect.
    pub decided_at: LogIndex,
    /// What they come to.
    pub records: Arc<[Record]>,
}

/// What applying an entry came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the image; entries without records always are.
    Applied,
    /// The round was decided on another image, and had no effect.
    Stale,
}

openraft::declare_raft_types!(
    /// The types of our instance of the library.
    pub TypeConfig:
        D = Round,
        R = Outcome,
        NodeId = NodeId,
        Node = PeerAddress,
        Entry = openraft::Entry<TypeConfig>,
        SnapshotData = Cursor<Vec<u8>>,
        AsyncRuntime = TokioRuntime,
);

pub(crate) type Raft = openraft::Raft<TypeConfig>;
pub(crate) type Entry = openraft::Entry<TypeConfig>;
pub(crate) type LogId = openraft::LogId<NodeId>;
pub(crate) type Vote = openraft::Vote<NodeId>;
pub(crate) type Membership = openraft::Membership<NodeId, PeerAddress>;
pub(crate) type StoredMembership = openraft::StoredMembership<NodeId, PeerAddress>;
pub(crate) type SnapshotMeta = openraft::SnapshotMeta<NodeId, PeerAddress>;
pub(crate) type StorageError = openraft::StorageError<NodeId>;

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_wiped_disk_of_a_broker_is_another_node() {
        let node = |disk| NodeId { broker: BrokerId(1), incarnation: Incarnation(Uuid::from_u128(disk)) };
        assert_ne!(node(1), node(2));
        assert_eq!(node(0xabcd_ef01 << 96).to_string(), "1/abcdef01");
    }
}
