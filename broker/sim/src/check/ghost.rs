//! What is committed, as somebody who sees everything knows it: each value that was acknowledged or read, and where.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::{LeaderEpoch, TopicId};

use crate::world::message::Key;

/// The committed values.
#[derive(Debug, Default)]
pub struct Ghost {
    logs: BTreeMap<Key, BTreeMap<i64, u64>>,
    /// How far each partition was known to be committed in each reign.
    ends: BTreeMap<Key, BTreeMap<LeaderEpoch, i64>>,
    /// Where each acknowledged value lies.
    acknowledged: BTreeMap<u64, (Key, i64)>,
    /// Topics that may lose what was acknowledged.
    excused: BTreeSet<TopicId>,
    /// Who acknowledges in a reign.
    reigning: BTreeMap<(Key, LeaderEpoch), (i32, u64)>,
}

impl Ghost {
    /// What is committed in this topic may be lost.
    pub fn excuse(&mut self, topic: TopicId) {
        self.excused.insert(topic);
        self.logs.retain(|key, _| key.0 != topic);
        self.ends.retain(|key, _| key.0 != topic);
    }

    /// Values were acknowledged from `base` on, by one process in one reign.
    pub fn acknowledged(
        &mut self,
        who: (i32, u64),
        key: Key,
        epoch: LeaderEpoch,
        base: i64,
        values: &[u64],
    ) -> Result<(), String> {
        let first = *self.reigning.entry((key, epoch)).or_insert(who);
        if first != who {
            return Err(format!("{first:?} and {who:?} both acknowledge in {epoch} of {key:?}"));
        }
        if self.excused.contains(&key.0) {
            return Ok(());
        }
        for (offset, value) in (base..).zip(values) {
            self.committed(key, epoch, offset, *value)?;
            let at = *self.acknowledged.entry(*value).or_insert((key, offset));
            if at != (key, offset) {
                return Err(format!("value {value} is acknowledged at {at:?} and at {:?}", (key, offset)));
            }
        }
        Ok(())
    }

    /// A value is committed: somebody was told, or has read it.
    pub fn committed(&mut self, key: Key, epoch: LeaderEpoch, offset: i64, value: u64) -> Result<(), String> {
        if self.excused.contains(&key.0) {
            return Ok(());
        }
        let end = self.ends.entry(key).or_default().entry(epoch).or_default();
        *end = (*end).max(offset + 1);
        let there = *self.logs.entry(key).or_default().entry(offset).or_insert(value);
        if there == value {
            return Ok(());
        }
        Err(format!("offset {offset} of {key:?} holds value {there} and value {value}"))
    }

    /// The offset after the last value that is known to have been committed in a reign before this one: whoever leads in
    /// it has to hold as much. One that learns late that it led may be behind its successors.
    #[must_use]
    pub fn end_before(&self, key: Key, epoch: LeaderEpoch) -> i64 {
        let before = self.ends.get(&key).into_iter().flat_map(|ends| ends.range(..epoch));
        before.map(|(_, end)| *end).max().unwrap_or(0)
    }

    /// Every value of a partition that is known to be committed.
    pub fn of(&self, key: Key) -> impl Iterator<Item = (i64, u64)> + '_ {
        self.logs.get(&key).into_iter().flatten().map(|(offset, value)| (*offset, *value))
    }

    /// Every acknowledged value.
    #[must_use]
    pub fn acknowledged_values(&self) -> usize {
        self.acknowledged.len()
    }
}
