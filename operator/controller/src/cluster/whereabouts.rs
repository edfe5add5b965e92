//! Where a volume can be reached from, read from the API server itself. Decides nothing; what can not be read is not known.

use k8s_openapi::api::core::v1::{Node, PersistentVolume};
use kube::Client;
use kube::api::{Api, ListParams};
use weir_operator_plan::observed::Whereabouts;
use weir_operator_plan::observed::whereabouts::{HOSTNAME, only_node};

/// Where that volume can be reached from. An installation that may not read volumes or nodes does not know.
pub(super) async fn of(client: &Client, volume: &str) -> Whereabouts {
    look(client, volume).await.unwrap_or_else(|error| Whereabouts::Unknown { why: error.to_string() })
}

async fn look(client: &Client, volume: &str) -> kube::Result<Whereabouts> {
    let volumes: Api<PersistentVolume> = Api::all(client.clone());
    let Some(volume) = volumes.get_opt(volume).await? else {
        return Ok(Whereabouts::Unknown { why: format!("there is no volume {volume}") });
    };
    let Some(node) = only_node(&volume) else { return Ok(Whereabouts::Reachable) };
    let nodes: Api<Node> = Api::all(client.clone());
    let labelled = nodes.list(&ListParams::default().labels(&format!("{HOSTNAME}={node}"))).await?;
    // The label may have been taken off a node that is there.
    let there = !labelled.items.is_empty() || nodes.get_opt(&node).await?.is_some();
    Ok(if there { Whereabouts::Reachable } else { Whereabouts::NodeGone { node } })
}
