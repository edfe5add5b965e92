//! How large partitions are and how much flows through them: asked for once in a while, for nobody announces it. Between two
//! questions the last answer counts, and where somebody can not say, so does the answer before. Decides how little of it is
//! kept: most partitions of many are empty or idle.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use weir_admin::admin::v1;

/// How old the last answer may be.
const AGE_MAX: Duration = Duration::from_secs(60);
/// Rates are kept in KiB a second: what is below one of them is nothing.
const KIB: u64 = 1 << 10;

/// What was told last.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    asked: Option<Instant>,
    told: BTreeMap<String, Vec<Row>>,
    rates_unknown: u64,
}

/// What is known of a partition; all of it 0 when nobody said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) bytes: u64,
    /// Bytes a second.
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

/// What a description says, part by part.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeMap<String, Vec<Row>>);

/// As small as it can be: there may be one for each of many partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    number: i32,
    known: Known,
    bytes: u64,
    kib_in: u32,
    kib_out: u32,
}

/// How much of a row was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    All,
    /// Its leader leads it for too short a while to know its rates.
    Bytes,
    /// Its leader did not answer.
    Nothing,
}

impl Told {
    /// Takes one part's sizes and rates.
    pub(super) fn take(&mut self, topics: Vec<v1::TopicDescription>) {
        for topic in topics {
            let rows: Vec<_> = topic.partitions.iter().map(Row::of).filter(|row| !row.is_idle()).collect();
            if !rows.is_empty() {
                self.0.entry(topic.topic_id).or_default().extend(rows);
            }
        }
    }
}

impl Row {
    fn of(told: &v1::PartitionDescription) -> Self {
        let kib = |rate: Option<u64>| u32::try_from(rate.unwrap_or(0) / KIB).unwrap_or(u32::MAX);
        let known = match told.size_bytes {
            None => Known::Nothing,
            // What is empty has no rates to wait for.
            Some(bytes) if bytes > 0 && told.rates_unknown => Known::Bytes,
            Some(_) => Known::All,
        };
        Self {
            number: told.partition,
            known,
            bytes: told.size_bytes.unwrap_or(0),
            kib_in: kib(told.bytes_in_per_second),
            kib_out: kib(told.bytes_out_per_second),
        }
    }

    /// All is known of it, and it is nothing.
    fn is_idle(&self) -> bool {
        self.known == Known::All && (self.bytes, self.kib_in, self.kib_out) == (0, 0, 0)
    }

    /// With what was known before in place of what was not said now.
    fn or(self, before: Self) -> Self {
        match self.known {
            Known::All => self,
            Known::Bytes if before.known == Known::All => Self { bytes: self.bytes, ..before },
            Known::Bytes => self,
            Known::Nothing => before,
        }
    }

    const fn nothing(number: i32, known: Known) -> Self {
        Self { number, known, bytes: 0, kib_in: 0, kib_out: 0 }
    }
}

impl Sizes {
    /// Whether it is time to ask.
    pub(super) fn are_old(&self) -> bool {
        self.asked.is_none_or(|asked| asked.elapsed() >= AGE_MAX)
    }

    /// Takes all that a description told.
    pub(super) fn learn(&mut self, told: Told) {
        // What was not worth a row the last time was idle; before the first time nobody knows.
        let known = if self.asked.is_some() { Known::All } else { Known::Nothing };
        self.asked = Some(Instant::now());
        let mut told = told.0;
        for (topic, rows) in &mut told {
            rows.sort_unstable_by_key(|row| row.number);
            for row in &mut *rows {
                let before = self.row(topic, row.number);
                *row = row.or(before.unwrap_or(Row::nothing(row.number, known)));
            }
            rows.retain(|row| !row.is_idle());
        }
        told.retain(|_, rows| !rows.is_empty());
        let unknown = |rows: &Vec<Row>| rows.iter().filter(|row| row.known != Known::All).count() as u64;
        self.rates_unknown = told.values().map(unknown).sum();
        self.told = told;
    }

    /// What is known of a partition.
    pub(super) fn of(&self, topic_id: &str, partition: i32) -> Size {
        self.row(topic_id, partition).map_or(Size::default(), |row| Size {
            bytes: row.bytes,
            bytes_in: u64::from(row.kib_in) * KIB,
            bytes_out: u64::from(row.kib_out) * KIB,
        })
    }

    /// Partitions whose rates nobody could say yet.
    pub(super) const fn rates_unknown(&self) -> u64 {
        self.rates_unknown
    }

    fn row(&self, topic_id: &str, partition: i32) -> Option<Row> {
        let rows = self.told.get(topic_id)?;
        let at = rows.binary_search_by_key(&partition, |row| row.number).ok()?;
        rows.get(at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic(id: &str, partitions: &[v1::PartitionDescription]) -> v1::TopicDescription {
        v1::TopicDescription {
            topic_id: id.to_owned(),
            partitions: partitions.to_vec(),
            ..v1::TopicDescription::default()
        }
    }

    fn sized(partition: i32, size_bytes: Option<u64>) -> v1::PartitionDescription {
        v1::PartitionDescription { partition, size_bytes, ..v1::PartitionDescription::default() }
    }

    fn rated(partition: i32, size_bytes: u64, kib_in: u64) -> v1::PartitionDescription {
        let rate = |kib: u64| (kib > 0).then_some(kib * KIB + 7);
        v1::PartitionDescription {
            bytes_in_per_second: rate(kib_in),
            bytes_out_per_second: rate(2 * kib_in),
            ..sized(partition, Some(size_bytes))
        }
    }

    fn young(partition: i32, size_bytes: u64) -> v1::PartitionDescription {
        v1::PartitionDescription { rates_unknown: true, ..sized(partition, Some(size_bytes)) }
    }

    fn learn(sizes: &mut Sizes, partitions: &[v1::PartitionDescription]) {
        let mut told = Told::default();
        told.take(vec![topic("a", partitions)]);
        sizes.learn(told);
    }

    #[test]
    fn a_topic_in_several_parts_has_all_its_sizes_and_what_is_empty_takes_no_room() {
        let mut told = Told::default();
        told.take(vec![
            topic("a", &[sized(7, Some(70)), sized(2, Some(20))]),
            topic("empty", &[sized(0, Some(0)), young(1, 0)]),
        ]);
        told.take(vec![topic("a", &[sized(5, Some(50))])]);
        assert_eq!(told.0.len(), 1);
        let mut sizes = Sizes::default();
        assert!(sizes.are_old());
        sizes.learn(told);
        assert!(!sizes.are_old());
        let of = |id: &str, partition: i32| sizes.of(id, partition).bytes;
        assert_eq!([of("a", 2), of("a", 5), of("a", 7)], [20, 50, 70]);
        assert_eq!([of("a", 3), of("empty", 0), of("unknown", 0)], [0, 0, 0]);
        assert_eq!(size_of::<Row>(), 24);
    }

    #[test]
    fn rates_are_whole_kib_and_an_idle_partition_has_none() {
        let mut sizes = Sizes::default();
        learn(&mut sizes, &[rated(0, 9, 300), rated(1, 9, 0)]);
        assert_eq!(sizes.of("a", 0), Size { bytes: 9, bytes_in: 300 * KIB, bytes_out: 600 * KIB });
        assert_eq!((sizes.of("a", 1).bytes_in, sizes.rates_unknown()), (0, 0));
        learn(&mut sizes, &[rated(0, 9, 0)]);
        assert_eq!(sizes.of("a", 0), Size { bytes: 9, ..Size::default() }, "it has gone idle");
    }

    #[test]
    fn a_leader_that_is_new_or_silent_does_not_make_what_is_known_forgotten() {
        let mut sizes = Sizes::default();
        learn(&mut sizes, &[rated(0, 9, 300), rated(1, 8, 400), rated(2, 0, 0)]);
        let told = [young(0, 10), sized(1, None), sized(2, None), young(3, 7)];
        for _ in 0..2 {
            learn(&mut sizes, &told);
            assert_eq!(sizes.of("a", 0), Size { bytes: 10, bytes_in: 300 * KIB, bytes_out: 600 * KIB });
            assert_eq!(sizes.of("a", 1), Size { bytes: 8, bytes_in: 400 * KIB, bytes_out: 800 * KIB });
            assert_eq!(sizes.of("a", 2), Size::default());
        }
        learn(&mut sizes, &[young(0, 0)]);
        assert_eq!(sizes.of("a", 0), Size::default(), "it was emptied: made anew, or cut to nothing");
    }

    #[test]
    fn what_nobody_ever_said_is_counted_until_somebody_does() {
        let mut sizes = Sizes::default();
        learn(&mut sizes, &[young(0, 9), sized(1, None), rated(2, 9, 5), young(3, 0)]);
        assert_eq!(sizes.rates_unknown(), 2, "what is empty has no rates");
        learn(&mut sizes, &[young(0, 9), sized(1, None)]);
        assert_eq!(sizes.rates_unknown(), 2);
        learn(&mut sizes, &[rated(0, 9, 1), sized(1, Some(0))]);
        assert_eq!((sizes.rates_unknown(), sizes.of("a", 0).bytes_in), (0, KIB));
    }
}
