//! One pass over all closed segments of this broker: how fast it goes, when the next one begins, and the few bytes by
//! which a restart knows how far it came. Pure.

use uuid::Uuid;
use weir_model::{DurationMs, Millis, Offset, PartitionIndex, TopicId};

/// Nothing is so little that it has to be read more slowly.
const LEAST_BYTES_PER_SECOND: u64 = 64 << 10;
const ENCODED: usize = 8 + 1 + 16 + 4 + 8;

/// The segment that comes next: the first of this partition from this offset on, or of the next partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) topic: TopicId,
    pub(super) partition: PartitionIndex,
    pub(super) from: Offset,
}

/// A pass, under way or done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pass {
    /// By the wall clock, so that a restart knows.
    pub(super) began: Millis,
    /// None: it is done.
    pub(super) next: Option<Place>,
}

impl Pass {
    pub(super) fn beginning(now: Millis) -> Self {
        let start = Place { topic: TopicId(Uuid::nil()), partition: PartitionIndex(0), from: Offset::ZERO };
        Self { began: now, next: Some(start) }
    }

    /// When the next one is due, by the wall clock; a clock that was set back makes it due at once.
    pub(super) fn due(&self, interval: DurationMs, now: Millis) -> bool {
        now < self.began || now >= self.began + interval
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(ENCODED);
        bytes.extend_from_slice(&self.began.0.to_be_bytes());
        bytes.push(u8::from(self.next.is_some()));
        if let Some(Place { topic, partition, from }) = self.next {
            bytes.extend_from_slice(topic.0.as_bytes());
            bytes.extend_from_slice(&partition.0.to_be_bytes());
            bytes.extend_from_slice(&from.0.to_be_bytes());
        }
        bytes
    }

    /// None where it is not one of ours: then everything is read anew.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (began, rest) = bytes.split_first_chunk::<8>()?;
        let began = Millis(i64::from_be_bytes(*began));
        let (under_way, rest) = rest.split_first()?;
        if *under_way == 0 {
            return rest.is_empty().then_some(Self { began, next: None });
        }
        let (topic, rest) = rest.split_first_chunk::<16>()?;
        let (partition, rest) = rest.split_first_chunk::<4>()?;
        let from = <[u8; 8]>::try_from(rest).ok()?;
        let next = Place {
            topic: TopicId(Uuid::from_bytes(*topic)),
            partition: PartitionIndex(i32::from_be_bytes(*partition)),
            from: Offset(i64::from_be_bytes(from)),
        };
        Some(Self { began, next: Some(next) })
    }
}

/// So fast that everything is read within the interval, and no faster than allowed.
pub(super) fn bytes_per_second(all: u64, interval: DurationMs, most: u64) -> u64 {
    let seconds = (interval.0.max(1_000) / 1_000).unsigned_abs();
    // A tenth more: the pass waits for other work now and then.
    let needed = (all / seconds).saturating_mul(11) / 10;
    needed.max(LEAST_BYTES_PER_SECOND).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEEK: DurationMs = DurationMs(7 * 24 * 3_600 * 1_000);

    #[test]
    fn the_pace_reads_everything_in_a_week_within_what_is_allowed() {
        let most = 10 << 20;
        let cases = [
            (0, WEEK, LEAST_BYTES_PER_SECOND),
            (1 << 30, WEEK, LEAST_BYTES_PER_SECOND),
            (1 << 40, WEEK, 1_999_772),
            (1 << 50, WEEK, most),
            (1 << 20, DurationMs(1_000), 1_153_433),
        ];
        for (all, interval, pace) in cases {
            assert_eq!(bytes_per_second(all, interval, most), pace, "{all} bytes");
        }
        assert!(bytes_per_second(1 << 40, WEEK, most) * 7 * 24 * 3_600 > 1 << 40);
    }

    #[test]
    fn a_pass_goes_on_where_a_restart_left_it_and_the_next_begins_when_it_is_due() {
        let mut pass = Pass::beginning(Millis(5_000));
        for next in [pass.next, None] {
            pass.next = next;
            let bytes = pass.encode();
            assert_eq!(Pass::decode(&bytes), Some(pass));
            assert!((0..bytes.len()).all(|cut| Pass::decode(&bytes[..cut]).is_none()));
        }
        assert!(!pass.due(DurationMs(1_000), Millis(5_999)) && pass.due(DurationMs(1_000), Millis(6_000)));
        assert!(pass.due(WEEK, Millis(4_000)), "the clock was set back");
    }
}
