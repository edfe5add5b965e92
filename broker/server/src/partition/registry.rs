//! Which partitions run on this broker. Decides what to open, change, stop and delete, by comparing the cluster's
//! metadata with what runs. Called by the metadata owner after every change, before anybody is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use tokio::sync::{Mutex, oneshot};
use tracing::{Instrument, debug_span, error, info};
use weir_core::controller::{Image, Partition, Topic};
use weir_core::partition::others_hold;
use weir_log::{DataDir, LogError, RealDisk};
use weir_model::config::Pairs;
use weir_model::{BrokerId, PartitionIndex, TopicId};

use super::PartitionHandle;
use super::command::{Command, Configured, Reign};
use super::driver::{Driver, Surroundings};
use super::error::PartitionError;
use super::fence::Fence;
use super::lagging::Lagging;
use super::open::{Opening, open};
use super::settings::SettingsOf;
use super::touched::Touched;
use crate::replication::isr::Proposals;
use crate::watched::watch;
use slots::{Slot, Slots};

/// Threads that open logs at the same time. Each opens its share one after another: what an opened log keeps in memory
/// lies in the pages of the thread that opened it, and many threads with a few logs each would leave most of those empty.
const OPENING_THREADS: usize = 4;
/// Partitions that are told to stop at the same time.
const STOPPING_MAX: usize = 8;

mod slots;

/// All replicas of this broker.
#[derive(Debug)]
pub(crate) struct Registry {
    me: BrokerId,
    file: Arc<Pairs>,
    dir: Arc<DataDir<RealDisk>>,
    surroundings: Surroundings<RealDisk>,
    slots: RwLock<Slots>,
    /// Held by whoever changes what runs; says whether anything may run any more. A log has one owner: what is being
    /// stopped must not be opened anew by a round that comes in meanwhile, and what is being opened must be stopped too.
    phase: Mutex<Phase>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Stopped,
}

impl Registry {
    pub(crate) fn new(
        me: BrokerId,
        file: Arc<Pairs>,
        dir: Arc<DataDir<RealDisk>>,
        surroundings: Surroundings<RealDisk>,
    ) -> Self {
        Self { me, file, dir, surroundings, slots: RwLock::default(), phase: Mutex::default() }
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
    pub(crate) fn fence(&self) -> &Arc<Fence> {
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
        self.slots.read().unwrap_or_else(PoisonError::into_inner).running()
    }

    /// Lets somebody look at every running partition, while none can come or go: for no longer than a glance at each.
    pub(crate) fn glance(&self, look: impl FnOnce(&mut dyn Iterator<Item = &PartitionHandle>)) {
        look(&mut self.slots().handles());
    }

    /// Those whose topics are compacted.
    pub(crate) fn compacted(&self) -> Vec<PartitionHandle> {
        self.slots().running_compacted()
    }

    /// The replicas here that have yet to fetch something.
    pub(crate) fn lagging(&self) -> &Lagging {
        &self.surroundings.lagging
    }

    /// Makes what runs agree with the image, where it was touched. Once all was stopped, nothing runs again.
    pub(crate) async fn reconcile(&self, image: &Image, touched: &Touched) {
        let phase = self.phase.lock().await;
        if *phase == Phase::Stopped {
            return;
        }
        let mut openings = Vec::new();
        match touched {
            Touched::Everything => {
                let (topics, all) = (self.slots().topics(), self.slots().all());
                for id in topics.into_iter().filter(|id| image.topic_by_id(*id).is_none()) {
                    self.delete_topic(id).await;
                }
                for (topic, index) in all {
                    self.let_go(image, topic, index).await;
                }
                self.open_and_change(image, mine(image, self.me), Depth::Settings, &mut openings).await;
            }
            Touched::These { topics, partitions } => {
                for id in topics.iter().filter(|id| image.topic_by_id(**id).is_none()) {
                    self.delete_topic(*id).await;
                }
                for (topic, index) in partitions {
                    self.let_go(image, *topic, *index).await;
                }
                let whole =
                    topics.iter().filter_map(|id| Some((*id, here(image.topic_by_id(*id)?, self.me))));
                self.open_and_change(image, whole.collect(), Depth::Settings, &mut openings).await;
                let mut single = Keys::new();
                for (topic, index) in partitions.iter().filter(|(topic, _)| !topics.contains(topic)) {
                    single.entry(*topic).or_default().push(*index);
                }
                self.open_and_change(image, single, Depth::Reign, &mut openings).await;
            }
        }
        self.open_all(openings).await;
    }

    async fn open_all(&self, openings: Vec<Opening>) {
        let opened = join_all(shares(openings).into_iter().map(|share| self.open_share(share))).await;
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        for (topic, index, slot) in opened.into_iter().flatten() {
            slots.insert(topic, index, slot);
        }
        let metrics = &self.surroundings.metrics;
        metrics.partitions.set(i64::try_from(slots.len()).unwrap_or(i64::MAX));
        metrics.offline_partitions.set(i64::try_from(slots.offline()).unwrap_or(i64::MAX));
    }

    /// A partition that has moved to other brokers is closed, and its log deleted.
    async fn let_go(&self, image: &Image, topic: TopicId, index: PartitionIndex) {
        let stays = image.partition(topic, index).is_some_and(|p| p.replicas.contains(&self.me));
        if stays {
            return;
        }
        let gone = self.slots.write().unwrap_or_else(PoisonError::into_inner).remove(topic, index);
        let Some(gone) = gone else { return };
        stop(gone).await;
        self.delete_stray(topic, index).await;
    }

    /// Logs on the disk of topics that no longer exist, and of partitions that have moved away while this broker was not
    /// there. The image MUST be as new as this broker's registration: an older one may not know what is on the disk yet.
    pub(crate) async fn delete_strays(&self, image: &Image) {
        let phase = self.phase.lock().await;
        if *phase == Phase::Stopped {
            return;
        }
        let dir = Arc::clone(&self.dir);
        let found = tokio::task::spawn_blocking(move || dir.partitions()).await;
        match found {
            Ok(Ok(found)) => {
                let topics: BTreeSet<TopicId> = found.iter().map(|(topic, _)| *topic).collect();
                for id in topics.into_iter().filter(|id| image.topic_by_id(*id).is_none()) {
                    info!(topic = %id, "deleting the log of a topic that no longer exists");
                    self.delete_topic(id).await;
                }
                for (topic, index) in found {
                    let Some(partition) = image.partition(topic, index) else { continue };
                    if !partition.replicas.contains(&self.me) {
                        info!(%topic, partition = %index, "deleting the log of a partition that has moved away");
                        self.delete_stray(topic, index).await;
                    }
                }
            }
            Ok(Err(problem)) => error!(error = %problem, "the data directory can not be listed"),
            Err(panic) => error!(%panic, "listing the data directory panicked"),
        }
    }

    /// Stops every partition, its log synced and closed. Returns when all have.
    pub(crate) async fn stop_all(&self) {
        self.surroundings.fleet.stop();
        *self.phase.lock().await = Phase::Stopped;
        let all = std::mem::take(&mut *self.slots.write().unwrap_or_else(PoisonError::into_inner));
        stream::iter(all.into_slots()).for_each_concurrent(STOPPING_MAX, stop).await;
    }

    fn slot(&self, topic: TopicId, index: PartitionIndex) -> Option<Slot> {
        self.slots().get(topic, index).cloned()
    }

    fn slots(&self) -> RwLockReadGuard<'_, Slots> {
        self.slots.read().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open_and_change(&self, image: &Image, keys: Keys, depth: Depth, openings: &mut Vec<Opening>) {
        let settings = SettingsOf { image, me: self.me, file: &self.file };
        for (id, indexes) in keys {
            let Some(topic) = image.topic_by_id(id) else { continue };
            let configured = match settings.partition(topic) {
                Ok(configured) => configured,
                Err(problem) => {
                    error!(topic = %topic.name, error = %problem, "a topic's stored settings are not legal; they are not applied");
                    continue;
                }
            };
            for index in indexes {
                let Some(partition) = topic.partition(index).filter(|p| p.replicas.contains(&self.me)) else {
                    continue;
                };
                let (reign, slot) = (reign(partition), self.slot(id, index));
                if depth == Depth::Settings || slot.is_none() {
                    let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
                    slots.configure(id, index, configured.rules.require_keys);
                }
                match slot {
                    Some(Slot::Running(handle)) => change(&handle, reign, &configured, depth).await,
                    Some(Slot::Offline) if !is_dispensable(&reign, self.me) => {}
                    Some(Slot::Offline) | None => openings.push(Opening {
                        topic: id,
                        name: topic.name.clone(),
                        index,
                        me: self.me,
                        reign,
                        configured: configured.clone(),
                    }),
                }
            }
        }
    }

    async fn delete_stray(&self, topic: TopicId, index: PartitionIndex) {
        let dir = Arc::clone(&self.dir);
        let deleted = tokio::task::spawn_blocking(move || dir.delete_partition(topic, index)).await;
        if let Ok(Err(problem)) = deleted {
            error!(%topic, partition = %index, error = %problem, "the log of a partition that moved away is left for the next start to remove");
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
        let gone = self.slots.write().unwrap_or_else(PoisonError::into_inner).remove_topic(id);
        stream::iter(gone).for_each_concurrent(STOPPING_MAX, stop).await;
        let dir = Arc::clone(&self.dir);
        let deleted = tokio::task::spawn_blocking(move || dir.delete_topic(id)).await;
        if let Ok(Err(problem)) = deleted {
            error!(topic = %id, error = %problem, "a deleted topic's log is left for the next start to remove");
        }
    }
}

type Keys = BTreeMap<TopicId, Vec<PartitionIndex>>;

/// How much of a running partition may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    Reign,
    Settings,
}

/// All replicas of this broker.
fn mine(image: &Image, me: BrokerId) -> Keys {
    let mut keys = Keys::new();
    for (topic, index, _) in image.partitions_on(me) {
        keys.entry(topic.id).or_default().push(index);
    }
    keys
}

/// This broker's replicas of a topic.
fn here(topic: &Topic, me: BrokerId) -> Vec<PartitionIndex> {
    topic.numbered().filter(|(_, p)| p.replicas.contains(&me)).map(|(index, _)| index).collect()
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
    surroundings: &Surroundings<RealDisk>,
) -> (TopicId, PartitionIndex, Slot) {
    let (topic, name, index) = (opening.topic, opening.name.clone(), opening.index);
    let opened = open_or_renew(dir, opening, surroundings);
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

/// A damaged log that others have whole is deleted, and fetched from its leader again.
fn open_or_renew(
    dir: &DataDir<RealDisk>,
    opening: Opening,
    surroundings: &Surroundings<RealDisk>,
) -> Result<(PartitionHandle, Box<Driver<RealDisk>>), LogError> {
    match open(dir, opening.clone(), surroundings.clone()) {
        Err(problem) if problem.is_damage() && is_dispensable(&opening.reign, opening.me) => {
            error!(
                topic = %opening.name, partition = %opening.index, error = %problem,
                "a replica's log is damaged: it is deleted and fetched from the leader again"
            );
            dir.delete_partition(opening.topic, opening.index)?;
            open(dir, opening, surroundings.clone())
        }
        opened => opened,
    }
}

async fn stop(slot: Slot) {
    if let Slot::Running(handle) = slot {
        let (stopped, done) = oneshot::channel();
        if handle.send(Command::Stop(stopped)).await.is_ok() {
            let _ = done.await;
        }
    }
}

async fn change(handle: &PartitionHandle, reign: Reign, configured: &Configured, depth: Depth) {
    if depth == Depth::Settings {
        let _ = handle.send(Command::Configure(Box::new(configured.clone()))).await;
    }
    let _ = handle.send(Command::Assign(reign)).await;
}

/// Whether nothing is lost with the log here.
fn is_dispensable(reign: &Reign, me: BrokerId) -> bool {
    others_hold(reign.leader, &reign.isr, &reign.elr, me)
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
