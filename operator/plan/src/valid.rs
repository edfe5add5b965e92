//! A Cluster whose spec was understood and found possible. Nothing reads the raw spec after this.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;
use weir_model::BrokerId;
use weir_operator_api::{AutoscalingChange, ListenerKind, OperationKind, RebalanceMode, VolumePolicy};

use crate::names::{INTERNAL, Names};
use crate::quantity::Bytes;
use crate::scaling::{Bounds, Course, Windows};

/// What a Cluster shall be, ready to be built.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidCluster {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// What its children are called.
    pub names: Names,
    /// The image of the brokers.
    pub image: String,
    /// How many brokers there shall be.
    pub replicas: u32,
    /// How many there are or shall be, whichever is more: those that are to go still need their settings and addresses.
    pub extent: u32,
    /// Their volumes.
    pub storage: ValidStorage,
    /// CPU and memory as the user said, if they did.
    pub resources: Option<Value>,
    /// Every listener, the brokers' own first.
    pub listeners: Vec<ValidListener>,
    /// The user's settings.
    pub config: BTreeMap<String, String>,
    /// The label of nodes that brokers are spread over.
    pub topology_key: String,
    /// How many brokers may be restarted at once.
    pub max_unavailable: usize,
    /// Whether and how replicas move.
    pub rebalance: ValidRebalance,
    /// Who chooses the number of brokers by load, if somebody does.
    pub autoscaling: Option<ValidAutoscaling>,
    /// What a broker shall bear at most.
    pub targets: ValidTargets,
    /// What an earlier pass wrote into status, and this one goes on from.
    pub before: Before,
    /// Whether its brokers have been a cluster before: status has its id.
    pub formed: bool,
    /// Nothing may be changed.
    pub paused: bool,
    /// Somebody has deleted it: its children go by themselves.
    pub deleting: bool,
    /// What the user merges over the pod template.
    pub overlay: Option<Value>,
    /// The namespace that the operator runs in.
    pub operator_namespace: String,
}

/// The volumes of the brokers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidStorage {
    /// Their size.
    pub size: Bytes,
    /// The size in the user's words.
    pub size_text: String,
    /// Their StorageClass, if the user named one.
    pub class: Option<String>,
    /// What becomes of them when the Cluster is deleted.
    pub when_deleted: VolumePolicy,
    /// What becomes of one when its broker is scaled away.
    pub when_scaled: VolumePolicy,
}

/// Whether and how replicas move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidRebalance {
    /// Who decides.
    pub mode: RebalanceMode,
    /// The bytes a second that moves may bring to each broker.
    pub throttle: Option<Bytes>,
    /// How many partitions move at once.
    pub at_once: usize,
    /// How long a broker may be gone before its replicas are made anew.
    pub replace_after: Option<Duration>,
    /// The proposal that a person has approved.
    pub approved: Option<String>,
    /// The proposal that status tells of.
    pub proposed: Option<String>,
}

impl ValidRebalance {
    /// What each of the moves may take, if that is limited.
    pub(crate) fn throttle_each(&self) -> Option<u64> {
        let at_once = u64::try_from(self.at_once.max(1)).unwrap_or(u64::MAX);
        self.throttle.map(|Bytes(all)| (all / at_once).max(1))
    }
}

/// How the number of brokers follows the load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidAutoscaling {
    /// The fewest and the most.
    pub bounds: Bounds,
    /// How long a judgement must stand.
    pub windows: Windows,
    /// What the last pass made of it, or where it begins.
    pub course: Course,
    /// The number in the spec that it began with.
    pub started_from: i32,
    /// The last change.
    pub last_change: Option<AutoscalingChange>,
}

/// What a broker shall bear at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValidTargets {
    /// Thousandths of a core, where the user says how many cores a broker has.
    pub cpu_millicores: Option<u64>,
    /// Percent of the room for logs.
    pub disk_percent: u64,
    /// Bytes a second, in or out, where the user says so.
    pub network_bytes: Option<u64>,
}

/// What an earlier pass wrote into status. What was begun there is brought to its end; without it nothing is unsafe, only
/// what lies between two thresholds stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Before {
    /// What was being done.
    pub operation: Option<OperationKind>,
    /// How many brokers were to be left, if some were being taken away.
    pub scaling_in_to: Option<u32>,
    /// The proposal that was being carried out.
    pub balancing: Option<String>,
    /// Since when brokers are not heard of.
    pub unheard_since: BTreeMap<BrokerId, Timestamp>,
}

/// One listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidListener {
    /// Its name in the spec, in Services and ports.
    pub name: String,
    /// The port that brokers listen on.
    pub port: u16,
    /// Who can reach it.
    pub kind: ListenerKind,
    /// The host that clients outside are told.
    pub advertised_host: Option<String>,
    /// The node port of the bootstrap Service.
    pub node_port: Option<u16>,
    /// Annotations of its Services.
    pub annotations: BTreeMap<String, String>,
}

impl ValidListener {
    /// The name that brokers know it by.
    #[must_use]
    pub fn broker_name(&self) -> String {
        self.name.to_ascii_uppercase()
    }

    /// Whether brokers use it among themselves.
    pub(crate) fn is_between_brokers(&self) -> bool {
        self.name == INTERNAL
    }

    /// Whether each broker has a Service of its own for it.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        self.kind != ListenerKind::Internal
    }
}

impl ValidCluster {
    /// Every broker that there is or shall be.
    pub fn brokers(&self) -> impl Iterator<Item = BrokerId> + use<> {
        up_to(self.extent)
    }

    /// Whether that broker may have a vote now. One that is to go has it until it is gone.
    pub(crate) fn may_vote(&self, broker: BrokerId) -> bool {
        up_to(self.extent.min(VOTERS_MAX)).any(|voter| voter == broker)
    }

    /// The first voters of the quorum, as brokers that join are told.
    pub(crate) fn voters(&self) -> impl Iterator<Item = BrokerId> + use<> {
        up_to(self.replicas.min(VOTERS_MAX))
    }
}

/// How many brokers vote at most.
const VOTERS_MAX: u32 = 3;

/// The brokers of a StatefulSet of that size.
pub(crate) fn up_to(replicas: u32) -> impl Iterator<Item = BrokerId> + use<> {
    (0..i32::try_from(replicas).unwrap_or(i32::MAX)).map(BrokerId)
}
