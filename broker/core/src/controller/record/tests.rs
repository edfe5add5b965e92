use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use uuid::Uuid;
use weir_model::{
    BrokerId, Incarnation, LeaderEpoch, PartitionEpoch, PartitionIndex, ProducerId, TopicId, TopicName,
};

use super::*;

fn id() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn topic_id() -> impl Strategy<Value = TopicId> {
    id().prop_map(TopicId)
}

fn broker_id() -> impl Strategy<Value = BrokerId> {
    (0..=i32::MAX).prop_map(BrokerId)
}

fn partition() -> impl Strategy<Value = Partition> {
    let brokers = proptest::collection::btree_set(broker_id(), 1..5).prop_map(Vec::from_iter);
    (brokers, 0_usize..5, any::<bool>(), 0..=i32::MAX, 0..=i32::MAX).prop_map(
        |(replicas, in_sync, led, leader_epoch, partition_epoch)| {
            let (isr, elr) = replicas.split_at(in_sync.min(replicas.len()));
            // The last two, in turn; a partition never loses all of its replicas.
            let (added, removed) = (replicas.len() > 1 && led, replicas.len() > 2);
            let adding: Vec<_> = replicas.last().copied().filter(|_| added).into_iter().collect();
            let removing: Vec<_> = replicas.first().copied().filter(|_| removed).into_iter().collect();
            Partition {
                throttle: (added && in_sync > 2).then_some(in_sync as u64),
                adding,
                removing,
                last_known: elr.first().copied().filter(|_| !led),
                isr: isr.to_vec(),
                elr: elr.to_vec(),
                leader: isr.last().copied().filter(|_| led),
                replicas,
                leader_epoch: LeaderEpoch(leader_epoch),
                partition_epoch: PartitionEpoch(partition_epoch),
            }
        },
    )
}

fn registration() -> impl Strategy<Value = Registration> {
    let endpoint = (".{0,9}", ".{0,9}", any::<u16>()).prop_map(|(listener, host, port)| BrokerEndpoint {
        listener,
        host,
        port,
    });
    let rack = proptest::option::of(".{0,9}");
    let address =
        || proptest::option::of((".{0,9}", any::<u16>()).prop_map(|(host, port)| HostPort { host, port }));
    let more = (any::<(bool, bool, bool)>(), address(), address(), any::<(i16, i16)>());
    (broker_id(), id(), any::<i64>(), rack, vec(endpoint, 0..3), more).prop_map(
        |(id, incarnation, epoch, rack, endpoints, (flags, peer, admin, (min, max)))| Registration {
            id,
            incarnation: Incarnation(incarnation),
            epoch,
            rack,
            endpoints,
            fenced: flags.0,
            shutting_down: flags.1,
            drained: flags.2,
            peer,
            admin,
            versions: VersionRange { min, max },
        },
    )
}

fn record() -> impl Strategy<Value = Record> {
    let scope = prop_oneof![
        topic_id().prop_map(ConfigScope::Topic),
        broker_id().prop_map(ConfigScope::Broker),
        Just(ConfigScope::AllBrokers),
    ];
    prop_oneof![
        id().prop_map(|id| Record::ClusterCreated { id }),
        (topic_id(), "[a-z._-]{3,9}").prop_map(|(id, name)| {
            let name = TopicName::new(&name).unwrap_or_else(|_| TopicName::new("dots").unwrap());
            Record::TopicCreated { id, name }
        }),
        (topic_id(), 0..=i32::MAX, partition()).prop_map(|(topic, index, state)| {
            Record::PartitionChanged { topic, index: PartitionIndex(index), state }
        }),
        topic_id().prop_map(|id| Record::TopicDeleted { id }),
        (scope, ".{0,20}", proptest::option::of(".{0,20}"))
            .prop_map(|(scope, name, value)| Record::ConfigChanged { scope, name, value }),
        registration().prop_map(Record::BrokerRegistered),
        (broker_id(), any::<bool>()).prop_map(|(id, fenced)| Record::BrokerFencingChanged { id, fenced }),
        broker_id().prop_map(|id| Record::BrokerShuttingDown { id }),
        (broker_id(), any::<bool>()).prop_map(|(id, drained)| Record::BrokerDrainChanged { id, drained }),
        (broker_id(), any::<i64>()).prop_map(|(id, epoch)| Record::BrokerUnregistered { id, epoch }),
        (0..=i64::MAX).prop_map(|next| Record::ProducerIdsAllocated { next: ProducerId(next) }),
        (".{0,20}", 0..=i16::MAX).prop_map(|(name, level)| Record::FeatureLevelChanged { name, level }),
    ]
}

proptest! {
    #[test]
    fn records_are_read_back(record in record()) {
        prop_assert_eq!(Record::decode(&record.encode()).unwrap(), record);
    }

    /// What a mutated record decodes to must itself be writable and readable: nothing impossible gets through.
    #[test]
    fn mutated_records_are_refused_or_sound(
        record in record(), flips in vec((any::<usize>(), any::<u8>()), 1..4), cut in any::<usize>(),
    ) {
        let mut bytes = record.encode();
        for (at, value) in flips {
            let place = at % bytes.len();
            bytes[place] = value;
        }
        if cut % 3 == 0 {
            bytes.truncate(cut % bytes.len());
        }
        if let Ok(read) = Record::decode(&bytes) {
            prop_assert_eq!(Record::decode(&read.encode()).unwrap(), read);
        }
    }

    #[test]
    fn garbage_is_refused_without_a_panic(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Record::decode(&bytes);
    }
}

#[test]
fn records_of_newer_brokers_are_refused_by_name() {
    let mut envelope = message::Envelope::decode(&*good(&[1]).encode()).unwrap();
    envelope.version = 2;
    assert_eq!(Record::decode(&envelope.encode_to_vec()), Err(RecordError::Version(2)));
    envelope.version = 1;
    envelope.body = None;
    let mut unknown = envelope.encode_to_vec();
    // Field 99, a message of no bytes.
    unknown.extend([0x9a, 0x06, 0x00]);
    assert_eq!(Record::decode(&unknown), Err(RecordError::UnknownKind));
    assert!(matches!(Record::decode(&[]), Err(RecordError::Damaged(_))));
}

fn good(isr: &[i32]) -> Record {
    Record::PartitionChanged {
        topic: TopicId(Uuid::from_u128(7)),
        index: PartitionIndex(0),
        state: Partition {
            replicas: vec![BrokerId(1), BrokerId(2)],
            isr: isr.iter().map(|b| BrokerId(*b)).collect(),
            elr: Vec::new(),
            leader: isr.first().map(|b| BrokerId(*b)),
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            ..Partition::default()
        },
    }
}

#[test]
fn impossible_values_are_refused() {
    assert!(Record::decode(&good(&[2]).encode()).is_ok());
    assert!(Record::decode(&good(&[]).encode()).is_ok(), "nobody in sync after the last disk was lost");
    type Spoil = fn(&mut Partition);
    let cases: [(&str, Spoil); 14] = [
        ("no replicas", |p| p.replicas.clear()),
        ("a replica twice", |p| p.replicas.push(BrokerId(1))),
        ("a negative broker", |p| p.replicas.push(BrokerId(-1))),
        ("a stranger in sync", |p| p.isr.push(BrokerId(3))),
        ("a stranger eligible", |p| p.elr.push(BrokerId(3))),
        ("one both in sync and eligible", |p| p.elr.push(BrokerId(1))),
        ("a stranger added", |p| p.adding.push(BrokerId(3))),
        ("a stranger removed", |p| p.removing.push(BrokerId(3))),
        ("all replicas removed", |p| p.removing = p.replicas.clone()),
        ("one both added and removed", |p| (p.adding, p.removing) = (vec![BrokerId(2)], vec![BrokerId(2)])),
        ("a stranger last known", |p| p.last_known = Some(BrokerId(3))),
        ("a limit of no move", |p| p.throttle = Some(1)),
        ("a leader out of sync", |p| p.leader = Some(BrokerId(2))),
        ("a negative epoch", |p| p.leader_epoch = LeaderEpoch(-1)),
    ];
    for (what, spoil) in cases {
        let Record::PartitionChanged { topic, index, mut state } = good(&[1]) else { unreachable!() };
        spoil(&mut state);
        let record = Record::PartitionChanged { topic, index, state };
        assert!(matches!(Record::decode(&record.encode()), Err(RecordError::Impossible(_))), "{what}");
    }
    let negative = Record::ProducerIdsAllocated { next: ProducerId(-1) };
    assert_eq!(Record::decode(&negative.encode()), Err(RecordError::Impossible("producer id")));
}

/// The bytes are a promise to logs that exist. If this fails, add a format version instead of changing the test.
#[test]
fn the_bytes_of_format_1_do_not_change() {
    let hex: String = good(&[1, 2]).encode().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex, "0801221c0a10000000000000000000000000000000071a020102220201023001");
}
