//! Pages of two topics, `a` with three partitions and `b` with two. The expectations are what Kafka 4.2 answers.

use uuid::Uuid;
use weir_core::controller::{Record, Registration};
use weir_model::{Incarnation, LeaderEpoch, PartitionEpoch};
use weir_wire::messages::describe_topic_partitions::TopicRequest;

use super::*;

/// The topics asked for.
type Names = &'static [&'static str];
/// Where a page begins.
type At = Option<(&'static str, i32)>;

fn image() -> Image {
    let mut records = vec![Record::BrokerRegistered(Registration {
        id: BrokerId(1),
        incarnation: Incarnation::default(),
        epoch: 0,
        rack: None,
        endpoints: Vec::new(),
        fenced: false,
        ..Registration::default()
    })];
    for (n, name, partitions) in [(7, "a", 3), (8, "b", 2)] {
        let topic = TopicId(Uuid::from_u128(n));
        records.push(Record::TopicCreated { id: topic, name: TopicName::new(name).unwrap() });
        records.extend((0..partitions).map(|index| Record::PartitionChanged {
            topic,
            index: PartitionIndex(index),
            state: Partition {
                replicas: vec![BrokerId(1), BrokerId(2)],
                isr: vec![BrokerId(1)],
                elr: vec![BrokerId(2)],
                leader: Some(BrokerId(1)).filter(|_| index == 0),
                leader_epoch: LeaderEpoch(4),
                partition_epoch: PartitionEpoch(5),
                ..Partition::default()
            },
        }));
    }
    let mut image = Image::default();
    for record in &records {
        image.apply(record).unwrap();
    }
    image
}

fn request(topics: &[&str], cursor: Option<(&str, i32)>) -> DescribeTopicPartitionsRequest {
    DescribeTopicPartitionsRequest {
        topics: topics.iter().map(|name| TopicRequest { name: Str::from(*name) }).collect(),
        cursor: cursor.map(|(name, partition_index)| Cursor { topic_name: Str::from(name), partition_index }),
        ..DescribeTopicPartitionsRequest::default()
    }
}

/// A page in words: `topic:partitions` or `topic!code`, and `-> topic:partition` for the next cursor.
fn in_words(response: &DescribeTopicPartitionsResponse) -> String {
    let topics = response.topics.iter().map(|topic| {
        let name = topic.name.as_deref().unwrap();
        match topic.error_code {
            0 => format!(
                "{name}:{}",
                topic.partitions.iter().map(|p| p.partition_index.to_string()).collect::<String>()
            ),
            code => format!("{name}!{code}"),
        }
    });
    let next =
        response.next_cursor.iter().map(|next| format!("-> {}:{}", next.topic_name, next.partition_index));
    topics.chain(next).collect::<Vec<_>>().join(" ")
}

#[test]
fn pages_hold_as_many_partitions_as_they_may_and_say_where_the_next_begins() {
    let cases: [(Names, usize, At, &str); 13] = [
        (&[], 40, None, "a:012 b:01"),
        (&[], 1, None, "a:0 -> a:1"),
        (&[], 3, None, "a:012 -> b:0"),
        (&[], 4, None, "a:012 b:0 -> b:1"),
        (&[], 5, None, "a:012 b:01"),
        (&[], 2, Some(("a", 2)), "a:2 b:0 -> b:1"),
        (&[], 40, Some(("a", 9)), "a: b:01"),
        (&[], 40, Some(("aa", 9)), "b:01"),
        (&[], 40, Some(("a/", 1)), "b:01"),
        (&["b", "a", "b"], 40, None, "a:012 b:01"),
        (&["zz", "b/", "__consumer_offsets"], 3, None, "__consumer_offsets!3 b/!17 zz!3"),
        (&["a", "zz", "b/"], 40, Some(("a", 1)), "a:12 b/!17 zz!3"),
        (&["a", "b", "zz"], 3, None, "a:012 -> b:0"),
    ];
    let image = image();
    for (topics, limit, cursor, wanted) in cases {
        let page = page(&image, &request(topics, cursor), limit);
        assert_eq!(in_words(&page), wanted, "{topics:?} {limit} {cursor:?}");
    }
}

#[test]
fn walking_the_pages_shows_every_partition_once_whatever_their_size() {
    let image = image();
    for limit in 1..7 {
        let (mut request, mut seen) = (request(&[], None), Vec::new());
        loop {
            let page = page(&image, &request, limit);
            for topic in &page.topics {
                let name = topic.name.clone().unwrap();
                seen.extend(topic.partitions.iter().map(|p| (name.to_string(), p.partition_index)));
            }
            if page.next_cursor.is_none() {
                break;
            }
            request.cursor = page.next_cursor;
            assert!(seen.len() <= 5, "limit {limit} never ends");
        }
        let wanted = [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1)].map(|(t, p)| (t.to_owned(), p));
        assert_eq!(seen, wanted, "limit {limit}");
    }
}

#[test]
fn a_cursor_must_stand_at_a_partition_of_a_topic_that_is_asked_for() {
    let cases: [(Names, At, bool); 5] = [
        (&["b"], None, true),
        (&["a", "b"], Some(("a", 0)), true),
        (&["b"], Some(("a", 0)), false),
        (&[], Some(("a", 7)), true),
        (&[], Some(("a", -1)), false),
    ];
    for (topics, cursor, wanted) in cases {
        assert_eq!(is_valid(&request(topics, cursor)), wanted, "{topics:?} {cursor:?}");
    }
    assert_eq!(in_words(&refused(request(&["zz", "b"], Some(("a", 1))))), "zz!42 b!42");
}

#[test]
fn a_partition_is_told_with_its_replicas_and_no_leader_is_no_error() {
    let page = page(&image(), &request(&["a"], None), 2);
    assert_eq!((page.topics[0].topic_authorized_operations, page.topics[0].is_internal), (3576, false));
    let [led, leaderless] = &page.topics[0].partitions[..] else { panic!("two partitions") };
    assert_eq!((led.error_code, led.leader_id, led.leader_epoch), (0, 1, 4));
    assert_eq!((&led.replica_nodes[..], &led.isr_nodes[..]), (&[1, 2][..], &[1][..]));
    assert_eq!(
        (led.eligible_leader_replicas.as_deref(), &led.offline_replicas[..]),
        (Some(&[2][..]), &[2][..])
    );
    assert_eq!((leaderless.error_code, leaderless.leader_id), (0, -1));
}
