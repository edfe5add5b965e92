//! The partitions of the toy world: they move when they are told to, once all that shall hold them is there.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::BrokerId;

use crate::observed::brokers::{BrokerSeen, PartitionState};
use crate::plan::{MoveOrder, PartitionRef};

/// All partitions. Every one is of 100 MiB.
#[derive(Clone, Debug, Default)]
pub(crate) struct Partitions {
    all: Vec<PartitionState>,
}

type Brokers = BTreeMap<BrokerId, BrokerSeen>;

impl Partitions {
    /// Topics of one partition each, around the first `over` brokers.
    pub(crate) fn create(&mut self, count: i32, over: i32, factor: i32) {
        for number in 0..count {
            let replicas: Vec<_> = (0..factor).map(|next| BrokerId((number + next) % over)).collect();
            self.all.push(PartitionState {
                topic: "t".to_owned(),
                topic_id: "T".to_owned(),
                number: i32::try_from(self.all.len()).unwrap(),
                leader: replicas.first().copied(),
                in_sync: replicas.clone(),
                replicas,
                min_in_sync: 1,
                bytes: 100 << 20,
                ..PartitionState::default()
            });
        }
    }

    /// As the controller tells them: replicas on brokers that are fenced are not in sync, except the last one.
    pub(super) fn told(&self, brokers: &Brokers) -> Option<Vec<PartitionState>> {
        let up = |id: &BrokerId| brokers.get(id).is_some_and(|broker| !broker.fenced);
        let told = self.all.iter().map(|partition| {
            let mut told = partition.clone();
            told.in_sync.retain(up);
            told.leader = told.in_sync.first().copied();
            told
        });
        (!self.all.is_empty()).then(|| told.collect())
    }

    pub(super) fn held(&self, id: BrokerId) -> u64 {
        self.all.iter().filter(|partition| partition.replicas.contains(&id)).count() as u64
    }

    pub(crate) fn counts(&self, brokers: i32) -> Vec<u64> {
        (0..brokers).map(|id| self.held(BrokerId(id))).collect()
    }

    pub(crate) fn moving(&self) -> usize {
        self.all.iter().filter(|partition| partition.is_moving()).count()
    }

    pub(super) fn moves_of(&self, id: BrokerId) -> usize {
        let of = |p: &&PartitionState| p.adding.contains(&id) || p.removing.contains(&id);
        self.all.iter().filter(of).count()
    }

    fn find(&mut self, partition: &PartitionRef) -> &mut PartitionState {
        self.all.iter_mut().find(|p| p.number == partition.number).unwrap()
    }

    pub(super) fn begin(&mut self, moves: &[MoveOrder], brokers: &Brokers, at_once: usize) {
        for order in moves {
            let partition = self.find(&order.partition);
            assert_eq!(order.epoch, partition.epoch, "the partition has changed since");
            let target: Vec<_> = order.replicas.iter().map(|broker| broker.id).collect();
            let distinct: BTreeSet<_> = target.iter().collect();
            assert_eq!(distinct.len(), target.len(), "twice on a broker");
            assert_eq!(target.len(), partition.target().len(), "another factor");
            let origin: Vec<_> =
                partition.replicas.iter().copied().filter(|id| !partition.adding.contains(id)).collect();
            partition.adding = target.iter().copied().filter(|id| !origin.contains(id)).collect();
            for id in &partition.adding {
                let broker = &brokers[id];
                assert!(!broker.drained && !broker.fenced, "{id} takes nothing");
            }
            partition.removing = origin.iter().copied().filter(|id| !target.contains(id)).collect();
            partition.replicas = target.iter().chain(&partition.removing).copied().collect();
            partition.epoch += 1;
        }
        assert!(self.moving() <= at_once, "{} move at once", self.moving());
    }

    pub(super) fn cancel(&mut self, cancelled: &[PartitionRef]) {
        for partition in cancelled {
            let partition = self.find(partition);
            let adding = std::mem::take(&mut partition.adding);
            partition.replicas.retain(|id| !adding.contains(id));
            partition.removing.clear();
            partition.epoch += 1;
        }
    }

    pub(super) fn elect(&mut self, elected: &[PartitionRef], brokers: &Brokers) {
        for partition in elected {
            let partition = self.find(partition);
            partition.leader = partition.replicas.iter().copied().find(|id| !brokers[id].fenced);
        }
    }

    /// Every second move comes to its end in a tick, where all that shall hold it is there, and somebody to copy from.
    pub(super) fn copy(&mut self, brokers: &Brokers) {
        let up = |id: &BrokerId| brokers.get(id).is_some_and(|broker| !broker.fenced);
        for partition in self.all.iter_mut().filter(|p| p.is_moving()).step_by(2) {
            let target = partition.target();
            if target.iter().all(up) && partition.in_sync.iter().any(up) {
                partition.replicas.clone_from(&target);
                partition.in_sync = target;
                partition.adding.clear();
                partition.removing.clear();
                partition.leader = partition.replicas.first().copied();
                partition.epoch += 1;
            }
        }
    }
}
