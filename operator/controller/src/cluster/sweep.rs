//! Volumes of Clusters that are gone and that were to go with them: looked for when the operator begins, and whenever
//! something of a Cluster changes that there is not. Everything is read anew before a volume is deleted.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tracing::{info, warn};
use weir_operator_api::{Cluster, VolumePolicy, annotation, label};
use weir_operator_plan::Step;
use weir_operator_plan::observed::{PodSeen, VolumeSeen};
use weir_operator_plan::sweep::{self, Living};

use super::{Context, apply};
use crate::error::{Error, Trying};

/// How long changes are gathered: a Cluster goes in many pieces.
const GATHER: Duration = Duration::from_secs(1);
/// How long to wait after a failure.
const RETRY: Duration = Duration::from_secs(10);
/// Namespaces that may wait to be looked at.
const WAITING_MAX: usize = 256;

/// Where namespaces are reported in which something of a gone Cluster has changed.
#[derive(Clone)]
pub(super) struct Sweeper(mpsc::Sender<String>);

impl Sweeper {
    /// Starts to work, first on every namespace that there is reason to look at.
    pub(super) fn start(context: Arc<Context>) -> (Self, impl Future<Output = ()> + Send + 'static) {
        let (sender, waiting) = mpsc::channel(WAITING_MAX);
        (Self(sender), work(context, waiting))
    }

    /// Something of a Cluster that there is not has changed in that namespace.
    pub(super) fn look(&self, namespace: &str) {
        // When the queue is full, later changes of the same kind will come: volumes and pods go one by one.
        let _ = self.0.try_send(namespace.to_owned());
    }
}

async fn work(context: Arc<Context>, mut waiting: mpsc::Receiver<String>) {
    let mut due: BTreeSet<String> =
        context.mirrors.volumes.state().iter().filter_map(|v| marked(v)).collect();
    loop {
        if due.is_empty() {
            let Some(namespace) = waiting.recv().await else { return };
            due.insert(namespace);
            sleep(GATHER).await;
        }
        while let Ok(namespace) = waiting.try_recv() {
            due.insert(namespace);
        }
        let mut failed = BTreeSet::new();
        for namespace in std::mem::take(&mut due) {
            let has_marked = |volume: &PersistentVolumeClaim| marked(volume).as_ref() == Some(&namespace);
            if context.mirrors.volumes.find(has_marked).is_none() {
                continue;
            }
            if let Err(error) = sweep_namespace(&context.client, &namespace).await {
                warn!(namespace, %error, "volumes of clusters that are gone were not looked at");
                failed.insert(namespace);
            }
        }
        if !failed.is_empty() {
            sleep(RETRY).await;
        }
        due = failed;
    }
}

/// The volume's namespace, if the volume is to go with its Cluster.
fn marked(volume: &PersistentVolumeClaim) -> Option<String> {
    let policy = volume.annotations().get(annotation::WHEN_DELETED)?;
    (policy == VolumePolicy::Delete.word()).then(|| volume.namespace()).flatten()
}

async fn sweep_namespace(client: &Client, namespace: &str) -> Result<(), Error> {
    // In this order: a Cluster that comes while this goes on is seen, though its volume was looked at before.
    let ours = ListParams::default().labels(&format!("{}={}", label::MANAGED_BY, label::OPERATOR));
    let volumes: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
    let volumes = volumes.list(&ours).await.trying(|| "list persistentvolumeclaims".to_owned())?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let pods =
        pods.list(&ListParams::default().labels(label::CLUSTER)).await.trying(|| "list pods".to_owned())?;
    let clusters: Api<Cluster> = Api::namespaced(client.clone(), namespace);
    let clusters = clusters.list(&ListParams::default()).await.trying(|| "list clusters".to_owned())?;
    let seen: Vec<_> = volumes.iter().map(VolumeSeen::new).collect();
    let living: Vec<_> = clusters.iter().map(living).collect();
    let now = Timestamp::now();
    let pods: Vec<_> = pods.iter().map(|pod| pod_seen(pod, now)).collect();
    for step in sweep::volumes(&seen, &living, &pods) {
        if let Step::DeleteVolume { name, uid, resource_version } = step {
            info!(namespace, volume = name, "deletes the volume of a cluster that is gone");
            apply::delete_volume(client, namespace, &name, &uid, &resource_version).await?;
        }
    }
    Ok(())
}

fn living(cluster: &Cluster) -> Living {
    Living { name: cluster.name_any(), uid: cluster.uid().unwrap_or_default() }
}

fn pod_seen(pod: &Pod, now: Timestamp) -> PodSeen {
    PodSeen::new(pod.labels().get(label::CLUSTER).map(String::as_str).unwrap_or_default(), pod, now)
}
