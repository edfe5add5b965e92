//! A node, as far as brokers depend on it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node;

/// A machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeSeen {
    /// Its name.
    pub name: String,
    /// Its labels; the zone is one of them.
    pub labels: BTreeMap<String, String>,
    /// Its address inside.
    pub internal_ip: Option<String>,
    /// Its address outside.
    pub external_ip: Option<String>,
    /// Whether it is heard of.
    pub ready: bool,
    /// Whether it takes no new pods.
    pub unschedulable: bool,
}

impl From<&Node> for NodeSeen {
    fn from(node: &Node) -> Self {
        let status = node.status.as_ref();
        let address = |kind: &str| {
            let all = status.and_then(|status| status.addresses.as_deref()).unwrap_or_default();
            all.iter().find(|address| address.type_ == kind).map(|address| address.address.clone())
        };
        let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        Self {
            name: node.metadata.name.clone().unwrap_or_default(),
            labels: node.metadata.labels.clone().unwrap_or_default(),
            internal_ip: address("InternalIP"),
            external_ip: address("ExternalIP"),
            ready: conditions
                .iter()
                .any(|condition| condition.type_ == "Ready" && condition.status == "True"),
            unschedulable: node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false),
        }
    }
}
