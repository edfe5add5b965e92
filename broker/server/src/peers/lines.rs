//! Carries the metadata quorum's questions to other brokers. The quorum decides what is asked, when to ask again, and where
//! a node is, by what its broker registered. Where that is of no use the address that this broker was started with is
//! tried in turn: brokers that all moved at once could not even elect one who may write the new addresses down.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tonic::{Code, Status};
use weir_admin::peer::v1::QuorumMessage;
use weir_model::BrokerId;
use weir_model::config::{Endpoint, Voter};
use weir_quorum::{Answering, Call, NodeId, PeerAddress, PeerError, Peers};

use super::dial::Dialer;
use super::identity::header;
use crate::metadata::View;

/// How long an answer may take: a piece of a snapshot is written to a disk first.
const SNAPSHOT_MAX: Duration = Duration::from_secs(10);
/// Everything else. The quorum gives up earlier by itself; this only ends what it has forgotten.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Nodes whose last attempt is remembered; a cluster that replaces its disks for years must not fill the memory.
const NODES_MAX: usize = 1_024;

/// The way to the quorum's other nodes.
pub(crate) struct Lines {
    me: NodeId,
    view: Arc<View>,
    dialer: Arc<Dialer>,
    configured: BTreeMap<BrokerId, Endpoint>,
    attempts: Arc<Mutex<HashMap<NodeId, Attempt>>>,
}

/// The last question to a node: which of its two addresses it went to, and whether it was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Attempt {
    configured: bool,
    unanswered: bool,
}

impl Attempt {
    /// The next one goes where the last one was answered, else to the other address. It counts as unanswered until it is:
    /// the quorum drops a question that takes too long.
    const fn next(self) -> Self {
        Self { configured: self.configured != self.unanswered, unanswered: true }
    }
}

impl Lines {
    pub(crate) fn new(me: NodeId, view: Arc<View>, dialer: Arc<Dialer>, voters: &[Voter]) -> Self {
        let configured = voters.iter().map(|voter| (voter.id, voter.peer.clone())).collect();
        Self { me, view, dialer, configured, attempts: Arc::default() }
    }

    fn address(&self, to: NodeId, known: Endpoint) -> Endpoint {
        let Some(configured) = self.configured.get(&to.broker).filter(|configured| **configured != known)
        else {
            return known;
        };
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if attempts.len() >= NODES_MAX {
            attempts.clear();
        }
        let attempt = attempts.entry(to).or_default();
        *attempt = attempt.next();
        if attempt.configured { configured.clone() } else { known }
    }
}

impl Peers for Lines {
    fn ask(&self, to: NodeId, at: &PeerAddress, call: Call, question: Bytes) -> Answering {
        let header = header(self.me, self.view.cluster_id(), to.broker, Some(to.incarnation));
        let client = self.dialer.to(&self.address(to, Endpoint { host: at.host.clone(), port: at.port }));
        let patience = if call == Call::Snapshot { SNAPSHOT_MAX } else { ANSWER_MAX };
        let attempts = Arc::clone(&self.attempts);
        Box::pin(async move {
            let mut client = client.map_err(|error| PeerError::Unreachable(error.to_string()))?;
            let asked = client.ask(QuorumMessage { header: Some(header), payload: question });
            match tokio::time::timeout(patience, asked).await {
                Ok(Ok(answer)) => {
                    if let Some(attempt) =
                        attempts.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&to)
                    {
                        attempt.unanswered = false;
                    }
                    Ok(answer.into_inner().payload)
                }
                Ok(Err(status)) => Err(failure(&status)),
                Err(_) => Err(PeerError::Unreachable("no answer in time".to_owned())),
            }
        })
    }
}

fn failure(status: &Status) -> PeerError {
    match status.code() {
        Code::FailedPrecondition | Code::InvalidArgument => PeerError::Refused(status.message().to_owned()),
        _ => PeerError::Unreachable(status.message().to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_answers_is_kept_and_one_that_does_not_takes_turns() {
        let first = Attempt::default().next();
        assert!(!first.configured, "what the broker registered comes first");
        let answered = Attempt { unanswered: false, ..first };
        assert!(!answered.next().configured);
        let other = first.next();
        assert!(other.configured);
        assert!(Attempt { unanswered: false, ..other }.next().configured);
        assert!(!other.next().configured);
    }
}
