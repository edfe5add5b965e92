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
        // what the JVM says of `(name.hashCode() & 0x7fffffff) % 50`
        let cases =
            [("group", 47), ("my-consumer-group", 13), ("ü", 2), ("😀x", 39), ("", 0), ("weir-test-0", 45)];
        for (group, shard) in cases {
            assert_eq!(shard_for(group, 50), PartitionIndex(shard), "{group}");
        }
        // its hash is the smallest integer, whose absolute value does not exist
        assert_eq!(shard_for("polygenelubricants", 50), PartitionIndex(0));
        assert_eq!(shard_for("any", 0), PartitionIndex(0));
    }
}
