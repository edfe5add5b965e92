//! The state of the quorum for people and tools (DescribeQuorum). What followers hold is known to the leader only.

use std::time::Duration;

use super::Quorum;
use crate::types::{LogIndex, NodeId, PeerAddress, Term};

/// The quorum as one node sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The leader, if it is known.
    pub leader: Option<NodeId>,
    /// The term.
    pub term: Term,
    /// The last entry that is committed, as far as this node knows.
    pub committed: Option<LogIndex>,
    /// The last entry of this node's log.
    pub last: Option<LogIndex>,
    /// Everybody.
    pub replicas: Vec<Replica>,
}

/// One node of the quorum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    /// The node.
    pub node: NodeId,
    /// Where it is.
    pub address: PeerAddress,
    /// Whether it votes.
    pub votes: bool,
    /// Its last entry that is the leader's; none when that is not known.
    pub matched: Option<LogIndex>,
    /// How long ago it answered this node; none when it never did. Zero for this node.
    pub since_heard: Option<Duration>,
}

impl Quorum {
    /// The quorum as this node sees it.
    #[must_use]
    pub fn describe(&self) -> Description {
        let seen = self.raft().metrics().borrow().clone();
        let members = seen.membership_config.membership();
        let votes: Vec<_> = members.voter_ids().collect();
        let matched = |node: &NodeId| {
            let of_others = seen.replication.as_ref().and_then(|all| all.get(node).copied().flatten());
            let index = of_others.map(|id| id.index);
            if *node == seen.id { seen.last_log_index } else { index }
        };
        let replicas = members.nodes().map(|(node, address)| Replica {
            node: *node,
            address: address.clone(),
            votes: votes.contains(node),
            matched: matched(node).map(LogIndex),
            since_heard: if *node == seen.id {
                Some(Duration::ZERO)
            } else {
                self.inner.lines.contacts.heard(*node).map(|heard| heard.answered.elapsed())
            },
        });
        Description {
            leader: self.inner.state.borrow().leader,
            term: Term(seen.current_term),
            committed: seen.last_applied.map(|id| LogIndex(id.index)),
            last: seen.last_log_index.map(LogIndex),
            replicas: replicas.collect(),
        }
    }
}
