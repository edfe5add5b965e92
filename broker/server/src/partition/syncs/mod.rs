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

use self::plan::{Load, Next, is_mostly_foreign, next};
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
    running: Counts,
    together_not_before: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    own: usize,
    any: usize,
    together: bool,
}

struct Waiting<D: Disk> {
    job: SyncJob<D>,
    done: oneshot::Sender<Outcome>,
}

/// For one thread.
enum Work<D: Disk> {
    Own(Waiting<D>),
    Any(Waiting<D>),
    Together(Vec<Waiting<D>>),
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Own,
    Any,
    Together,
}

impl<D: Disk> Work<D> {
    fn kind(&self) -> Kind {
        match self {
            Self::Own(_) => Kind::Own,
            Self::Any(_) => Kind::Any,
            Self::Together(_) => Kind::Together,
        }
    }
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
            running: Counts::default(),
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
            let running = Running { syncs: &self, kind: work.kind() };
            match work {
                Work::Own(Waiting { job, done }) | Work::Any(Waiting { job, done }) => {
                    // Whoever waited for it may be gone.
                    let _ = done.send(Ok(job.run()));
                }
                Work::Together(waiting) => self.together(waiting),
            }
            drop(running);
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
            running_own: state.running.own,
            running_any: state.running.any,
            running_together: state.running.together,
            may_together: self.volume.is_some() && state.together_not_before.is_none(),
        };
        let work = match next(load) {
            Next::Rest => return None,
            Next::Own => Work::Own(state.own.pop_front()?),
            Next::Any => Work::Any(state.any.pop_front()?),
            Next::Together => Work::Together(state.any.drain(..).collect()),
        };
        match work.kind() {
            Kind::Own => state.running.own += 1,
            Kind::Any => state.running.any += 1,
            Kind::Together => state.running.together = true,
        }
        Some(work)
    }

    fn state(&self) -> MutexGuard<'_, State<D>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Something runs, until this is dropped.
struct Running<'s, D: Disk> {
    syncs: &'s Syncs<D>,
    kind: Kind,
}

impl<D: Disk> Drop for Running<'_, D> {
    fn drop(&mut self) {
        let mut state = self.syncs.state();
        match self.kind {
            Kind::Own => state.running.own -= 1,
            Kind::Any => state.running.any -= 1,
            Kind::Together => state.running.together = false,
        }
        if std::thread::panicking() {
            state.own.clear();
            state.any.clear();
        }
    }
}
