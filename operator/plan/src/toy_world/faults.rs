//! What breaks in the toy world: disks, nodes, connections. And the person who mends by hand what only a person may.

use weir_model::BrokerId;

use super::World;
use crate::observed::Whereabouts;
use crate::observed::brokers::BrokerState;

impl World {
    /// The pod is deleted with its volume. Not done where that would be the end of the last copy of something: what is lost
    /// then is nobody's fault here.
    pub(crate) fn lose_disk(&mut self, broker: BrokerId) {
        if self.volumes.contains_key(&broker) && !self.partitions.has_last_copy(broker) {
            self.note(format!("the disk of {broker} is gone"));
            self.kill(broker);
            self.forget_disk(broker);
        }
    }

    /// All that was on the volume is gone.
    pub(super) fn forget_disk(&mut self, broker: BrokerId) {
        self.volumes.remove(&broker);
        self.homes.remove(&broker);
        self.partitions.wipe(broker);
    }

    /// A node goes, with the pods on it; volumes that lie on it wait for its return. The last one stays.
    pub(crate) fn lose_node(&mut self, node: usize) {
        let Some(name) = self.nodes.keys().nth(node).filter(|_| self.nodes.len() > 1).cloned() else {
            return;
        };
        self.note(format!("node {name} is gone"));
        let zone = self.nodes.remove(&name).flatten();
        self.gone.insert(name.clone(), zone);
        let on_it: Vec<_> = self.on_node(&name);
        on_it.into_iter().for_each(|broker| self.kill(broker));
    }

    fn on_node(&self, name: &str) -> Vec<BrokerId> {
        let on_it = self.pods.iter().filter(|(_, (pod, _))| pod.node.as_deref() == Some(name));
        on_it.map(|(broker, _)| *broker).collect()
    }

    /// Where the broker's volume can be reached from.
    pub(super) fn whereabouts(&self, broker: BrokerId) -> Whereabouts {
        match self.homes.get(&broker).filter(|home| !self.nodes.contains_key(*home)) {
            Some(node) => Whereabouts::NodeGone { node: node.clone() },
            None => Whereabouts::Reachable,
        }
    }

    /// Every node is back.
    pub(crate) fn return_nodes(&mut self) {
        self.nodes.append(&mut self.gone);
    }

    /// A node stands in another zone: brokers that start there from now on do, too.
    pub(crate) fn rezone(&mut self, node: usize, zone: char) {
        if let Some(there) = self.nodes.values_mut().nth(node) {
            *there = Some(zone.to_string());
        }
    }

    /// A broker whose process runs is not heard of for so many ticks.
    pub(crate) fn flap(&mut self, broker: BrokerId, ticks: u32) {
        let runs = self.pods.get(&broker).is_some_and(|(pod, _)| pod.ready);
        if let Some(seen) = self.brokers.get_mut(&broker).filter(|_| runs) {
            seen.fenced = true;
            seen.state = BrokerState::Fenced;
            self.flapping.insert(broker, ticks);
        }
    }

    /// Nodes that are gone stay so, and somebody deletes the volumes that lie on them, with the pods that wait for them.
    /// Where that would be the last copy of something, the nodes come back after all.
    pub(crate) fn give_nodes_up(&mut self) {
        let gone: Vec<_> = self.homes.iter().filter(|(_, home)| self.gone.contains_key(*home)).collect();
        let gone: Vec<_> = gone.into_iter().map(|(broker, _)| *broker).collect();
        for broker in gone {
            self.lose_disk(broker);
        }
        if self.homes.values().any(|home| self.gone.contains_key(home)) {
            self.return_nodes();
        }
    }
}
