//! Where clients of each listener begin.

use weir_operator_api::{ListenerKind, ListenerStatus};

use crate::build::{balancer, node_port};
use crate::object::Kind;
use crate::observed::{NodeSeen, Observed};
use crate::valid::{ValidCluster, ValidListener};

/// How many addresses of nodes are told: one that is up is enough.
const NODES_MAX: usize = 3;

pub(super) fn all(cluster: &ValidCluster, observed: &Observed) -> Vec<ListenerStatus> {
    cluster
        .listeners
        .iter()
        .map(|listener| ListenerStatus {
            name: listener.name.clone(),
            bootstrap_servers: bootstrap(cluster, listener, observed),
        })
        .collect()
}

fn bootstrap(cluster: &ValidCluster, listener: &ValidListener, observed: &Observed) -> Option<String> {
    let name = cluster.names.bootstrap(&listener.name);
    if listener.kind == ListenerKind::Internal {
        return Some(format!("{name}.{}.svc:{}", cluster.namespace, listener.port));
    }
    let service = observed.child(Kind::Service, &name)?;
    match (listener.kind, &listener.advertised_host) {
        (ListenerKind::LoadBalancer, told) => {
            let host = told.clone().or_else(|| balancer(&service.manifest))?;
            Some(format!("{host}:{}", listener.port))
        }
        (_, Some(host)) => Some(format!("{host}:{}", node_port(&service.manifest)?)),
        (_, None) => {
            let port = node_port(&service.manifest)?;
            let servers: Vec<_> = nodes(observed).map(|host| format!("{host}:{port}")).collect();
            (!servers.is_empty()).then(|| servers.join(","))
        }
    }
}

/// Nodes that are up, by name: the same ones each time.
fn nodes(observed: &Observed) -> impl Iterator<Item = &str> {
    let mut nodes: Vec<&NodeSeen> = observed.nodes.iter().filter(|node| node.ready).collect();
    nodes.sort_by(|a, b| a.name.cmp(&b.name));
    nodes
        .into_iter()
        .filter_map(|node| node.internal_ip.as_deref().or(node.external_ip.as_deref()))
        .take(NODES_MAX)
}
