//! `spec.rebalance`: whether replicas move by themselves.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether replicas move between brokers by themselves.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Rebalance {
    /// Auto: they do. Propose: status.proposal says what would move, and `approved` begins it; brokers that are scaled away
    /// are emptied without being asked. Never: nobody moves anything, and a broker that is scaled away waits until somebody
    /// has emptied it. Another mode than the one that began a rebalance ends its moves that have not finished, unless it
    /// allows them too. Default: Auto.
    #[serde(default)]
    pub mode: RebalanceMode,

    /// The bytes a second that moves may bring to each broker, such as `50Mi`; no limit when not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::quantity")]
    pub throttle: Option<Quantity>,

    /// How many partitions move at once. Default: 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self >= 1 && self <= 1000")
        .message("rebalance.maxConcurrentMoves must be from 1 to 1000"))]
    pub max_concurrent_moves: Option<i32>,

    /// How long a broker may be gone before its replicas are made anew on others, such as `30m`; never when not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace_lost_broker_after: Option<String>,

    /// With mode Propose: the hash of the proposal that may be carried out, as status.proposal tells it. Taken away while it
    /// is carried out, it ends the moves that have not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<String>,
}

/// Who decides about moves. The last one is not called `Off`: YAML 1.1, which kubectl reads, takes that for `false`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RebalanceMode {
    /// The operator.
    #[default]
    Auto,
    /// A person, by what status proposes.
    Propose,
    /// Nobody.
    Never,
}
