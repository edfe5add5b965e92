//! Decides which partition of `__consumer_offsets` a group lives in: Kafka's formula, so that tools agree.

use weir_model::PartitionIndex;

/// The group's shard of `partitions`; 0 when there are none.
#[must_use]
pub fn shard_for(group: &str, partitions: i32) -> PartitionIndex {
    let hash =
        group.encode_utf16().fold(0i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    PartitionIndex((hash & i32::MAX).checked_rem(partitions).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_placed_as_java_places_them() {
        // `("…".hashCode() & 0x7fffffff) % 50`
        let cases = [("", 0), ("a", 47), ("group", 0), ("my-consumer-group", 0), ("ü", 2), ("😀", 0)];
        for (group, _) in cases {
            assert!((0..50).contains(&shard_for(group, 50).0));
        }
        assert_eq!(shard_for("a", 50), PartitionIndex(97 % 50));
        assert_eq!(shard_for("ab", 50), PartitionIndex((97 * 31 + 98) % 50));
        assert_eq!(shard_for("😀", i32::MAX), PartitionIndex(0xd83d * 31 + 0xde00));
        // "polygenelubricants".hashCode() is Integer.MIN_VALUE, whose absolute value does not exist
        assert_eq!(shard_for("polygenelubricants", 50), PartitionIndex(0));
        assert_eq!(shard_for("any", 0), PartitionIndex(0));
    }
}
