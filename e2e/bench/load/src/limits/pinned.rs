//! Runs work on a thread that is bound to one processor.

use std::thread;

use rustix::thread::{CpuSet, sched_setaffinity};

use crate::error::LoadError;

/// A processor's number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Core(pub(crate) usize);

/// Binds the calling thread.
pub(crate) fn bind(core: Core) -> Result<(), LoadError> {
    let mut set = CpuSet::new();
    set.set(core.0);
    let bound = sched_setaffinity(None, &set);
    bound.map_err(|errno| {
        LoadError::machine("binding a thread to a processor (is there such a one?)")(errno.into())
    })
}

/// Runs on a thread of that processor, and waits for it.
pub(crate) fn on<T: Send>(
    core: Core,
    work: impl FnOnce() -> Result<T, LoadError> + Send,
) -> Result<T, LoadError> {
    thread::scope(|scope| join(scope.spawn(move || bind(core).and_then(|()| work()))))
}

/// The result of a thread.
pub(crate) fn join<T>(thread: thread::ScopedJoinHandle<'_, Result<T, LoadError>>) -> Result<T, LoadError> {
    thread.join().unwrap_or_else(|_| Err(LoadError::Nonsense("a thread has panicked".into())))
}
