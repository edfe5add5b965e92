//! Topics: one worker for each cluster that Topics name, whether the cluster exists or not. Workers come with the first
//! Topic and go with the last one.

mod parts;
mod send;
mod snapshot;
mod worker;
mod write;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::cluster::Context;
use crate::key::ClusterKey;
use worker::Worker;

/// How a worker is reached.
#[derive(Default)]
struct Bell {
    rung: Notify,
    /// Whether it waits for its Cluster to exist.
    lacks_cluster: AtomicBool,
}

type Workers = Arc<Mutex<BTreeMap<ClusterKey, Arc<Bell>>>>;

/// Where changes of Topics are reported.
#[derive(Clone)]
pub(crate) struct Desk {
    context: Arc<Context>,
    workers: Workers,
    reign: CancellationToken,
}

impl Desk {
    pub(crate) fn new(context: Arc<Context>, reign: CancellationToken) -> Self {
        Self { context, workers: Workers::default(), reign }
    }

    /// A Topic of that cluster has changed, or the cluster itself is gone.
    pub(crate) fn wake(&self, key: &ClusterKey) {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = workers.get(key) {
            return bell.rung.notify_one();
        }
        if !self.has_topics(key) {
            return;
        }
        let bell = Arc::new(Bell::default());
        bell.rung.notify_one();
        workers.insert(key.clone(), Arc::clone(&bell));
        drop(workers);
        let (desk, key) = (self.clone(), key.clone());
        tokio::spawn(async move {
            let worker = Worker::new(Arc::clone(&desk.context), key.clone(), bell);
            desk.reign.run_until_cancelled(desk.employ(worker, &key)).await;
        });
    }

    /// Something of a cluster that exists has changed.
    pub(crate) fn cluster_seen(&self, key: &ClusterKey) {
        let workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = workers.get(key).filter(|bell| bell.lacks_cluster.load(Ordering::Relaxed)) {
            bell.rung.notify_one();
        }
    }

    /// Has it work until there is no Topic left, and takes its name off the list before a new one could be missed.
    async fn employ(&self, mut worker: Worker, key: &ClusterKey) {
        loop {
            worker.work().await;
            let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.has_topics(key) {
                workers.remove(key);
                self.context.metrics.forget("Topics", &key.namespace, &key.name);
                return;
            }
        }
    }

    fn has_topics(&self, key: &ClusterKey) -> bool {
        self.context.mirrors.topics.has_any_of(key)
    }
}
