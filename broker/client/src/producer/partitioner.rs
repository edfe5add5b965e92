//! Which partition a record goes to: by key as the Java client decides, or else wherever a batch is being filled. Pure.

use std::sync::Arc;

use weir_model::PartitionIndex;

use super::murmur2::murmur2;

/// The partition of a key in a topic of `count` partitions.
#[must_use]
pub fn partition_for_key(key: &[u8], count: i32) -> PartitionIndex {
    let positive = murmur2(key) & 0x7fff_ffff;
    let count = u32::try_from(count).unwrap_or(1).max(1);
    // Smaller than count, which came from an i32.
    PartitionIndex((positive % count) as i32)
}

/// Records without a key fill the batch of one partition, then move on to the next: large batches, evenly spread.
#[derive(Debug, Default)]
pub(super) struct Sticky {
    current: Option<(Arc<str>, PartitionIndex)>,
    turn: u32,
}

impl Sticky {
    pub(super) fn choose(&mut self, topic: &Arc<str>, count: i32) -> PartitionIndex {
        if let Some((current, partition)) = &self.current
            && current == topic
        {
            return *partition;
        }
        let count = u32::try_from(count).unwrap_or(1).max(1);
        let partition = PartitionIndex((self.turn % count) as i32);
        self.current = Some((topic.clone(), partition));
        partition
    }

    pub(super) fn move_on(&mut self) {
        self.current = None;
        self.turn = self.turn.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_land_where_the_java_client_puts_them() {
        // toPositive(murmur2(key)) % partitions, as org.apache.kafka.clients.producer.internals computes it.
        let cases: [(&[u8], i32, i32); 3] = [
            (b"foobar", 3, ((-790_332_482i32) & 0x7fff_ffff) % 3),
            (b"21", 12, ((-973_932_308i32) & 0x7fff_ffff) % 12),
            (b"abc", 1, 0),
        ];
        for (key, count, partition) in cases {
            assert_eq!(partition_for_key(key, count), PartitionIndex(partition));
        }
    }

    #[test]
    fn keyless_records_stay_until_the_batch_is_sent_and_then_move_on() {
        let topic: Arc<str> = "t".into();
        let mut sticky = Sticky::default();
        let mut seen = Vec::new();
        for _ in 0..4 {
            assert_eq!(sticky.choose(&topic, 3), sticky.choose(&topic, 3));
            seen.push(sticky.choose(&topic, 3).0);
            sticky.move_on();
        }
        assert_eq!(seen, [0, 1, 2, 0]);
    }
}
