//! `Cluster`: what a user says about a whole Weir cluster.

pub(crate) mod autoscaling;
pub(crate) mod listener;
pub(crate) mod rebalance;
pub(crate) mod rollout;
pub(crate) mod status;
pub(crate) mod storage;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::ResourceRequirements;
use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use self::autoscaling::Autoscaling;
use self::listener::Listener;
use self::rebalance::Rebalance;
use self::rollout::Rollout;
use self::status::ClusterStatus;
use self::storage::Storage;

/// The longest name of a Cluster: `<name>-<listener>-bootstrap` must be a legal name of a Service.
pub const CLUSTER_NAME_MAX: usize = 37;

/// What a Weir cluster shall be.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "weir.dev",
    version = "v1alpha1",
    kind = "Cluster",
    plural = "clusters",
    shortname = "wcl",
    category = "weir",
    namespaced,
    status = "ClusterStatus",
    derive = "PartialEq",
    doc = "A cluster of Weir brokers: a log that any Kafka client reads and writes.",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.ready",
        description = "Brokers that serve, of those that shall be"
    ),
    printcolumn(name = "Version", type_ = "string", json_path = ".status.version"),
    printcolumn(
        name = "Operation",
        type_ = "string",
        json_path = ".status.operation.type",
        description = "What the operator is doing"
    ),
    printcolumn(
        name = "Available",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Available\")].status"
    ),
    printcolumn(
        name = "Balanced",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Balanced\")].status"
    ),
    printcolumn(
        name = "Degraded",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Degraded\")].reason",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Progressing\")].message",
        priority = 1
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 37").message(
        "metadata.name must have at most 37 characters: names of Services are made of it"
    ),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message(
        "metadata.name must begin with a letter and have only lower-case letters, digits and hyphens: names of Services \
         are made of it"
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(self.version) && has(self.image))")
        .message("set spec.version or spec.image, not both: the image says the version")
        .field_path(".image"),
    validation = Rule::new(
        "!has(self.autoscaling) || !has(self.autoscaling.targets) || !has(self.autoscaling.targets.cpuPercent) || \
         (has(self.resources) && has(self.resources.requests) && 'cpu' in self.resources.requests)"
    )
        .message("autoscaling.targets.cpuPercent is a share of resources.requests.cpu: set that too")
        .field_path(".autoscaling")
)]
pub struct ClusterSpec {
    /// The version of Weir that the brokers run, such as `0.1.0`: the tag of the operator's default image. Without
    /// `version` and `image`, a new cluster gets the operator's default, and a running one keeps what it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,

    /// The whole name of the image that the brokers run, instead of `version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,

    /// How many brokers. With three or more, losing one costs nothing. With `autoscaling`, how many to begin with: the
    /// operator goes on from there, and begins anew when this is changed. Default: 3.
    #[serde(default = "three")]
    #[x_kube(
        validation = Rule::new("self >= 1")
            .message("replicas must be at least 1; delete the Cluster to stop it: its volumes stay"),
        validation = Rule::new("self <= 1000").message("replicas must be at most 1000")
    )]
    pub replicas: i32,

    /// The volume of each broker.
    pub storage: Storage,

    /// CPU and memory of each broker's container, as in a Pod. Default: requests of 100m and 256Mi, no limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceRequirements>,

    /// Where clients reach the brokers. There always is one named `internal`, of type Internal on port 9092, which
    /// brokers use among themselves too; name it here to give it another port. At most 8.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(
        merge_strategy = ListMerge::Map(vec!["name".into()]),
        validation = Rule::new("self.all(a, self.exists_one(b, b.name == a.name))")
            .message("two listeners have the same name"),
        validation = Rule::new("self.all(a, self.exists_one(b, b.port == a.port))")
            .message("two listeners have the same port"),
        validation = Rule::new("self.all(a, a.name == 'internal' || a.port != 9092 || self.exists(b, b.name == 'internal' && b.port != 9092))")
            .message("port 9092 is taken by the listener internal: choose another port, or give internal one")
    )]
    pub listeners: Vec<Listener>,

    /// Settings of the brokers, by Kafka's names; values are text. What the operator sets itself is refused: listeners,
    /// ids, racks, directories, the quorum.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::settings")]
    #[x_kube(validation = crate::owned_settings::rule())]
    pub config: BTreeMap<String, String>,

    /// How brokers are spread over the machines.
    #[serde(default)]
    pub topology: Topology,

    /// How brokers are restarted when something about them changes.
    #[serde(default)]
    pub rollout: Rollout,

    /// Whether replicas move between brokers by themselves.
    #[serde(default)]
    pub rebalance: Rebalance,

    /// Lets the operator choose the number of brokers by load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,

    /// The finalised level of `metadata.version`: which records the brokers may write. Raise it only when no broker has
    /// to go back to an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_version: Option<i32>,

    /// The operator changes nothing while this is true; status still tells what it sees.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,

    /// Merged over the pod template that the operator makes, as `kubectl patch` merges: containers, volumes and
    /// environment variables by name. The broker's container is named `weir`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "crate::schema::opaque")]
    pub pod_template: Option<serde_json::Value>,
}

/// How brokers are spread over the machines.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Topology {
    /// The label of nodes that tells where they stand. Brokers, and the replicas of each partition, are spread over its
    /// values. Default: `topology.kubernetes.io/zone`, the only one that pods carry by themselves; with another one pods
    /// are spread, while replicas are not.
    #[serde(default = "zone")]
    pub key: String,
}

impl Default for Topology {
    fn default() -> Self {
        Self { key: zone() }
    }
}

fn zone() -> String {
    crate::names::label::ZONE.to_owned()
}

fn three() -> i32 {
    3
}
