//! `Cluster.status`: what the operator saw, and what it is doing about it.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the operator saw when it looked last.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// The generation of the spec that this tells about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,

    /// Broker pods that there are.
    #[serde(default)]
    pub replicas: i32,

    /// Broker pods that are ready.
    #[serde(default)]
    pub ready_replicas: i32,

    /// Ready ones of those that shall be, such as `2/3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<String>,

    /// Selects the broker pods; for the scale subresource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,

    /// The cluster's id, once its brokers have one. It stays as long as their volumes do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,

    /// The version that brokers run; `a -> b` while it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,

    /// The finalised level of `metadata.version`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata_version: Option<i32>,

    /// Where clients begin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub listeners: Vec<ListenerStatus>,

    /// The brokers, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub brokers: Vec<BrokerStatus>,

    /// What the operator is doing, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationStatus>,

    /// How many brokers are left once those that are being taken away are gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling_in_to: Option<i32>,

    /// The number of brokers that autoscaling has chosen, and what it thinks of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<AutoscalingStatus>,

    /// What would be moved, where `rebalance.mode` is Propose and something is out of balance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<ProposalStatus>,

    /// The proposal that is being carried out, by its hash: since it was approved, or since mode Auto began it, until all
    /// of it is done. When mode or approval no longer allow it, the moves that have not finished are ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balancing: Option<String>,

    /// Available, Progressing, Degraded, Balanced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Where clients of one listener begin.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ListenerStatus {
    /// The listener.
    pub name: String,
    /// What clients are given as bootstrap servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap_servers: Option<String>,
}

/// One broker.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct BrokerStatus {
    /// Its id: the ordinal of its pod.
    pub id: i32,
    /// Its pod.
    pub pod: String,
    /// Where it stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// What it is doing.
    pub phase: BrokerPhase,
    /// Replicas that it holds; not set when the brokers can not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replicas: Option<i64>,
    /// Partitions that it leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaders: Option<i64>,
    /// Since when the others have not heard of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unheard_since: Option<Time>,
}

/// What autoscaling has chosen, and why.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalingStatus {
    /// How many brokers there shall be.
    pub replicas: i32,
    /// The `spec.replicas` that it began with. When that changes, it begins anew.
    pub started_from: i32,
    /// How many the load asks for.
    pub recommended: i32,
    /// Why, in a word: Cpu, Disk, Network, WithinTargets, MinReplicas, MaxReplicas, ReplicationFactor, OneFewerNotSafe,
    /// HotPartition, Uneven, MeasuresUnknown, NoTargets, or what is going on that is waited for.
    pub reason: String,
    /// Why, in a sentence: as it was when this began.
    pub message: String,
    /// Since when that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// The last change that it made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_change: Option<AutoscalingChange>,
}

/// A change that autoscaling made.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct AutoscalingChange {
    /// Brokers before.
    pub from: i32,
    /// Brokers after.
    pub to: i32,
    /// Why, in a word.
    pub reason: String,
    /// Why, in a sentence.
    pub message: String,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
}

/// What would be moved.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ProposalStatus {
    /// Names the proposal: `spec.rebalance.approved` set to it begins it.
    pub hash: String,
    /// Partitions that would get other replicas.
    pub moves: i64,
    /// Partitions that would only get another preferred leader.
    pub leaderships: i64,
    /// Bytes that would be copied.
    pub bytes: i64,
    /// Every broker, before and after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["id".into()]))]
    pub brokers: Vec<ProposedBroker>,
}

/// What a proposal makes of one broker.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ProposedBroker {
    /// Its id.
    pub id: i32,
    /// Replicas that it holds now.
    pub replicas_before: i64,
    /// Replicas that it would hold.
    pub replicas_after: i64,
    /// Partitions that prefer it as their leader now.
    pub leaders_before: i64,
    /// Partitions that would.
    pub leaders_after: i64,
    /// Bytes that it holds now.
    pub bytes_before: i64,
    /// Bytes that it would hold.
    pub bytes_after: i64,
}

/// What a broker is doing.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerPhase {
    /// It starts, recovers, or has not been heard of yet.
    Joining,
    /// It serves.
    Active,
    /// It gives its replicas away.
    Draining,
    /// It holds none, and may go.
    Drained,
    /// It was there and is not heard of any more.
    Lost,
}

/// What the operator is doing.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct OperationStatus {
    /// What it is.
    #[serde(rename = "type")]
    pub kind: OperationKind,
    /// The broker that is being worked on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broker: Option<i32>,
    /// Why.
    pub reason: String,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// Moves that are done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moves_done: Option<i64>,
    /// Moves that there are to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moves_total: Option<i64>,
    /// Bytes that are moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_done: Option<i64>,
    /// Bytes that there are to move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_total: Option<i64>,
    /// About how long the moves that are left will take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_left: Option<String>,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocked_by: Vec<String>,
}

/// What an operator can be doing.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationKind {
    /// The first brokers are made.
    Create,
    /// Brokers are restarted, one after another.
    Roll,
    /// Brokers are added.
    ScaleOut,
    /// Brokers are taken away.
    ScaleIn,
    /// Volumes grow.
    GrowVolumes,
    /// Replicas and leaders are spread anew.
    Rebalance,
    /// The replicas of a broker that is gone are made anew on others.
    ReplaceBroker,
}

impl OperationKind {
    /// Every one.
    pub const ALL: [Self; 7] = [
        Self::Create,
        Self::Roll,
        Self::ScaleOut,
        Self::ScaleIn,
        Self::GrowVolumes,
        Self::Rebalance,
        Self::ReplaceBroker,
    ];

    /// Its word, as status and metrics say it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Roll => "Roll",
            Self::ScaleOut => "ScaleOut",
            Self::ScaleIn => "ScaleIn",
            Self::GrowVolumes => "GrowVolumes",
            Self::Rebalance => "Rebalance",
            Self::ReplaceBroker => "ReplaceBroker",
        }
    }
}
