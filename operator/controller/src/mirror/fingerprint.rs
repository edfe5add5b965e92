//! What of an object matters: a change that leaves its fingerprint as it was wakes nobody. Pure.

use std::hash::{DefaultHasher, Hash, Hasher};

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Node, PersistentVolumeClaim, Pod, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::api::ObjectMeta;
use weir_operator_api::{Cluster, Topic};

/// An object of which not every change matters.
pub(crate) trait Fingerprint {
    /// Equal when nothing that matters is different.
    fn fingerprint(&self) -> u64;
}

fn of(print: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    print.hash(&mut hasher);
    hasher.finish()
}

/// For kinds that count changes of their spec: their status is their own affair.
fn declared(metadata: &ObjectMeta) -> u64 {
    of((
        &metadata.uid,
        metadata.generation,
        &metadata.labels,
        &metadata.annotations,
        &metadata.finalizers,
        metadata.owner_references.as_ref().map(Vec::len),
        metadata.deletion_timestamp.is_some(),
    ))
}

/// For kinds of which every change matters.
fn whole(metadata: &ObjectMeta) -> u64 {
    of((&metadata.uid, &metadata.resource_version))
}

macro_rules! fingerprint_by {
    ($($how:ident: $($kind:ty),*;)*) => {$($(
        impl Fingerprint for $kind {
            fn fingerprint(&self) -> u64 {
                $how(&self.metadata)
            }
        }
    )*)*};
}

fingerprint_by! {
    declared: Cluster, Topic, StatefulSet, NetworkPolicy, PodDisruptionBudget;
    whole: ConfigMap, PersistentVolumeClaim, Pod, Service, ServiceAccount, StorageClass;
}

impl Fingerprint for Node {
    /// Where it stands, how it is reached, whether it works; not its heartbeats.
    fn fingerprint(&self) -> u64 {
        let status = self.status.as_ref();
        let ready = status.and_then(|status| status.conditions.as_ref()).and_then(|conditions| {
            conditions.iter().find(|condition| condition.type_ == "Ready").map(|ready| &ready.status)
        });
        let addresses: Option<Vec<_>> = status
            .and_then(|status| status.addresses.as_ref())
            .map(|addresses| addresses.iter().map(|address| (&address.type_, &address.address)).collect());
        let unschedulable = self.spec.as_ref().and_then(|spec| spec.unschedulable);
        of((&self.metadata.uid, &self.metadata.labels, unschedulable, ready, addresses))
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{NodeAddress, NodeCondition, NodeStatus};
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    #[test]
    fn a_nodes_heartbeat_is_nothing_and_its_failure_is() {
        let node = |ready: &str, heartbeat: i64, address: &str| Node {
            status: Some(NodeStatus {
                conditions: Some(vec![NodeCondition {
                    type_: "Ready".to_owned(),
                    status: ready.to_owned(),
                    last_heartbeat_time: Timestamp::from_second(heartbeat).ok().map(Time),
                    ..NodeCondition::default()
                }]),
                addresses: Some(vec![NodeAddress {
                    type_: "InternalIP".to_owned(),
                    address: address.to_owned(),
                }]),
                ..NodeStatus::default()
            }),
            ..Node::default()
        };
        let print = node("True", 1, "10.0.0.1").fingerprint();
        assert_eq!(print, node("True", 2, "10.0.0.1").fingerprint());
        assert_ne!(print, node("False", 1, "10.0.0.1").fingerprint());
        assert_ne!(print, node("True", 1, "10.0.0.2").fingerprint());
    }

    #[test]
    fn an_own_status_write_wakes_nobody_and_a_changed_spec_does() {
        let cluster = |generation, version: &str| {
            let mut cluster = Cluster::new("logs", Default::default());
            cluster.metadata.generation = Some(generation);
            cluster.metadata.resource_version = Some(version.to_owned());
            cluster
        };
        assert_eq!(cluster(1, "1").fingerprint(), cluster(1, "2").fingerprint());
        assert_ne!(cluster(1, "1").fingerprint(), cluster(2, "2").fingerprint());
        let mut leaving = cluster(1, "3");
        leaving.metadata.finalizers = Some(vec!["weir.dev/delete-topic".to_owned()]);
        assert_ne!(cluster(1, "1").fingerprint(), leaving.fingerprint());
    }
}
