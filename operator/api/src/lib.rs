//! The resources that people write, `Cluster` and `Topic` of `weir.dev/v1alpha1`: their fields, what the API server
//! refuses by itself, and the names that everybody who handles them must agree on. Decides nothing about a running
//! cluster; must never do any I/O.

#![warn(missing_docs)]
#![expect(
    unreachable_pub,
    reason = "the derive of KubeSchema writes every struct a second time, inside a function"
)]

mod cluster;
mod crds;
mod names;
mod owned_settings;
mod schema;
mod topic;

#[cfg(test)]
mod tests;

pub use cluster::autoscaling::{Autoscaling, AutoscalingTargets, Stabilization};
pub use cluster::listener::{
    Authentication, AuthenticationKind, LISTENER_NAME_MAX, Listener, ListenerKind, ListenerTls,
};
pub use cluster::rebalance::{Rebalance, RebalanceMode};
pub use cluster::rollout::Rollout;
pub use cluster::status::{
    AutoscalingChange, AutoscalingStatus, BrokerPhase, BrokerStatus, ClusterStatus, ListenerStatus,
    OperationKind, OperationStatus, ProposalStatus, ProposedBroker,
};
pub use cluster::storage::{Storage, VolumePolicy};
pub use cluster::{CLUSTER_NAME_MAX, Cluster, ClusterSpec, Topology};
pub use crds::{CrdFile, crd_files, crds};
pub use names::{annotation, condition, label, port};
pub use owned_settings::{OWNED_SETTINGS, owned_setting};
pub use topic::{Adoption, ClusterRef, DeletionPolicy, TOPIC_FINALIZER, Topic, TopicSpec, TopicStatus};
