//! The partitions that are on this broker, by topic, how many of them do not run, and which are compacted. Only
//! bookkeeping.

use std::collections::{HashMap, HashSet};

use weir_model::{PartitionIndex, TopicId};

use crate::partition::PartitionHandle;

/// A partition that should be here.
#[derive(Clone, Debug)]
pub(super) enum Slot {
    Running(PartitionHandle),
    /// Its log can not be trusted or read; only an operator or another replica can mend it.
    Offline,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Slots {
    topics: HashMap<TopicId, HashMap<PartitionIndex, Slot>>,
    len: usize,
    offline: usize,
    /// By their settings; whether they are here is another matter.
    compacted: HashSet<(TopicId, PartitionIndex)>,
}

impl Slots {
    pub(super) fn get(&self, topic: TopicId, index: PartitionIndex) -> Option<&Slot> {
        self.topics.get(&topic)?.get(&index)
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn offline(&self) -> usize {
        self.offline
    }

    pub(super) fn handles(&self) -> impl Iterator<Item = &PartitionHandle> {
        let all = self.topics.values().flat_map(HashMap::values);
        all.filter_map(|slot| if let Slot::Running(handle) = slot { Some(handle) } else { None })
    }

    pub(super) fn running(&self) -> Vec<PartitionHandle> {
        self.handles().cloned().collect()
    }

    /// Those of them whose topics are compacted. Costs as much as they are many.
    pub(super) fn running_compacted(&self) -> Vec<PartitionHandle> {
        let slots = self.compacted.iter().filter_map(|(topic, index)| self.get(*topic, *index));
        slots
            .filter_map(|slot| if let Slot::Running(handle) = slot { Some(handle.clone()) } else { None })
            .collect()
    }

    /// Whether a partition is compacted, as its topic's settings say.
    pub(super) fn configure(&mut self, topic: TopicId, index: PartitionIndex, compacted: bool) {
        if compacted {
            self.compacted.insert((topic, index));
        } else {
            self.compacted.remove(&(topic, index));
        }
    }

    pub(super) fn topics(&self) -> Vec<TopicId> {
        self.topics.keys().copied().collect()
    }

    pub(super) fn all(&self) -> Vec<(TopicId, PartitionIndex)> {
        let of_topic = |(topic, slots): (&TopicId, &HashMap<PartitionIndex, Slot>)| {
            let topic = *topic;
            slots.keys().map(move |index| (topic, *index)).collect::<Vec<_>>()
        };
        self.topics.iter().flat_map(of_topic).collect()
    }

    pub(super) fn insert(&mut self, topic: TopicId, index: PartitionIndex, slot: Slot) {
        self.offline += usize::from(matches!(slot, Slot::Offline));
        self.len += 1;
        if let Some(before) = self.topics.entry(topic).or_default().insert(index, slot) {
            self.uncount(&before);
        }
    }

    pub(super) fn remove(&mut self, topic: TopicId, index: PartitionIndex) -> Option<Slot> {
        self.compacted.remove(&(topic, index));
        let slots = self.topics.get_mut(&topic)?;
        let gone = slots.remove(&index)?;
        if slots.is_empty() {
            self.topics.remove(&topic);
        }
        self.uncount(&gone);
        Some(gone)
    }

    pub(super) fn remove_topic(&mut self, topic: TopicId) -> Vec<Slot> {
        self.compacted.retain(|(of, _)| *of != topic);
        let gone: Vec<Slot> = self.topics.remove(&topic).into_iter().flat_map(HashMap::into_values).collect();
        gone.iter().for_each(|slot| self.uncount(slot));
        gone
    }

    pub(super) fn into_slots(self) -> impl Iterator<Item = Slot> {
        self.topics.into_values().flat_map(HashMap::into_values)
    }

    fn uncount(&mut self, slot: &Slot) {
        self.len -= 1;
        self.offline -= usize::from(matches!(slot, Slot::Offline));
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_is_here_is_counted_as_it_comes_and_goes() {
        let (topic, other) = (TopicId(Uuid::from_u128(1)), TopicId(Uuid::from_u128(2)));
        let mut slots = Slots::default();
        slots.insert(topic, PartitionIndex(0), Slot::Offline);
        slots.insert(topic, PartitionIndex(0), Slot::Offline);
        slots.insert(topic, PartitionIndex(1), Slot::Offline);
        slots.insert(other, PartitionIndex(0), Slot::Offline);
        slots.configure(topic, PartitionIndex(1), true);
        assert!(slots.running_compacted().is_empty(), "it does not run");
        assert_eq!((slots.len(), slots.offline()), (3, 3));
        assert!(slots.remove(other, PartitionIndex(0)).is_some());
        assert!(slots.remove(other, PartitionIndex(0)).is_none());
        assert_eq!((slots.topics(), slots.len()), (vec![topic], 2));
        assert_eq!(slots.remove_topic(topic).len(), 2);
        assert_eq!((slots.len(), slots.offline(), slots.all().len()), (0, 0, 0));
        assert!(slots.compacted.is_empty());
    }
}
