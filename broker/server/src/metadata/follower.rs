//! Makes this broker follow the metadata: each committed round is published, then the partitions and the groups follow
//! it, and only then is the next one taken. Decisions are answered when their round was followed here.
//!
//! Until the broker is registered nothing but the view follows: what an older image says of this broker's partitions may
//! be less than what is on its disk.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use weir_core::controller::{Image, Record};
use weir_model::{BrokerId, TopicId, TopicName};
use weir_quorum::{Change, Commits, Committed};

use super::belonging;
use super::view::View;
use crate::admin::Changes;
use crate::groups::Coordinators;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::partition::registry::Registry;
use crate::partition::touched::Touched;

/// How long groups may hold up the metadata while they forget a topic.
const FORGETTING_MAX: Duration = Duration::from_millis(200);

/// What follows.
pub(crate) struct Follower {
    pub(crate) me: BrokerId,
    pub(crate) commits: Commits,
    pub(crate) view: Arc<View>,
    /// For those who watch the cluster.
    pub(crate) changes: Arc<Changes>,
    pub(crate) partitions: Arc<Registry>,
    pub(crate) coordinators: Arc<Coordinators>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    /// The registration from which on the partitions follow.
    pub(crate) from: watch::Receiver<Option<i64>>,
    /// The data directory, and whether it is known there already which cluster it is of.
    pub(crate) root: PathBuf,
    pub(crate) belongs: bool,
    /// Whether they do.
    pub(crate) following: watch::Sender<bool>,
}

impl Follower {
    /// Runs until `closing`, or until the quorum's node has stopped.
    pub(crate) async fn run(mut self, closing: CancellationToken) {
        let mut follows = false;
        loop {
            let round = tokio::select! {
                round = self.commits.next() => match round {
                    Some(round) => Some(round),
                    None => return closing.cancelled().await,
                },
                changed = self.from.changed(), if !follows => match changed {
                    Ok(()) => None,
                    Err(_) => return,
                },
                () = closing.cancelled() => return,
            };
            let before = self.view.image();
            if let Some(round) = &round {
                self.view.publish(Arc::clone(&round.image));
                self.belong(&round.image).await;
                match &round.change {
                    Change::Records(records) => self.changes.publish(round.index.0, records),
                    Change::Everything => self.changes.publish_everything(round.index.0),
                }
                self.metrics.topics.set(i64::try_from(round.image.topic_count()).unwrap_or(i64::MAX));
            }
            match round {
                Some(round) if follows => self.follow(&before, &round).await,
                _ if !follows && self.is_registered() => {
                    follows = true;
                    self.begin().await;
                }
                _ => {}
            }
        }
    }

    /// Writes down which cluster the disk is of, once. Failing that is no harm: the next start knows less.
    async fn belong(&mut self, image: &Image) {
        let Some(cluster) = image.cluster_id().filter(|_| !self.belongs) else { return };
        self.belongs = true;
        self.view.is_of(cluster);
        let root = self.root.clone();
        let written = tokio::task::spawn_blocking(move || belonging::write(&root, cluster)).await;
        if let Ok(Err(error)) = written {
            warn!(%error, "which cluster the disk is of can not be written down");
        }
    }

    /// The image is as new as this broker's registration.
    fn is_registered(&self) -> bool {
        let Some(epoch) = *self.from.borrow() else { return false };
        let image = self.view.image();
        image.broker(self.me).is_some_and(|broker| broker.registration.epoch >= epoch)
    }

    async fn begin(&self) {
        let image = self.view.image();
        self.health.recovering(image.replica_count(self.me));
        self.partitions.reconcile(&image, &Touched::Everything).await;
        self.partitions.delete_strays(&image).await;
        self.coordinators.follow();
        self.following.send_replace(true);
    }

    async fn follow(&self, before: &Image, round: &Committed) {
        let image = &round.image;
        let touched = match &round.change {
            Change::Records(records) => Touched::by(records, self.me),
            Change::Everything => Touched::Everything,
        };
        self.partitions.reconcile(image, &touched).await;
        if let Change::Records(records) = &round.change {
            let deleted = deleted_names(before, records);
            if !deleted.is_empty() {
                let coordinators = Arc::clone(&self.coordinators);
                let forgetting = tokio::spawn(async move { coordinators.forget_topics(deleted).await });
                let _ = timeout(FORGETTING_MAX, forgetting).await;
            }
        }
        self.coordinators.follow();
    }
}

/// The names of the topics that a round deleted.
fn deleted_names(before: &Image, records: &[Record]) -> BTreeSet<TopicName> {
    let name = |id: &TopicId| before.topic_by_id(*id).map(|topic| topic.name.clone());
    let ids =
        records.iter().filter_map(|r| if let Record::TopicDeleted { id } = r { Some(id) } else { None });
    ids.filter_map(name).collect()
}
