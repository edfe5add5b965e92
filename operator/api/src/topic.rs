//! `Topic`: what a user says about one topic of a Cluster in the same namespace.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Holds a Topic whose policy is Delete until its records are gone, or until its Cluster is.
pub const TOPIC_FINALIZER: &str = "weir.dev/delete-topic";

/// What a topic shall be.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "weir.dev",
    version = "v1alpha1",
    kind = "Topic",
    plural = "topics",
    shortname = "wtp",
    category = "weir",
    namespaced,
    status = "TopicStatus",
    derive = "PartialEq",
    doc = "A topic of a Weir cluster.",
    printcolumn = r#"{"name": "Cluster", "type": "string", "jsonPath": ".spec.clusterRef.name"}"#,
    printcolumn = r#"{"name": "Partitions", "type": "integer", "jsonPath": ".status.partitions"}"#,
    printcolumn = r#"{"name": "Replicas", "type": "integer", "jsonPath": ".status.replicationFactor"}"#,
    printcolumn = r#"{"name": "Ready", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name": "Reason", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].reason"}"#,
    printcolumn = r#"{"name": "Message", "type": "string", "jsonPath": ".status.conditions[?(@.type==\"Ready\")].message", "priority": 1}"#,
    printcolumn = r#"{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}"#
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.clusterRef.name == oldSelf.clusterRef.name")
        .message("clusterRef can not be changed: records do not move between clusters; make another Topic")
        .field_path(".clusterRef"),
    validation = Rule::new(
        "has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)"
    )
        .message("name can not be changed: a topic keeps its name; make another Topic"),
    validation = Rule::new("self.partitions >= oldSelf.partitions")
        .message("partitions can only grow: records can not be taken out of a partition")
        .field_path(".partitions")
)]
pub struct TopicSpec {
    /// The Cluster, in the same namespace. Can not be changed.
    pub cluster_ref: ClusterRef,

    /// The topic's name; the name of this object when not set. Can not be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 249))]
    #[x_kube(
        validation = Rule::new("self.matches('^[a-zA-Z0-9._-]+$') && self != '.' && self != '..'")
            .message("a topic's name has only letters, digits, '.', '_' and '-'")
    )]
    pub name: Option<String>,

    /// How many partitions. It can grow, never shrink. Default: 1.
    #[serde(default = "one")]
    #[x_kube(
        validation = Rule::new("self >= 1").message("partitions must be at least 1"),
        validation = Rule::new("self <= 100000").message("partitions must be at most 100000")
    )]
    pub partitions: i32,

    /// How many replicas each partition has; can be changed. When not set, a new topic gets 3, or as many as there are
    /// brokers, and nothing changes it later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(
        validation = Rule::new("self >= 1").message("replicationFactor must be at least 1"),
        validation = Rule::new("self <= 1000").message("replicationFactor must be at most 1000")
    )]
    pub replication_factor: Option<i32>,

    /// The topic's settings, by Kafka's names; values are text. A setting that is not named here is left as it is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "crate::schema::settings")]
    pub config: BTreeMap<String, String>,

    /// What becomes of the topic's records when this object is deleted. Default: Retain.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,

    /// What to do when the cluster has a topic of that name already. Default: Adopt.
    #[serde(default)]
    pub adoption: Adoption,
}

/// A Cluster in the same namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterRef {
    /// Its name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// What becomes of the records when the Topic is deleted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// The topic stays in the cluster.
    #[default]
    Retain,
    /// The topic is deleted with all its records.
    Delete,
}

/// What to do with a topic that is there already.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Adoption {
    /// Take it over and make it as declared.
    #[default]
    Adopt,
    /// Take it over only if it is as declared already.
    RequireMatch,
    /// Leave it alone, and say so.
    Fail,
}

/// What the operator saw of the topic.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TopicStatus {
    /// The generation of the spec that this tells about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// The topic's id. A topic that is deleted and made again is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic_id: Option<String>,

    /// Partitions that there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<i32>,

    /// Replicas of each partition; of the one with the fewest while that changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_factor: Option<i32>,

    /// Ready: the topic is as declared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

fn one() -> i32 {
    1
}
