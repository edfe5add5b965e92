//! The children that a Cluster shall have: one file for each kind. A child is a function of the valid spec and of
//! addresses that Kubernetes chose; nothing of the operator's version gets into what decides about restarts.

mod addresses;
mod config_map;
mod content;
mod disruption_budget;
mod metadata;
mod network_policy;
mod overlay;
mod service_account;
mod services;
mod stateful_set;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use weir_model::BrokerId;

pub use self::addresses::{Address, Host};
pub(crate) use self::addresses::{balancer, node_port};

use crate::object::{Kind, Object};
use crate::observed::Observed;
use crate::plan::Waiting;
use crate::valid::ValidCluster;

/// What a Cluster shall have.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// Every child, in the order in which they are applied. The StatefulSet has as many replicas as the user wants: how
    /// many it may have now is decided.
    pub objects: Vec<Object>,
    /// What pods run, as one hash: a pod with another one is restarted.
    pub content_hash: String,
    /// Where clients of each listener are told to reach each broker.
    pub addresses: BTreeMap<BrokerId, BTreeMap<String, Address>>,
    /// Addresses that Kubernetes has yet to choose. While there are some, brokers could only be told wrong ones, so the
    /// ConfigMap and the StatefulSet stay as they are.
    pub waiting: Vec<Waiting>,
}

impl Desired {
    /// The child of that kind and name.
    #[must_use]
    pub fn object(&self, kind: Kind, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.kind == kind && object.name == name)
    }
}

/// The children of this cluster.
#[must_use]
pub fn build(cluster: &ValidCluster, observed: &Observed) -> Desired {
    let (addresses, waiting) = addresses::of_brokers(cluster, observed);
    let content_hash = content::hash(cluster);
    let mut objects = vec![service_account::build(cluster), config_map::build(cluster, &addresses)];
    objects.extend(services::build(cluster));
    objects.push(network_policy::build(cluster));
    objects.extend(disruption_budget::build(cluster));
    objects.push(stateful_set::build(cluster, &content_hash));
    Desired { objects, content_hash, addresses, waiting }
}
