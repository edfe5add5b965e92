//! The partitions of the toy world: who holds them, who is in sync, and moves, which come to their end once all that shall
//! hold the partition is there. Of what is written every replica in sync has all; a move is refused when it rests on an
//! older state, or gives the partition anew to a broker that takes nothing.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::BrokerId;

use super::steps::Refused;
use crate::observed::brokers::{BrokerSeen, PartitionState};
use crate::plan::{MoveOrder, PartitionRef};

/// All partitions. Every one is of 100 MiB.
#[derive(Clone, Debug, Default)]
pub(crate) struct Partitions {
    all: Vec<PartitionState>,
}

type Brokers = BTreeMap<BrokerId, BrokerSeen>;

fn counts_on(brokers: &Brokers) -> impl Fn(&BrokerId) -> bool {
    |id| brokers.get(id).is_some_and(|broker| !broker.fenced)
}

/// One replica may always be away, where there is more than one.
fn least(factor: usize) -> usize {
    factor.saturating_sub(1).max(1)
}

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
                min_in_sync: least(replicas.len()),
                replicas,
                bytes: 100 << 20,
                ..PartitionState::default()
            });
        }
    }

    /// As the controller tells them: replicas on brokers that are fenced are not in sync, except the last ones.
    pub(super) fn told(&self, brokers: &Brokers) -> Option<Vec<PartitionState>> {
        let told = self.all.iter().map(|partition| {
            let mut told = partition.clone();
            if told.in_sync.iter().any(counts_on(brokers)) {
                told.in_sync.retain(counts_on(brokers));
            }
            told.leader = told.in_sync.iter().copied().find(counts_on(brokers));
            told
        });
        (!self.all.is_empty()).then(|| told.collect())
    }

    pub(super) fn under_replicated(&self, brokers: &Brokers, without: &BTreeSet<i32>) -> u64 {
        let lacks = |partition: &&PartitionState| {
            let in_sync = |id: &BrokerId| partition.in_sync.contains(id) && counts_on(brokers)(id);
            !partition.replicas.iter().all(in_sync)
        };
        self.all.iter().filter(|p| !without.contains(&p.number)).filter(lacks).count() as u64
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

    /// Every one as it is.
    pub(crate) fn all(&self) -> &[PartitionState] {
        &self.all
    }

    pub(super) fn moves_of(&self, id: BrokerId) -> usize {
        let of = |p: &&PartitionState| p.adding.contains(&id) || p.removing.contains(&id);
        self.all.iter().filter(of).count()
    }

    /// Whether both hold some partition.
    pub(super) fn share(&self, one: BrokerId, other: BrokerId) -> bool {
        self.all
            .iter()
            .any(|partition| partition.replicas.contains(&one) && partition.replicas.contains(&other))
    }

    /// Whether some partition would take no writes without that broker, though another number of replicas could.
    pub(super) fn would_miss(&self, id: BrokerId, brokers: &Brokers) -> bool {
        self.all.iter().filter(|partition| partition.in_sync.contains(&id)).any(|partition| {
            let left = partition.in_sync.iter().filter(|other| **other != id && counts_on(brokers)(other));
            partition.target().len() > 1 && left.count() < partition.min_in_sync
        })
    }

    /// Whether nobody else has all that was written to some partition.
    pub(super) fn has_last_copy(&self, id: BrokerId) -> bool {
        self.all.iter().any(|partition| partition.in_sync == [id])
    }

    /// What the broker held is gone.
    pub(super) fn wipe(&mut self, id: BrokerId) {
        assert!(!self.has_last_copy(id), "the last copy of something was on the disk of broker {id}");
        self.all.iter_mut().for_each(|partition| partition.in_sync.retain(|other| *other != id));
    }

    fn find(&mut self, partition: &PartitionRef) -> &mut PartitionState {
        self.all.iter_mut().find(|p| p.number == partition.number).unwrap()
    }

    pub(super) fn begin(
        &mut self,
        moves: &[MoveOrder],
        brokers: &Brokers,
        at_once: usize,
    ) -> Result<(), Refused> {
        for order in moves {
            let target: Vec<_> = order.replicas.iter().map(|broker| broker.id).collect();
            let partition = self.find(&order.partition);
            if order.epoch == partition.epoch {
                assert_eq!(target.len(), partition.target().len(), "another factor");
            }
            place(partition, order.epoch, &target, brokers)?;
        }
        assert!(self.moving() <= at_once, "{} move at once", self.moving());
        Ok(())
    }

    /// For a Topic: another number of replicas.
    pub(super) fn refactor(&mut self, number: i32, epoch: i32, target: &[BrokerId], brokers: &Brokers) {
        let partition = self.all.iter_mut().find(|p| p.number == number).unwrap();
        let placed = place(partition, epoch, target, brokers);
        assert_eq!(placed, Ok(()), "{number} to {target:?}");
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
            partition.leader = partition.replicas.iter().copied().find(counts_on(brokers));
        }
    }

    /// Who is there, and has somebody to copy from, is in sync again; who is fenced is not.
    pub(super) fn catch_up(&mut self, brokers: &Brokers, alive: &BTreeSet<BrokerId>) {
        for partition in &mut self.all {
            if !partition.in_sync.iter().any(|id| alive.contains(id)) {
                continue;
            }
            partition.in_sync.retain(counts_on(brokers));
            let behind = |id: &BrokerId| !partition.in_sync.contains(id) && !partition.adding.contains(id);
            let replicas = partition.replicas.iter().copied();
            let caught_up: Vec<_> = replicas.filter(|id| alive.contains(id) && behind(id)).collect();
            partition.in_sync.extend(caught_up);
        }
    }

    /// Every second move comes to its end in a tick, where all that shall hold it is there, and somebody to copy from.
    pub(super) fn copy(&mut self, alive: &BTreeSet<BrokerId>) {
        for partition in self.all.iter_mut().filter(|p| p.is_moving()).step_by(2) {
            let target = partition.target();
            let source = partition.in_sync.iter().any(|id| alive.contains(id));
            if source && target.iter().all(|id| alive.contains(id)) {
                partition.min_in_sync = least(target.len());
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

/// Begins one move, as the controller does.
fn place(
    partition: &mut PartitionState,
    epoch: i32,
    target: &[BrokerId],
    brokers: &Brokers,
) -> Result<(), Refused> {
    let distinct: BTreeSet<_> = target.iter().collect();
    assert_eq!(distinct.len(), target.len(), "twice on a broker");
    let origin: Vec<_> =
        partition.replicas.iter().copied().filter(|id| !partition.adding.contains(id)).collect();
    let adding: Vec<_> = target.iter().copied().filter(|id| !origin.contains(id)).collect();
    let takes = |id: &BrokerId| brokers.get(id).is_some_and(|broker| !broker.drained && !broker.fenced);
    // Whom a move under way gives it already stays, whatever became of him since.
    let mut given = adding.iter().filter(|id| !partition.replicas.contains(id));
    if epoch != partition.epoch || !given.all(takes) {
        return Err(Refused);
    }
    partition.adding = adding;
    partition.removing = origin.iter().copied().filter(|id| !target.contains(id)).collect();
    partition.replicas = target.iter().chain(&partition.removing).copied().collect();
    partition.epoch += 1;
    Ok(())
}
