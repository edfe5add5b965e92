//! `spec.autoscaling`: the number of brokers by load.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Lets the operator choose the number of brokers by load: out soon, in slowly, one at a time and only when it is safe. The
/// number is kept in status.autoscaling; `replicas` is where it begins, and begins anew when somebody changes it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.minReplicas >= 1 && self.minReplicas <= self.maxReplicas && self.maxReplicas <= 1000")
        .message(
            "autoscaling.minReplicas must be at least 1 and at most autoscaling.maxReplicas, and that at most 1000"
        )
)]
pub struct Autoscaling {
    /// The fewest brokers. Once there are three or more, the operator never makes fewer than three of them.
    pub min_replicas: i32,
    /// The most brokers.
    pub max_replicas: i32,
    /// What a broker shall bear at most.
    #[serde(default)]
    pub targets: AutoscalingTargets,
    /// How long load must ask for another number before it is believed.
    #[serde(default)]
    pub stabilization: Stabilization,
}

/// What a broker shall bear at most, on average over all brokers.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalingTargets {
    /// Percent of `resources.requests.cpu`, which must be set then. Default: 70, where that is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self >= 1 && self <= 1000")
        .message("autoscaling.targets.cpuPercent must be from 1 to 1000"))]
    pub cpu_percent: Option<i32>,
    /// Percent of the volume that logs may take. Default: 75.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self >= 1 && self <= 85")
        .message("autoscaling.targets.diskPercent must be from 1 to 85: moves leave 15 % of each disk free"))]
    pub disk_percent: Option<i32>,
    /// Bytes a second that a broker receives or sends, whichever is more, from clients and brokers together, such as
    /// `100Mi`. Not looked at when not set: nobody knows what the network bears.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::quantity")]
    #[x_kube(validation = Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))")
        .message("autoscaling.targets.networkBytesPerSecond must be a number of bytes such as 100Mi"))]
    pub network_bytes_per_second: Option<Quantity>,
}

/// How long load must ask for another number, without a break and while nothing else is going on.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Stabilization {
    /// Before brokers are added. Default: 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_out: Option<String>,
    /// Before one is taken away. Default: 30m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale_in: Option<String>,
}
