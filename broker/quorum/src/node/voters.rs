//! Carries out what the voter policy wants, one step a call. Decides nothing but the order of the small steps that one
//! change takes; each of them leaves a quorum that works.

use std::collections::BTreeSet;
use std::sync::Arc;

use tracing::info;
use weir_core::controller::Image;
use weir_core::controller::voters::{Absences, Change, Member, Membership, next_change};
use weir_model::{DurationMs, Millis};

use super::{MemberError, Members, Quorum};
use crate::types::{NodeId, PeerAddress};

/// A learner that is no further behind has caught up: the rest takes one message.
const NEARLY: u64 = 64;

impl Quorum {
    /// Makes the next change of the quorum's members that is due, if any, and gives whether it made one: then there may
    /// be another. For the controller to call, whenever the image changes and every second or so.
    ///
    /// Decides on the image of the reign. On an older one, the disk of a broker that has registered since would look like
    /// one that is gone: it would lose its vote to a disk that really is, and the quorum its majority, for good.
    pub async fn follow_voter_policy(
        &self,
        absences: &Absences,
        replace_after: DurationMs,
        now: Millis,
    ) -> Result<bool, MemberError> {
        let state = self.inner.state.borrow().clone();
        if state.reign.is_none() {
            return Err(MemberError::NotController(state.leader));
        }
        let image = Arc::clone(&self.inner.latest.borrow().image);
        let image = &*image;
        let members = self.members();
        if members.changing {
            // An earlier controller died between the two steps of a change.
            self.change_voters(members.voters).await?;
            return Ok(true);
        }
        if let Some((node, at)) = moved(image, &members) {
            self.add_learner(node, at).await?;
            return Ok(true);
        }
        let voters: BTreeSet<Member> = members.voters.iter().map(member).collect();
        let all = members.nodes.keys().map(member);
        let learners: BTreeSet<Member> = all.filter(|node| !voters.contains(node)).collect();
        let caught_up = self.caught_up();
        let membership = Membership {
            me: member(&self.me()),
            voters: &voters,
            learners: &learners,
            caught_up: &caught_up,
        };
        let Some(change) = next_change(image, &membership, absences, replace_after, now) else {
            return Ok(false);
        };
        info!(?change, "the quorum's members change");
        self.carry_out(image, &members, change).await?;
        Ok(true)
    }

    async fn carry_out(&self, image: &Image, members: &Members, change: Change) -> Result<(), MemberError> {
        let mut voters = members.voters.clone();
        match change {
            Change::AddLearner(new) => {
                let node = node(new);
                let at = address(image, node).ok_or(MemberError::NoAddress(node))?;
                return self.add_learner(node, at).await;
            }
            Change::Promote(new) => {
                voters.insert(node(new));
            }
            Change::Replace { old, new } => {
                voters.remove(&node(old));
                voters.insert(node(new));
            }
            Change::Demote(old) => {
                voters.remove(&node(old));
            }
            Change::Remove(old) => {
                let old = node(old);
                if voters.remove(&old) {
                    self.change_voters(voters).await?;
                }
                return self.remove_learner(old).await;
            }
        }
        self.change_voters(voters).await
    }

    fn caught_up(&self) -> BTreeSet<Member> {
        let seen = self.describe();
        let last = seen.last.map_or(0, |last| last.0);
        let near = |matched: u64| matched + NEARLY >= last;
        let replicas = seen.replicas.iter();
        let caught_up = replicas.filter(|r| r.matched.is_some_and(|matched| near(matched.0)));
        caught_up.map(|replica| member(&replica.node)).collect()
    }
}

/// A member that registered with another address than it is known by.
fn moved(image: &Image, members: &Members) -> Option<(NodeId, PeerAddress)> {
    let now_at = |node: &NodeId| address(image, *node);
    let moved = members.nodes.iter().find(|(node, at)| now_at(node).is_some_and(|now_at| now_at != **at));
    moved.and_then(|(node, _)| now_at(node).map(|at| (*node, at)))
}

/// Where the node's broker says it is, if it is this disk that says so.
fn address(image: &Image, node: NodeId) -> Option<PeerAddress> {
    let registration = &image.broker(node.broker)?.registration;
    let peer = registration.peer.as_ref().filter(|_| registration.incarnation == node.incarnation)?;
    Some(PeerAddress { host: peer.host.clone(), port: peer.port })
}

fn member(node: &NodeId) -> Member {
    Member { broker: node.broker, incarnation: node.incarnation }
}

fn node(member: Member) -> NodeId {
    NodeId { broker: member.broker, incarnation: member.incarnation }
}
