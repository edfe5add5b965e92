//! One node of the quorum: starting and stopping it, asking it, and what others may ask of it. The consensus itself is
//! the library's; who may vote is decided elsewhere.

mod answers;
mod describe;
mod election;
mod heeding;
mod membership;
mod reign;
mod succession;
mod voters;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use thiserror::Error;
use tokio::sync::{Mutex, watch};
use tracing::warn;
use weir_log::{Disk, Home, LogError};

pub use answers::AnswerError;
pub use describe::{Description, Replica};
pub(crate) use election::Hearing;
pub use membership::{MemberError, Members};
pub use reign::{Reign, State};

use crate::commits::{Commits, Latest, channels};
use crate::config::{BadTimings, QuorumConfig};
use crate::machine::{Machine, check_connected};
use crate::network::{Contacts, Lines, Peers};
use crate::room::Room;
use crate::store::{Store, StoreError};
use crate::types::{LogIndex, NodeId, Raft};
use crate::work::{Work, perform};

/// The directory below the data directory's root.
const DIRECTORY: &str = "quorum";

/// Why a node does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// What is on the disk can not be read, or does not fit together.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The times can not work.
    #[error(transparent)]
    Timings(#[from] BadTimings),
    /// The library.
    #[error("the quorum does not start: {0}")]
    Library(String),
}

impl From<LogError> for StartError {
    fn from(error: LogError) -> Self {
        Self::Store(error.into())
    }
}

/// A running node. A clone is the same one.
#[derive(Clone)]
pub struct Quorum {
    inner: Arc<Inner>,
}

struct Inner {
    config: QuorumConfig,
    raft: Raft,
    lines: Lines,
    state: watch::Receiver<State>,
    latest: watch::Receiver<Latest>,
    followed: watch::Receiver<LogIndex>,
    stopping: watch::Sender<bool>,
    pulse: Arc<election::Pulse>,
    /// The disk is full but for what was kept back.
    low: Arc<AtomicBool>,
    was_empty: bool,
    /// Changes of members, one at a time.
    changing: Mutex<()>,
}

impl Quorum {
    /// Starts a node on what is below `<home>/quorum`. Must be called on the runtime it is to run on.
    pub async fn start<D: Disk>(
        config: QuorumConfig,
        home: Home<D>,
        peers: Arc<dyn Peers>,
        work: Arc<dyn Work>,
    ) -> Result<(Self, Commits), StartError> {
        let settings = config.to_raft()?;
        let settings = settings.validate().map_err(|e| StartError::Library(e.to_string()))?;
        let ends = channels();
        let (stopping, stopped) = watch::channel(false);
        let dir: PathBuf = home.root().join(DIRECTORY);
        let room = Room::new(home.clone(), dir.join("reserve"), stopped);
        let low = room.low();
        let opening = {
            let (work, room) = (Arc::clone(&work), room.clone());
            move || {
                let machine = Machine::open(&home, &dir, ends.publisher, Arc::clone(&work), room.clone())?;
                let store = Store::open(&home, &dir, work, room, machine.covered())?;
                check_connected(store.purged(), machine.last())?;
                Ok::<_, StoreError>((store, machine))
            }
        };
        let (store, machine) = perform(&*work, opening).await.map_err(|_| LogError::Failed)??;
        machine.publish_start().await;
        let lines = Lines {
            me: config.me,
            peers,
            contacts: Contacts::default(),
            pause: config.timings.heartbeat,
            silent: Arc::default(),
        };
        let was_empty = store.is_empty();
        let bytes = store.clone();
        let raft = Raft::new(config.me, Arc::new(settings), lines.clone(), store, machine)
            .await
            .map_err(|e| StartError::Library(e.to_string()))?;
        let log_bytes = Box::new(move || bytes.bytes());
        let retake = Box::new(move || {
            let room = room.clone();
            work.run(Box::new(move || room.keep()))
        });
        let state = reign::watch(&config, &raft, log_bytes, Arc::clone(&low), retake);
        let pulse = Arc::default();
        let timer = election::Timer::new(&config, &raft, &lines, &pulse);
        tokio::spawn(timer.run(stopping.subscribe()));
        let inner = Inner {
            config,
            raft,
            lines,
            state,
            latest: ends.latest,
            followed: ends.followed,
            stopping,
            pulse,
            low,
            was_empty,
            changing: Mutex::new(()),
        };
        Ok((Self { inner: Arc::new(inner) }, ends.commits))
    }

    /// This node.
    #[must_use]
    pub fn me(&self) -> NodeId {
        self.inner.config.me
    }

    /// Whether the disk held neither a vote nor an entry when the node started, and nothing reached it since: it may
    /// begin a cluster, or be taken into one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let state = self.inner.state.borrow();
        self.inner.was_empty && state.term.0 == 0 && state.voters.is_empty()
    }

    /// Who leads, and whether it is this node.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<State> {
        self.inner.state.clone()
    }

    /// The state machine as of now, and its changes. A reader may miss some of them, never the last.
    #[must_use]
    pub fn latest(&self) -> watch::Receiver<Latest> {
        self.inner.latest.clone()
    }

    /// The last round that this broker has followed; see [`Commits`].
    #[must_use]
    pub fn followed(&self) -> watch::Receiver<LogIndex> {
        self.inner.followed.clone()
    }

    pub(crate) fn raft(&self) -> &Raft {
        &self.inner.raft
    }

    pub(crate) fn config(&self) -> &QuorumConfig {
        &self.inner.config
    }

    /// Only what makes room may be decided.
    pub(crate) fn is_low(&self) -> bool {
        self.inner.low.load(Ordering::SeqCst)
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.inner.stopping.borrow()
    }

    /// Stops, and hands the leadership over first where others can take it.
    pub async fn shutdown(&self) {
        self.inner.stopping.send_replace(true);
        let reign = self.succession();
        self.stop().await;
        if let Some(succession) = reign {
            self.hand_over(succession).await;
        }
    }

    /// Stops as if killed: nobody is told.
    pub async fn stop(&self) {
        self.inner.stopping.send_replace(true);
        if let Err(error) = self.inner.raft.shutdown().await {
            warn!(%error, "the quorum's node did not stop cleanly");
        }
    }
}
