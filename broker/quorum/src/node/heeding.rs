//! Whom this node listens to. A message of the quorum can depose a leader, make this node stand for election or give it
//! entries, whoever sends it; so it is heeded only from a node that belongs here. Decides from what is known when the
//! message comes; must never keep a node out that lags so far behind that it does not know its own leader.

use crate::codec::Ask;
use crate::types::{NodeId, Vote};

use super::AnswerError;

/// What this node knows of the one who asks, and of the quorum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// It is a voter or a learner, or a registered broker with that disk.
    pub(super) belongs: bool,
    /// This node has no quorum yet: it may be taken into one.
    pub(super) is_new: bool,
    /// A leader is heard, or this node is one and is heard.
    pub(super) hears_leader: bool,
}

/// Whether a question is looked at.
pub(super) fn heeds(from: NodeId, ask: &Ask, known: Known) -> Result<(), AnswerError> {
    let vote = match ask {
        // An answer tells the one who asks something, and changes nothing here.
        Ask::Hearing => return Ok(()),
        Ask::Vote(request) => Some(&request.vote),
        Ask::Append(request) => Some(&request.vote),
        Ask::Snapshot(request) => Some(&request.vote),
        Ask::Stand(_) => None,
    };
    if let Some(named) = vote.map(named).filter(|named| *named != from) {
        return Err(AnswerError::Impostor { from, named });
    }
    // Everybody may have been replaced while this node was away. Then there is no leader that it knows, and whoever
    // comes may be the new one; what he says is checked against the log as always.
    if known.belongs || known.is_new || !known.hears_leader {
        return Ok(());
    }
    Err(AnswerError::Stranger(from))
}

/// Candidates and leaders speak for themselves.
fn named(vote: &Vote) -> NodeId {
    vote.leader_id.node_id
}

#[cfg(test)]
mod tests {
    use openraft::raft::{AppendEntriesRequest, VoteRequest};
    use uuid::Uuid;
    use weir_model::{BrokerId, Incarnation};

    use super::*;
    use crate::codec::Stand;
    use crate::types::Term;

    fn node(broker: i32) -> NodeId {
        NodeId { broker: BrokerId(broker), incarnation: Incarnation(Uuid::from_u128(7)) }
    }

    fn append(leader: i32) -> Ask {
        let vote = Vote::new_committed(9, node(leader));
        Ask::Append(AppendEntriesRequest {
            vote,
            prev_log_id: None,
            entries: Vec::new(),
            leader_commit: None,
        })
    }

    fn vote(candidate: i32) -> Ask {
        Ask::Vote(VoteRequest { vote: Vote::new(9, node(candidate)), last_log_id: None })
    }

    #[test]
    fn a_stranger_is_heeded_only_by_who_has_nobody_else_to_listen_to() {
        let stand = || Ask::Stand(Stand { term: Term(9), successor: true });
        let known = |belongs, is_new, hears_leader| Known { belongs, is_new, hears_leader };
        let cases = [
            (known(true, false, true), true),
            (known(true, false, false), true),
            (known(false, false, true), false),
            (known(false, false, false), true),
            (known(false, true, true), true),
        ];
        for (known, wanted) in cases {
            for ask in [append(1), vote(1), stand()] {
                let heeded = heeds(node(1), &ask, known);
                assert_eq!(heeded.is_ok(), wanted, "{ask:?} {known:?}");
                assert!(heeded.err().is_none_or(|why| why == AnswerError::Stranger(node(1))));
            }
            assert!(heeds(node(1), &Ask::Hearing, known).is_ok());
        }
    }

    #[test]
    fn nobody_speaks_for_another_node() {
        let known = Known { belongs: true, is_new: false, hears_leader: true };
        for ask in [append(2), vote(2)] {
            let wanted = AnswerError::Impostor { from: node(1), named: node(2) };
            assert_eq!(heeds(node(1), &ask, known), Err(wanted));
        }
    }
}
