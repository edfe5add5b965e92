//! What Kubernetes and the brokers do by themselves in a while: a StatefulSet makes claims and pods, pods go to the nodes
//! where their volumes lie, and brokers start.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use weir_model::{BrokerId, Incarnation};
use weir_operator_api::label;

use super::World;
use super::operators::BEHIND_MAX;
use super::steps::amount;
use crate::fixtures::incarnation;
use crate::object::Kind;
use crate::observed::brokers::{BrokerState, HostPort};
use crate::observed::{PodSeen, Trouble, VolumeSeen};

/// Ticks from a pod's creation until it is ready.
const STARTING: u32 = 2;

impl World {
    /// A while.
    pub(crate) fn tick(&mut self) {
        self.ticks += 1;
        self.silent = self.silent.saturating_sub(1);
        self.refusing = self.refusing.saturating_sub(1);
        self.catching_up = self.catching_up.saturating_sub(1);
        self.fencing.values_mut().for_each(|ticks| *ticks = ticks.saturating_sub(1));
        self.fence();
        self.hear();
        let alive = self.alive();
        self.partitions.catch_up(&self.brokers, &alive);
        self.partitions.copy(&alive);
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
        let Self { pods, stopped, .. } = self;
        stopped.retain(|broker, _| pods.get(broker).is_none_or(|(pod, _)| !pod.ready));
        if self.mirrors_lag {
            self.past.push_back((self.cluster.clone(), self.observe()));
            if self.past.len() > BEHIND_MAX {
                self.past.pop_front();
            }
        }
    }

    /// Brokers whose process runs and that the others count on.
    fn alive(&self) -> BTreeSet<BrokerId> {
        let runs = |id: &BrokerId| self.pods.get(id).is_some_and(|(pod, _)| pod.ready);
        let seen = self.brokers.iter().filter(|(id, broker)| !broker.fenced && runs(id));
        seen.map(|(id, _)| *id).collect()
    }

    /// Brokers that were not heard of are, where their process runs.
    fn hear(&mut self) {
        self.flapping.values_mut().for_each(|ticks| *ticks = ticks.saturating_sub(1));
        let heard: Vec<_> =
            self.flapping.iter().filter(|(_, ticks)| **ticks == 0).map(|(id, _)| *id).collect();
        for broker in heard {
            self.flapping.remove(&broker);
            if let Some(seen) = self.brokers.get_mut(&broker) {
                seen.fenced = false;
                seen.state = BrokerState::Active;
            }
        }
    }

    fn run_stateful_set(&mut self, set: &Value) {
        let replicas = i32::try_from(set["spec"]["replicas"].as_u64().unwrap()).unwrap();
        let gone: Vec<_> = self.pods.keys().copied().filter(|broker| broker.0 >= replicas).collect();
        gone.into_iter().for_each(|broker| self.kill(broker));
        for broker in (0..replicas).map(BrokerId) {
            if !self.volumes.contains_key(&broker) {
                self.claim(broker, &set["spec"]["volumeClaimTemplates"][0]);
            }
            if !self.pods.contains_key(&broker) {
                self.make_pod(broker, &set["spec"]["template"]);
            }
        }
    }

    fn claim(&mut self, broker: BrokerId, template: &Value) {
        let serial = self.serial();
        let size =
            amount(template.pointer("/spec/resources/requests/storage").and_then(Value::as_str).unwrap());
        let volume = VolumeSeen {
            name: self.names().volume(broker),
            uid: format!("v{serial}"),
            broker: Some(broker),
            cluster: template["metadata"]["labels"][label::CLUSTER].as_str().map(str::to_owned),
            requested: size,
            capacity: size,
            storage_class: Some("fast".to_owned()),
            volume: Some(format!("pv{serial}")),
            bound: true,
            ..VolumeSeen::default()
        };
        self.volumes.insert(broker, volume);
        *self.disks.entry(broker).or_default() += 1;
    }

    fn make_pod(&mut self, broker: BrokerId, template: &Value) {
        let serial = self.serial();
        let hash = template["metadata"]["annotations"]["weir.dev/content-hash"].as_str();
        let mut pod = PodSeen {
            name: self.names().pod(broker),
            uid: format!("p{serial}"),
            broker: Some(broker),
            content_hash: hash.map(str::to_owned),
            image: template["spec"]["containers"][0]["image"].as_str().map(str::to_owned),
            created: Some(self.now()),
            ..PodSeen::default()
        };
        self.schedule(broker, &mut pod);
        self.pods.insert(broker, (pod, STARTING));
    }

    /// Where its volume lies; one that lies nowhere yet goes to some node.
    fn schedule(&mut self, broker: BrokerId, pod: &mut PodSeen) {
        let turn = usize::try_from(broker.0).unwrap() % self.nodes.len().max(1);
        let some = self.nodes.keys().nth(turn).cloned();
        let home = self.homes.get(&broker).cloned().or(some);
        match home.filter(|home| self.nodes.contains_key(home)) {
            Some(home) => {
                self.homes.insert(broker, home.clone());
                (pod.node, pod.host_ip, pod.trouble) = (Some(home), Some("10.0.0.1".to_owned()), None);
            }
            None => {
                let (reason, message) = ("Unschedulable".to_owned(), "no node has its volume".to_owned());
                pod.trouble = Some(Trouble { reason, message });
            }
        }
    }

    fn start(&mut self, broker: BrokerId) {
        let Some((mut pod, left)) = self.pods.remove(&broker) else { return };
        if !pod.ready && pod.node.is_none() {
            self.schedule(broker, &mut pod);
        }
        let left = if self.begins(broker, &mut pod) { left.saturating_sub(1) } else { left };
        self.pods.insert(broker, (pod, left));
        if left == 0 {
            self.join(broker);
        }
    }

    /// Whether the pod's process is on its way.
    fn begins(&self, broker: BrokerId, pod: &mut PodSeen) -> bool {
        if pod.ready || pod.node.is_none() {
            return false;
        }
        if self.bad_images.contains(pod.image.as_deref().unwrap_or_default()) {
            let (reason, message) = ("ErrImagePull".to_owned(), "no such image".to_owned());
            pod.trouble = Some(Trouble { reason, message });
            return false;
        }
        pod.running = true;
        // Another disk is not let in while the others count on the one before.
        let own = self.disk(broker);
        self.brokers.get(&broker).is_none_or(|seen| seen.incarnation == own || seen.fenced)
    }

    fn disk(&self, broker: BrokerId) -> Incarnation {
        incarnation(broker, self.disks.get(&broker).map_or(0, |disks| disks - 1))
    }

    /// The broker is there, and the others know it.
    fn join(&mut self, broker: BrokerId) {
        let Some((pod, _)) = self.pods.get_mut(&broker).filter(|(pod, _)| !pod.ready) else { return };
        pod.ready = true;
        let rack = pod.node.as_ref().and_then(|node| self.nodes.get(node)).cloned().flatten();
        let (listeners, disk) = (self.advertised(broker), self.disk(broker));
        let registered = self.brokers.entry(broker).or_default();
        registered.incarnation = disk;
        registered.fenced = false;
        registered.state = BrokerState::Active;
        registered.listeners = listeners;
        registered.rack = rack;
        self.fencing.remove(&broker);
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
}
