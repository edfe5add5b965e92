//! The mirrors of one scope: which kinds, by which labels, and whom each change concerns.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Node, PersistentVolumeClaim, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::ListParams;
use kube::runtime::reflector::Store;
use kube::runtime::watcher;
use kube::{Api, Client, Resource};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use weir_operator_api::{Cluster, Topic, label};

use super::{Mirrored, Scope, Shelf, mirror, mirror_topics};
use crate::key::ClusterKey;

/// What has changed, for those who act on it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    /// Something of that Cluster.
    Cluster(ClusterKey),
    /// A Topic of that Cluster.
    Topic(ClusterKey),
    /// Something that every Cluster may depend on.
    Everything,
}

/// How many changes may wait to be taken; a watch that brings more waits itself.
const WAITING_MAX: usize = 4096;

/// The mirrors.
pub(crate) struct Mirrors {
    pub(crate) clusters: Store<Cluster>,
    pub(crate) topics: Arc<Shelf>,
    pub(crate) pods: Store<Pod>,
    pub(crate) volumes: Store<PersistentVolumeClaim>,
    pub(crate) services: Store<Service>,
    pub(crate) configs: Store<ConfigMap>,
    pub(crate) accounts: Store<ServiceAccount>,
    pub(crate) policies: Store<NetworkPolicy>,
    pub(crate) budgets: Store<PodDisruptionBudget>,
    pub(crate) sets: Store<StatefulSet>,
    /// None where nodes may not be read.
    pub(crate) nodes: Option<Store<Node>>,
    /// None where they may not be read.
    pub(crate) classes: Option<Store<StorageClass>>,
}

impl Mirrors {
    /// Begins to watch. Changes come out of the receiver.
    pub(crate) async fn start(
        client: &Client,
        scope: Scope,
        stop: &CancellationToken,
    ) -> (Self, mpsc::Receiver<Change>) {
        let (changes, taken) = mpsc::channel(WAITING_MAX);
        let at = Starting { client, scope: &scope, stop, changes };
        let mirrors = Self {
            clusters: at.mirror(&all(), |cluster| Some(Change::Cluster(ClusterKey::of(cluster)))),
            topics: mirror_topics(at.scope.api::<Topic>(client), all(), stop.clone(), at.changes.clone()),
            pods: at.mirror(&own(), by_label),
            volumes: at.mirror(&own(), by_label),
            services: at.mirror(&own(), by_label),
            configs: at.mirror(&own(), by_label),
            accounts: at.mirror(&own(), by_label),
            policies: at.mirror(&own(), by_label),
            budgets: at.mirror(&own(), by_label),
            sets: at.mirror(&own(), by_label),
            nodes: at.of_all("nodes").await,
            classes: at.of_all("storage classes").await,
        };
        (mirrors, taken)
    }

    /// Waits until each of them was filled once: nothing is decided on half of the world.
    pub(crate) async fn filled(&self) -> Result<(), kube::runtime::reflector::store::WriterDropped> {
        self.clusters.wait_until_ready().await?;
        self.topics.wait_until_filled().await;
        self.pods.wait_until_ready().await?;
        self.volumes.wait_until_ready().await?;
        self.services.wait_until_ready().await?;
        self.configs.wait_until_ready().await?;
        self.accounts.wait_until_ready().await?;
        self.policies.wait_until_ready().await?;
        self.budgets.wait_until_ready().await?;
        self.sets.wait_until_ready().await?;
        if let Some(nodes) = &self.nodes {
            nodes.wait_until_ready().await?;
        }
        if let Some(classes) = &self.classes {
            classes.wait_until_ready().await?;
        }
        Ok(())
    }
}

/// What people make carries no label of ours.
fn all() -> watcher::Config {
    watcher::Config::default()
}

/// What the operator makes.
fn own() -> watcher::Config {
    watcher::Config::default().labels(&format!("{}={}", label::MANAGED_BY, label::OPERATOR))
}

fn by_label<K: Resource>(object: &K) -> Option<Change> {
    ClusterKey::by_label(object).map(Change::Cluster)
}

/// What every mirror is started with.
struct Starting<'a> {
    client: &'a Client,
    scope: &'a Scope,
    stop: &'a CancellationToken,
    changes: mpsc::Sender<Change>,
}

impl Starting<'_> {
    fn mirror<K>(&self, config: &watcher::Config, concerns: fn(&K) -> Option<Change>) -> Store<K>
    where
        K: Mirrored + Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    {
        mirror(self.scope.api(self.client), config.clone(), self.stop.clone(), concerns, self.changes.clone())
    }

    /// A kind without namespaces, if it may be read: an operator of one namespace may have no right to.
    async fn of_all<K>(&self, what: &str) -> Option<Store<K>>
    where
        K: Mirrored + Resource<Scope = k8s_openapi::ClusterResourceScope>,
    {
        let api: Api<K> = Api::all(self.client.clone());
        match api.list_metadata(&ListParams::default().limit(1)).await {
            Err(kube::Error::Api(status)) if status.code == 403 => {
                info!("{what} may not be read: what depends on them is left to Kubernetes");
                return None;
            }
            Err(error) => warn!(%error, "{what} were not read, the watch tries again"),
            Ok(_) => {}
        }
        let everything = |_: &K| Some(Change::Everything);
        Some(mirror(api, all(), self.stop.clone(), everything, self.changes.clone()))
    }
}
