//! How the rest of the broker reaches a partition: a bounded mailbox, and the numbers that may be read without asking.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::{mpsc, oneshot};
use weir_model::{BrokerId, PartitionIndex, TopicId};

use super::command::{Answer, Append, Command, ListedOffset, OffsetQuery, Read, ReadReply};
use super::error::PartitionError;
use super::settings::{BatchRules, Throttled};
use super::traffic::Traffic;

/// What lies in a mailbox. Boxed: a mailbox keeps room for some dozens, in each of the partitions that nobody writes to.
pub(super) type Mail = Box<Command>;

/// Numbers the owner publishes. They may lag behind by one round.
#[derive(Debug)]
pub(crate) struct Published {
    bytes: AtomicU64,
    pub(super) traffic: Traffic,
    rules: RwLock<Arc<BatchRules>>,
    throttled: RwLock<Option<Arc<Throttled>>>,
}

impl Published {
    pub(super) fn new(rules: BatchRules, throttled: Option<Arc<Throttled>>) -> Self {
        let (rules, throttled) = (RwLock::new(Arc::new(rules)), RwLock::new(throttled));
        Self { bytes: AtomicU64::new(0), traffic: Traffic::default(), rules, throttled }
    }

    pub(super) fn set_throttled(&self, throttled: Option<Arc<Throttled>>) {
        *self.throttled.write().unwrap_or_else(PoisonError::into_inner) = throttled;
    }

    pub(super) fn throttled(&self) -> Option<Arc<Throttled>> {
        self.throttled.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_rules(&self, rules: BatchRules) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(rules);
    }

    /// Gives what was published before.
    pub(super) fn publish(&self, bytes: u64) -> u64 {
        self.bytes.swap(bytes, Ordering::Relaxed)
    }
}

/// A reference to a partition's owner. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct PartitionHandle {
    pub(crate) topic: TopicId,
    pub(crate) partition: PartitionIndex,
    pub(super) mailbox: mpsc::Sender<Mail>,
    pub(super) published: Arc<Published>,
}

impl PartitionHandle {
    /// A way to an owner that a test plays.
    #[cfg(test)]
    pub(crate) fn to(mailbox: mpsc::Sender<Mail>) -> Self {
        let (topic, published) =
            (TopicId(uuid::Uuid::nil()), Arc::new(Published::new(BatchRules::LAX, None)));
        Self { topic, partition: PartitionIndex(0), mailbox, published }
    }

    /// Puts a command into the mailbox, waiting while it is full. What can not be delivered is answered by its dropped
    /// answer.
    pub(crate) async fn send(&self, command: Command) -> Result<(), PartitionError> {
        self.mailbox.send(Box::new(command)).await.map_err(|_| PartitionError::Stopped)
    }

    pub(crate) async fn append(&self, append: Append) -> Result<(), PartitionError> {
        self.send(Command::Append(append)).await
    }

    pub(crate) async fn read(&self, read: Read) -> Result<ReadReply, PartitionError> {
        self.ask(|answer| Command::Read(read, answer)).await
    }

    pub(crate) async fn list_offsets(&self, query: OffsetQuery) -> Result<ListedOffset, PartitionError> {
        self.ask(|answer| Command::ListOffsets(query, answer)).await
    }

    /// Sends a command and waits for its answer.
    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(Answer<T>) -> Command,
    ) -> Result<T, PartitionError> {
        let (answer, answered) = oneshot::channel();
        self.send(command(answer)).await?;
        answered.await.unwrap_or(Err(PartitionError::Stopped))
    }

    /// What batches from clients must be like.
    pub(crate) fn rules(&self) -> Arc<BatchRules> {
        Arc::clone(&self.published.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether what a replica on that broker fetches is held back while it is not in sync.
    pub(crate) fn throttles(&self, follower: BrokerId) -> bool {
        self.published.throttled().is_some_and(|t| t.leading.contains(self.partition, follower))
    }

    /// Whether both lead to the same owner, not to one that was started anew.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.mailbox.same_channel(&other.mailbox)
    }

    /// The owner has ended: the partition was deleted, or the broker stops.
    pub(crate) fn is_gone(&self) -> bool {
        self.mailbox.is_closed()
    }

    /// Where what flows through it is counted.
    pub(crate) fn traffic(&self) -> &Traffic {
        &self.published.traffic
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.published.bytes.load(Ordering::Relaxed)
    }
}
