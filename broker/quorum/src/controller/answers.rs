//! Answers that wait until this broker has followed the round: whoever was told that a topic was created finds its
//! partitions. In order, so a slow follower holds back answers, but not the next decisions (up to a bound).

use tokio::sync::{mpsc, watch};

use super::round::Deliver;
use crate::types::LogIndex;

/// Rounds whose answers may wait.
const WAITING: usize = 64;

/// The way there.
pub(super) struct Answers {
    waiting: mpsc::Sender<(LogIndex, Vec<Deliver>)>,
}

impl Answers {
    /// Must be called on a runtime. Ends with the last sender.
    pub(super) fn start(followed: watch::Receiver<LogIndex>) -> Self {
        let (waiting, rounds) = mpsc::channel(WAITING);
        tokio::spawn(deliver(rounds, followed));
        Self { waiting }
    }

    /// Gives the answers once the round of that index is followed.
    pub(super) async fn give(&self, index: LogIndex, delivers: Vec<Deliver>) {
        // The other end lives as long as this one.
        let _ = self.waiting.send((index, delivers)).await;
    }
}

async fn deliver(
    mut rounds: mpsc::Receiver<(LogIndex, Vec<Deliver>)>,
    mut followed: watch::Receiver<LogIndex>,
) {
    while let Some((index, delivers)) = rounds.recv().await {
        // When nobody follows any more, the round is committed all the same.
        let _ = followed.wait_for(|followed| *followed >= index).await;
        delivers.into_iter().for_each(|deliver| deliver(Ok(())));
    }
}
