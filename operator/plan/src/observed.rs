//! The world as the controller saw it, in one value. The controller fills it and decides nothing; everything here is a
//! view that keeps what some decision looks at, and leaves out the rest.

pub mod brokers;
mod child;
mod node;
mod pod;
mod storage_class;
mod volume;
pub mod whereabouts;

pub use child::Child;
pub use node::NodeSeen;
pub use pod::{PodSeen, Trouble};
pub use storage_class::StorageClassSeen;
pub use volume::VolumeSeen;
pub use whereabouts::Whereabouts;

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;
use weir_model::BrokerId;

use self::brokers::BrokersView;
use crate::object::Kind;

/// What the operator itself was told, and puts into clusters that do not say otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// The image of new clusters that name neither image nor version, such as `ghcr.io/weir/weir:0.1.0`; with a version,
    /// everything before the tag.
    pub image: String,
    /// The namespace that the operator runs in: it is let through to the admin ports.
    pub operator_namespace: String,
}

/// Everything that was seen of one Cluster, and about the time when.
#[derive(Clone, Debug)]
pub struct Observed {
    /// When.
    pub now: Timestamp,
    /// What the operator was told.
    pub defaults: Defaults,
    /// The objects with this cluster's label ([`weir_operator_api::label::CLUSTER`]) of every [`Kind`].
    pub children: Vec<Child>,
    /// The pods of this cluster, by name or label.
    pub pods: Vec<PodSeen>,
    /// The volume claims of this cluster, by name or label: those of deleted clusters of the same name too.
    pub volumes: Vec<VolumeSeen>,
    /// The nodes, those that pods of this cluster run on at least.
    pub nodes: Vec<NodeSeen>,
    /// The StorageClasses; `None` where they may not be read.
    pub storage_classes: Option<Vec<StorageClassSeen>>,
    /// Where volumes can be reached from, by their names. [`crate::stranded_volumes`] says which ones to look at.
    pub whereabouts: BTreeMap<String, Whereabouts>,
    /// What the brokers say.
    pub brokers: BrokersView,
}

impl Observed {
    /// A world without anything in it.
    #[must_use]
    pub fn nothing(now: Timestamp, defaults: Defaults) -> Self {
        Self {
            now,
            defaults,
            children: Vec::new(),
            pods: Vec::new(),
            volumes: Vec::new(),
            nodes: Vec::new(),
            storage_classes: None,
            whereabouts: BTreeMap::new(),
            brokers: BrokersView::Unknown { why: "no broker was asked".to_owned() },
        }
    }

    /// The child of that kind and name.
    #[must_use]
    pub fn child(&self, kind: Kind, name: &str) -> Option<&Child> {
        self.children.iter().find(|child| child.kind == kind && child.name == name)
    }

    /// The StatefulSet, if there is one.
    pub(crate) fn stateful_set(&self) -> Option<StatefulSetSeen<'_>> {
        let child = self.children.iter().find(|child| child.kind == Kind::StatefulSet)?;
        Some(StatefulSetSeen { child })
    }

    /// How many brokers there are, counted by the highest ordinal that the StatefulSet or a pod has. While there is no
    /// StatefulSet, a pod that dies leaves no trace: then brokers count that the others know to hold something, and where
    /// nobody can be asked, the volumes that this very Cluster (by its uid) has used. Too many is safe: a broker too many
    /// is drained and taken away.
    pub(crate) fn extent(&self, uid: &str) -> u32 {
        let pods = self.pods.iter().filter(|pod| !pod.deleting).filter_map(|pod| pod.broker);
        let pods = highest(pods);
        match (self.stateful_set(), &self.brokers) {
            (Some(set), _) => set.replicas().max(pods),
            (None, BrokersView::Known(seen)) => {
                let holding =
                    seen.brokers.iter().filter(|(_, broker)| broker.replicas > 0 || !broker.drained);
                highest(holding.map(|(id, _)| *id)).max(pods)
            }
            (None, BrokersView::Unknown { .. }) => {
                let own = self.volumes.iter().filter(|volume| volume.cluster_uid.as_deref() == Some(uid));
                highest(own.filter_map(|volume| volume.broker)).max(pods)
            }
        }
    }

    /// The pod of a broker.
    pub(crate) fn pod(&self, broker: BrokerId) -> Option<&PodSeen> {
        self.pods.iter().find(|pod| pod.broker == Some(broker))
    }
}

/// The size of a StatefulSet that has all of these.
fn highest(brokers: impl Iterator<Item = BrokerId>) -> u32 {
    let sizes = brokers.map(|broker| u32::try_from(broker.0).map_or(0, |ordinal| ordinal.saturating_add(1)));
    sizes.max().unwrap_or(0)
}

/// What is looked at of the StatefulSet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StatefulSetSeen<'a> {
    pub(crate) child: &'a Child,
}

impl<'a> StatefulSetSeen<'a> {
    fn at(self, pointer: &str) -> Option<&'a Value> {
        self.child.manifest.pointer(pointer)
    }

    pub(crate) fn replicas(self) -> u32 {
        self.at("/spec/replicas").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok()).unwrap_or(0)
    }

    /// The content hash that a pod made now would get.
    pub(crate) fn content_hash(self) -> Option<&'a str> {
        self.at("/spec/template/metadata/annotations/weir.dev~1content-hash").and_then(Value::as_str)
    }

    /// The image of the broker's container.
    pub(crate) fn image(self) -> Option<&'a str> {
        let containers = self.at("/spec/template/spec/containers")?.as_array()?;
        let broker = containers.iter().find(|container| container["name"] == crate::names::CONTAINER)?;
        broker["image"].as_str()
    }
}
