//! The owner of one shard of the groups. A round takes the requests that wait, lets `core` decide each on the state the
//! ones before it left, writes all their records with one append, and answers when that is committed. So whatever was
//! answered is in the log, and whatever is read was committed.
//!
//! An owner serves one reign of its partition: every read and write names the reign's epoch, so that a partition which has
//! begun another one refuses, and the owner ends at once when it is told. Whoever waits then is told to look for the
//! coordinator anew.
//!
//! The records of a round are applied before they are written, so that the next request of the round sees them. When
//! the write fails they may not be true: everybody who waits is told to come back, and the state is read from the log
//! anew.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use uuid::Uuid;
use weir_core::group::{
    AppendFailure, Command, Decision, GroupConfig, GroupError, Groups, Now, Record, Reply, Token,
};
use weir_model::{LeaderEpoch, Millis, TopicName};

use super::load::load;
use super::write::{Pages, commit};
use crate::clock;
use crate::partition::PartitionHandle;
use crate::partition::fence::Fence;

/// Requests that may wait for a shard.
const MAILBOX: usize = 256;
/// Requests that share one write.
const ROUND_MAX: usize = 128;
/// Time between attempts to read a log that could not be read, such as one whose partition has not been told yet that it
/// leads.
const RELOAD_PAUSE: Duration = Duration::from_millis(50);

type Look = Box<dyn FnOnce(&Groups) + Send>;

enum Request {
    Command(Command, oneshot::Sender<Reply>),
    Look(Look),
    ForgetTopics(BTreeSet<TopicName>),
}

/// A reference to a shard's owner. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ShardHandle {
    mailbox: mpsc::Sender<Request>,
    epoch: LeaderEpoch,
    loaded: Arc<AtomicBool>,
    reign: CancellationToken,
}

impl ShardHandle {
    /// The reign that it serves.
    pub(super) const fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    /// Ends its owner: the partition is led elsewhere, or anew.
    pub(super) fn resign(&self) {
        self.reign.cancel();
    }

    /// Whether its owner runs.
    pub(super) fn is_alive(&self) -> bool {
        !self.mailbox.is_closed()
    }

    /// Whether the shard's log has been read. Until then requests wait.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// Puts a command and waits for its answer, which may take a whole rebalance.
    pub(crate) async fn ask(&self, command: Command) -> Result<Reply, GroupError> {
        let (answer, answered) = oneshot::channel();
        let request = Request::Command(command, answer);
        self.mailbox.send(request).await.map_err(|_| GroupError::NotCoordinator)?;
        answered.await.map_err(|_| GroupError::NotCoordinator)
    }

    /// Reads committed state.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Groups) -> T + Send + 'static,
    ) -> Result<T, GroupError> {
        let (answer, answered) = oneshot::channel();
        let look: Look = Box::new(move |groups| {
            let _ = answer.send(look(groups));
        });
        self.mailbox.send(Request::Look(look)).await.map_err(|_| GroupError::NotCoordinator)?;
        answered.await.map_err(|_| GroupError::NotCoordinator)
    }

    pub(super) async fn forget_topics(&self, topics: BTreeSet<TopicName>) {
        let _ = self.mailbox.send(Request::ForgetTopics(topics)).await;
    }
}

/// Starts the owner of a shard for one reign.
pub(super) fn start(
    partition: PartitionHandle,
    epoch: LeaderEpoch,
    fence: Arc<Fence>,
    config: GroupConfig,
) -> ShardHandle {
    let (mailbox, requests) = mpsc::channel(MAILBOX);
    let loaded = Arc::new(AtomicBool::new(false));
    let reign = CancellationToken::new();
    let owner = Owner {
        groups: Groups::new(config),
        config,
        partition: Reigned { partition, epoch },
        fence,
        waiting: HashMap::new(),
        next_token: 0,
        started: Instant::now(),
        loaded: Arc::clone(&loaded),
    };
    let over = reign.clone();
    tokio::spawn(async move {
        // What is dropped with the owner answers by being dropped. A write on its way may be committed yet: the next
        // coordinator reads the log to its end.
        tokio::select! {
            biased;
            () = over.cancelled() => debug!("a shard's reign is over"),
            () = owner.run(requests) => {}
        }
    });
    ShardHandle { mailbox, epoch, loaded, reign }
}

/// A partition in one reign.
pub(super) struct Reigned {
    pub(super) partition: PartitionHandle,
    pub(super) epoch: LeaderEpoch,
}

struct Owner {
    groups: Groups,
    config: GroupConfig,
    partition: Reigned,
    /// Whether this broker may still promise anything: answers without a record would not notice otherwise.
    fence: Arc<Fence>,
    waiting: HashMap<Token, oneshot::Sender<Reply>>,
    next_token: u64,
    /// The zero of the clock that never jumps.
    started: Instant,
    loaded: Arc<AtomicBool>,
}

/// What a round decided, not yet committed.
#[derive(Default)]
struct Round {
    records: Pages,
    replies: Vec<(Token, Reply)>,
    looks: Vec<Look>,
}

impl Owner {
    async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        if self.reload().await.is_none() {
            return;
        }
        loop {
            let first = tokio::select! {
                request = requests.recv() => match request {
                    Some(request) => Some(request),
                    None => return,
                },
                () = tokio::time::sleep(self.until_deadline()) => None,
            };
            let mut round = Round::default();
            if let Some(first) = first {
                self.take(first, &mut round);
            }
            for _ in 1..ROUND_MAX {
                let Ok(next) = requests.try_recv() else { break };
                self.take(next, &mut round);
            }
            self.tick(&mut round);
            self.note();
            if !self.finish(round).await && self.reload().await.is_none() {
                return;
            }
        }
    }

    fn take(&mut self, request: Request, round: &mut Round) {
        match request {
            Request::Command(command, answer) => {
                let token = Token(self.next_token);
                self.next_token += 1;
                self.waiting.insert(token, answer);
                let decision = self.groups.decide(token, command, self.now(), &mut Uuid::new_v4);
                self.prepare(decision, round);
            }
            Request::Look(look) => round.looks.push(look),
            Request::ForgetTopics(topics) => {
                let decision = self.groups.forget_topics(&topics);
                self.prepare(decision, round);
            }
        }
    }

    fn tick(&mut self, round: &mut Round) {
        for _ in 0..ROUND_MAX {
            let Some(decision) = self.groups.tick(self.now()) else { return };
            self.prepare(decision, round);
        }
    }

    /// What a person who watches groups wants to know.
    fn note(&mut self) {
        for note in self.groups.take_notes() {
            info!(partition = %self.partition.partition.partition, ?note, "group");
        }
    }

    /// Applies the records and puts them on the round's pages. Records that no page can hold fail their own decision
    /// only.
    fn prepare(&mut self, decision: Decision, round: &mut Round) {
        match round.records.add(&decision.records) {
            Ok(()) => {
                decision.records.iter().for_each(|record: &Record| self.groups.apply(record));
                round.replies.extend(decision.replies);
            }
            Err(why) => {
                warn!(%why, "a group's records can not be written");
                let now = self.now();
                round.replies.extend(self.groups.append_failed(decision, AppendFailure::TooLarge, now));
            }
        }
    }

    /// Commits the round and answers it; `false` when that failed and the state has to be read anew.
    async fn finish(&mut self, round: Round) -> bool {
        let Round { records, replies, looks } = round;
        if let Err(failure) = commit(&self.partition, records).await {
            warn!(error = %failure, partition = %self.partition.partition.partition, "groups could not be written");
            self.refuse_all(replies);
            return false;
        }
        // Somebody else may coordinate by now, and have taken other offsets. A dropped answer sends the asker to look.
        if self.fence.is_up() {
            replies.iter().for_each(|(token, _)| drop(self.waiting.remove(token)));
            return true;
        }
        for (token, reply) in replies {
            self.answer(token, reply);
        }
        looks.into_iter().for_each(|look| look(&self.groups));
        true
    }

    fn refuse_all(&mut self, replies: Vec<(Token, Reply)>) {
        let mut undone = Decision { records: Vec::new(), replies };
        undone.replies.extend(self.groups.resign());
        let refusals = self.groups.append_failed(undone, AppendFailure::Unavailable, self.now());
        for (token, reply) in refusals {
            self.answer(token, reply);
        }
        // Whoever is left learns it from the dropped answer.
        self.waiting.clear();
    }

    fn answer(&mut self, token: Token, reply: Reply) {
        if let Some(answer) = self.waiting.remove(&token) {
            let _ = answer.send(reply);
        }
    }

    /// Reads the log until it can be read; `None` when the partition is gone.
    async fn reload(&mut self) -> Option<()> {
        self.loaded.store(false, Ordering::Release);
        loop {
            self.groups = Groups::new(self.config);
            match load(&self.partition, &mut self.groups).await {
                Ok(()) => break,
                Err(_) if self.partition.partition.is_gone() => return None,
                // Led in another reign by now: whoever asks next starts another owner.
                Err(why) if why.is_fenced() => return None,
                Err(why) => {
                    warn!(%why, partition = %self.partition.partition.partition, "group offsets can not be read yet")
                }
            }
            tokio::time::sleep(RELOAD_PAUSE).await;
        }
        self.groups.on_elected(self.now());
        self.loaded.store(true, Ordering::Release);
        debug!(partition = %self.partition.partition.partition, "coordinating groups");
        Some(())
    }

    fn now(&self) -> Now {
        let steady = i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX);
        Now { steady: Millis(steady), wall: clock::now() }
    }

    fn until_deadline(&self) -> Duration {
        /// A shard without deadlines looks again this often.
        const IDLE: Duration = Duration::from_secs(60);
        let Some(deadline) = self.groups.next_deadline() else { return IDLE };
        let left = deadline.since(self.now().steady).0;
        Duration::from_millis(u64::try_from(left).unwrap_or(0)).min(IDLE)
    }
}

#[cfg(test)]
mod tests {
    use weir_core::partition::{FenceError, ReadError};

    use super::*;
    use crate::partition::command::ListedOffset;
    use crate::partition::{Command, PartitionError};

    const REIGN: LeaderEpoch = LeaderEpoch(3);

    fn shard() -> (ShardHandle, mpsc::Receiver<Box<Command>>) {
        let (sender, partition) = mpsc::channel(4);
        (start(PartitionHandle::to(sender), REIGN, Arc::default(), GroupConfig::default()), partition)
    }

    async fn refuse_first(partition: &mut mpsc::Receiver<Box<Command>>, why: FenceError) {
        match partition.recv().await.map(|mail| *mail) {
            Some(Command::ListOffsets(query, answer)) => {
                assert_eq!(query.current_leader_epoch, Some(REIGN), "every read names the reign");
                answer.send(Err(PartitionError::Read(ReadError::Fence(why)))).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn an_owner_whose_reign_is_over_ends() {
        for why in [FenceError::NotLeader, FenceError::Fenced { asked: REIGN, current: LeaderEpoch(4) }] {
            let (shard, mut partition) = shard();
            refuse_first(&mut partition, why).await;
            shard.mailbox.closed().await;
            assert!(!shard.is_alive() && !shard.is_loaded());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_partition_that_has_not_heard_of_the_reign_yet_is_asked_again() {
        let (shard, mut partition) = shard();
        for _ in 0..3 {
            refuse_first(&mut partition, FenceError::Unknown { asked: REIGN, current: LeaderEpoch(2) }).await;
        }
        assert!(shard.is_alive());
    }

    #[tokio::test]
    async fn whoever_waits_when_the_reign_ends_is_sent_to_look_for_the_coordinator() {
        let (shard, _partition) = shard();
        let asking = tokio::spawn({
            let shard = shard.clone();
            async move { shard.look(|_| ()).await }
        });
        shard.resign();
        assert_eq!(asking.await.unwrap(), Err(GroupError::NotCoordinator));
    }

    #[tokio::test]
    async fn a_broker_that_has_fenced_itself_answers_nobody() {
        let (sender, mut partition) = mpsc::channel(4);
        let fence = Arc::new(Fence::default());
        let shard = start(PartitionHandle::to(sender), REIGN, Arc::clone(&fence), GroupConfig::default());
        for _ in 0..2 {
            match partition.recv().await.map(|mail| *mail) {
                Some(Command::ListOffsets(_, answer)) => answer.send(Ok(ListedOffset::NOTHING)).unwrap(),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(shard.look(|_| ()).await, Ok(()));
        fence.goes_up_at(Some(Instant::now()));
        assert_eq!(shard.look(|_| ()).await, Err(GroupError::NotCoordinator));
        assert!(shard.is_alive());
    }
}
