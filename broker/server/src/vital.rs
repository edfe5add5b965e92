//! The runtime of what keeps a broker a member of its cluster: its node of the quorum, the writes of the metadata's log,
//! beats, sessions, and the listener and connections for other brokers. Clients and partitions run on another runtime:
//! when thousands of partitions have something to do at once, and thousands of syncs wait for the disk, neither a
//! heartbeat nor a commit waits behind them. Decides nothing, and must never be given the work of partitions or clients.

use std::future::Future;
use std::io;
use std::sync::Arc;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinError;

/// One goes on hearing while the other decides on a round.
const THREADS: usize = 2;
/// The metadata's log is written by one job at a time; snapshots and reading for followers go beside it.
const BLOCKING_THREADS: usize = 4;

/// The runtime. A clone is the same one, which ends with the last of them.
#[derive(Clone, Debug)]
pub(crate) struct Vital {
    own: Arc<Own>,
}

#[derive(Debug)]
struct Own(Option<Runtime>, Handle);

impl Vital {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .max_blocking_threads(BLOCKING_THREADS)
            .thread_name("vital")
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        Ok(Self { own: Arc::new(Own(Some(runtime), handle)) })
    }

    /// For what is to be spawned there.
    pub(crate) fn handle(&self) -> &Handle {
        &self.own.1
    }

    /// Does something there. What it opens and spawns stays there.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        what: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, JoinError> {
        self.handle().spawn(what).await
    }
}

impl Drop for Own {
    /// Not by waiting: this may be dropped where nothing may wait.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn what_is_done_there_is_done_on_threads_of_its_own() {
        let vital = Vital::start().unwrap();
        let name = || thread::current().name().map(str::to_owned);
        assert_eq!(vital.run(async move { name() }).await.unwrap().as_deref(), Some("vital"));
        assert_ne!(name().as_deref(), Some("vital"));
    }
}
