use proptest::prelude::*;

use super::alter_configs::{AlterConfigs, Change, Operation};
use super::create_partitions::{CreatePartitions, Growth};
use super::create_topics::{CreateTopics, NewTopic};
use super::delete_topics::TopicRef;
use super::*;

/// One random command; most make sense, some are refused.
#[derive(Clone, Debug)]
enum Command {
    Create { name: u8, partitions: i32, factor: i16 },
    Delete { name: u8 },
    Grow { name: u8, count: i32 },
    Alter { name: Option<u8>, value: i64 },
    Register { id: i32, fenced: bool, clean: bool, disk: u8 },
    Fence { id: i32, fenced: bool },
    ProducerIds { id: i32 },
    OffsetsTopic,
}

fn command() -> impl Strategy<Value = Command> {
    let name = || 0_u8..6;
    prop_oneof![
        3 => (name(), -1..6, -1_i16..4)
            .prop_map(|(name, partitions, factor)| Command::Create { name, partitions, factor }),
        1 => name().prop_map(|name| Command::Delete { name }),
        1 => (name(), 0..9).prop_map(|(name, count)| Command::Grow { name, count }),
        2 => (proptest::option::of(name()), -2_i64..9).prop_map(|(name, value)| Command::Alter { name, value }),
        2 => (0..4, any::<bool>(), any::<bool>(), 0_u8..2)
            .prop_map(|(id, fenced, clean, disk)| Command::Register { id, fenced, clean, disk }),
        3 => (0..4, any::<bool>()).prop_map(|(id, fenced)| Command::Fence { id, fenced }),
        1 => (0..4).prop_map(|id| Command::ProducerIds { id }),
        1 => Just(Command::OffsetsTopic),
    ]
}

fn decide(
    image: &Image,
    command: &Command,
    settings: &BrokerConfig,
    next: &mut dyn FnMut() -> u64,
) -> Vec<Record> {
    let text = |name: u8| format!("topic{}{name}", if name.is_multiple_of(2) { '.' } else { '_' });
    let epoch = |id| image.broker(BrokerId(id)).map_or(0, |b| b.registration.epoch);
    let mut entropy = Entropy::new(next);
    match *command {
        Command::Create { name, partitions, factor: replication_factor } => {
            let topic = NewTopic {
                name: text(name),
                partitions,
                replication_factor,
                assignments: Vec::new(),
                config: vec![("retention.ms".to_owned(), Some("7".to_owned()))],
            };
            let command = CreateTopics { topics: vec![topic], validate_only: false };
            create_topics::decide(image, &command, settings, &mut entropy).records
        }
        Command::Delete { name } => {
            let topic = TopicRef { name: Some(text(name)), id: None };
            delete_topics::decide(image, &[topic], settings).records
        }
        Command::Grow { name, count } => {
            let growth = Growth { name: text(name), count, assignments: None };
            let command = CreatePartitions { topics: vec![growth], validate_only: false };
            create_partitions::decide(image, &command, &mut entropy).records
        }
        Command::Alter { name, value } => {
            let (resource, setting) = match name {
                Some(name) => (ConfigResource::Topic(text(name)), "retention.ms"),
                None => (ConfigResource::AllBrokers, "log.retention.ms"),
            };
            let operation = if value == 0 { Operation::Delete } else { Operation::Set };
            let change = Change { name: setting.to_owned(), operation, value: Some(value.to_string()) };
            let command = AlterConfigs { resources: vec![(resource, vec![change])], validate_only: false };
            alter_configs::decide(image, &command, &Pairs::new()).records
        }
        Command::Register { id, fenced, clean, disk } => {
            let incarnation = Incarnation(Uuid::from_u128(u128::from(disk) + 1));
            let command = RegisterBroker { incarnation, clean, ..registering(id, None, fenced) };
            register_broker::decide(image, command, &Pairs::new()).records
        }
        Command::Fence { id, fenced } => {
            fence_broker::decide(image, BrokerId(id), epoch(id), fenced, &Pairs::new()).records
        }
        Command::ProducerIds { id } => producer_ids::decide(image, BrokerId(id), epoch(id)).records,
        Command::OffsetsTopic => internal_topic::consumer_offsets(image, settings, &mut entropy).records,
    }
}

/// What must hold of every image.
fn check(image: &Image) {
    let mut partitions = 0;
    for topic in image.topics() {
        assert_eq!(image.topic_by_id(topic.id).unwrap(), topic);
        assert!(!topic.id.is_reserved());
        partitions += topic.partitions.len();
        for (_, p) in topic.numbered() {
            assert!(p.isr.iter().all(|b| p.replicas.contains(b)));
            if let Some(leader) = p.leader {
                assert!(p.isr.contains(&leader) && image.is_active(leader), "{topic:?}");
            }
            let fenced_in_sync = p.isr.iter().filter(|b| !image.is_active(**b)).count();
            assert!(
                fenced_in_sync == 0 || p.isr.len() == 1,
                "only the last one in sync may be fenced: {p:?}"
            );
            let somebody_could = p.isr.iter().any(|b| image.is_active(*b));
            assert!(p.leader.is_some() || !somebody_could, "offline without need: {p:?}");
        }
    }
    assert_eq!(partitions, image.partition_count());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn replay_equals_live_and_the_invariants_hold(
        commands in proptest::collection::vec(command(), 0..60), seed: u64,
    ) {
        let (mut live, mut log) = (cluster(3), cluster(3).to_records());
        let (settings, mut next) = (config(&[]), seeded(seed));
        for command in &commands {
            let records = decide(&live, command, &settings, &mut next);
            applied(&mut live, &records);
            log.extend(records);
            check(&live);
        }
        let mut replayed = Image::default();
        for record in &log {
            replayed.apply(&Record::decode(&record.encode()).unwrap()).unwrap();
        }
        prop_assert_eq!(&replayed, &live);
        let mut restored = Image::default();
        applied(&mut restored, &live.to_records());
        prop_assert_eq!(&restored, &live);
    }
}
