//! Where blocking work on the disk is done: on threads of its own in a broker, in line in a simulation, whose clock
//! must not move by itself.

use std::future::Future;
use std::pin::Pin;

use thiserror::Error;
use tokio::sync::oneshot;

/// A piece of blocking work.
pub type Job = Box<dyn FnOnce() + Send>;
/// Done when the work is.
pub type Done = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Does blocking work. Jobs that are given one after the other's end are done in that order.
pub trait Work: Send + Sync + 'static {
    /// Starts the job at once or when the result is polled. It MUST be run even if the result is dropped after its
    /// first poll: a half-written file is no problem, a write that nobody knows of is.
    fn run(&self, job: Job) -> Done;
}

/// On the runtime's threads for blocking work.
#[derive(Clone, Copy, Debug, Default)]
pub struct OnThreads;

impl Work for OnThreads {
    fn run(&self, job: Job) -> Done {
        let running = tokio::task::spawn_blocking(job);
        Box::pin(async move {
            // A panic is seen by whoever waits for the job's result.
            let _ = running.await;
        })
    }
}

/// In line, for simulations and tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct InLine;

impl Work for InLine {
    fn run(&self, job: Job) -> Done {
        job();
        Box::pin(std::future::ready(()))
    }
}

/// The work panicked, or the runtime is going away.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("work on the disk was not finished")]
pub(crate) struct Unfinished;

/// Does blocking work that has a result.
pub(crate) async fn perform<T: Send + 'static>(
    work: &dyn Work,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Unfinished> {
    let (give, mut result) = oneshot::channel();
    work.run(Box::new(move || {
        let _ = give.send(job());
    }))
    .await;
    result.try_recv().map_err(|_| Unfinished)
}
