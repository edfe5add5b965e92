//! Which brokers hold the replicas of a partition whose replication factor changes. Replicas that stay where they are
//! cost nothing; new ones go to racks without one, and there to the broker that holds least. Deterministic: the same
//! world gives the same answer.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::BrokerId;

use super::TopicsSnapshot;

/// What brokers hold, kept up to date with the moves that this batch begins.
#[derive(Debug, Default)]
pub(super) struct Spread {
    brokers: BTreeMap<BrokerId, Holder>,
    moves_left: usize,
}

#[derive(Debug)]
struct Holder {
    rack: Option<String>,
    /// May get new replicas.
    takes: bool,
    /// Is there, or will be: its replicas are worth keeping.
    stays: bool,
    replicas: usize,
}

impl Spread {
    /// `at_once`: how many partitions may be moving, those that do already included.
    pub(super) fn of(seen: &TopicsSnapshot<'_>, at_once: usize) -> Self {
        let holder = |(id, broker): (&BrokerId, &super::TopicBroker)| {
            let takes = !broker.fenced && !broker.drained;
            (*id, Holder { rack: broker.rack.clone(), takes, stays: !broker.drained, replicas: 0 })
        };
        let mut brokers: BTreeMap<_, _> = seen.brokers.iter().map(holder).collect();
        let mut moving = 0;
        for partition in seen.topics.values().flat_map(|topic| &topic.partitions) {
            moving += usize::from(partition.is_moving());
            for replica in &partition.replicas {
                if let Some(holder) = brokers.get_mut(replica) {
                    holder.replicas += 1;
                }
            }
        }
        Self { brokers, moves_left: at_once.saturating_sub(moving) }
    }

    /// Whether one more move may begin.
    pub(super) fn may_begin(&self) -> bool {
        self.moves_left > 0
    }

    /// The replicas that a partition has with that factor, the preferred leader first. `None` when too few brokers take
    /// any.
    pub(super) fn choose(&mut self, now: &[BrokerId], factor: usize) -> Option<Vec<BrokerId>> {
        let mut chosen = now.to_vec();
        while chosen.len() > factor {
            let drop = self.least_useful(&chosen)?;
            chosen.remove(drop);
        }
        while chosen.len() < factor {
            chosen.push(self.best(&chosen)?);
        }
        self.moves_left = self.moves_left.saturating_sub(1);
        self.count(now, |held| held.saturating_sub(1));
        self.count(&chosen, |held| held + 1);
        Some(chosen)
    }

    fn count(&mut self, replicas: &[BrokerId], change: impl Fn(usize) -> usize) {
        for replica in replicas {
            if let Some(holder) = self.brokers.get_mut(replica) {
                holder.replicas = change(holder.replicas);
            }
        }
    }

    fn rack(&self, broker: BrokerId) -> Option<&str> {
        self.brokers.get(&broker)?.rack.as_deref()
    }

    /// The place of the replica that is missed least: on a broker that is going or gone, then one whose rack has another,
    /// then on the broker that holds most. The preferred leader last.
    fn least_useful(&self, replicas: &[BrokerId]) -> Option<usize> {
        let worth = |at: usize| {
            let broker = replicas[at];
            let holder = self.brokers.get(&broker);
            let rack = self.rack(broker);
            let alone = rack.is_none()
                || replicas.iter().enumerate().all(|(other, id)| other == at || self.rack(*id) != rack);
            let stays = holder.is_some_and(|holder| holder.stays);
            let held = holder.map_or(0, |holder| holder.replicas);
            (stays, at == 0, alone, std::cmp::Reverse(held), std::cmp::Reverse(at))
        };
        (0..replicas.len()).min_by_key(|at| worth(*at))
    }

    fn best(&self, replicas: &[BrokerId]) -> Option<BrokerId> {
        let racks: BTreeSet<_> = replicas.iter().filter_map(|replica| self.rack(*replica)).collect();
        let takers = self.brokers.iter().filter(|(id, holder)| holder.takes && !replicas.contains(id));
        let new_rack = |holder: &Holder| holder.rack.as_deref().is_some_and(|rack| !racks.contains(rack));
        takers.min_by_key(|(id, holder)| (!new_rack(holder), holder.replicas, **id)).map(|(id, _)| *id)
    }
}

#[cfg(test)]
mod tests;
