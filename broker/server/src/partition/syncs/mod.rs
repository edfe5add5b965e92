//! Runs the sync jobs of all partitions, on threads that may block. `plan` decides; a partition hands its job in and
//! awaits the result. When a job panics nobody knows what it did: whoever waits hears nothing, and takes the disk for
//! failed.

mod dirty;
mod plan;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use weir_log::{Disk, LogError, SyncDone, SyncJob};

use self::plan::{Kind, Load, Running, is_mostly_foreign, next};
use crate::metrics::Metrics;

/// After it was too much to sync everything, it is not tried again for so long.
const TOO_MUCH_FOR: Duration = Duration::from_secs(1);

/// What comes of a job.
pub(crate) type Outcome = Result<SyncDone, LogError>;

/// Of one data directory.
pub(crate) struct Syncs<D: Disk> {
    /// None where the file system can not be synced as a whole.
    volume: Option<Arc<D::Volume>>,
    metrics: Arc<Metrics>,
    dirty_bytes: fn() -> Option<u64>,
    state: Mutex<State<D>>,
}

struct State<D: Disk> {
    own: VecDeque<Waiting<D>>,
    any: VecDeque<Waiting<D>>,
    running: Running,
    together_not_before: Option<Instant>,
}

struct Waiting<D: Disk> {
    job: SyncJob<D>,
    done: oneshot::Sender<Outcome>,
}

/// For one thread.
struct Work<D: Disk> {
    kind: Kind,
    jobs: Vec<Waiting<D>>,
}

impl<D: Disk> fmt::Debug for Syncs<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Syncs").finish_non_exhaustive()
    }
}

impl<D: Disk> Default for State<D> {
    fn default() -> Self {
        Self {
            own: VecDeque::new(),
            any: VecDeque::new(),
            running: Running::default(),
            together_not_before: None,
        }
    }
}

impl<D: Disk> Syncs<D> {
    pub(crate) fn new(volume: Option<Arc<D::Volume>>, metrics: Arc<Metrics>) -> Self {
        Self { volume, metrics, dirty_bytes: dirty::dirty_bytes, state: Mutex::default() }
    }

    /// Has the job done. Must be called where tasks can be started.
    pub(crate) fn submit(self: &Arc<Self>, job: SyncJob<D>) -> oneshot::Receiver<Outcome> {
        let (done, answered) = oneshot::channel();
        let work = {
            let mut state = self.state();
            let queue = if job.wants_its_own() { &mut state.own } else { &mut state.any };
            queue.push_back(Waiting { job, done });
            self.take_work(&mut state)
        };
        if let Some(work) = work {
            self.start(work);
        }
        answered
    }

    fn start(self: &Arc<Self>, work: Work<D>) {
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || this.work(work));
    }

    /// Works for as long as there is something to do: a thread that is awake need not be woken.
    fn work(self: Arc<Self>, mut work: Work<D>) {
        loop {
            let begun = Begun { syncs: &self, kind: work.kind };
            match work.kind {
                Kind::Together => self.together(work.jobs),
                Kind::Own | Kind::Any => {
                    for Waiting { job, done } in work.jobs {
                        // Whoever waited for it may be gone.
                        let _ = done.send(Ok(job.run()));
                    }
                }
            }
            drop(begun);
            let mut more = std::iter::from_fn(|| self.take_work(&mut self.state()));
            let Some(mine) = more.next() else { return };
            more.for_each(|other| self.start(other));
            work = mine;
        }
    }

    fn together(&self, waiting: Vec<Waiting<D>>) {
        let bytes = waiting.iter().map(|one| one.job.bytes()).sum();
        let dirty = (self.dirty_bytes)();
        let Some(volume) =
            self.volume.as_ref().filter(|_| dirty.is_some_and(|d| !is_mostly_foreign(bytes, d)))
        else {
            let mut state = self.state();
            state.together_not_before = Some(Instant::now() + TOO_MUCH_FOR);
            waiting.into_iter().rev().for_each(|one| state.any.push_front(one));
            return;
        };
        self.metrics.shared_syncs.inc();
        self.metrics.shared_sync_jobs.inc_by(waiting.len() as u64);
        let (jobs, answers): (Vec<_>, Vec<_>) = waiting.into_iter().map(|one| (one.job, one.done)).unzip();
        for (answer, done) in answers.into_iter().zip(SyncJob::run_together(jobs, volume)) {
            let _ = answer.send(Ok(done));
        }
    }

    /// Takes what is to be begun now, and counts it as running.
    fn take_work(&self, state: &mut State<D>) -> Option<Work<D>> {
        let now = Instant::now();
        state.together_not_before.take_if(|then| *then <= now);
        let load = Load {
            own: state.own.len(),
            any: state.any.len(),
            running: state.running,
            may_together: self.volume.is_some() && state.together_not_before.is_none(),
        };
        let kind = next(load)?;
        let jobs = match kind {
            Kind::Own => state.own.pop_front().into_iter().collect(),
            Kind::Any => state.any.pop_front().into_iter().collect(),
            Kind::Together => state.any.drain(..).collect(),
        };
        state.running.begin(kind);
        Some(Work { kind, jobs })
    }

    fn state(&self) -> MutexGuard<'_, State<D>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something runs, until this is dropped.
struct Begun<'s, D: Disk> {
    syncs: &'s Syncs<D>,
    kind: Kind,
}

impl<D: Disk> Drop for Begun<'_, D> {
    fn drop(&mut self) {
        let mut state = self.syncs.state();
        state.running.end(self.kind);
        if std::thread::panicking() {
            state.own.clear();
            state.any.clear();
        }
    }
}
