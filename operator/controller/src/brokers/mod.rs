//! What the brokers of every cluster say, and how they are asked: one session a cluster. A cluster that can not be asked
//! is unknown, with the reason; nothing here ever guesses.

mod address;
mod calls;
mod dial;
mod moves;
mod session;
mod sizes;
mod translate;
mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

pub(crate) use address::AddressPattern;
pub(crate) use dial::BrokerError;
pub(crate) use session::Session;
pub(crate) use view::{PartitionView, TopicView, View};

use crate::key::ClusterKey;
use crate::lease::Fence;

/// The sessions of all clusters.
pub(crate) struct Brokers {
    pattern: AddressPattern,
    fence: Fence,
    wake: mpsc::Sender<ClusterKey>,
    sessions: Mutex<BTreeMap<ClusterKey, (Arc<Session>, DropGuard)>>,
    stop: CancellationToken,
}

impl Brokers {
    /// None yet. `wake` is told which cluster's brokers have changed. Every session ends with `stop`.
    pub(crate) fn new(
        pattern: AddressPattern,
        fence: Fence,
        wake: mpsc::Sender<ClusterKey>,
        stop: CancellationToken,
    ) -> Self {
        Self { pattern, fence, wake, sessions: Mutex::default(), stop }
    }

    /// The cluster's session, begun when there is none.
    pub(crate) fn session(&self, key: &ClusterKey) -> Arc<Session> {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((session, _)) = sessions.get(key) {
            return Arc::clone(session);
        }
        let stop = self.stop.child_token();
        let (pattern, fence) = (self.pattern.clone(), self.fence.clone());
        let session = Session::start(key.clone(), pattern, fence, self.wake.clone(), stop.clone());
        sessions.insert(key.clone(), (Arc::clone(&session), stop.drop_guard()));
        session
    }

    /// Ends the session of a cluster that is gone.
    pub(crate) fn forget(&self, key: &ClusterKey) {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}
