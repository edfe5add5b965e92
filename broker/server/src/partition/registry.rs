//! Which partitions run on this broker. Decides what to open, change, stop and delete, by comparing the cluster's
//! metadata with what runs. Called by the metadata owner after every change, before anybody is answered.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tokio::sync::oneshot;
use tracing::{Instrument, debug_span, error, info};
use weir_core::controller::{Image, Partition, Topic};
use weir_log::{DataDir, RealDisk};
use weir_model::config::Pairs;
use weir_model::{BrokerId, PartitionIndex, TopicId};

use super::PartitionHandle;
use super::command::{Command, Configured, Reign};
use super::driver::Surroundings;
use super::error::PartitionError;
use super::fence::Fence;
use super::open::{Opening, open};
use super::settings::SettingsOf;
use crate::replication::isr::Proposals;
use crate::watched::watch;

/// Threads that open logs at the same time. Each opens its share one after another: what an opened log keeps in memory
/// lies in the pages of the thread that opened it, and many threads with a few logs each would leave most of those empty.
const OPENING_THREADS: usize = 4;
/// Partitions that are told to stop at the same time.
const STOPPING_MAX: usize = 8;

/// A partition that should be here.
#[derive(Clone, Debug)]
enum Slot {
    Running(PartitionHandle),
    /// Its log can not be trusted or read; only an operator or another replica can mend it.
    Offline,
}

/// All replicas of this broker.
#[derive(Debug)]
pub(crate) struct Registry {
    me: BrokerId,
    file: Arc<Pairs>,
    dir: Arc<DataDir<RealDisk>>,
    surroundings: Surroundings,
    slots: RwLock<HashMap<TopicId, HashMap<PartitionIndex, Slot>>>,
}

impl Registry {
    pub(crate) fn new(
        me: BrokerId,
        file: Arc<Pairs>,
        dir: Arc<DataDir<RealDisk>>,
        surroundings: Surroundings,
    ) -> Self {
        Self { me, file, dir, surroundings, slots: RwLock::default() }
    }

    /// The partition, when it is here and runs.
    pub(crate) fn get(&self, topic: TopicId, index: PartitionIndex) -> Option<PartitionHandle> {
        match self.slot(topic, index) {
            Some(Slot::Running(handle)) => Some(handle),
            Some(Slot::Offline) | None => None,
        }
    }

    /// As [`Self::get`], with the reason when it does not run.
    pub(crate) fn find(
        &self,
        topic: TopicId,
        index: PartitionIndex,
    ) -> Result<PartitionHandle, PartitionError> {
        match self.slot(topic, index) {
            Some(Slot::Running(handle)) => Ok(handle),
            Some(Slot::Offline) => {
                Err(PartitionError::Log("the replica is offline: see the broker's log".to_owned()))
            }
            None => Err(PartitionError::Stopped),
        }
    }

    /// ISR changes that leaders here propose.
    pub(crate) fn proposals(&self) -> &Proposals {
        &self.surroundings.proposals
    }

    /// What keeps leaders here from promising what they may not.
    pub(crate) fn fence(&self) -> &Fence {
        &self.surroundings.fence
    }

    /// Whether leaders here may promise anything. They look at the fence itself before each promise; this also lets them
    /// refuse what would wait in vain, or go on.
    pub(crate) async fn set_fenced(&self, fenced: bool) {
        for partition in self.running() {
            let _ = partition.send(Command::Fenced(fenced)).await;
        }
    }

    /// Every running partition.
    pub(crate) fn running(&self) -> Vec<PartitionHandle> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let all = slots.values().flat_map(HashMap::values);
        all.filter_map(|slot| if let Slot::Running(handle) = slot { Some(handle.clone()) } else { None })
            .collect()
    }

    /// Makes what runs agree with the image, for these topics.
    pub(crate) async fn reconcile(&self, image: &Image, topics: impl IntoIterator<Item = TopicId>) {
        let mut openings = Vec::new();
        for id in topics {
            match image.topic_by_id(id) {
                Some(topic) => self.reconcile_topic(image, topic, &mut openings).await,
                None => self.delete_topic(id).await,
            }
        }
        let opened = join_all(shares(openings).into_iter().map(|share| self.open_share(share))).await;
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        for (topic, index, slot) in opened.into_iter().flatten() {
            slots.entry(topic).or_default().insert(index, slot);
        }
        let offline =
            slots.values().flat_map(HashMap::values).filter(|slot| matches!(slot, Slot::Offline)).count();
        let total: usize = slots.values().map(HashMap::len).sum();
        self.surroundings.metrics.partitions.set(i64::try_from(total).unwrap_or(i64::MAX));
        self.surroundings.metrics.offline_partitions.set(i64::try_from(offline).unwrap_or(i64::MAX));
    }

    /// Logs on the disk of topics that no longer exist: a crash came between the record and the deletion.
    pub(crate) async fn delete_strays(&self, image: &Image) {
        let dir = Arc::clone(&self.dir);
        let found = tokio::task::spawn_blocking(move || dir.partitions()).await;
        match found {
            Ok(Ok(topics)) => {
                let topics: BTreeSet<TopicId> = topics.into_iter().map(|(topic, _)| topic).collect();
                for id in topics.into_iter().filter(|id| image.topic_by_id(*id).is_none()) {
                    info!(topic = %id, "deleting the log of a topic that no longer exists");
                    self.delete_topic(id).await;
                }
            }
            Ok(Err(problem)) => error!(error = %problem, "the data directory can not be listed"),
            Err(panic) => error!(%panic, "listing the data directory panicked"),
        }
    }

    /// Stops every partition, its log synced and closed. Returns when all have.
    pub(crate) async fn stop_all(&self) {
        self.surroundings.fleet.stop();
        let all = std::mem::take(&mut *self.slots.write().unwrap_or_else(PoisonError::into_inner));
        let handles = all.into_values().flat_map(HashMap::into_values);
        stream::iter(handles).for_each_concurrent(STOPPING_MAX, stop).await;
    }

    fn slot(&self, topic: TopicId, index: PartitionIndex) -> Option<Slot> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        slots.get(&topic)?.get(&index).cloned()
    }

    async fn reconcile_topic(&self, image: &Image, topic: &Topic, openings: &mut Vec<Opening>) {
        let settings = SettingsOf { image, me: self.me, file: &self.file };
        let configured = match settings.partition(topic) {
            Ok(configured) => configured,
            Err(problem) => {
                error!(topic = %topic.name, error = %problem, "a topic's stored settings are not legal; they are not applied");
                return;
            }
        };
        for (index, partition) in topic.numbered().filter(|(_, p)| p.replicas.contains(&self.me)) {
            match self.slot(topic.id, index) {
                Some(Slot::Running(handle)) => change(&handle, partition, &configured).await,
                Some(Slot::Offline) => {}
                None => openings.push(Opening {
                    topic: topic.id,
                    name: topic.name.clone(),
                    index,
                    me: self.me,
                    reign: reign(partition),
                    configured: configured.clone(),
                }),
            }
        }
    }

    /// Opens logs on one other thread, and starts their owners.
    async fn open_share(&self, share: Vec<Opening>) -> Vec<(TopicId, PartitionIndex, Slot)> {
        let keys: Vec<_> = share.iter().map(|opening| (opening.topic, opening.index)).collect();
        let (dir, surroundings) = (Arc::clone(&self.dir), self.surroundings.clone());
        let job = move || share.into_iter().map(|opening| start(&dir, opening, &surroundings)).collect();
        tokio::task::spawn_blocking(job).await.unwrap_or_else(|panic| {
            error!(%panic, "opening a log panicked: it and those that were to be opened with it are offline");
            keys.into_iter().map(|(topic, index)| (topic, index, Slot::Offline)).collect()
        })
    }

    async fn delete_topic(&self, id: TopicId) {
        let gone = self.slots.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        let handles = gone.into_iter().flat_map(HashMap::into_values);
        stream::iter(handles).for_each_concurrent(STOPPING_MAX, stop).await;
        let dir = Arc::clone(&self.dir);
        let deleted = tokio::task::spawn_blocking(move || dir.delete_topic(id)).await;
        if let Ok(Err(problem)) = deleted {
            error!(topic = %id, error = %problem, "a deleted topic's log is left for the next start to remove");
        }
    }
}

/// Deals the logs out to the threads that open them.
fn shares(openings: Vec<Opening>) -> Vec<Vec<Opening>> {
    let mut shares: Vec<Vec<Opening>> = (0..OPENING_THREADS).map(|_| Vec::new()).collect();
    for (at, opening) in openings.into_iter().enumerate() {
        shares[at % OPENING_THREADS].push(opening);
    }
    shares.retain(|share| !share.is_empty());
    shares
}

/// Opens one log and starts its owner.
fn start(
    dir: &DataDir<RealDisk>,
    opening: Opening,
    surroundings: &Surroundings,
) -> (TopicId, PartitionIndex, Slot) {
    let (topic, name, index) = (opening.topic, opening.name.clone(), opening.index);
    let opened = open(dir, opening, surroundings.clone());
    surroundings.health.log_opened();
    let slot = match opened {
        Ok((handle, driver)) => {
            // Only those who debug pay for it: a span that lives as long as its partition takes some KiB.
            let span = debug_span!("partition", topic = %name, partition = %index);
            tokio::spawn(watch("a partition's owner", driver.run().instrument(span)));
            Slot::Running(handle)
        }
        Err(problem) => {
            error!(topic = %name, partition = %index, error = %problem, "a replica is offline: its log can not be opened");
            Slot::Offline
        }
    };
    (topic, index, slot)
}

async fn stop(slot: Slot) {
    if let Slot::Running(handle) = slot {
        let (stopped, done) = oneshot::channel();
        if handle.send(Command::Stop(stopped)).await.is_ok() {
            let _ = done.await;
        }
    }
}

async fn change(handle: &PartitionHandle, partition: &Partition, configured: &Configured) {
    let _ = handle.send(Command::Configure(Box::new(configured.clone()))).await;
    let _ = handle.send(Command::Assign(reign(partition))).await;
}

fn reign(partition: &Partition) -> Reign {
    Reign {
        leader: partition.leader,
        leader_epoch: partition.leader_epoch,
        partition_epoch: partition.partition_epoch,
        replicas: partition.replicas.clone(),
        isr: partition.isr.clone(),
        elr: partition.elr.clone(),
        adding: partition.adding.clone(),
        move_rate: partition.throttle,
    }
}
