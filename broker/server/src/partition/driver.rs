//! The only owner of a partition replica. It takes commands from a mailbox, lets `core` decide, appends through the
//! log, and answers when the effect an answer depends on has happened. A round handles all commands that are waiting,
//! so that one sync (`syncs`) covers them all; while it runs on another thread the next round is appended.
//!
//! On a crash between any two lines: what was not synced was not acknowledged with acks=all, and the log recovers to a
//! prefix that holds all that was.

mod append;
mod deletion;
mod followers;
mod following;
mod housekeeping;
mod isr;
mod queries;
mod scrubbing;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::error;
use weir_core::partition::{Assignment, Effect, IsrAnswer, Produced, Replica, Token};
use weir_log::{Cancellation, CompactionOutcome, Disk, Log, LogError, Scrub, SyncDone};
use weir_model::Millis;

use self::deletion::Deletion;
use self::following::Cut;
use self::isr::{Proposed, answered};
use self::scrubbing::Checking;
use super::command::{Answer, Command, Standing};
use super::fence::Fence;
use super::handle::{Mail, Published};
use super::lagging::Lagging;
use super::syncs::{self, Syncs};
use super::waiters::Waiters;
use crate::clock;
use crate::health::Health;
use crate::metadata::View;
use crate::metrics::Metrics;
use crate::net::outgoing::ServedDisk;
use crate::replication::fleet::Fleet;
use crate::replication::isr::Proposals;
use crate::replication::roster::Position;

/// Commands that one round handles before it looks at syncs and deadlines again.
const ROUND_MAX: usize = 256;

/// How often a partition complains about what may pass.
const COMPLAINT_EVERY: Duration = Duration::from_secs(10);

/// What drivers share.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings<D: Disk> {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    /// Does the syncs of all partitions.
    pub(crate) syncs: Arc<Syncs<D>>,
    /// One compaction at a time over all partitions.
    pub(crate) cleaner: Arc<Semaphore>,
    /// Fetches for the partitions that follow.
    pub(crate) fleet: Arc<Fleet>,
    /// Carries the ISR changes that leaders propose.
    pub(crate) proposals: Arc<Proposals>,
    /// Keeps leaders from promising what they may not.
    pub(crate) fence: Arc<Fence>,
    /// Where the broker's settings are read as they are now.
    pub(crate) view: Arc<View>,
    /// The followers that have yet to fetch something.
    pub(crate) lagging: Arc<Lagging>,
}

/// A write that is not answered yet.
#[derive(Debug)]
struct Unanswered {
    /// Until it is in the log.
    batch: BytesMut,
    records: u64,
    answer: Answer<Produced>,
}

/// The owner.
pub(crate) struct Driver<D: ServedDisk> {
    pub(super) log: Log<D>,
    pub(super) replica: Replica,
    pub(super) mailbox: mpsc::Receiver<Mail>,
    /// The way to itself, for its fetcher.
    pub(super) own: mpsc::WeakSender<Mail>,
    pub(super) published: Arc<Published>,
    pub(super) surroundings: Surroundings<D>,
    work: Work,
    checking: Checking<D>,
}

/// What is under way.
#[derive(Default)]
struct Work {
    effects: Vec<Effect>,
    unanswered: HashMap<Token, Unanswered>,
    next_token: u64,
    waiters: Waiters,
    deletions: Vec<Deletion>,
    /// An ISR change on its way, and its answer.
    proposal: Option<Proposed>,
    standing: Standing,
    /// Records that the leader has committed, as far as this follower knows, and that are not here yet.
    lag: u64,
    /// Fetchers that wait to hear where this replica stands.
    fetchers: Vec<Answer<Position>>,
    /// The log is to be cut before anything else happens.
    cut: Option<Cut>,
    sync: Option<Running<oneshot::Receiver<syncs::Outcome>>>,
    /// When the log last told of a disk in trouble.
    complained: Option<Instant>,
    /// A sync that could not be done is tried again then.
    sync_not_before: Option<Instant>,
    compaction: Option<Running<Task<CompactionOutcome>>>,
    cancel_compaction: Cancellation,
    /// Who asked to stop.
    stop: Option<oneshot::Sender<()>>,
}

/// On a thread of its own.
type Task<T> = JoinHandle<Result<T, LogError>>;

struct Running<F> {
    since: Instant,
    task: F,
}

enum Event<D: ServedDisk> {
    Command(Mail),
    Synced(Result<SyncDone, LogError>, Duration),
    Compacted(Result<CompactionOutcome, LogError>),
    Checked(Result<Scrub<D>, LogError>),
    IsrAnswered(IsrAnswer),
    Deadline,
    Abandoned,
}

impl<D: ServedDisk> Driver<D> {
    /// The last argument is what the replica's first assignment says and asks for.
    pub(crate) fn starting(
        log: Log<D>,
        replica: Replica,
        (own, mailbox): (mpsc::WeakSender<Mail>, mpsc::Receiver<Mail>),
        published: Arc<Published>,
        surroundings: Surroundings<D>,
        (standing, effects): (Standing, Vec<Effect>),
    ) -> Box<Self> {
        let work = Work { effects, standing, ..Work::default() };
        let checking = Checking::default();
        Box::new(Self { log, replica, mailbox, own, published, surroundings, work, checking })
    }

    /// Runs until told to stop, or until nobody holds a handle any more. Boxed: a future has room for its arguments twice,
    /// and there is one for each partition.
    pub(crate) async fn run(mut self: Box<Self>) {
        self.recall_damage();
        self = Box::pin(self.settle_and_cut()).await;
        self.tell_reign();
        self.pursue();
        // What a crash left unsynced becomes visible at once, not with the first request.
        self.start_sync();
        self.snapshot_when_due();
        self.publish();
        loop {
            match self.next_event().await {
                Event::Abandoned => break,
                Event::Command(mail) => self.round(*mail),
                Event::Synced(done, took) => self.synced(done, took),
                Event::Compacted(outcome) => self.compacted(outcome),
                Event::Checked(done) => self.checked(done),
                Event::IsrAnswered(answer) => self.isr_answered(answer),
                Event::Deadline => self.replica.tick(clock::steady(), &mut self.work.effects),
            }
            if self.work.cut.is_some() {
                self = Box::pin(self.cut()).await;
            }
            self.settle();
            if self.work.cut.is_some() {
                self = Box::pin(self.settle_and_cut()).await;
            }
            self.answer_fetchers();
            self.tell_followers();
            self.retry_deletions();
            self.start_sync();
            self.snapshot_when_due();
            self.publish();
            if self.work.stop.is_some() {
                break;
            }
        }
        Box::pin(self.close()).await;
    }

    /// Cuts what the effects ask for. A damaged log is cut before anything is fetched.
    async fn settle_and_cut(mut self: Box<Self>) -> Box<Self> {
        self.settle();
        if self.work.cut.is_some() {
            self = Box::pin(self.cut()).await;
            self.settle();
        }
        self
    }

    async fn next_event(&mut self) -> Event<D> {
        let deadline = self.replica.next_deadline();
        tokio::select! {
            biased;
            (done, took) = finished(&mut self.work.sync) => Event::Synced(done, took),
            (outcome, _) = finished(&mut self.work.compaction) => Event::Compacted(outcome),
            (done, _) = finished(&mut self.checking.running) => Event::Checked(done),
            answer = answered(&mut self.work.proposal) => Event::IsrAnswered(answer),
            command = self.mailbox.recv() => command.map_or(Event::Abandoned, Event::Command),
            () = until(deadline) => Event::Deadline,
            () = reached(self.work.sync_not_before) => Event::Deadline,
        }
    }

    /// Handles a command and what else is waiting, then lets the log take all their batches.
    fn round(&mut self, first: Command) {
        self.handle(first);
        for _ in 1..ROUND_MAX {
            if self.work.stop.is_some() || self.work.cut.is_some() {
                break;
            }
            let Ok(command) = self.mailbox.try_recv() else { break };
            self.handle(*command);
        }
    }

    fn handle(&mut self, command: Command) {
        match command {
            Command::Append(append) => self.accept(append),
            // Readers see what was appended before them in this very round.
            other => {
                self.notice_fence();
                self.settle();
                self.handle_settled(other);
            }
        }
    }

    /// A process that stood still answers what waited for it before the word that it is fenced goes round. That it is not
    /// fenced any more is always said.
    fn notice_fence(&mut self) {
        if self.surroundings.fence.is_up() && !self.replica.is_fenced() {
            self.replica.set_fenced(true, &mut self.work.effects);
        }
    }

    fn handle_settled(&mut self, command: Command) {
        match command {
            Command::Append(append) => self.accept(append),
            Command::Read(read, answer) => self.read(&read, answer),
            Command::Serve(serve, answer) => self.serve(serve, answer),
            Command::Follow(follow, answer) => self.follow(follow, answer),
            Command::ListOffsets(query, answer) => {
                let _ = answer.send(self.list_offsets(query));
            }
            Command::Backlog(from, answer) => {
                let _ = answer.send(self.backlog(from));
            }
            Command::DeleteRecords { before, answer } => self.delete_records(before, answer),
            Command::EpochEnd { asked, current, answer } => {
                let _ = answer.send(self.epoch_end(asked, current));
            }
            Command::Producers(answer) => {
                let _ = answer.send(Ok(self.replica.producers().active().collect()));
            }
            Command::Assign(reign) => {
                let assignment = Assignment {
                    leader: reign.leader,
                    leader_epoch: reign.leader_epoch,
                    partition_epoch: reign.partition_epoch,
                    replicas: &reign.replicas,
                    isr: &reign.isr,
                    elr: &reign.elr,
                };
                self.replica.assign(assignment, clock::steady(), &mut self.work.effects);
                self.work.waiters.wake_all();
                self.work.standing = Standing::of(&reign, self.surroundings.view.me());
                self.tell_reign();
                self.pursue();
            }
            Command::Configure(configured) => {
                self.replica.set_policy(configured.policy);
                self.log.set_config(configured.log);
                self.published.set_rules(configured.rules);
                self.published.set_throttled(configured.throttled);
                self.pursue();
            }
            Command::Fenced(fenced) => self.replica.set_fenced(fenced, &mut self.work.effects),
            Command::Scrub { from, bytes_per_second, answer } => {
                self.scrub(from, bytes_per_second, answer);
            }
            Command::Housekeep => self.housekeep(),
            Command::Stop(stopped) => self.work.stop = Some(stopped),
        }
    }

    /// Rates are of what is led here.
    fn tell_reign(&self) {
        self.published.traffic.leads(self.replica.is_leader(), clock::steady());
    }

    fn publish(&self) {
        self.has_bytes(self.log.size());
    }

    /// All logs together are counted as they grow and shrink: nobody has to look at each of them.
    fn has_bytes(&self, bytes: u64) {
        let whole = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let before = self.published.publish(bytes);
        if before != bytes {
            self.surroundings.metrics.log_bytes.add(whole(bytes) - whole(before));
        }
    }

    fn lags_by(&mut self, records: u64) {
        if std::mem::replace(&mut self.work.lag, records) != records {
            let key = (self.replica.topic(), self.replica.partition());
            self.surroundings.lagging.note(key, records);
        }
    }

    /// Says so, where it is seen when the data directory can not be trusted any more. What passes by itself may come with
    /// every write until then: that is said once in a while, lest a full disk is filled with complaints of it.
    fn disk_failed(&mut self, what: &str, error: &LogError) {
        let said = self.work.complained.is_some_and(|at| at.elapsed() < COMPLAINT_EVERY);
        if is_failed(error) || !said {
            self.work.complained = Some(Instant::now());
            error!(%error, log = %self.log.dir().display(), "{what}");
        }
        if is_failed(error) {
            self.surroundings.health.disk_failed();
            self.surroundings.metrics.log_dir_failed.set(1);
        }
    }

    /// Lets running work end, syncs what is left and closes the log, so that the next start need not recover.
    async fn close(mut self: Box<Self>) {
        self.surroundings.fleet.unfollow((self.replica.topic(), self.replica.partition()));
        self.lags_by(0);
        if let Some(sync) = self.work.sync.take()
            && let Ok(done) = sync.task.await
        {
            self.synced(done, sync.since.elapsed());
        }
        self.settle();
        if let Some(compaction) = self.work.compaction.take() {
            compaction.task.abort();
            self.work.cancel_compaction.cancel();
            let _ = compaction.task.await;
        }
        self.stop_checking();
        self.work.waiters.wake_all();
        let stop = self.work.stop.take();
        self.has_bytes(0);
        let Self { log, replica, surroundings, .. } = *self;
        let closed = tokio::task::spawn_blocking(move || {
            let mut log = log;
            if replica.producers().is_worth_keeping(log.since_snapshot()) {
                let (offset, snapshot) = replica.producer_snapshot();
                log.write_snapshot(offset, &snapshot)?;
            }
            log.close()
        });
        match closed.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                surroundings.health.left_unclean();
                error!(%error, "a log was not closed cleanly; the next start recovers it");
            }
            Err(panic) => {
                surroundings.health.left_unclean();
                error!(%panic, "closing a log panicked");
            }
        }
        if let Some(stop) = stop {
            let _ = stop.send(());
        }
    }
}

/// The result of a job on another thread; never when there is none. A job that panicked is a failed disk: nobody knows
/// what it did.
async fn finished<T, E, F>(running: &mut Option<Running<F>>) -> (Result<T, LogError>, Duration)
where
    F: Future<Output = Result<Result<T, LogError>, E>> + Unpin,
{
    let Some(job) = running else { return pending().await };
    let result = (&mut job.task).await;
    let took = job.since.elapsed();
    *running = None;
    (result.unwrap_or(Err(LogError::Failed)), took)
}

async fn reached(then: Option<Instant>) {
    let Some(then) = then else { return pending().await };
    tokio::time::sleep_until(then.into()).await;
}

/// Whether the data directory can not be trusted any more.
fn is_failed(error: &LogError) -> bool {
    matches!(error, LogError::Failed | LogError::Io { .. })
}

async fn until(deadline: Option<Millis>) {
    let Some(deadline) = deadline else { return pending().await };
    let left = deadline.since(clock::steady()).0;
    tokio::time::sleep(Duration::from_millis(u64::try_from(left).unwrap_or(0))).await;
}
