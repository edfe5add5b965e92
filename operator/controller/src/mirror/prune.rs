//! What is left out of mirrored objects, so that memory does not grow with what nobody reads. Pure.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Node, PersistentVolumeClaim, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::ObjectMeta;
use weir_operator_api::{Cluster, Topic};

/// An object that can be made smaller.
pub(crate) trait Prune {
    /// Drops what is never read.
    fn prune(&mut self);
}

/// What `kubectl apply` keeps of the whole object, in an annotation.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

fn metadata(metadata: &mut ObjectMeta) {
    metadata.managed_fields = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
    // An empty map keeps the room that it had.
    metadata.annotations = metadata.annotations.take().filter(|annotations| !annotations.is_empty());
}

macro_rules! prune_metadata_of {
    ($($kind:ty),*) => {$(
        impl Prune for $kind {
            fn prune(&mut self) {
                metadata(&mut self.metadata);
            }
        }
    )*};
}

prune_metadata_of!(
    Cluster,
    StatefulSet,
    ConfigMap,
    PersistentVolumeClaim,
    Service,
    ServiceAccount,
    NetworkPolicy,
    PodDisruptionBudget,
    StorageClass
);

impl Prune for Topic {
    fn prune(&mut self) {
        // Its labels and annotations are other people's: that they change is nothing to act on.
        let metadata = &mut self.metadata;
        (metadata.managed_fields, metadata.annotations, metadata.labels) = (None, None, None);
    }
}

impl Prune for Pod {
    fn prune(&mut self) {
        metadata(&mut self.metadata);
        // What the pod runs is told by its hash; here only where it runs matters.
        if let Some(spec) = &mut self.spec {
            spec.containers.iter_mut().for_each(|container| {
                (container.env, container.volume_mounts) = (None, None);
                (container.liveness_probe, container.readiness_probe, container.startup_probe) =
                    (None, None, None);
            });
            (spec.volumes, spec.affinity, spec.topology_spread_constraints) = (None, None, None);
        }
    }
}

impl Prune for Node {
    fn prune(&mut self) {
        metadata(&mut self.metadata);
        self.metadata.annotations = None;
        if let Some(status) = &mut self.status {
            (status.images, status.volumes_attached, status.volumes_in_use) = (None, None, None);
            (status.allocatable, status.capacity) = (None::<BTreeMap<_, _>>, None::<BTreeMap<_, _>>);
        }
    }
}
