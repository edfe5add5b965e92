//! How large partitions are: asked for once in a while, for nobody announces it. Between two questions the last answer
//! counts; it only decides which replica moves first.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use weir_admin::admin::v1;

/// How old sizes may be.
const AGE_MAX: Duration = Duration::from_secs(60);

/// The sizes that were told last.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    asked: Option<Instant>,
    told: Told,
}

/// What a description says of sizes, part by part. Little of it is kept: most partitions of many are empty.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeMap<String, Vec<(i32, u64)>>);

impl Told {
    /// Takes one part's sizes.
    pub(super) fn take(&mut self, topics: Vec<v1::TopicDescription>) {
        for topic in topics {
            let sizes = topic.partitions.iter().filter_map(|p| Some((p.partition, p.size_bytes?)));
            let sizes: Vec<_> = sizes.filter(|(_, bytes)| *bytes > 0).collect();
            if !sizes.is_empty() {
                self.0.entry(topic.topic_id).or_default().extend(sizes);
            }
        }
    }
}

impl Sizes {
    /// Whether it is time to ask.
    pub(super) fn are_old(&self) -> bool {
        self.asked.is_none_or(|asked| asked.elapsed() >= AGE_MAX)
    }

    /// Takes a description's sizes, all of them.
    pub(super) fn learn(&mut self, mut told: Told) {
        self.asked = Some(Instant::now());
        told.0.values_mut().for_each(|sizes| sizes.sort_unstable());
        self.told = told;
    }

    /// Bytes of a partition; 0 when nobody said.
    pub(super) fn of(&self, topic_id: &str, partition: i32) -> u64 {
        let found = self.told.0.get(topic_id).and_then(|sizes| {
            let at = sizes.binary_search_by_key(&partition, |(number, _)| *number).ok()?;
            sizes.get(at)
        });
        found.map_or(0, |(_, bytes)| *bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(id: &str, sizes: &[(i32, Option<u64>)]) -> v1::TopicDescription {
        let partition = |&(partition, size_bytes): &(i32, Option<u64>)| v1::PartitionDescription {
            partition,
            size_bytes,
            ..v1::PartitionDescription::default()
        };
        v1::TopicDescription {
            topic_id: id.to_owned(),
            partitions: sizes.iter().map(partition).collect(),
            ..v1::TopicDescription::default()
        }
    }

    #[test]
    fn a_topic_in_several_parts_has_all_its_sizes_and_what_is_empty_takes_no_room() {
        let mut told = Told::default();
        told.take(vec![
            topic("a", &[(7, Some(70)), (2, Some(20))]),
            topic("empty", &[(0, Some(0)), (1, None)]),
        ]);
        told.take(vec![topic("a", &[(5, Some(50))])]);
        assert_eq!(told.0.len(), 1);
        let mut sizes = Sizes::default();
        assert!(sizes.are_old());
        sizes.learn(told);
        assert!(!sizes.are_old());
        let of = |id: &str, partition: i32| sizes.of(id, partition);
        assert_eq!([of("a", 2), of("a", 5), of("a", 7)], [20, 50, 70]);
        assert_eq!([of("a", 3), of("empty", 0), of("unknown", 0)], [0, 0, 0]);
    }
}
