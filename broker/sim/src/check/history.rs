//! What clients saw, and nothing else, judged at the end: the checks of a history that one could take of any cluster.

use std::collections::{BTreeMap, BTreeSet};

use crate::world::message::Key;

/// What clients saw.
#[derive(Debug, Default)]
pub struct History {
    /// By producer: what it was told, in its order.
    acknowledged: BTreeMap<(Key, i64), Vec<(i64, u64)>>,
    /// By consumer: what it was given, in its order.
    polled: BTreeMap<(Key, i32), Vec<(i64, u64)>>,
    failed: BTreeSet<u64>,
}

impl History {
    /// A producer was told that its values are there.
    pub fn acknowledged(&mut self, producer: i64, key: Key, base: i64, values: &[u64]) {
        let told = self.acknowledged.entry((key, producer)).or_default();
        told.extend((base..).zip(values.iter().copied()));
    }

    /// A producer was told that a value is not there and never will be.
    pub fn failed(&mut self, value: u64) {
        self.failed.insert(value);
    }

    /// A consumer was given a value.
    pub fn polled(&mut self, consumer: i32, key: Key, offset: i64, value: u64) {
        self.polled.entry((key, consumer)).or_default().push((offset, value));
    }

    /// What is wrong with it. `complete` says that everything was polled of these partitions, in the end.
    #[must_use]
    pub fn wrongs(&self, complete: &BTreeSet<Key>) -> Vec<String> {
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
                } else if pair[1].0 > pair[0].0 + 1 {
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
        self.missing(complete, &mut wrongs);
        wrongs
    }

    fn missing(&self, complete: &BTreeSet<Key>, wrongs: &mut Vec<String>) {
        let mut polled: BTreeMap<Key, BTreeSet<(i64, u64)>> = BTreeMap::new();
        for ((key, _), given) in &self.polled {
            polled.entry(*key).or_default().extend(given);
        }
        for ((key, _), told) in &self.acknowledged {
            let given = polled.get(key);
            let highest = given.and_then(|given| given.last()).map_or(-1, |last| last.0);
            for (offset, value) in told {
                if given.is_some_and(|given| given.contains(&(*offset, *value))) {
                    continue;
                }
                if *offset <= highest {
                    wrongs.push(format!("lost: {value} was acknowledged at {offset} of {key:?}"));
                } else if complete.contains(key) {
                    wrongs.push(format!("unseen: {value} was acknowledged at {offset} of {key:?}"));
                }
            }
        }
    }
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
        history.wrongs(&BTreeSet::from([key()]))
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
    fn a_failed_write_that_is_polled_is_an_aborted_read() {
        let mut history = History::default();
        history.failed(10);
        history.polled(-5, key(), 0, 10);
        assert!(only(&history.wrongs(&BTreeSet::new()), "aborted read"));
    }
}
