//! Clusters, one scope at a time: what wakes a reconciliation, how many run at once, and what follows from how one ends.

mod apply;
mod events;
mod observe;
mod pass;
mod publish;
mod reconcile;
mod sweep;
mod whereabouts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt, stream};
use kube::runtime::controller::{self, Action, ReconcileReason, ReconcileRequest};
use kube::runtime::reflector::{self, Store};
use kube::{Client, Resource};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use weir_operator_api::Cluster;
use weir_operator_plan::observed::Defaults;

use crate::brokers::{AddressPattern, Brokers, Session};
use crate::error::{self, Error};
use crate::key::ClusterKey;
use crate::lease::Fence;
use crate::metrics::{Failure, Metrics};
use crate::mirror::{Change, Mirrors, Scope};
use crate::topics::Desk;

/// How many clusters are worked on at once.
const AT_ONCE: u16 = 8;
/// How long a burst of changes is gathered.
const DEBOUNCE: Duration = Duration::from_millis(100);
/// How many clusters with changed brokers may wait.
const WAITING_MAX: usize = 1024;

/// Everything that works on one scope while this operator leads.
pub(crate) struct Office {
    pub(crate) client: Client,
    pub(crate) fence: Fence,
    pub(crate) scope: Scope,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) identity: String,
    pub(crate) addresses: AddressPattern,
    pub(crate) defaults: Defaults,
}

/// What a reconciliation works with.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) mirrors: Mirrors,
    pub(crate) brokers: Arc<Brokers>,
    pub(crate) events: events::Events,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) defaults: Defaults,
    /// Failures in a row.
    failures: Mutex<BTreeMap<ClusterKey, u32>>,
}

impl Office {
    /// Works until `reign` ends.
    pub(crate) async fn work(self, reign: CancellationToken) {
        let (wake, woken) = mpsc::channel(WAITING_MAX);
        let brokers = Arc::new(Brokers::new(self.addresses, self.fence, wake, reign.clone()));
        let (mirrors, mut changes) = Mirrors::start(&self.client, self.scope, &reign).await;
        let context = Arc::new(Context {
            events: events::Events::new(self.client.clone(), self.identity),
            client: self.client,
            mirrors,
            brokers,
            metrics: self.metrics,
            defaults: self.defaults,
            failures: Mutex::default(),
        });
        let filled = gather(context.mirrors.filled(), &mut changes);
        let Some(Some(early)) = reign.run_until_cancelled(filled).await else { return };
        info!(clusters = context.mirrors.clusters.len(), topics = context.mirrors.topics.len(), "watches");
        let desk = Desk::new(Arc::clone(&context), reign.clone());
        let clusters = context.mirrors.clusters.clone();
        let (sweeper, sweeping) = sweep::Sweeper::start(Arc::clone(&context));
        let heard = Heard { clusters: clusters.clone(), context: Arc::clone(&context), desk, sweeper };
        let queue = requests(early, changes, woken, heard);
        let settings = controller::Config::default().concurrency(AT_ONCE).debounce(DEBOUNCE);
        let passes =
            controller::applier(|c, at| Box::pin(pass(c, at)), follow_up, context, clusters, queue, settings);
        let working = Box::pin(passes.for_each(|_| std::future::ready(())));
        reign.run_until_cancelled(async { tokio::join!(working, sweeping) }).await;
    }
}

/// What changes until the mirrors are filled, each thing once: the watches must not wait for somebody who waits for them.
async fn gather<E>(
    filled: impl Future<Output = Result<(), E>>,
    changes: &mut mpsc::Receiver<Change>,
) -> Option<BTreeSet<Change>> {
    let (mut filled, mut early) = (std::pin::pin!(filled), BTreeSet::new());
    loop {
        tokio::select! {
            filled = &mut filled => return filled.ok().map(|()| early),
            change = changes.recv() => early.extend(Some(change?)),
        }
    }
}

/// Who hears of changes.
struct Heard {
    clusters: Store<Cluster>,
    context: Arc<Context>,
    desk: Desk,
    sweeper: sweep::Sweeper,
}

impl Heard {
    /// Passes the change on; which clusters to look at because of it.
    fn take(&self, change: Change) -> Vec<ClusterKey> {
        match change {
            Change::Topic(key) => self.desk.wake(&key),
            Change::Everything => {
                return self.clusters.state().iter().map(|c| ClusterKey::of(&**c)).collect();
            }
            Change::Cluster(key) if self.clusters.get(&reference(&key)).is_some() => {
                self.desk.cluster_seen(&key);
                return vec![key];
            }
            Change::Cluster(key) => {
                self.context.forget(&key);
                self.desk.wake(&key);
                self.sweeper.look(&key.namespace);
            }
        }
        Vec::new()
    }
}

/// Which clusters to look at, as changes come in.
fn requests(
    early: BTreeSet<Change>,
    changes: mpsc::Receiver<Change>,
    woken: mpsc::Receiver<ClusterKey>,
    heard: Heard,
) -> impl Stream<Item = Result<ReconcileRequest<Cluster>, std::convert::Infallible>> {
    let changes =
        stream::unfold(
            changes,
            |mut changes| async move { changes.recv().await.map(|change| (change, changes)) },
        );
    let woken = stream::unfold(woken, |mut woken| async move {
        woken.recv().await.map(|key| (Change::Cluster(key), woken))
    });
    stream::iter(early)
        .chain(stream::select(changes, woken))
        .flat_map(move |change| stream::iter(heard.take(change)))
        .map(|key| Ok(ReconcileRequest { obj_ref: reference(&key), reason: ReconcileReason::Unknown }))
}

fn reference(key: &ClusterKey) -> reflector::ObjectRef<Cluster> {
    reflector::ObjectRef::new(&key.name).within(&key.namespace)
}

/// One reconciliation, measured.
async fn pass(cluster: Arc<Cluster>, context: Arc<Context>) -> Result<Action, Error> {
    let key = ClusterKey::of(&*cluster);
    let began = Instant::now();
    let outcome = reconcile::reconcile(&cluster, &key, &context).await;
    context.metrics.reconciled("Cluster", &key, began.elapsed(), outcome.as_ref().err().map(Error::kind));
    if outcome.is_ok() {
        context.failures().remove(&key);
    }
    outcome
}

/// What follows from a failure: another try, later and later.
fn follow_up(cluster: Arc<Cluster>, error: &Error, context: Arc<Context>) -> Action {
    let key = ClusterKey::of(&*cluster);
    let mut failures = context.failures();
    let count = failures.entry(key.clone()).or_default();
    *count = count.saturating_add(1);
    let pause = match error.kind() {
        // Somebody else wrote: what we know is old, and the news are on their way.
        Failure::Conflict => error::backoff(1, error::chance()),
        Failure::Invalid | Failure::Refused | Failure::Api | Failure::NotLeading | Failure::Brokers => {
            error::backoff(*count, error::chance())
        }
    };
    warn!(cluster = %key, %error, failures = *count, pause_ms = pause.as_millis(), "a pass has failed");
    Action::requeue(pause)
}

impl Context {
    fn failures(&self) -> std::sync::MutexGuard<'_, BTreeMap<ClusterKey, u32>> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session with the cluster's brokers: as many as there are or shall be.
    fn session(&self, key: &ClusterKey, cluster: &Cluster) -> Arc<Session> {
        let session = self.brokers.session(key);
        let there = cluster.status.as_ref().map_or(0, |status| status.replicas);
        session.set_replicas(weir_operator_plan::wanted(cluster).max(there));
        session
    }

    /// Keeps nothing of a cluster that is gone.
    fn forget(&self, key: &ClusterKey) {
        self.failures().remove(key);
        self.brokers.forget(key);
        self.metrics.forget(Cluster::kind(&()).as_ref(), &key.namespace, &key.name);
    }
}
