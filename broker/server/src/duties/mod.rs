//! What the active controller does besides deciding: it takes brokers in (`requests`), hears their beats and fences those
//! that are silent, keeps the quorum's voters, and gives partitions back to their preferred leaders (`keeper`).
//! Every broker has these duties at hand; they rest unless its quorum node leads.

mod keeper;
mod requests;

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use weir_core::controller::Image;
use weir_model::BrokerId;
use weir_model::config::{BrokerConfig, Pairs};
use weir_quorum::{LogIndex, NodeId};

use crate::api::refusal::Refusal;
use crate::metadata::{Controller, View};
use crate::metrics::Metrics;
use crate::peers::Link;
use keeper::{Keeper, Word};
pub(crate) use requests::Admission;

/// Words that may wait for the keeper.
const MAILBOX: usize = 256;

/// One beat of a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pulse {
    pub(crate) node: NodeId,
    pub(crate) epoch: i64,
    /// Its partitions are open, as of its registration at least.
    pub(crate) ready: bool,
    pub(crate) want_shutdown: bool,
    pub(crate) want_fenced: bool,
    /// It fenced itself, because no beat was answered for too long.
    pub(crate) unanswered: bool,
}

/// What a beat is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    Heard {
        fenced: bool,
        may_stop: bool,
        /// The last round of the metadata that this was judged by.
        as_of: LogIndex,
    },
    NotController,
    Refused(Refusal),
    /// Nothing can be said now: whether this is still the controller is not known.
    Silence,
}

/// What the duties need.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) me: NodeId,
    pub(crate) file: Arc<Pairs>,
    pub(crate) config: Arc<BrokerConfig>,
    pub(crate) view: Arc<View>,
    pub(crate) controller: Controller,
    pub(crate) link: Link,
    pub(crate) metrics: Arc<Metrics>,
}

impl Means {
    /// The metadata as it is committed: what this broker follows may be older, and a broker that registered in between
    /// would be refused its beats, or never be fenced.
    fn image(&self) -> Arc<Image> {
        self.latest().0
    }

    fn is_fenced(&self, broker: BrokerId) -> bool {
        self.image().broker(broker).is_none_or(|known| known.registration.fenced)
    }

    /// The metadata as it is committed, and the last round in it.
    fn latest(&self) -> (Arc<Image>, LogIndex) {
        let latest = self.link.quorum().latest();
        let latest = latest.borrow();
        (Arc::clone(&latest.image), latest.round)
    }
}

/// A reference to the duties. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Duties {
    words: mpsc::Sender<Word>,
    means: Means,
}

impl Duties {
    /// Starts them; they end with `closing`.
    pub(crate) fn start(means: Means, tasks: &TaskTracker, closing: CancellationToken) -> Self {
        let (words, heard) = mpsc::channel(MAILBOX);
        let keeper = Keeper::new(means.clone(), words.clone());
        tasks.spawn(crate::watched::watch("the keeper of sessions", keeper.run(heard, closing)));
        Self { words, means }
    }

    /// Hears a beat.
    pub(crate) async fn hear(&self, pulse: Pulse) -> Echo {
        let (answer, answered) = oneshot::channel();
        if self.words.send(Word::Pulse(pulse, answer)).await.is_err() {
            return Echo::NotController;
        }
        answered.await.unwrap_or(Echo::Silence)
    }

    /// A broker's stream of beats has ended.
    pub(crate) async fn left(&self, node: NodeId, epoch: i64) {
        let _ = self.words.send(Word::Left(node, epoch)).await;
    }
}
