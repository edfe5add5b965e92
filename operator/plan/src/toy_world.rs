//! A Kubernetes and a Weir cluster that fit into a test: they take the plan's steps and do, a little at each tick, what the
//! real ones do. What must never happen is asserted where a step is taken.

mod partitions;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use weir_model::BrokerId;
use weir_operator_api::{Cluster, label};

use crate::build::build;
use crate::decide::{decide, questions};
use crate::fixtures::{incarnation, nothing};
use crate::names::Names;
use crate::object::{Kind, Object};
use crate::observed::brokers::{BrokerSeen, BrokerState, BrokersView, HostPort, MayStop, Measures, Snapshot};
use crate::observed::{Child, NodeSeen, Observed, PodSeen, StorageClassSeen, Trouble, VolumeSeen};
use crate::plan::{Plan, Step};
use crate::quantity::Bytes;
use crate::status::{Outcome, status};
use crate::validate::validate;
use partitions::Partitions;

/// Ticks from a pod's creation until it is ready.
const STARTING: u32 = 2;

pub(crate) struct World {
    pub(crate) cluster: Cluster,
    children: BTreeMap<(Kind, String), Child>,
    pods: BTreeMap<BrokerId, (PodSeen, u32)>,
    volumes: BTreeMap<BrokerId, VolumeSeen>,
    brokers: BTreeMap<BrokerId, BrokerSeen>,
    /// Partitions that there are; replicas that brokers hold beside them are counted in `brokers` alone.
    pub(crate) partitions: Partitions,
    /// What the operator wrote into status last.
    pub(crate) status: bool,
    /// Ticks until every replica is in sync.
    catching_up: u32,
    /// Ticks for which no broker can be asked.
    pub(crate) silent: u32,
    /// Images that can not be pulled.
    pub(crate) bad_images: BTreeSet<String>,
    /// Ticks for which the controller refuses any stop.
    pub(crate) refusing: u32,
    /// Thousandths of a core that clients cost, all brokers together; each bears as much as it has replicas.
    pub(crate) load: u64,
    dies_after: Option<usize>,
    ticks: i64,
    serial: u32,
    /// Steps that were taken, in words.
    pub(crate) history: Vec<String>,
}

impl World {
    pub(crate) fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            children: BTreeMap::new(),
            pods: BTreeMap::new(),
            volumes: BTreeMap::new(),
            brokers: BTreeMap::new(),
            partitions: Partitions::default(),
            status: true,
            catching_up: 0,
            silent: 0,
            bad_images: BTreeSet::new(),
            refusing: 0,
            load: 0,
            dies_after: None,
            ticks: 0,
            serial: 0,
            history: Vec::new(),
        }
    }

    fn names(&self) -> Names {
        Names::new("logs", "default")
    }

    fn serial(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    pub(crate) fn observe(&self) -> Observed {
        let empty = nothing();
        let now = empty.now.as_second() + self.ticks * 40;
        Observed {
            now: k8s_openapi::jiff::Timestamp::from_second(now).unwrap(),
            children: self.children.values().cloned().collect(),
            pods: self.pods.values().map(|(pod, _)| pod.clone()).collect(),
            volumes: self.volumes.values().cloned().collect(),
            nodes: vec![NodeSeen {
                name: "n".to_owned(),
                internal_ip: Some("10.0.0.1".to_owned()),
                ready: true,
                ..NodeSeen::default()
            }],
            storage_classes: Some(vec![StorageClassSeen {
                name: "fast".to_owned(),
                expandable: true,
                default: true,
            }]),
            brokers: self.ask(),
            ..empty
        }
    }

    fn ask(&self) -> BrokersView {
        let up = self.pods.values().any(|(pod, _)| pod.ready);
        if self.silent > 0 || !up {
            return BrokersView::Unknown { why: "nobody answers".to_owned() };
        }
        let controller = self.brokers.iter().find(|(_, broker)| !broker.fenced).map(|(id, _)| *id);
        let fenced = self.brokers.values().filter(|broker| broker.fenced && broker.replicas > 0).count();
        BrokersView::Known(Snapshot {
            cluster_id: "toy".to_owned(),
            controller,
            brokers: self.measured(),
            partitions: self.partitions.told(&self.brokers),
            under_replicated_partitions: Some(
                u64::from(self.catching_up) + fenced as u64 + self.partitions.moving() as u64,
            ),
            under_min_isr_partitions: Some(0),
            metadata_version: 1,
            ..Snapshot::default()
        })
    }

    /// One pass of an operator that is killed after that many steps: the rest is not done, and nothing is written down.
    pub(crate) fn pass_and_die(&mut self, steps: usize) {
        self.dies_after = Some(steps);
        self.pass();
        self.dies_after = None;
    }

    /// One pass of the operator.
    pub(crate) fn pass(&mut self) -> Plan {
        let mut observed = self.observe();
        let valid = match validate(&self.cluster, &observed) {
            Ok(valid) => valid,
            Err(wrong) => panic!("{wrong:?}"),
        };
        let desired = build(&valid, &observed);
        for broker in questions(&valid, &desired, &observed) {
            let BrokersView::Known(seen) = &mut observed.brokers else { continue };
            let answer = if self.refusing > 0 || self.partitions.moves_of(broker.id) > 0 {
                MayStop::No { reasons: vec!["not now".to_owned()] }
            } else {
                MayStop::Yes { incarnation: broker.incarnation }
            };
            seen.may_stop.insert(broker.id, answer);
        }
        let plan = decide(&valid, &desired, &observed);
        for step in plan.steps.iter().take(self.dies_after.unwrap_or(usize::MAX)) {
            self.take(step);
        }
        if self.status && self.dies_after.is_none() {
            let outcome = Outcome::Planned { cluster: &valid, desired: &desired, plan: &plan };
            self.cluster.status = Some(status(&self.cluster, &observed, outcome));
        }
        plan
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Apply(object) => self.apply(object),
            Step::Orphan(set) => {
                self.note(format!("orphan {}", set.name));
                self.children.remove(&(set.kind, set.name.clone()));
            }
            Step::DeletePod { uid, broker, .. } => {
                self.note(format!("restart {broker}"));
                self.stop(*broker, uid);
            }
            Step::PatchVolume { name, patch } => self.patch(name, patch),
            Step::DeleteVolume { name, .. } => {
                self.note(format!("delete {name}"));
                let broker = self.names().broker_of_volume(name).unwrap();
                assert!(!self.brokers.contains_key(&broker), "{name} may hold records");
                self.volumes.remove(&broker);
            }
            Step::Prune(child) => {
                self.note(format!("prune {}", child.name));
                self.children.remove(&(child.kind, child.name.clone()));
            }
            Step::Drain(broker) => {
                self.brokers.get_mut(&broker.id).unwrap().drained = true;
            }
            Step::Unregister(broker) => {
                let held = self.counted()[&broker.id].replicas;
                let seen = self.brokers.remove(&broker.id).unwrap();
                assert!(seen.fenced && held == 0, "{seen:?} is alive or holds replicas");
            }
            Step::Undrain(broker) => {
                self.note(format!("undrain {}", broker.id));
                self.brokers.get_mut(&broker.id).unwrap().drained = false;
            }
            Step::Move(moves) => {
                let at_once = self.cluster.spec.rebalance.max_concurrent_moves.unwrap_or(10);
                self.partitions.begin(moves, &self.brokers, usize::try_from(at_once).unwrap());
            }
            Step::CancelMoves(cancelled) => self.partitions.cancel(cancelled),
            Step::ElectPreferred(elected) => self.partitions.elect(elected, &self.brokers),
            Step::Event(_) => {}
        }
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

    /// Nobody is stopped while another one of the cluster is not there, unless its own process does not run anyway.
    fn stop(&mut self, broker: BrokerId, uid: &str) {
        let (pod, _) = self.pods.get(&broker).unwrap();
        assert_eq!(pod.uid, uid, "another pod of the same name");
        if pod.ready {
            let others = self.pods.iter().filter(|(id, _)| **id != broker);
            for (id, (other, _)) in others {
                assert!(
                    other.ready,
                    "broker {broker} is stopped while {id} is not ready: {:?}",
                    self.history
                );
            }
            assert_eq!((self.silent, self.refusing, self.catching_up), (0, 0, 0), "{:?}", self.history);
        }
        self.kill(broker);
    }

    /// A pod goes, for whatever reason.
    pub(crate) fn kill(&mut self, broker: BrokerId) {
        self.pods.remove(&broker);
        if let Some(seen) = self.brokers.get_mut(&broker) {
            seen.fenced = true;
            seen.state = BrokerState::Fenced;
        }
    }

    fn apply(&mut self, object: &Object) {
        let serial = self.serial();
        let key = (object.kind, object.name.clone());
        let before = self.children.get(&key);
        let mut manifest = object.manifest.clone();
        manifest["metadata"]["uid"] =
            before.map_or_else(|| json!(format!("u{serial}")), |before| json!(before.uid));
        if object.kind == Kind::Service && manifest["spec"]["type"] == "NodePort" {
            let given = before.and_then(|before| crate::build::node_port(&before.manifest));
            let port = given.unwrap_or_else(|| 30_000 + u16::try_from(serial % 2_000).unwrap());
            if manifest["spec"]["ports"][0].get("nodePort").is_none() {
                manifest["spec"]["ports"][0]["nodePort"] = json!(port);
            }
        }
        if let (Kind::StatefulSet, Some(before)) = (object.kind, before) {
            let at = "/spec/volumeClaimTemplates";
            assert_eq!(manifest.pointer(at), before.manifest.pointer(at), "the API server refuses it");
            self.may_shrink(
                before.manifest["spec"]["replicas"].as_u64(),
                manifest["spec"]["replicas"].as_u64(),
            );
        }
        self.children.insert(key, Child::of_manifest(object.kind, manifest));
    }

    fn may_shrink(&self, before: Option<u64>, after: Option<u64>) {
        for gone in after.unwrap()..before.unwrap() {
            let broker = BrokerId(i32::try_from(gone).unwrap());
            let held = self.counted().get(&broker).map_or(0, |broker| broker.replicas);
            assert_eq!(held, 0, "broker {broker} is taken away with its replicas");
        }
    }

    fn patch(&mut self, name: &str, patch: &Value) {
        let broker = self.names().broker_of_volume(name).unwrap();
        let volume = self.volumes.get_mut(&broker).unwrap();
        assert_eq!(patch["metadata"]["uid"], volume.uid.as_str());
        let annotation = |name: &str| patch["metadata"]["annotations"][name].as_str().map(str::to_owned);
        volume.when_deleted = annotation("weir.dev/when-deleted").or(volume.when_deleted.take());
        volume.cluster_uid = annotation("weir.dev/cluster-uid").or(volume.cluster_uid.take());
        if let Some(size) = patch.pointer("/spec/resources/requests/storage").and_then(Value::as_str) {
            let size =
                Bytes::parse(&k8s_openapi::apimachinery::pkg::api::resource::Quantity(size.to_owned()));
            assert!(size >= volume.requested, "a volume shrinks");
            volume.requested = size;
        }
    }

    /// What Kubernetes and the brokers do by themselves in a while.
    pub(crate) fn tick(&mut self) {
        self.ticks += 1;
        self.silent = self.silent.saturating_sub(1);
        self.refusing = self.refusing.saturating_sub(1);
        self.catching_up = self.catching_up.saturating_sub(1);
        self.partitions.copy(&self.brokers);
        for volume in self.volumes.values_mut() {
            volume.capacity = volume.requested;
        }
        if let Some(set) = self.children.get(&(Kind::StatefulSet, "logs".to_owned())).cloned() {
            self.run_stateful_set(&set.manifest);
        }
        let starting: Vec<_> = self.pods.keys().copied().collect();
        for broker in starting {
            self.start(broker);
        }
    }

    fn run_stateful_set(&mut self, set: &Value) {
        let replicas = i32::try_from(set["spec"]["replicas"].as_u64().unwrap()).unwrap();
        let gone: Vec<_> = self.pods.keys().copied().filter(|broker| broker.0 >= replicas).collect();
        gone.into_iter().for_each(|broker| self.kill(broker));
        for broker in (0..replicas).map(BrokerId) {
            let serial = self.serial();
            let claim = &set["spec"]["volumeClaimTemplates"][0];
            let size = claim.pointer("/spec/resources/requests/storage").and_then(Value::as_str).unwrap();
            let size =
                Bytes::parse(&k8s_openapi::apimachinery::pkg::api::resource::Quantity(size.to_owned()));
            let name = self.names().volume(broker);
            self.volumes.entry(broker).or_insert_with(|| VolumeSeen {
                name,
                uid: format!("v{serial}"),
                broker: Some(broker),
                cluster: claim["metadata"]["labels"][label::CLUSTER].as_str().map(str::to_owned),
                requested: size,
                capacity: size,
                storage_class: Some("fast".to_owned()),
                bound: true,
                ..VolumeSeen::default()
            });
            let template = &set["spec"]["template"];
            let pod = PodSeen {
                name: self.names().pod(broker),
                uid: format!("p{serial}"),
                broker: Some(broker),
                node: Some("n".to_owned()),
                host_ip: Some("10.0.0.1".to_owned()),
                content_hash: template["metadata"]["annotations"]["weir.dev/content-hash"]
                    .as_str()
                    .map(str::to_owned),
                image: template["spec"]["containers"][0]["image"].as_str().map(str::to_owned),
                created: Some(self.observe().now),
                ..PodSeen::default()
            };
            self.pods.entry(broker).or_insert((pod, STARTING));
        }
    }

    fn start(&mut self, broker: BrokerId) {
        let Some((pod, left)) = self.pods.get_mut(&broker) else { return };
        if pod.ready {
            return;
        }
        if self.bad_images.contains(pod.image.as_deref().unwrap_or_default()) {
            let (reason, message) = ("ErrImagePull".to_owned(), "no such image".to_owned());
            pod.trouble = Some(Trouble { reason, message });
            return;
        }
        *left = left.saturating_sub(1);
        pod.running = true;
        if *left > 0 {
            return;
        }
        pod.ready = true;
        let listeners = self.advertised(broker);
        let registered = self.brokers.entry(broker).or_default();
        registered.incarnation = incarnation(broker, 0);
        registered.fenced = false;
        registered.state = BrokerState::Active;
        registered.listeners = listeners;
        self.catching_up = self.catching_up.max(2);
    }

    /// What the broker reads from its own file when it starts.
    fn advertised(&self, broker: BrokerId) -> BTreeMap<String, HostPort> {
        let config = &self.children[&(Kind::ConfigMap, "logs-config".to_owned())].manifest;
        let text = config["data"][format!("broker-{broker}.properties")].as_str().unwrap();
        let told = text.lines().find_map(|line| line.strip_prefix("advertised.listeners=")).unwrap();
        told.replace("[${env:HOST_IP}]", "10.0.0.1")
            .split(',')
            .map(|told| {
                let (name, at) = told.split_once("://").unwrap();
                let (host, port) = at.rsplit_once(':').unwrap();
                (name.to_owned(), HostPort { host: host.to_owned(), port: port.parse().unwrap() })
            })
            .collect()
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

    pub(crate) fn volumes(&self) -> Vec<String> {
        self.volumes.values().map(|volume| volume.name.clone()).collect()
    }

    pub(crate) fn child(&self, kind: Kind, name: &str) -> Option<&Child> {
        self.children.get(&(kind, name.to_owned()))
    }

    /// Somebody changes a child behind the operator's back.
    pub(crate) fn meddle(&mut self, kind: Kind, name: &str, change: impl FnOnce(&mut Value)) {
        if let Some(child) = self.children.get_mut(&(kind, name.to_owned())) {
            change(&mut child.manifest);
        }
    }

    /// Passes and ticks until nothing is left to do; the number of passes that did something.
    pub(crate) fn converge(&mut self) -> usize {
        let mut busy = 0;
        for _ in 0..400 {
            let plan = self.pass();
            if plan.is_settled() {
                return busy;
            }
            busy += usize::from(!plan.steps.is_empty());
            self.tick();
        }
        let last = self.pass();
        panic!("does not converge: {:?}\n{last:#?}", self.history);
    }
}
