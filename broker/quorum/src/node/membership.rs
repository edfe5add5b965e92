//! Who belongs to the quorum: one change at a time, each waited for until it is committed. A change of voters goes
//! through both sets together, so that at no moment two majorities can decide apart.

use std::collections::{BTreeMap, BTreeSet};

use openraft::ChangeMembers;
use openraft::error::{ChangeMembershipError, ClientWriteError, InitializeError, RaftError};
use thiserror::Error;

use super::Quorum;
use crate::types::{NodeId, PeerAddress};

/// Why the members did not change, or are not known to have changed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MemberError {
    /// Only the leader changes them.
    #[error("not the controller")]
    NotController(Option<NodeId>),
    /// The last change is not finished.
    #[error("another change of the quorum's members is under way")]
    Busy,
    /// A node has to be a learner before it votes.
    #[error("node {0} is not a member of the quorum")]
    Unknown(NodeId),
    /// Its broker did not say where other brokers reach it.
    #[error("node {0} has no address for other brokers")]
    NoAddress(NodeId),
    /// A cluster has at least one voter.
    #[error("the quorum would have no voters")]
    NoVoters,
    /// A cluster begins on empty disks only, and on one of its own.
    #[error("a cluster can not begin here: {0}")]
    NotAllowed(String),
    /// Nobody knows whether it happened: look at the members again.
    #[error("the change was not committed in time")]
    Unfinished,
    /// The node has stopped.
    #[error("the node has stopped: {0}")]
    Stopped(String),
}

/// Who belongs to the quorum, as of the last entry that says so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Everybody, and where.
    pub nodes: BTreeMap<NodeId, PeerAddress>,
    /// Who votes; of two sets the later one while one replaces the other.
    pub voters: BTreeSet<NodeId>,
    /// One set of voters is replacing another: [`Quorum::change_voters`] to the same set finishes it.
    pub changing: bool,
}

impl Quorum {
    /// Who belongs to the quorum.
    #[must_use]
    pub fn members(&self) -> Members {
        let seen = self.raft().metrics().borrow().clone();
        let membership = seen.membership_config.membership();
        let sets = membership.get_joint_config();
        Members {
            nodes: membership.nodes().map(|(node, at)| (*node, at.clone())).collect(),
            voters: sets.last().cloned().unwrap_or_default(),
            changing: sets.len() > 1,
        }
    }

    /// Begins a cluster with these voters, this node among them. All of them must be empty.
    pub async fn initialize(&self, voters: BTreeMap<NodeId, PeerAddress>) -> Result<(), MemberError> {
        self.raft().initialize(voters).await.map_err(|error| match error {
            RaftError::APIError(
                why @ (InitializeError::NotAllowed(_) | InitializeError::NotInMembers(_)),
            ) => MemberError::NotAllowed(why.to_string()),
            RaftError::Fatal(why) => MemberError::Stopped(why.to_string()),
        })
    }

    /// Takes a node in, without a vote, or gives a member another address. Nothing happens when it is so already.
    pub async fn add_learner(&self, node: NodeId, at: PeerAddress) -> Result<(), MemberError> {
        let change = match self.members().nodes.get(&node) {
            Some(known) if *known == at => return Ok(()),
            // The same disk elsewhere: the library's warning is of an address that leads to another node, which our
            // nodes refuse to be taken for.
            Some(_) => ChangeMembers::SetNodes(BTreeMap::from([(node, at)])),
            None => ChangeMembers::AddNodes(BTreeMap::from([(node, at)])),
        };
        self.change(change).await
    }

    /// Makes exactly these the voters; those who were and no longer are stay as learners. All must be members.
    pub async fn change_voters(&self, voters: BTreeSet<NodeId>) -> Result<(), MemberError> {
        if voters.is_empty() {
            return Err(MemberError::NoVoters);
        }
        self.change(ChangeMembers::ReplaceAllVoters(voters)).await
    }

    /// Lets a node go that does not vote.
    pub async fn remove_learner(&self, node: NodeId) -> Result<(), MemberError> {
        if !self.members().nodes.contains_key(&node) {
            return Ok(());
        }
        self.change(ChangeMembers::RemoveNodes(BTreeSet::from([node]))).await
    }

    async fn change(&self, change: ChangeMembers<NodeId, PeerAddress>) -> Result<(), MemberError> {
        let Ok(_one) = self.inner.changing.try_lock() else { return Err(MemberError::Busy) };
        let changing = self.raft().change_membership(change, true);
        match tokio::time::timeout(self.config().timings.decision, changing).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(RaftError::Fatal(why))) => Err(MemberError::Stopped(why.to_string())),
            Ok(Err(RaftError::APIError(why))) => Err(refused(why)),
            Err(_) => Err(MemberError::Unfinished),
        }
    }
}

fn refused(why: ClientWriteError<NodeId, PeerAddress>) -> MemberError {
    match why {
        ClientWriteError::ForwardToLeader(other) => MemberError::NotController(other.leader_id),
        ClientWriteError::ChangeMembershipError(why) => match why {
            ChangeMembershipError::InProgress(_) => MemberError::Busy,
            ChangeMembershipError::EmptyMembership(_) => MemberError::NoVoters,
            ChangeMembershipError::LearnerNotFound(who) => MemberError::Unknown(who.node_id),
        },
    }
}
