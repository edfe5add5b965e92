//! Which replicas here have yet to fetch what their leaders have committed, and how many records of it. Only those are in
//! it, so that knowing the most costs what they are many, not what there are partitions. Decides nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::replication::roster::Key;

/// Those that lag. Bounded by the replicas there are.
#[derive(Debug, Default)]
pub(crate) struct Lagging {
    records: Mutex<HashMap<Key, u64>>,
}

impl Lagging {
    /// A replica lacks so many records now.
    pub(super) fn note(&self, key: Key, lacks: u64) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        if lacks == 0 {
            records.remove(&key);
        } else {
            records.insert(key, lacks);
        }
    }

    /// The most that any lacks.
    pub(crate) fn most(&self) -> u64 {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).values().copied().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use weir_model::{PartitionIndex, TopicId};

    use super::*;

    #[test]
    fn the_most_is_of_those_that_still_lag() {
        let key = |index| (TopicId(Uuid::nil()), PartitionIndex(index));
        let lagging = Lagging::default();
        assert_eq!(lagging.most(), 0);
        lagging.note(key(0), 5);
        lagging.note(key(1), 9);
        assert_eq!(lagging.most(), 9);
        lagging.note(key(1), 2);
        assert_eq!(lagging.most(), 5);
        lagging.note(key(0), 0);
        lagging.note(key(1), 0);
        assert!(lagging.records.lock().unwrap().is_empty());
    }
}
