//! The hash of what a pod runs, by which restarts are decided. It is taken over what the user said and nothing else: not
//! over the generated template, which a newer operator may write differently, and not over settings that only matter to
//! brokers that have yet to join (the quorum's first voters, the replicas of topics to come).

use serde_json::json;

use crate::hash;
use crate::valid::ValidCluster;

pub(super) fn hash(cluster: &ValidCluster) -> String {
    let listeners: Vec<_> = cluster.listeners.iter().map(|l| json!([l.broker_name(), l.port])).collect();
    hash::of(&json!({
        "image": cluster.image,
        "resources": cluster.resources,
        "config": cluster.config,
        "listeners": listeners,
        "podTemplate": cluster.overlay,
    }))
}
