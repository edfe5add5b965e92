//! What a replica follows on this broker, from one request to the next. Pure. A partition is looked at when the replica
//! mentions it or when it has marked itself, in the order in which that happened: an idle session of any size costs
//! nothing, and a busy partition can not starve the others.

use std::collections::{HashMap, VecDeque};

use weir_model::{PartitionIndex, TopicId};

use super::sessions::{Told, Wanted};
use crate::replication::watch::Slot;

/// A followed partition's name.
pub(super) type Key = (TopicId, PartitionIndex);

#[derive(Debug)]
pub(super) struct Followed {
    pub(super) key: Key,
    pub(super) wanted: Wanted,
    pub(super) told: Option<Told>,
    /// The replica has said how far it is, and the partition has not heard it.
    pub(super) fetched: bool,
    /// A throttle keeps its records for now.
    pub(super) held_back: bool,
    queued: bool,
}

#[derive(Debug, Default)]
pub(super) struct FollowerSession {
    slots: Vec<Option<Followed>>,
    by_key: HashMap<Key, Slot>,
    free: Vec<Slot>,
    queue: VecDeque<Slot>,
}

impl FollowerSession {
    /// The replica says where it stands in a partition.
    pub(super) fn mention(&mut self, key: Key, wanted: Wanted) {
        let slot = self.slot_of(key);
        match self.get_mut(slot) {
            Some(followed) => (followed.wanted, followed.fetched) = (wanted, true),
            None => {
                let followed =
                    Followed { key, wanted, told: None, fetched: true, held_back: false, queued: false };
                self.slots[slot.0 as usize] = Some(followed);
            }
        }
        self.enqueue(slot);
    }

    /// The replica follows it no longer.
    pub(super) fn forget(&mut self, key: Key) {
        if let Some(slot) = self.by_key.remove(&key) {
            self.slots[slot.0 as usize] = None;
            self.free.push(slot);
        }
    }

    /// The partition is to be looked at.
    pub(super) fn enqueue(&mut self, slot: Slot) {
        if let Some(followed) = self.get_mut(slot)
            && !std::mem::replace(&mut followed.queued, true)
        {
            self.queue.push_back(slot);
        }
    }

    /// Takes up to so many partitions that are to be looked at.
    pub(super) fn next(&mut self, most: usize) -> Vec<Slot> {
        let mut taken = Vec::new();
        while taken.len() < most
            && let Some(slot) = self.queue.pop_front()
        {
            // A slot that was forgotten and given anew stands twice in the queue.
            if let Some(followed) = self.get_mut(slot)
                && std::mem::replace(&mut followed.queued, false)
            {
                taken.push(slot);
            }
        }
        taken
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut Followed> {
        self.slots.get_mut(slot.0 as usize)?.as_mut()
    }

    /// How many partitions are followed.
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    fn slot_of(&mut self, key: Key) -> Slot {
        *self.by_key.entry(key).or_insert_with(|| {
            self.free.pop().unwrap_or_else(|| {
                self.slots.push(None);
                // A session is bounded far below 2^32 partitions.
                Slot(u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use weir_model::{LeaderEpoch, Offset};

    use super::*;

    fn key(index: i32) -> Key {
        (TopicId(Uuid::nil()), PartitionIndex(index))
    }

    fn wanted(from: i64) -> Wanted {
        let (current_leader_epoch, last_fetched_epoch) = (LeaderEpoch(1), LeaderEpoch(1));
        Wanted { from: Offset(from), max_bytes: 100, current_leader_epoch, last_fetched_epoch }
    }

    fn taken(session: &mut FollowerSession, most: usize) -> Vec<i32> {
        let slots = session.next(most);
        slots.iter().filter_map(|slot| Some(session.get_mut(*slot)?.key.1.0)).collect()
    }

    #[test]
    fn partitions_are_looked_at_in_the_order_they_asked_and_once() {
        let mut session = FollowerSession::default();
        for index in [2, 0, 1, 0] {
            session.mention(key(index), wanted(0));
        }
        assert_eq!(taken(&mut session, 2), [2, 0]);
        session.enqueue(Slot(0));
        assert_eq!(taken(&mut session, 9), [1, 2]);
        assert!(taken(&mut session, 9).is_empty());
    }

    #[test]
    fn what_is_forgotten_is_not_looked_at_and_its_place_is_given_anew() {
        let mut session = FollowerSession::default();
        session.mention(key(0), wanted(0));
        session.forget(key(0));
        session.forget(key(0));
        session.mention(key(5), wanted(3));
        assert_eq!((session.len(), session.slots.len()), (1, 1));
        assert_eq!(taken(&mut session, 9), [5]);
        session.enqueue(Slot(99));
        assert!(taken(&mut session, 9).is_empty());
    }

    #[test]
    fn a_mention_says_how_far_the_replica_is_and_a_mark_does_not() {
        let mut session = FollowerSession::default();
        session.mention(key(0), wanted(0));
        let slot = session.next(1)[0];
        session.get_mut(slot).unwrap().fetched = false;
        session.enqueue(slot);
        assert!(!session.get_mut(slot).unwrap().fetched);
        session.mention(key(0), wanted(9));
        let followed = session.get_mut(slot).unwrap();
        assert!(followed.fetched && followed.wanted == wanted(9));
    }
}
