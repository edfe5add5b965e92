//! What is committed, as somebody who sees everything knows it: each value that was acknowledged or read, and where.

use std::collections::BTreeMap;

use weir_model::LeaderEpoch;

use crate::world::message::Key;

/// The committed values.
#[derive(Debug, Default)]
pub struct Ghost {
    logs: BTreeMap<Key, BTreeMap<i64, u64>>,
    /// Where each acknowledged value lies.
    acknowledged: BTreeMap<u64, (Key, i64)>,
    /// Who acknowledges in a reign.
    reigning: BTreeMap<(Key, LeaderEpoch), (i32, u64)>,
}

impl Ghost {
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
        for (offset, value) in (base..).zip(values) {
            self.committed(key, offset, *value)?;
            let at = *self.acknowledged.entry(*value).or_insert((key, offset));
            if at != (key, offset) {
                return Err(format!("value {value} is acknowledged at {at:?} and at {:?}", (key, offset)));
            }
        }
        Ok(())
    }

    /// A value is committed: somebody was told, or has read it.
    pub fn committed(&mut self, key: Key, offset: i64, value: u64) -> Result<(), String> {
        let there = *self.logs.entry(key).or_default().entry(offset).or_insert(value);
        if there == value {
            return Ok(());
        }
        Err(format!("offset {offset} of {key:?} holds value {there} and value {value}"))
    }

    /// The offset after the last value that is known to be committed.
    #[must_use]
    pub fn end(&self, key: Key) -> i64 {
        self.logs.get(&key).and_then(|log| log.last_key_value()).map_or(0, |(last, _)| last + 1)
    }

    /// The value known to be committed there.
    #[must_use]
    pub fn at(&self, key: Key, offset: i64) -> Option<u64> {
        self.logs.get(&key)?.get(&offset).copied()
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

    /// The acknowledged values of a partition.
    pub fn acknowledged_in(&self, key: Key) -> impl Iterator<Item = (u64, i64)> + '_ {
        self.acknowledged.iter().filter(move |(_, at)| at.0 == key).map(|(value, at)| (*value, at.1))
    }
}
