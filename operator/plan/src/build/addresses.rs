//! Where clients are told to reach each broker. Decides whether every address is known that Kubernetes chooses; a broker
//! that starts without one would tell its clients something wrong.

use std::collections::BTreeMap;

use serde_json::Value;
use weir_model::BrokerId;
use weir_operator_api::ListenerKind;

use crate::object::Kind;
use crate::observed::Observed;
use crate::plan::Waiting;
use crate::valid::{ValidCluster, ValidListener};

/// What clients of a listener are told about a broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

/// The host that clients are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// This one.
    Named(String),
    /// The address of the node that the broker's pod runs on, which only the pod knows.
    Node,
}

impl Host {
    /// The word in `advertised.listeners`. The node's address comes from the pod's environment.
    #[must_use]
    pub fn setting(&self) -> &str {
        match self {
            Self::Named(name) => name,
            // In brackets, which an address of IPv6 needs and any other may have.
            Self::Node => "[${env:HOST_IP}]",
        }
    }
}

/// Addresses by broker and by the broker's own name of the listener.
pub(crate) type Addresses = BTreeMap<BrokerId, BTreeMap<String, Address>>;

pub(super) fn of_brokers(cluster: &ValidCluster, observed: &Observed) -> (Addresses, Vec<Waiting>) {
    let mut all = Addresses::new();
    let mut waiting = Vec::new();
    for broker in cluster.brokers() {
        let of_broker = all.entry(broker).or_default();
        for listener in &cluster.listeners {
            let service = cluster.names.of_broker(&listener.name, broker);
            match of_listener(cluster, listener, broker, observed) {
                Some(address) => {
                    of_broker.insert(listener.broker_name(), address);
                }
                None => waiting.push(Waiting::ListenerAddress { listener: listener.name.clone(), service }),
            }
        }
    }
    (all, waiting)
}

fn of_listener(
    cluster: &ValidCluster,
    listener: &ValidListener,
    broker: BrokerId,
    observed: &Observed,
) -> Option<Address> {
    let told = listener.advertised_host.clone().map(Host::Named);
    if listener.kind == ListenerKind::Internal {
        return Some(Address { host: Host::Named(cluster.names.host(broker)), port: listener.port });
    }
    let service = observed.child(Kind::Service, &cluster.names.of_broker(&listener.name, broker))?;
    match listener.kind {
        ListenerKind::Internal => None,
        ListenerKind::NodePort => {
            let port = node_port(&service.manifest)?;
            Some(Address { host: told.unwrap_or(Host::Node), port })
        }
        ListenerKind::LoadBalancer => {
            let host = balancer(&service.manifest)?;
            Some(Address { host: told.unwrap_or(Host::Named(host)), port: listener.port })
        }
    }
}

/// The port of every node that leads to a Service, once Kubernetes has chosen it.
pub(crate) fn node_port(service: &Value) -> Option<u16> {
    service
        .pointer("/spec/ports/0/nodePort")?
        .as_u64()
        .and_then(|port| u16::try_from(port).ok())
        .filter(|p| *p > 0)
}

/// The host of a Service's load balancer, once there is one.
pub(crate) fn balancer(service: &Value) -> Option<String> {
    let ingress = service.pointer("/status/loadBalancer/ingress/0")?;
    ingress["hostname"].as_str().or_else(|| ingress["ip"].as_str()).map(str::to_owned)
}
