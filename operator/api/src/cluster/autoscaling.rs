//! `spec.autoscaling`: the number of brokers by load.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Lets the operator choose the number of brokers by load. Not carried out by this version yet: refused.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.minReplicas >= 1 && self.minReplicas <= self.maxReplicas")
        .message("autoscaling.minReplicas must be at least 1 and at most autoscaling.maxReplicas")
)]
pub struct Autoscaling {
    /// The fewest brokers.
    pub min_replicas: i32,
    /// The most brokers.
    pub max_replicas: i32,
    /// What a broker shall bear at most.
    #[serde(default)]
    pub targets: AutoscalingTargets,
}

/// What a broker shall bear at most, on average.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalingTargets {
    /// Percent of the requested CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<i32>,
    /// Percent of the volume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_percent: Option<i32>,
    /// Bytes a second written by producers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::quantity")]
    pub bytes_in_per_second: Option<Quantity>,
}
