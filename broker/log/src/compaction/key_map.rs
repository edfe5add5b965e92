//! The latest offset of each key, by a 128-bit hash of the key, in a map that does not outgrow its budget. The hash is
//! salted anew in every pass, so that nobody can make two keys collide; nothing else depends on the salt.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use weir_model::Offset;

/// What an entry costs in a map just after it grew.
const ENTRY_BYTES: usize = 64;

#[derive(Debug)]
pub(crate) struct KeyMap {
    latest: HashMap<[u64; 2], Offset>,
    most: usize,
    salts: [RandomState; 2],
}

impl KeyMap {
    pub(crate) fn new(budget_bytes: usize) -> Self {
        let salts = [RandomState::new(), RandomState::new()];
        Self { latest: HashMap::new(), most: (budget_bytes / ENTRY_BYTES).max(1), salts }
    }

    /// Whether this many keys fit. The first batch always does, or there would be no progress.
    pub(crate) fn has_room_for(&self, count: i32) -> bool {
        self.latest.is_empty() || self.latest.len() + usize::try_from(count).unwrap_or(0) <= self.most
    }

    pub(crate) fn note(&mut self, key: &[u8], offset: Offset) {
        let latest = self.latest.entry(self.hash(key)).or_insert(offset);
        *latest = offset.max(*latest);
    }

    /// A record of this key at a later offset is known.
    pub(crate) fn supersedes(&self, key: &[u8], offset: Offset) -> bool {
        self.latest.get(&self.hash(key)).is_some_and(|latest| *latest > offset)
    }

    fn hash(&self, key: &[u8]) -> [u64; 2] {
        [&self.salts[0], &self.salts[1]].map(|salt| {
            let mut hasher = salt.build_hasher();
            hasher.write(key);
            hasher.finish()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_offsets_supersede_earlier_ones_of_the_same_key() {
        let mut map = KeyMap::new(1 << 20);
        map.note(b"a", Offset(5));
        map.note(b"a", Offset(3));
        assert!(map.supersedes(b"a", Offset(4)));
        assert!(!map.supersedes(b"a", Offset(5)));
        assert!(!map.supersedes(b"b", Offset(0)));
    }

    #[test]
    fn the_budget_holds_except_for_the_first_batch() {
        let mut map = KeyMap::new(64 * 10);
        assert!(map.has_room_for(1000));
        (0..8u8).for_each(|k| map.note(&[k], Offset(0)));
        assert!(map.has_room_for(2));
        assert!(!map.has_room_for(3));
    }
}
