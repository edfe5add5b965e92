//! Which Cluster something is about. Names only.

use std::fmt;

use kube::{Resource, ResourceExt};
use weir_operator_api::label;

/// A Cluster, by namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClusterKey {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl ClusterKey {
    /// Of the Cluster object itself.
    pub(crate) fn of<K: Resource>(cluster: &K) -> Self {
        Self { namespace: cluster.namespace().unwrap_or_default(), name: cluster.name_any() }
    }

    /// Of something that carries the label of its Cluster.
    pub(crate) fn by_label<K: Resource>(object: &K) -> Option<Self> {
        let name = object.labels().get(label::CLUSTER)?.clone();
        Some(Self { namespace: object.namespace().unwrap_or_default(), name })
    }
}

impl fmt::Display for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}
