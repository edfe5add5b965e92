//! What comes next, as data: steps that the controller executes in order without knowing why, and what is waited for.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use weir_model::BrokerId;
use weir_operator_api::{AutoscalingStatus, OperationKind};

use crate::object::{Kind, Object, ObjectRef};
use crate::observed::Trouble;
use crate::observed::brokers::BrokerRef;
use crate::scaling::Judgement;

/// What comes next for a Cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// What to do, in this order. The first that fails ends the pass: the next one decides anew.
    pub steps: Vec<Step>,
    /// What is waited for, the most important first.
    pub waiting: Vec<Waiting>,
    /// What all this amounts to, if it is more than nothing.
    pub operation: Option<Operation>,
    /// How many brokers are left once those that are being taken away are gone: what a change of mind takes back.
    pub scaling_in_to: Option<u32>,
    /// The proposal that is being carried out: what a withdrawn approval ends.
    pub balancing: Option<String>,
    /// How far the cluster is from being balanced, where that is known.
    pub balance: Option<Balance>,
    /// What is thought of the number of brokers, where enough is known.
    pub judgement: Option<Judgement>,
    /// What autoscaling makes of it; the next pass carries it out, once status says so.
    pub autoscaling: Option<AutoscalingStatus>,
    /// What is being moved, where that is known.
    pub moving: Option<Left>,
    /// When to look again, even if nothing is heard of: set where what is waited for announces itself to nobody.
    pub requeue: Option<Duration>,
}

impl Plan {
    /// Whether nothing is left to do or to wait for.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.steps.is_empty() && self.waiting.is_empty()
    }
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Server-side apply, forced, by the operator's field manager.
    Apply(Object),
    /// Delete the StatefulSet and leave its pods: what of it can not be changed is made anew by the next pass. With the
    /// uid as precondition, and `propagationPolicy: Orphan`.
    Orphan(ObjectRef),
    /// Delete a pod, with the uid as precondition: its StatefulSet makes it anew.
    DeletePod {
        /// The pod.
        name: String,
        /// Its uid.
        uid: String,
        /// The broker in it.
        broker: BrokerId,
    },
    /// Patch a volume claim by a JSON merge patch, which names the claim's uid: another claim is refused.
    PatchVolume {
        /// The claim.
        name: String,
        /// The patch.
        patch: Value,
    },
    /// Delete a volume claim and all that is on it. With uid and resource version as preconditions.
    DeleteVolume {
        /// The claim.
        name: String,
        /// Its uid.
        uid: String,
        /// The version that was looked at.
        resource_version: String,
    },
    /// Delete a child that is no longer wanted, with the uid as precondition.
    Prune(ObjectRef),
    /// Tell the controller that a broker gets no new replicas.
    Drain(BrokerRef),
    /// Tell the controller that it gets replicas again.
    Undrain(BrokerRef),
    /// Begin moves; what is refused because it has changed is decided anew by the next pass.
    Move(Vec<MoveOrder>),
    /// End moves, and go back to the replicas before them.
    CancelMoves(Vec<PartitionRef>),
    /// Let the preferred replicas lead.
    ElectPreferred(Vec<PartitionRef>),
    /// Tell the controller to forget a broker that is gone and holds nothing.
    Unregister(BrokerRef),
    /// Tell people.
    Event(Event),
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionRef {
    /// Its topic's id.
    pub topic_id: String,
    /// Its number.
    pub number: i32,
}

/// Other replicas for one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveOrder {
    /// Which one.
    pub partition: PartitionRef,
    /// The epoch that was looked at: another one is refused.
    pub epoch: i32,
    /// Its replicas then, the preferred leader first.
    pub replicas: Vec<BrokerRef>,
    /// The bytes a second that it may take.
    pub throttle: Option<u64>,
}

/// How far a cluster is from being balanced, and what would make it so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Balance {
    /// Names what would be done, as its outcome: sizes that grow do not change it.
    pub hash: String,
    /// Partitions that would get other replicas.
    pub moves: usize,
    /// Partitions that would get another preferred leader.
    pub leaderships: usize,
    /// Bytes that would be copied.
    pub bytes: u64,
    /// Every broker, before and after.
    pub brokers: Vec<crate::rebalance::Account>,
    /// Whether a person has to approve it.
    pub waits_for_approval: bool,
}

/// Something for `kubectl describe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whether somebody must look.
    pub level: EventLevel,
    /// A stable CamelCase word.
    pub reason: &'static str,
    /// What the operator does, a stable CamelCase word.
    pub action: &'static str,
    /// The sentence.
    pub note: String,
}

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventLevel {
    /// As it should be.
    Normal,
    /// Somebody must look.
    Warning,
}

/// What the operator is doing, as status shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What it is.
    pub kind: OperationKind,
    /// The broker that is worked on.
    pub broker: Option<BrokerId>,
    /// Why it is done.
    pub reason: String,
    /// What is left to move, where it moves something.
    pub left: Option<Left>,
}

impl Operation {
    pub(crate) fn new(kind: OperationKind, reason: String) -> Self {
        Self { kind, broker: None, reason, left: None }
    }
}

/// What is left to move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Left {
    /// Partitions.
    pub moves: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What is waited for. `Display` is the sentence for people; [`Waiting::reason`] is stable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// For the user to end the pause.
    Paused,
    /// For a broker to answer.
    BrokersUnknown {
        /// Why none did.
        why: String,
    },
    /// For a pod to become ready.
    PodNotReady {
        /// The broker in it.
        broker: BrokerId,
        /// What is wrong with it, if Kubernetes says so.
        trouble: Option<Trouble>,
    },
    /// For a pod that is being stopped to be gone.
    PodStopping {
        /// The broker in it.
        broker: BrokerId,
    },
    /// For the pod to be there.
    PodMissing {
        /// The broker in it.
        broker: BrokerId,
    },
    /// For a broker to be known to the others after its pod was replaced.
    BrokerNotBack {
        /// The broker.
        broker: BrokerId,
    },
    /// For replicas to catch up.
    IsrNotWhole {
        /// Partitions with a replica that is not in sync; `None` when nobody counted.
        partitions: Option<u64>,
    },
    /// For the controller's word that a broker may stop.
    MayStopUnknown {
        /// The broker.
        broker: BrokerId,
        /// Why there is none.
        why: String,
    },
    /// For what speaks against stopping a broker to pass.
    StopRefused {
        /// The broker.
        broker: BrokerId,
        /// The controller's sentences.
        reasons: Vec<String>,
    },
    /// For a new StatefulSet, while the old one is being let go.
    StatefulSetReplaced,
    /// For an address outside.
    ListenerAddress {
        /// The listener.
        listener: String,
        /// The Service that has none yet.
        service: String,
    },
    /// For a volume to have the size it was given.
    VolumeGrowing {
        /// The claim.
        volume: String,
        /// What is in the way, if something is.
        trouble: Option<String>,
    },
    /// For a StorageClass that lets volumes grow, or for another size.
    VolumeCanNotGrow {
        /// The claim.
        volume: String,
        /// Its class.
        storage_class: String,
    },
    /// For a broker that is scaled away to hold nothing.
    BrokerHoldsReplicas {
        /// The broker.
        broker: BrokerId,
        /// Replicas on it.
        replicas: u64,
    },
    /// For a broker that is scaled away to be emptied, which is being done.
    BrokerDraining {
        /// The broker.
        broker: BrokerId,
        /// Replicas on it.
        replicas: u64,
    },
    /// For partitions that are being moved.
    MovesInFlight {
        /// How many.
        partitions: usize,
    },
    /// For a topic to have fewer replicas than there will be brokers.
    ReplicasWouldNotFit {
        /// The topic.
        topic: String,
        /// Its replicas.
        factor: usize,
        /// Brokers that would be left.
        brokers: usize,
    },
    /// For room, or for brokers, to make replicas of a broker that is gone anew.
    NowhereToGo {
        /// Partitions that can not go anywhere.
        partitions: usize,
        /// One of them, and why.
        example: String,
    },
    /// For a node that is gone, and has a broker's volume; or for somebody to give that up.
    NodeGone {
        /// The broker.
        broker: BrokerId,
        /// The node.
        node: String,
        /// The broker's pod.
        pod: String,
        /// Its claim.
        claim: String,
        /// The namespace of both.
        namespace: String,
        /// What speaks against giving it up, if something does.
        missing: Option<String>,
    },
    /// For a broker that is scaled away to be drained.
    BrokerNotDrained {
        /// The broker.
        broker: BrokerId,
    },
    /// For somebody to take an object away whose name the cluster needs.
    NameTaken {
        /// What it is.
        kind: Kind,
        /// Its name.
        name: String,
    },
}

impl Waiting {
    /// A stable CamelCase word for conditions.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Paused => "Paused",
            Self::BrokersUnknown { .. } => "BrokersUnknown",
            Self::PodNotReady { trouble: None, .. } => "PodNotReady",
            Self::PodNotReady { trouble: Some(_), .. } => "PodBroken",
            Self::PodStopping { .. } => "PodStopping",
            Self::PodMissing { .. } => "PodMissing",
            Self::BrokerNotBack { .. } => "BrokerNotBack",
            Self::IsrNotWhole { .. } => "IsrNotWhole",
            Self::MayStopUnknown { .. } => "MayStopUnknown",
            Self::StopRefused { .. } => "StopRefused",
            Self::StatefulSetReplaced => "StatefulSetReplaced",
            Self::ListenerAddress { .. } => "ListenerAddress",
            Self::VolumeGrowing { .. } => "VolumeGrowing",
            Self::VolumeCanNotGrow { .. } => "VolumeCanNotGrow",
            Self::BrokerHoldsReplicas { .. } => "BrokerHoldsReplicas",
            Self::BrokerNotDrained { .. } => "BrokerNotDrained",
            Self::BrokerDraining { .. } => "BrokerDraining",
            Self::MovesInFlight { .. } => "MovesInFlight",
            Self::ReplicasWouldNotFit { .. } => "ReplicasWouldNotFit",
            Self::NowhereToGo { .. } => "NowhereToGo",
            Self::NodeGone { .. } => "NodeGone",
            Self::NameTaken { .. } => "NameTaken",
        }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Paused => write!(f, "paused: set spec.paused to false to go on"),
            Self::BrokersUnknown { why } => write!(f, "the brokers can not be asked: {why}"),
            Self::PodNotReady { broker, trouble: None } => write!(f, "broker {broker} is not ready yet"),
            Self::PodNotReady { broker, trouble: Some(trouble) } => {
                write!(f, "broker {broker} does not start: {}: {}", trouble.reason, trouble.message)
            }
            Self::PodStopping { broker } => write!(f, "broker {broker} is stopping"),
            Self::PodMissing { broker } => write!(f, "the pod of broker {broker} is not there yet"),
            Self::BrokerNotBack { broker } => write!(f, "broker {broker} has not joined the others yet"),
            Self::IsrNotWhole { partitions: Some(partitions) } => {
                write!(f, "{partitions} partitions have replicas that are not in sync")
            }
            Self::IsrNotWhole { partitions: None } => {
                write!(f, "it is not known whether all replicas are in sync")
            }
            Self::MayStopUnknown { broker, why } => {
                write!(f, "it is not known whether broker {broker} may stop: {why}")
            }
            Self::StopRefused { broker, reasons } => {
                write!(f, "broker {broker} may not stop now: {}", reasons.join("; "))
            }
            Self::StatefulSetReplaced => write!(f, "the StatefulSet is made anew; pods run on"),
            Self::ListenerAddress { listener, service } => {
                write!(f, "listener {listener}: Service {service} has no address for clients outside yet")
            }
            Self::VolumeGrowing { volume, trouble: None } => write!(f, "volume {volume} is growing"),
            Self::VolumeGrowing { volume, trouble: Some(trouble) } => {
                write!(f, "volume {volume} does not grow: {trouble}")
            }
            Self::VolumeCanNotGrow { volume, storage_class } => write!(
                f,
                "volume {volume} can not grow: StorageClass {storage_class} does not allow it \
                 (allowVolumeExpansion)"
            ),
            Self::BrokerHoldsReplicas { broker, replicas } => write!(
                f,
                "broker {broker} still holds {replicas} replicas: move them to other brokers \
                 (kafka-reassign-partitions), or set spec.replicas back"
            ),
            Self::BrokerDraining { broker, replicas } => {
                write!(f, "broker {broker} still holds {replicas} replicas; they are moved away")
            }
            Self::MovesInFlight { partitions } => write!(f, "{partitions} partitions are being moved"),
            Self::ReplicasWouldNotFit { topic, factor, brokers } => write!(
                f,
                "topic {topic} has {factor} replicas and {brokers} brokers would be left: lower its replication factor, \
                 or set spec.replicas to {factor} or more"
            ),
            Self::NowhereToGo { partitions, example } => {
                write!(
                    f,
                    "{partitions} partitions can not leave their brokers: {example}; add brokers or grow volumes"
                )
            }
            Self::NodeGone { broker, node, pod, claim, namespace, missing } => {
                write!(f, "node {node} is gone, and the volume of broker {broker} with it; ")?;
                let command = format!("kubectl delete --namespace {namespace} pvc/{claim} pod/{pod}");
                way_out(f, missing.as_deref(), &command)
            }
            Self::BrokerNotDrained { broker } => write!(f, "broker {broker} is not drained yet"),
            Self::NameTaken { kind, name } => write!(
                f,
                "{} {name} belongs to somebody else: delete it, or name the Cluster differently",
                kind.kind()
            ),
        }
    }
}

/// What to do about a volume that can not be reached any more.
fn way_out(f: &mut fmt::Formatter<'_>, missing: Option<&str>, command: &str) -> fmt::Result {
    match missing {
        None => write!(
            f,
            "every partition has enough replicas in sync elsewhere: to start the broker anew, {command}"
        ),
        Some(missing) => write!(f, "{missing}: bring the node back, or records may be lost"),
    }
}
