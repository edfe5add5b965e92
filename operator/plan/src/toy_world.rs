//! A Kubernetes and a Weir cluster that fit into a test: they take the plan's steps and do, a little at each tick, what the
//! real ones do. What must never happen is asserted where a step is taken (`steps.rs`).

mod faults;
mod kubernetes;
mod operators;
mod partitions;
mod steps;
mod topic;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};
use weir_model::BrokerId;
use weir_operator_api::{Cluster, Topic, label};

use crate::fixtures::nothing;
use crate::names::Names;
use crate::object::Kind;
use crate::observed::brokers::{BrokerSeen, BrokersView, Measures, Snapshot};
use crate::observed::{Child, NodeSeen, Observed, PodSeen, StorageClassSeen, VolumeSeen};
use partitions::Partitions;

/// Seconds between two ticks.
const TICK_S: i64 = 40;

pub(crate) struct World {
    pub(crate) cluster: Cluster,
    children: BTreeMap<(Kind, String), Child>,
    pods: BTreeMap<BrokerId, (PodSeen, u32)>,
    volumes: BTreeMap<BrokerId, VolumeSeen>,
    /// The nodes that there are, and their zones.
    nodes: BTreeMap<String, Option<String>>,
    /// Those that are gone, and may come back.
    gone: BTreeMap<String, Option<String>>,
    /// The node that each volume lies on.
    homes: BTreeMap<BrokerId, String>,
    /// How many disks each broker has had.
    disks: BTreeMap<BrokerId, u32>,
    brokers: BTreeMap<BrokerId, BrokerSeen>,
    /// Partitions that there are; replicas that brokers hold beside them are counted in `brokers` alone.
    pub(crate) partitions: Partitions,
    /// What declares the replication factor of all partitions, if something does.
    topic: Option<Topic>,
    /// Ticks until every replica is in sync.
    catching_up: u32,
    /// Ticks for which no broker can be asked.
    pub(crate) silent: u32,
    /// Images that can not be pulled.
    pub(crate) bad_images: BTreeSet<String>,
    /// Ticks for which the controller refuses any stop.
    pub(crate) refusing: u32,
    /// Ticks from the end of a broker's process until the others do not count on it any more.
    pub(crate) fences_after: u32,
    /// Ticks until brokers are fenced whose process has ended.
    fencing: BTreeMap<BrokerId, u32>,
    /// Ticks until brokers are heard of again whose process runs.
    flapping: BTreeMap<BrokerId, u32>,
    /// Who was stopped while it served, and in which pass, until it is back.
    stopped: BTreeMap<BrokerId, u32>,
    passes: u32,
    /// Partitions that one of two operators has begun to move in this pass: the other one could not know.
    moved_beside: BTreeSet<i32>,
    /// Whether it is remembered what mirrors showed.
    pub(crate) mirrors_lag: bool,
    /// What they showed after each of the last ticks.
    past: VecDeque<(Cluster, Observed)>,
    /// Thousandths of a core that clients cost, all brokers together; each bears as much as it has replicas.
    pub(crate) load: u64,
    ticks: i64,
    serial: u32,
    /// Steps that were taken, in words.
    pub(crate) history: Vec<String>,
}

impl World {
    /// On a single node that is in no zone.
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            children: BTreeMap::new(),
            pods: BTreeMap::new(),
            volumes: BTreeMap::new(),
            nodes: BTreeMap::from([("n".to_owned(), None)]),
            gone: BTreeMap::new(),
            homes: BTreeMap::new(),
            disks: BTreeMap::new(),
            brokers: BTreeMap::new(),
            partitions: Partitions::default(),
            topic: None,
            catching_up: 0,
            silent: 0,
            bad_images: BTreeSet::new(),
            refusing: 0,
            fences_after: 0,
            fencing: BTreeMap::new(),
            flapping: BTreeMap::new(),
            stopped: BTreeMap::new(),
            passes: 0,
            moved_beside: BTreeSet::new(),
            mirrors_lag: false,
            past: VecDeque::new(),
            load: 0,
            ticks: 0,
            serial: 0,
            history: Vec::new(),
        }
    }

    /// On one node for each of these zones.
    pub(crate) fn in_zones(cluster: Cluster, zones: &[char]) -> Self {
        let node = |(at, zone): (usize, &char)| (format!("n{at}"), Some(zone.to_string()));
        Self { nodes: zones.iter().enumerate().map(node).collect(), ..Self::new(cluster) }
    }

    fn names(&self) -> Names {
        Names::new("logs", "default")
    }

    fn serial(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(crate::fixtures::now().as_second() + self.ticks * TICK_S).unwrap()
    }

    pub(crate) fn observe(&self) -> Observed {
        let node = |(name, zone): (&String, &Option<String>)| NodeSeen {
            name: name.clone(),
            labels: zone.iter().map(|zone| (label::ZONE.to_owned(), zone.clone())).collect(),
            internal_ip: Some("10.0.0.1".to_owned()),
            ready: true,
            ..NodeSeen::default()
        };
        Observed {
            now: self.now(),
            children: self.children.values().cloned().collect(),
            pods: self.pods.values().map(|(pod, _)| pod.clone()).collect(),
            volumes: self.volumes.values().cloned().collect(),
            nodes: self.nodes.iter().map(node).collect(),
            storage_classes: Some(vec![StorageClassSeen {
                name: "fast".to_owned(),
                expandable: true,
                default: true,
            }]),
            brokers: self.ask(),
            ..nothing()
        }
    }

    fn ask(&self) -> BrokersView {
        let up = self.pods.values().any(|(pod, _)| pod.ready);
        if self.silent > 0 || !up {
            return BrokersView::Unknown { why: "nobody answers".to_owned() };
        }
        let controller = self.brokers.iter().find(|(_, broker)| !broker.fenced).map(|(id, _)| *id);
        BrokersView::Known(Snapshot {
            cluster_id: "toy".to_owned(),
            controller,
            brokers: self.measured(),
            partitions: self.partitions.told(&self.brokers),
            under_replicated_partitions: Some(self.under_replicated()),
            under_min_isr_partitions: Some(0),
            metadata_version: 1,
            ..Snapshot::default()
        })
    }

    fn under_replicated(&self) -> u64 {
        self.under_replicated_beside(&BTreeSet::new())
    }

    /// Without these partitions.
    fn under_replicated_beside(&self, without: &BTreeSet<i32>) -> u64 {
        let fenced = self.brokers.values().filter(|broker| broker.fenced && broker.replicas > 0).count();
        let lacking = self.partitions.under_replicated(&self.brokers, without);
        u64::from(self.catching_up) + fenced as u64 + lacking
    }

    /// The brokers with what they hold of the partitions.
    fn counted(&self) -> BTreeMap<BrokerId, BrokerSeen> {
        let mut brokers = self.brokers.clone();
        for (id, broker) in &mut brokers {
            broker.replicas += self.partitions.held(*id);
        }
        brokers
    }

    /// With what they bear, too, on disks of 10 GiB.
    fn measured(&self) -> BTreeMap<BrokerId, BrokerSeen> {
        let mut brokers = self.counted();
        let all = brokers.keys().map(|id| self.partitions.held(*id)).sum::<u64>().max(1);
        for (id, broker) in &mut brokers {
            let held = self.partitions.held(*id);
            let log_bytes = held * (100 << 20);
            broker.measures = Some(Measures {
                cpu_millicores: self.load * held / all,
                log_bytes,
                free_bytes: (10_u64 << 30).saturating_sub(log_bytes),
                ..Measures::default()
            });
        }
        brokers
    }

    fn note(&mut self, what: String) {
        self.history.push(what);
    }

    /// A person drains the broker, or takes that back.
    pub(crate) fn drain_by_hand(&mut self, broker: BrokerId, drained: bool) {
        if let Some(seen) = self.brokers.get_mut(&broker) {
            seen.drained = drained;
        }
    }

    /// Gives the broker replicas, or takes them.
    pub(crate) fn hold(&mut self, broker: BrokerId, replicas: u64) {
        if let Some(seen) = self.brokers.get_mut(&broker) {
            seen.replicas = replicas;
        }
    }

    pub(crate) fn pod(&self, broker: i32) -> Option<&PodSeen> {
        self.pods.get(&BrokerId(broker)).map(|(pod, _)| pod)
    }

    pub(crate) fn registered(&self) -> Vec<i32> {
        self.brokers.keys().map(|broker| broker.0).collect()
    }

    /// The brokers that were told to give their replicas away.
    pub(crate) fn drained(&self) -> Vec<i32> {
        self.brokers.iter().filter(|(_, broker)| broker.drained).map(|(id, _)| id.0).collect()
    }

    /// Where each broker stands.
    pub(crate) fn racks(&self) -> BTreeMap<BrokerId, Option<String>> {
        self.brokers.iter().map(|(id, broker)| (*id, broker.rack.clone())).collect()
    }

    pub(crate) fn volumes(&self) -> Vec<String> {
        self.volumes.values().map(|volume| volume.name.clone()).collect()
    }

    pub(crate) fn child(&self, kind: Kind, name: &str) -> Option<&Child> {
        self.children.get(&(kind, name.to_owned()))
    }

    /// Somebody changes a child behind the operator's back.
    pub(crate) fn meddle(&mut self, kind: Kind, name: &str, change: impl FnOnce(&mut Value)) {
        let serial = self.serial();
        if let Some(child) = self.children.get_mut(&(kind, name.to_owned())) {
            change(&mut child.manifest);
            child.manifest["metadata"]["resourceVersion"] = json!(serial.to_string());
        }
    }
}
