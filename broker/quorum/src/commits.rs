//! What everybody else sees of the log: committed rounds in order, for the one who makes this broker follow them, and
//! the latest image, for everybody who reads. Taking the next round says that the one before was followed; answers to
//! decisions wait for that.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use weir_core::controller::{Image, Record};

use crate::types::LogIndex;

/// Rounds that may wait for the follower before the state machine waits too.
const WAITING: usize = 64;

/// A round that is committed, and in the image.
#[derive(Clone, Debug)]
pub struct Committed {
    /// Its position in the log.
    pub index: LogIndex,
    /// The image with it.
    pub image: Arc<Image>,
    /// What it changed.
    pub change: Change,
}

/// What may be different from the image before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// What these records say.
    Records(Arc<[Record]>),
    /// Anything: the image came from a snapshot.
    Everything,
}

/// The state machine as of now.
#[derive(Clone, Debug, Default)]
pub struct Latest {
    /// The last entry that was applied.
    pub applied: LogIndex,
    /// The last round that is in the image.
    pub round: LogIndex,
    /// The image.
    pub image: Arc<Image>,
}

/// The committed rounds, in log order, for one follower.
#[derive(Debug)]
pub struct Commits {
    rounds: mpsc::Receiver<Committed>,
    followed: watch::Sender<LogIndex>,
    taken: Option<LogIndex>,
}

impl Commits {
    /// The next round; none once the node has stopped. Asking says that the round before was followed. Cancel safe.
    pub async fn next(&mut self) -> Option<Committed> {
        if let Some(index) = self.taken.take() {
            self.followed.send_replace(index);
        }
        let round = self.rounds.recv().await?;
        self.taken = Some(round.index);
        Some(round)
    }
}

impl Drop for Commits {
    fn drop(&mut self) {
        // Nobody follows, so nobody is waited for.
        self.followed.send_replace(LogIndex(u64::MAX));
    }
}

/// The state machine's end.
#[derive(Debug)]
pub(crate) struct Publisher {
    rounds: mpsc::Sender<Committed>,
    latest: watch::Sender<Latest>,
}

impl Publisher {
    /// Hands a round to the follower, waiting for room, after everybody else can read it.
    pub(crate) async fn publish(&self, latest: Latest, round: Option<Committed>) {
        self.latest.send_replace(latest);
        if let Some(round) = round {
            // Without a follower there is nobody to tell.
            let _ = self.rounds.send(round).await;
        }
    }
}

/// All the ends of it.
pub(crate) struct Channels {
    pub(crate) publisher: Publisher,
    pub(crate) commits: Commits,
    pub(crate) latest: watch::Receiver<Latest>,
    pub(crate) followed: watch::Receiver<LogIndex>,
}

pub(crate) fn channels() -> Channels {
    let (give, rounds) = mpsc::channel(WAITING);
    let (latest, watched) = watch::channel(Latest::default());
    let (followed, followed_watch) = watch::channel(LogIndex(0));
    Channels {
        publisher: Publisher { rounds: give, latest },
        commits: Commits { rounds, followed, taken: None },
        latest: watched,
        followed: followed_watch,
    }
}
