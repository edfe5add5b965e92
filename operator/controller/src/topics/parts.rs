//! Cuts what is sent to brokers into requests that they take. Pure.

use weir_operator_plan::topics::CreateTopic;

/// Topics in one request.
pub(super) const TOPICS_MAX: usize = 1_000;
/// Partitions that one request may create.
const PARTITIONS_MAX: i64 = 10_000;

/// As few parts as the limits allow. A topic that is too large alone is a part alone: the brokers say so.
pub(super) fn of_creations(topics: &[CreateTopic]) -> Vec<&[CreateTopic]> {
    let mut parts = Vec::new();
    let (mut start, mut partitions) = (0, 0_i64);
    for (at, topic) in topics.iter().enumerate() {
        let more = i64::from(topic.partitions);
        if at > start && (at - start >= TOPICS_MAX || partitions.saturating_add(more) > PARTITIONS_MAX) {
            parts.push(&topics[start..at]);
            (start, partitions) = (at, 0);
        }
        partitions = partitions.saturating_add(more);
    }
    if start < topics.len() {
        parts.push(&topics[start..]);
    }
    parts
}

#[cfg(test)]
mod tests {
    use weir_operator_plan::topics::Owner;

    use super::*;

    fn topics(partitions: &[i32]) -> Vec<CreateTopic> {
        let topic = |partitions: &i32| CreateTopic {
            owner: Owner::default(),
            name: String::new(),
            partitions: *partitions,
            replication_factor: None,
            config: Default::default(),
        };
        partitions.iter().map(topic).collect()
    }

    fn sizes(partitions: &[i32]) -> Vec<usize> {
        of_creations(&topics(partitions)).iter().map(|part| part.len()).collect()
    }

    #[test]
    fn parts_keep_both_limits_and_lose_nothing() {
        assert_eq!(sizes(&[]), Vec::<usize>::new());
        assert_eq!(sizes(&[1; 2_500]), [1_000, 1_000, 500]);
        assert_eq!(sizes(&[6_000, 4_000, 1]), [2, 1]);
        assert_eq!(sizes(&[20_000, 1, 9_999, 1]), [1, 2, 1]);
    }
}
