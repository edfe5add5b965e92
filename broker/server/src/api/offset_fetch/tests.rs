//! What is asked for, what the coordinator is asked, and the shape of the answer in every version.

use weir_model::{LeaderEpoch, Offset};
use weir_wire::messages::offset_fetch::OffsetFetchRequestTopic;

use super::super::asked_partitions::tests::{ORDERS, image};
use super::*;

fn wanted(name: &str, topic_id: Uuid, indexes: &[i32]) -> OffsetFetchRequestTopics {
    OffsetFetchRequestTopics { name: name.into(), topic_id, partition_indexes: indexes.to_vec() }
}

fn fetched(name: &str, topic_id: TopicId, offsets: &[(i32, Option<i64>)]) -> FetchedTopic {
    let offset = |offset| FetchedOffset {
        offset: Offset(offset),
        leader_epoch: LeaderEpoch(2),
        metadata: "note".into(),
    };
    let partitions = offsets.iter().map(|(index, found)| (PartitionIndex(*index), Ok(found.map(offset))));
    FetchedTopic { topic: TopicName::new(name).unwrap(), topic_id, partitions: partitions.collect() }
}

/// Index, offset and error of each partition.
fn told(topics: &[OffsetFetchResponseTopics]) -> Vec<Vec<(i32, i64, i16)>> {
    let partition = |p: &OffsetFetchResponsePartitions| (p.partition_index, p.committed_offset, p.error_code);
    topics.iter().map(|topic| topic.partitions.iter().map(partition).collect()).collect()
}

#[test]
fn an_old_request_is_one_group_and_null_stays_all() {
    let topic = OffsetFetchRequestTopic { name: "orders".into(), partition_indexes: vec![0] };
    for (topics, expected) in [(None, None), (Some(vec![]), Some(0)), (Some(vec![topic]), Some(1))] {
        let request = OffsetFetchRequest { group_id: "g".into(), topics, ..Default::default() };
        let groups = groups_of(7, request);
        assert_eq!(groups.len(), 1);
        assert_eq!(groups[0].topics.as_ref().map(Vec::len), expected);
    }
}

#[test]
fn a_group_that_is_named_again_is_refused() {
    let group = |name: &str| OffsetFetchRequestGroup { group_id: name.into(), ..Default::default() };
    let mentions = first_mentions(vec![group("a"), group("b"), group("a")]);
    let kept: Vec<bool> = mentions.iter().map(Result::is_ok).collect();
    assert_eq!(kept, [true, true, false]);
}

#[test]
fn a_partition_that_is_asked_for_twice_is_answered_once() {
    let nil = Uuid::nil();
    let topics =
        vec![wanted("orders", nil, &[1, 0, 1]), wanted("a", nil, &[1]), wanted("orders", nil, &[0, 2])];
    let indexes: Vec<_> = asked(&image(), By::Name, topics).into_iter().map(|asked| asked.indexes).collect();
    assert_eq!(indexes, [vec![1, 0], vec![1], vec![2]]);
}

#[test]
fn only_what_may_have_offsets_is_asked_of_the_coordinator() {
    let orders = TopicName::new("orders").unwrap();
    let deleted = TopicName::new("deleted").unwrap();
    let cases = [
        (By::Name, "orders", Uuid::nil(), Meant::Topic(orders.clone(), TopicId::ZERO)),
        (By::Name, "deleted", Uuid::nil(), Meant::Topic(deleted, TopicId::ZERO)),
        (By::Name, "no/such\0name", Uuid::nil(), Meant::Nothing(ErrorCode::None)),
        (By::Id, "", ORDERS, Meant::Topic(orders, TopicId(ORDERS))),
        (By::Id, "", Uuid::from_u128(7), Meant::Nothing(ErrorCode::UnknownTopicId)),
        (By::Id, "orders", Uuid::nil(), Meant::Nothing(ErrorCode::UnknownTopicId)),
    ];
    for (by, name, id, expected) in cases {
        assert_eq!(meant(&image(), by, name, id), expected, "{by:?} {name:?} {id}");
    }
}

#[test]
fn answers_come_in_the_order_asked() {
    let nil = Uuid::nil();
    let topics = vec![wanted("a/b", nil, &[3]), wanted("orders", nil, &[1, 0]), wanted("deleted", nil, &[0])];
    let asked = asked(&image(), By::Name, topics);
    let wanted: Vec<_> = asked.iter().filter_map(Asked::wanted).map(|w| w.topic.to_string()).collect();
    assert_eq!(wanted, ["orders", "deleted"]);
    let fetched = vec![
        fetched("orders", TopicId::ZERO, &[(1, Some(7)), (0, None)]),
        fetched("deleted", TopicId::ZERO, &[(0, Some(9))]),
    ];
    let topics = asked_topics(asked, fetched);
    assert_eq!(told(&topics), [vec![(3, -1, 0)], vec![(1, 7, 0), (0, -1, 0)], vec![(0, 9, 0)]]);
}

#[test]
fn all_topics_by_id_leave_out_those_without_one() {
    let fetched = || {
        vec![
            fetched("deleted", TopicId::ZERO, &[(0, Some(1))]),
            fetched("orders", TopicId::ZERO, &[(0, Some(2))]),
            fetched("older", TopicId(Uuid::from_u128(7)), &[(0, Some(3))]),
        ]
    };
    let by_name = all_topics(&image(), By::Name, fetched());
    assert_eq!(by_name.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["deleted", "orders", "older"]);
    let by_id = all_topics(&image(), By::Id, fetched());
    assert_eq!(by_id.iter().map(|t| t.topic_id).collect::<Vec<_>>(), [ORDERS, Uuid::from_u128(7)]);
}

#[test]
fn an_unstable_offset_is_not_told() {
    let partition = fetched_partition(4, Err(GroupError::UnstableOffsetCommit));
    assert_eq!((partition.committed_offset, partition.error_code), (-1, 88));
}

#[test]
fn every_version_can_carry_offsets_and_errors() {
    for version in 1..=10 {
        let (by, id) = if version >= 10 { (By::Id, ORDERS) } else { (By::Name, Uuid::nil()) };
        let topics = || asked(&image(), by, vec![wanted("orders", id, &[0])]);
        let fetched = vec![fetched("orders", TopicId(id), &[(0, Some(5))])];
        let good = found("g".into(), asked_topics(topics(), fetched));
        let bad = refused(
            "g".into(),
            ErrorCode::NotCoordinator,
            asked_but_failed(topics(), ErrorCode::NotCoordinator),
        );
        for group in [good, bad] {
            let response = respond(version, vec![group.clone()]);
            assert_eq!(
                (response.groups.len(), response.topics.len()),
                if version >= 8 { (1, 0) } else { (0, 1) }
            );
            weir_wire::frame::encode_response(version, 1, &response).unwrap();
        }
    }
}
