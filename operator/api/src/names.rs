//! Labels, annotations, condition types and ports that the operator, the brokers' pods and people's queries agree on.
//! Constants only: a changed one orphans what exists.

/// Labels.
pub mod label {
    /// The name of the Cluster that an object belongs to. Objects of other clusters are never looked at.
    pub const CLUSTER: &str = "weir.dev/cluster";
    /// The listener that a Service is for.
    pub const LISTENER: &str = "weir.dev/listener";
    /// `weir`.
    pub const NAME: &str = "app.kubernetes.io/name";
    /// The name of the Cluster, for dashboards.
    pub const INSTANCE: &str = "app.kubernetes.io/instance";
    /// The operator; caches and watches are limited by it.
    pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
    /// `broker`.
    pub const COMPONENT: &str = "app.kubernetes.io/component";
    /// The value of [`NAME`].
    pub const WEIR: &str = "weir";
    /// The value of [`MANAGED_BY`], and the field manager of everything that the operator applies.
    pub const OPERATOR: &str = "weir-operator";
    /// The value of [`COMPONENT`] for everything that belongs to brokers.
    pub const BROKER: &str = "broker";
    /// Where a node stands; pods carry it too since Kubernetes 1.35.
    pub const ZONE: &str = "topology.kubernetes.io/zone";
    /// The ordinal of a StatefulSet's pod.
    pub const POD_INDEX: &str = "apps.kubernetes.io/pod-index";
    /// The name of a StatefulSet's pod, for a Service of one pod.
    pub const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
}

/// Annotations.
pub mod annotation {
    /// On pods and on their template: a hash of what the pod runs. A pod with another one than its StatefulSet is
    /// restarted, one after another.
    pub const CONTENT_HASH: &str = "weir.dev/content-hash";
    /// On children: a hash of what the operator wants the object to be.
    pub const DESIRED_HASH: &str = "weir.dev/desired-hash";
    /// On volumes: what becomes of them once the Cluster of [`CLUSTER_UID`] is deleted: `Retain` or `Delete`.
    pub const WHEN_DELETED: &str = "weir.dev/when-deleted";
    /// On volumes: the Cluster that used them last.
    pub const CLUSTER_UID: &str = "weir.dev/cluster-uid";
}

/// Types of conditions. Their reasons are listed where they are decided: `weir-operator-plan`.
pub mod condition {
    /// Clients can use every partition.
    pub const AVAILABLE: &str = "Available";
    /// The operator is at work, or waits for something.
    pub const PROGRESSING: &str = "Progressing";
    /// Something is wrong that somebody must look at.
    pub const DEGRADED: &str = "Degraded";
    /// Replicas and leaders are spread over the brokers as they should be.
    pub const BALANCED: &str = "Balanced";
    /// Of a Topic: it is as declared.
    pub const READY: &str = "Ready";
}

/// Ports of a broker's pod.
pub mod port {
    /// Clients inside the Kubernetes cluster, unless the listener `internal` says otherwise.
    pub const INTERNAL: u16 = 9092;
    /// The other brokers.
    pub const PEERS: u16 = 9094;
    /// The admin service.
    pub const ADMIN: u16 = 9095;
    /// `/metrics`, `/livez`, `/readyz`.
    pub const HTTP: u16 = 9644;
}
