//! `spec.rollout`: how brokers are restarted.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// How brokers are restarted when something about them changes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// How many brokers may be restarted at once: always of one zone, and only such as share no partition, so that every
    /// partition keeps its min.insync.replicas. Default: 1.
    #[serde(default = "one")]
    #[x_kube(validation = Rule::new("self >= 1").message("rollout.maxUnavailable must be at least 1"))]
    pub max_unavailable: i32,
}

impl Default for Rollout {
    fn default() -> Self {
        Self { max_unavailable: one() }
    }
}

fn one() -> i32 {
    1
}
