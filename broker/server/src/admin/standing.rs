//! What this broker knows of the quorum: who decides, who votes, how far the metadata is. The one place where the admin
//! service looks that up.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use weir_admin::admin::v1;
use weir_core::controller::Image;
use weir_model::BrokerId;
use weir_quorum::{Reign, Replica};

use super::words::broker_ref;
use crate::broker::Broker;

/// A voter that was not heard for longer may be dead.
const HEARD_WITHIN: Duration = Duration::from_secs(1);

/// The quorum, as this broker sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// The broker that decides, if one is known.
    pub(super) controller: Option<BrokerId>,
    pub(super) term: u64,
    pub(super) voters: Vec<v1::QuorumMember>,
    pub(super) learners: Vec<v1::QuorumMember>,
    /// The voters that are up and follow; complete on the controller only.
    pub(super) live: BTreeSet<BrokerId>,
    /// The controller has decided for too short a time to have missed a dead broker.
    pub(super) is_fresh: bool,
}

impl Standing {
    pub(super) fn of(broker: &Broker) -> Self {
        let described = broker.link.quorum().describe();
        let row = |replica: &Replica| v1::QuorumMember {
            broker: Some(broker_ref(replica.node.broker, replica.node.incarnation)),
            matched_index: replica.matched.map(|index| index.0),
        };
        let (voters, learners): (Vec<_>, Vec<_>) =
            described.replicas.iter().partition(|replica| replica.votes);
        let heard = |replica: &&&Replica| replica.since_heard.is_some_and(|since| since <= HEARD_WITHIN);
        Self {
            controller: described.leader.map(|leader| leader.broker),
            term: described.term.0,
            live: voters.iter().filter(heard).map(|replica| replica.node.broker).collect(),
            voters: voters.into_iter().map(row).collect(),
            learners: learners.into_iter().map(row).collect(),
            is_fresh: false,
        }
    }

    pub(super) fn voter_ids(&self) -> BTreeSet<BrokerId> {
        self.voters
            .iter()
            .filter_map(|voter| voter.broker.as_ref())
            .map(|broker| BrokerId(broker.id))
            .collect()
    }
}

/// The latest image, and the index of the metadata that it is of.
pub(super) fn latest(broker: &Broker) -> (u64, Arc<Image>) {
    let latest = broker.link.quorum().latest();
    let latest = latest.borrow();
    (latest.round.0, Arc::clone(&latest.image))
}

/// How long this broker has been the controller.
#[derive(Debug, Default)]
pub(super) struct Tenure {
    since: Mutex<Option<(Reign, Instant)>>,
}

impl Tenure {
    /// Looks who reigns; none while this broker does not.
    pub(super) fn look(&self, reign: Option<Reign>, now: Instant) -> Option<Duration> {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let reign = reign?;
        match *since {
            Some((known, began)) if known == reign => Some(now.duration_since(began)),
            _ => {
                *since = Some((reign, now));
                Some(Duration::ZERO)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reign_counts_from_when_it_was_first_seen() {
        let (tenure, start) = (Tenure::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let seconds =
            |reign: Option<u64>, now| tenure.look(reign.map(Reign), at(now)).map(|span| span.as_secs());
        assert_eq!(seconds(None, 0), None);
        assert_eq!((seconds(Some(1), 1), seconds(Some(1), 4)), (Some(0), Some(3)));
        assert_eq!((seconds(Some(2), 5), seconds(Some(2), 6)), (Some(0), Some(1)));
    }
}
