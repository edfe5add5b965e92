//! The one who changes metadata. Takes decisions in order, writes what they come to, applies it, publishes the image,
//! lets the partitions follow it, and only then answers. Decisions that wait together share one write.
//!
//! On a crash before the write nothing happened; after it, the next start replays it and the partitions follow then.

use std::collections::BTreeSet;
use std::sync::Arc;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::error;
use uuid::Uuid;
use weir_core::controller::{ConfigScope, Decision, Entropy, Image, Record};
use weir_model::TopicId;

use super::store::{Store, StoreError};
use super::view::View;
use crate::clock;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::partition::registry::Registry;

/// Requests that may wait for the owner.
const MAILBOX: usize = 256;
/// Requests that share one write.
const ROUND_MAX: usize = 64;

/// Why a change of metadata did not happen, or is not known to have happened.
#[derive(Clone, Debug, Error)]
pub(crate) enum MetadataError {
    #[error("the broker is stopping")]
    Stopping,
    #[error("metadata can not be written: {0}")]
    Store(String),
    #[error("the decision contradicts the metadata: {0}")]
    Contradiction(String),
}

type Deliver = Box<dyn FnOnce(Result<(), MetadataError>) + Send>;

/// What a decision came to, its reply sealed until the records are committed.
struct Prepared {
    records: Vec<Record>,
    deliver: Deliver,
}

type Request = Box<dyn FnOnce(&Image, &mut Entropy<'_>) -> Prepared + Send>;

/// How everybody else asks for a change.
#[derive(Clone)]
pub(crate) struct Controller {
    mailbox: mpsc::Sender<Request>,
}

impl Controller {
    /// Runs `decide` on the latest image; its reply comes when its records are committed and the partitions follow.
    pub(crate) async fn decide<R: Send + 'static>(
        &self,
        decide: impl FnOnce(&Image, &mut Entropy<'_>) -> Decision<R> + Send + 'static,
    ) -> Result<R, MetadataError> {
        let (answer, answered) = oneshot::channel();
        let request: Request = Box::new(move |image, entropy| {
            let Decision { records, reply } = decide(image, entropy);
            let deliver: Deliver = Box::new(move |committed| {
                let _ = answer.send(committed.map(|()| reply));
            });
            Prepared { records, deliver }
        });
        self.mailbox.send(request).await.map_err(|_| MetadataError::Stopping)?;
        answered.await.unwrap_or(Err(MetadataError::Stopping))
    }
}

/// The owner's state.
pub(crate) struct Owner {
    mailbox: mpsc::Receiver<Request>,
    store: Store,
    view: Arc<View>,
    partitions: Arc<Registry>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

impl Owner {
    /// An owner that is not running yet, and the way to reach it.
    pub(crate) fn new(
        store: Store,
        image: Image,
        view: Arc<View>,
        partitions: Arc<Registry>,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
    ) -> (Self, Controller) {
        let (sender, mailbox) = mpsc::channel(MAILBOX);
        view.publish(image);
        (Self { mailbox, store, view, partitions, metrics, health }, Controller { mailbox: sender })
    }

    /// Runs until `closing`, or until nobody can ask any more; then closes the store.
    pub(crate) async fn run(mut self, closing: CancellationToken) {
        loop {
            let first = tokio::select! {
                request = self.mailbox.recv() => request,
                () = closing.cancelled() => None,
            };
            let Some(first) = first else { break };
            let mut requests = vec![first];
            while requests.len() < ROUND_MAX
                && let Ok(next) = self.mailbox.try_recv()
            {
                requests.push(next);
            }
            self = self.round(requests).await;
        }
        let store = self.store;
        match tokio::task::spawn_blocking(move || store.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(problem)) => error!(error = %problem, "the metadata log was not closed cleanly"),
            Err(panic) => error!(%panic, "closing the metadata log panicked"),
        }
    }

    async fn round(mut self, requests: Vec<Request>) -> Self {
        let mut image = Image::clone(&self.view.image());
        let (mut records, mut answers) = (Vec::new(), Vec::new());
        for request in requests {
            match decide_one(request, &mut image) {
                Ok(prepared) => {
                    records.extend(prepared.records);
                    answers.push(prepared.deliver);
                }
                Err((deliver, why)) => {
                    error!(error = %why, "a decision was not applied");
                    deliver(Err(why));
                }
            }
        }
        let outcome = if records.is_empty() {
            Ok(())
        } else {
            let (store, written) = write(self.store, records, image).await;
            self.store = store;
            match written {
                Ok((records, image)) => {
                    self.follow(image, &records).await;
                    Ok(())
                }
                Err(why) => {
                    error!(error = %why, "metadata can not be written");
                    if why.is_failed_disk() {
                        self.health.disk_failed();
                        self.metrics.log_dir_failed.set(1);
                    }
                    Err(MetadataError::Store(why.to_string()))
                }
            }
        };
        for deliver in answers {
            deliver(outcome.clone());
        }
        self
    }

    /// Publishes the image and lets the partitions follow it.
    async fn follow(&self, image: Image, records: &[Record]) {
        let image = self.view.publish(image);
        self.metrics.topics.set(i64::try_from(image.topic_count()).unwrap_or(i64::MAX));
        self.partitions.reconcile(&image, touched(records, &image)).await;
    }
}

fn decide_one(request: Request, image: &mut Image) -> Result<Prepared, (Deliver, MetadataError)> {
    let mut draw = || Uuid::new_v4().as_u64_pair().0;
    let prepared = request(image, &mut Entropy::new(&mut draw));
    let mut changed = image.clone();
    for record in &prepared.records {
        if let Err(why) = changed.apply(record) {
            return Err((prepared.deliver, MetadataError::Contradiction(why.to_string())));
        }
    }
    *image = changed;
    Ok(prepared)
}

type Written = Result<(Vec<Record>, Image), StoreError>;

async fn write(store: Store, records: Vec<Record>, image: Image) -> (Store, Written) {
    let write = move || {
        let mut store = store;
        let now = clock::now();
        let written = store.append(&records, now).map(|()| (records, image));
        (store, written)
    };
    match tokio::task::spawn_blocking(write).await {
        Ok(done) => done,
        Err(panic) => {
            error!(%panic, "writing metadata panicked: the broker stops to recover from its log");
            std::process::abort();
        }
    }
}

/// The topics whose partitions may have to follow.
fn touched(records: &[Record], image: &Image) -> BTreeSet<TopicId> {
    let mut topics = BTreeSet::new();
    for record in records {
        match record {
            Record::TopicCreated { id, .. } | Record::TopicDeleted { id } => {
                topics.insert(*id);
            }
            Record::PartitionChanged { topic, .. } => {
                topics.insert(*topic);
            }
            Record::ConfigChanged { scope: ConfigScope::Topic(id), .. } => {
                topics.insert(*id);
            }
            Record::ConfigChanged { .. } => topics.extend(image.topics().map(|topic| topic.id)),
            Record::ClusterCreated { .. }
            | Record::BrokerRegistered(_)
            | Record::BrokerFencingChanged { .. }
            | Record::BrokerShuttingDown { .. }
            | Record::BrokerDrainChanged { .. }
            | Record::BrokerUnregistered { .. }
            | Record::ProducerIdsAllocated { .. }
            | Record::FeatureLevelChanged { .. } => {}
        }
    }
    topics
}
