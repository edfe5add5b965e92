//! What clients saw, and nothing else, judged at the end: the checks of a history that one could take of any cluster.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::TopicId;

use crate::world::message::Key;
use crate::world::{Promise, key_of};

/// What clients saw.
#[derive(Debug, Default)]
pub struct History {
    /// By producer: what it was told, in its order.
    acknowledged: BTreeMap<(Key, i64), Vec<(i64, u64)>>,
    /// By consumer: what it was given, in its order.
    polled: BTreeMap<(Key, i32), Vec<(i64, u64)>>,
    failed: BTreeSet<u64>,
    /// Consumers were told that everything before is gone.
    gone: BTreeMap<Key, i64>,
    /// Topics that may lose what was acknowledged.
    excused: BTreeSet<TopicId>,
}

/// What is left of a partition in the end, and what it had promised to keep.
#[derive(Clone, Debug, Default)]
pub struct Remains {
    pub promise: Promise,
    /// Its first offset, on the replica that begins last.
    pub start: i64,
    /// Where the last record of each key is.
    pub latest: BTreeMap<u64, i64>,
}

impl Remains {
    /// Whether a record may be gone by now.
    #[must_use]
    pub fn excuses(&self, offset: i64, value: u64) -> bool {
        match self.promise {
            Promise::Kept => false,
            Promise::Trimmed => offset < self.start,
            Promise::Compacted => self.latest.get(&key_of(value)).is_some_and(|latest| *latest > offset),
            Promise::Replicated => true,
        }
    }
}

impl History {
    /// A producer was told that its values are there.
    pub fn acknowledged(&mut self, producer: i64, key: Key, base: i64, values: &[u64]) {
        if self.excused.contains(&key.0) {
            return;
        }
        let told = self.acknowledged.entry((key, producer)).or_default();
        told.extend((base..).zip(values.iter().copied()));
    }

    /// A producer was told that a value is not there and never will be.
    pub fn failed(&mut self, value: u64) {
        self.failed.insert(value);
    }

    /// A consumer was given a value.
    pub fn polled(&mut self, consumer: i32, key: Key, offset: i64, value: u64) {
        if !self.excused.contains(&key.0) {
            self.polled.entry((key, consumer)).or_default().push((offset, value));
        }
    }

    /// What is committed in this topic may be lost.
    pub fn excuse(&mut self, topic: TopicId) {
        self.excused.insert(topic);
        self.acknowledged.retain(|(key, _), _| key.0 != topic);
        self.polled.retain(|(key, _), _| key.0 != topic);
    }

    /// A consumer was told that everything before an offset is gone.
    pub fn gone(&mut self, key: Key, before: i64) {
        let gone = self.gone.entry(key).or_insert(before);
        *gone = (*gone).max(before);
    }

    /// What is wrong with it. Everything was polled, in the end, of the partitions of which is said what `remains`.
    #[must_use]
    pub fn wrongs(&self, remains: &BTreeMap<Key, Remains>) -> Vec<String> {
        let mut wrongs = Vec::new();
        let (mut offsets, mut places) = (BTreeMap::new(), BTreeMap::new());
        for ((key, _), told) in &self.acknowledged {
            note(*key, told, &mut offsets, &mut places, &mut wrongs);
            if told.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
                wrongs.push(format!("order: a producer's values are out of order in {key:?}"));
            }
        }
        for ((key, consumer), given) in &self.polled {
            note(*key, given, &mut offsets, &mut places, &mut wrongs);
            for pair in given.windows(2) {
                if pair[1].0 <= pair[0].0 {
                    wrongs.push(format!(
                        "non-monotonic: {consumer} of {key:?} steps from {} to {}",
                        pair[0].0, pair[1].0
                    ));
                } else if pair[1].0 > pair[0].0 + 1 && !lets_go(remains, key) {
                    wrongs.push(format!(
                        "skip: {consumer} of {key:?} steps from {} to {}",
                        pair[0].0, pair[1].0
                    ));
                }
            }
            for (_, value) in given.iter().filter(|(_, value)| self.failed.contains(value)) {
                wrongs.push(format!("aborted read: {value} had failed"));
            }
        }
        self.missing(remains, &mut wrongs);
        wrongs
    }

    fn missing(&self, remains: &BTreeMap<Key, Remains>, wrongs: &mut Vec<String>) {
        let mut polled: BTreeMap<Key, BTreeSet<(i64, u64)>> = BTreeMap::new();
        for ((key, _), given) in &self.polled {
            polled.entry(*key).or_default().extend(given);
        }
        for ((key, _), told) in &self.acknowledged {
            let given = polled.get(key);
            let highest = given.and_then(|given| given.last()).map_or(-1, |last| last.0);
            for (offset, value) in told {
                let excused = remains.get(key).is_some_and(|left| left.excuses(*offset, *value))
                    || self.gone.get(key).is_some_and(|before| offset < before);
                if excused || given.is_some_and(|given| given.contains(&(*offset, *value))) {
                    continue;
                }
                if *offset <= highest {
                    wrongs.push(format!("lost: {value} was acknowledged at {offset} of {key:?}"));
                } else if remains.contains_key(key) {
                    wrongs.push(format!("unseen: {value} was acknowledged at {offset} of {key:?}"));
                }
            }
        }
    }
}

/// Whether records may be missing between others.
fn lets_go(remains: &BTreeMap<Key, Remains>, key: &Key) -> bool {
    remains.get(key).is_some_and(|left| left.promise.lets_go())
}

type Offsets = BTreeMap<(Key, i64), u64>;
type Places = BTreeMap<u64, (Key, i64)>;

fn note(key: Key, seen: &[(i64, u64)], offsets: &mut Offsets, places: &mut Places, wrongs: &mut Vec<String>) {
    for (offset, value) in seen {
        let there = *offsets.entry((key, *offset)).or_insert(*value);
        if there != *value {
            wrongs.push(format!("inconsistent: {there} and {value} are both at {offset} of {key:?}"));
        }
        let at = *places.entry(*value).or_insert((key, *offset));
        if at != (key, *offset) {
            wrongs.push(format!("duplicate: {value} is at {at:?} and at {:?}", (key, *offset)));
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use weir_model::{PartitionIndex, TopicId};

    use super::*;

    fn key() -> Key {
        (TopicId(Uuid::from_u128(9)), PartitionIndex(0))
    }

    fn of(told: &[(i64, u64)], given: &[(i64, u64)]) -> Vec<String> {
        let mut history = History::default();
        for (offset, value) in told {
            history.acknowledged(1, key(), *offset, &[*value]);
        }
        for (offset, value) in given {
            history.polled(-5, key(), *offset, *value);
        }
        history.wrongs(&BTreeMap::from([(key(), Remains::default())]))
    }

    fn only(wrongs: &[String], kind: &str) -> bool {
        !wrongs.is_empty() && wrongs.iter().any(|wrong| wrong.starts_with(kind))
    }

    #[test]
    fn a_good_history_is_found_good() {
        assert_eq!(of(&[(0, 10), (2, 11)], &[(0, 10), (1, 77), (2, 11)]), Vec::<String>::new());
    }

    #[test]
    fn each_kind_of_bad_history_is_named() {
        assert!(only(&of(&[(0, 10)], &[(0, 11)]), "inconsistent"));
        assert!(only(&of(&[(0, 10)], &[(0, 10), (1, 10)]), "duplicate"));
        assert!(only(&of(&[(0, 10), (1, 11)], &[(0, 10), (2, 12)]), "lost"));
        assert!(only(&of(&[(0, 10), (1, 11)], &[(0, 10)]), "unseen"));
        assert!(only(&of(&[], &[(0, 10), (2, 11)]), "skip"));
        assert!(only(&of(&[], &[(1, 10), (0, 11)]), "non-monotonic"));
        assert!(only(&of(&[(1, 10), (0, 11)], &[(0, 11), (1, 10)]), "order"));
    }

    #[test]
    fn what_a_topic_does_not_promise_to_keep_may_be_gone_and_no_more() {
        let mut history = History::default();
        // Keys of seven: 10 and 17 have one.
        history.acknowledged(1, key(), 0, &[10, 11, 17]);
        history.polled(-5, key(), 1, 11);
        history.polled(-5, key(), 2, 17);
        let compacted = |latest: [(u64, i64); 2]| Remains {
            promise: Promise::Compacted,
            start: 0,
            latest: BTreeMap::from(latest),
        };
        let trimmed = |start| Remains { promise: Promise::Trimmed, start, latest: BTreeMap::new() };
        let wrongs = |left: Remains| history.wrongs(&BTreeMap::from([(key(), left)]));
        assert_eq!(wrongs(compacted([(3, 2), (4, 1)])), Vec::<String>::new());
        assert!(only(&wrongs(compacted([(3, 0), (4, 1)])), "lost"), "the latest of its key");
        assert_eq!(wrongs(trimmed(1)), Vec::<String>::new());
        assert!(only(&wrongs(trimmed(0)), "lost"));
    }

    #[test]
    fn a_failed_write_that_is_polled_is_an_aborted_read() {
        let mut history = History::default();
        history.failed(10);
        history.polled(-5, key(), 0, 10);
        assert!(only(&history.wrongs(&BTreeMap::new()), "aborted read"));
    }
}
