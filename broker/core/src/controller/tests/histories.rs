//! Random histories of every command on a small cluster, against what must hold of every image and every step, and
//! against a ghost that remembers which replicas hold everything committed.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use weir_model::config::Durability;
use weir_model::{PartitionIndex, TopicId};

use super::alter_configs::{AlterConfigs, Change, Operation};
use super::alter_partitions::{AlterPartitions, IsrChange, IsrMember};
use super::create_partitions::{CreatePartitions, Growth};
use super::create_topics::{CreateTopics, NewTopic};
use super::delete_topics::TopicRef;
use super::elect_leaders::{ElectLeaders, ElectionKind};
use super::reassign::{Move, Reassign};
use super::*;
use crate::partition::IsrCause;

/// One random command; most make sense, some are refused.
#[derive(Clone, Debug)]
enum Command {
    Create { name: u8, partitions: i32, factor: i16, durable: bool, min_isr: u8 },
    Delete { name: u8 },
    Grow { name: u8, count: i32 },
    MinIsr { name: Option<u8>, value: u8 },
    Unclean { name: u8, accepted: bool },
    Register { id: i32, fenced: bool, clean: bool, disk: u8 },
    Fence { id: i32, fenced: bool },
    ProducerIds { id: i32 },
    OffsetsTopic,
    Isr { name: u8, index: i32, members: u8 },
    Stop { id: i32 },
    Elect { kind: ElectionKind, one: Option<(u8, i32)> },
    Rebalance { most: usize },
    Reassign { name: u8, index: i32, target: Option<Vec<i32>> },
    Drain { id: i32, drained: bool },
    Unregister { id: i32 },
}

const BROKERS: i32 = 4;

fn command() -> impl Strategy<Value = Command> {
    let name = || 0_u8..3;
    let id = || 0..BROKERS;
    let kind = prop_oneof![2 => Just(ElectionKind::Preferred), 1 => Just(ElectionKind::Unclean)];
    let target = proptest::collection::btree_set(id(), 1..4).prop_map(Vec::from_iter).prop_shuffle();
    prop_oneof![
        4 => (name(), -1..4, -1_i16..4, any::<bool>(), 1_u8..4).prop_map(
            |(name, partitions, factor, durable, min_isr)| Command::Create {
                name, partitions, factor, durable, min_isr,
            }
        ),
        1 => name().prop_map(|name| Command::Delete { name }),
        1 => (name(), 0..5).prop_map(|(name, count)| Command::Grow { name, count }),
        2 => (proptest::option::of(name()), 0_u8..4).prop_map(|(name, value)| Command::MinIsr { name, value }),
        1 => (name(), any::<bool>()).prop_map(|(name, accepted)| Command::Unclean { name, accepted }),
        4 => (id(), any::<bool>(), any::<bool>(), prop_oneof![4 => Just(0_u8), 1 => Just(1)])
            .prop_map(|(id, fenced, clean, disk)| Command::Register { id, fenced, clean, disk }),
        8 => (id(), any::<bool>()).prop_map(|(id, fenced)| Command::Fence { id, fenced }),
        1 => id().prop_map(|id| Command::ProducerIds { id }),
        1 => Just(Command::OffsetsTopic),
        10 => (name(), 0..3, any::<u8>())
            .prop_map(|(name, index, members)| Command::Isr { name, index, members }),
        2 => id().prop_map(|id| Command::Stop { id }),
        2 => (kind, proptest::option::of((name(), 0..3))).prop_map(|(kind, one)| Command::Elect { kind, one }),
        1 => (0_usize..3).prop_map(|most| Command::Rebalance { most }),
        6 => (name(), 0..3, proptest::option::weighted(0.8, target))
            .prop_map(|(name, index, target)| Command::Reassign { name, index, target }),
        1 => (id(), any::<bool>()).prop_map(|(id, drained)| Command::Drain { id, drained }),
        1 => id().prop_map(|id| Command::Unregister { id }),
    ]
}

fn text(name: u8) -> String {
    format!("topic{}{name}", if name.is_multiple_of(2) { '.' } else { '_' })
}

fn set(resource: ConfigResource, name: &str, value: &str) -> AlterConfigs {
    let operation = if value == "0" { Operation::Delete } else { Operation::Set };
    let change = Change { name: name.to_owned(), operation, value: Some(value.to_owned()) };
    AlterConfigs { resources: vec![(resource, vec![change])], validate_only: false }
}

fn new_topic(name: String, partitions: i32, replication_factor: i16, durable: bool, min_isr: u8) -> NewTopic {
    let durability = if durable { "fsync" } else { "replicated" };
    let own = [("weir.durability", durability.to_owned()), ("min.insync.replicas", min_isr.to_string())];
    let config = own.map(|(name, value)| (name.to_owned(), Some(value))).to_vec();
    NewTopic { name, partitions, replication_factor, assignments: Vec::new(), config }
}

fn decide(
    image: &Image,
    command: &Command,
    settings: &BrokerConfig,
    next: &mut dyn FnMut() -> u64,
) -> Vec<Record> {
    let file = Pairs::new();
    let epoch = |id| image.broker(BrokerId(id)).map_or(0, |b| b.registration.epoch);
    let disk = |id| image.broker(BrokerId(id)).map_or(Incarnation::default(), |b| b.registration.incarnation);
    let mut entropy = Entropy::new(next);
    match command.clone() {
        Command::Create { name, partitions, factor, durable, min_isr } => {
            let topic = new_topic(text(name), partitions, factor, durable, min_isr);
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
        Command::MinIsr { name, value } => {
            let resource = name.map_or(ConfigResource::AllBrokers, |name| ConfigResource::Topic(text(name)));
            let command = set(resource, "min.insync.replicas", &value.to_string());
            alter_configs::decide(image, &command, &file).records
        }
        Command::Unclean { name, accepted } => {
            let resource = ConfigResource::Topic(text(name));
            let command = set(resource, "unclean.leader.election.enable", &accepted.to_string());
            alter_configs::decide(image, &command, &file).records
        }
        Command::Register { id, fenced, clean, disk } => {
            let own = registering(id, None, fenced);
            let incarnation =
                if disk == 0 { own.incarnation } else { Incarnation(Uuid::from_u128(disk.into())) };
            let command = RegisterBroker { incarnation, clean, ..own };
            register_broker::decide(image, command, &file).records
        }
        Command::Fence { id, fenced } => {
            fence_broker::decide(image, BrokerId(id), epoch(id), fenced, &file).records
        }
        Command::ProducerIds { id } => producer_ids::decide(image, BrokerId(id), epoch(id)).records,
        Command::OffsetsTopic => internal_topic::consumer_offsets(image, settings, &mut entropy).records,
        Command::Isr { name, index, members } => isr_change(image, &text(name), index, members),
        Command::Stop { id } => controlled_shutdown::decide(image, BrokerId(id), epoch(id), &file).records,
        Command::Elect { kind, one } => {
            let partitions = one.map(|(name, index)| vec![(text(name), PartitionIndex(index))]);
            elect_leaders::decide(image, &ElectLeaders { kind, partitions }, &file).records
        }
        Command::Rebalance { most } => rebalance_leaders::decide(image, None, most, &file).records,
        Command::Reassign { name, index, target } => {
            let index = PartitionIndex(index);
            let one =
                Move { topic: text(name), index, target: target.as_deref().map(ids), throttle: Some(9) };
            let command = Reassign { moves: vec![one], allow_replication_factor_change: true };
            reassign::decide(image, &command, &file).records
        }
        Command::Drain { id, drained } => drain::decide(image, BrokerId(id), disk(id), drained).records,
        Command::Unregister { id } => unregister_broker::decide(image, BrokerId(id), None, &file).records,
    }
}

/// The leader proposes an ISR: itself, and whoever the bits name among the replicas. All of them have caught up.
fn isr_change(image: &Image, topic: &str, index: i32, members: u8) -> Vec<Record> {
    let index = PartitionIndex(index);
    let Some((topic, p)) = image.topic(topic).and_then(|t| Some((t.id, t.partition(index)?))) else {
        return Vec::new();
    };
    let Some(leader) = p.leader else { return Vec::new() };
    let epoch = |b: BrokerId| image.broker(b).map_or(-1, |b| b.registration.epoch);
    let named = p.replicas.iter().filter(|b| **b == leader || members & (1 << b.0) != 0);
    let change = IsrChange {
        topic,
        index,
        leader_epoch: p.leader_epoch,
        partition_epoch: p.partition_epoch,
        isr: named.map(|b| IsrMember { broker: *b, epoch: epoch(*b) }).collect(),
        cause: IsrCause::InSync,
    };
    let command = AlterPartitions { broker: leader, broker_epoch: epoch(leader), partitions: vec![change] };
    alter_partitions::decide(image, &command, &Pairs::new()).records
}

/// What must hold of every image.
fn check(image: &Image) {
    let mut partitions = 0;
    for topic in image.topics() {
        assert_eq!(image.topic_by_id(topic.id).unwrap(), topic);
        assert!(!topic.id.is_reserved());
        partitions += topic.partitions.len();
        let min_isr = image.min_isr(topic, &Pairs::new());
        for (_, p) in topic.numbered() {
            let holds = |b: &BrokerId| p.replicas.contains(b);
            assert!(p.isr.iter().chain(&p.elr).chain(&p.last_known).all(holds), "{p:?}");
            assert!(p.adding.iter().chain(&p.removing).all(holds), "{p:?}");
            assert!(!p.elr.iter().any(|b| p.isr.contains(b)), "both in sync and eligible: {p:?}");
            assert!(p.elr.is_empty() || p.isr.len() < min_isr, "eligible though enough are in sync: {p:?}");
            if let Some(leader) = p.leader {
                let fenced = image.broker(leader).is_none_or(|b| b.registration.fenced);
                assert!(p.isr.contains(&leader) && !fenced, "{p:?}");
            }
            let inactive = p.isr.iter().filter(|b| !image.is_active(**b)).count();
            assert!(inactive == 0 || p.isr.len() == 1, "only the last one in sync may be away: {p:?}");
            let somebody_could = p.isr.iter().chain(&p.elr).any(|b| image.is_active(*b));
            assert!(p.leader.is_some() || !somebody_could, "offline without need: {p:?}");
            let done = p.target().iter().all(|b| p.isr.contains(b));
            assert!(!p.is_moving() || !done, "a move that is done has not ended: {p:?}");
        }
    }
    assert_eq!(partitions, image.partition_count());
    check_index(image);
}

/// The index says what a look at everything says.
fn check_index(image: &Image) {
    let all = |wanted: &dyn Fn(&Partition) -> bool| -> BTreeSet<PartitionKey> {
        let partitions = image.topics().flat_map(|t| t.numbered().map(|(index, p)| ((t.id, index), p)));
        partitions.filter(|(_, p)| wanted(p)).map(|(key, _)| key).collect()
    };
    fn keys<'a>(
        found: impl Iterator<Item = (&'a std::sync::Arc<Topic>, PartitionIndex, &'a std::sync::Arc<Partition>)>,
    ) -> BTreeSet<PartitionKey> {
        found.map(|(topic, index, _)| (topic.id, index)).collect()
    }
    for id in (0..BROKERS).map(BrokerId) {
        assert_eq!(keys(image.partitions_on(id)), all(&|p| p.replicas.contains(&id)));
        assert_eq!(keys(image.led_by(id)), all(&|p| p.leader == Some(id)));
        let unpreferred = all(&|p| p.replicas[0] == id && p.leader != Some(id));
        assert_eq!(keys(image.unpreferred_of(id, None)), unpreferred);
        assert_eq!(image.replica_count(id), image.partitions_on(id).count());
        assert_eq!(image.leader_count(id), image.led_by(id).count());
        let lacking = all(&|p| p.leader == Some(id) && p.isr.len() < p.replicas.len());
        assert_eq!(image.under_replicated_count(id), lacking.len());
    }
    assert_eq!(keys(image.moving()), all(&|p| p.is_moving()));
    assert_eq!(keys(image.leaderless()), all(&|p| p.leader.is_none()));
    assert_eq!(keys(image.eligible()), all(&|p| !p.elr.is_empty()));
}

/// What must hold of every step of a partition, whatever the command.
fn check_step(command: &Command, before: &Partition, after: &Partition) {
    if before == after {
        return;
    }
    assert!(after.partition_epoch > before.partition_epoch);
    assert!(after.leader_epoch >= before.leader_epoch);
    if after.leader != before.leader {
        assert!(after.leader_epoch > before.leader_epoch, "{command:?}: {before:?} -> {after:?}");
    }
    if before.is_moving()
        && !after.is_moving()
        && !matches!(command, Command::Reassign { .. } | Command::Unregister { .. })
    {
        assert_eq!(after.replicas, before.target(), "a move ends with exactly its target");
        assert!(after.replicas.iter().all(|b| after.isr.contains(b)) && after.throttle.is_none());
    }
}

/// Remembers, for each partition, the replicas that hold everything committed. The worst is assumed: whoever is not
/// in sync misses something as soon as anything can be committed, and an unproven tail is lost.
#[derive(Default)]
struct Ghost {
    whole: BTreeMap<PartitionKey, BTreeSet<BrokerId>>,
}

impl Ghost {
    fn follow(&mut self, command: &Command, before: &Image, after: &Image) {
        let mut whole = BTreeMap::new();
        for (topic, (index, p)) in after.topics().flat_map(|t| t.numbered().map(move |n| (t, n))) {
            let key = (topic.id, index);
            let rules = after.topic_rules(topic, &Pairs::new());
            let mut holders = self.whole.remove(&key).unwrap_or_else(|| p.isr.iter().copied().collect());
            if let Command::Register { id, clean, .. } = command {
                self.lose(BrokerId(*id), *clean, (before, after), p, rules.durability, &mut holders);
            }
            let old = before.partition(topic.id, index);
            if matches!(command, Command::Isr { .. }) && old != Some(p) {
                holders.extend(&p.isr);
            }
            if let Some(leader) = p.leader {
                let accepted =
                    rules.unclean || matches!(command, Command::Elect { kind: ElectionKind::Unclean, .. });
                if !holders.contains(&leader) && accepted {
                    holders = BTreeSet::from([leader]);
                }
                assert!(holders.contains(&leader), "{command:?} lost records: {old:?} -> {p:?}, {holders:?}");
                if p.isr.len() >= rules.min_isr.min(p.replicas.len()) {
                    holders = p.isr.iter().copied().collect();
                }
            }
            whole.insert(key, holders);
        }
        self.whole = whole;
    }

    fn lose(
        &self,
        id: BrokerId,
        clean: bool,
        (before, after): (&Image, &Image),
        p: &Partition,
        durability: Durability,
        holders: &mut BTreeSet<BrokerId>,
    ) {
        let registration = |image: &Image| image.broker(id).map(|b| b.registration.clone());
        let (Some(old), Some(new)) = (registration(before), registration(after)) else { return };
        let emptied = old.incarnation != new.incarnation;
        let unproven = !clean && durability == Durability::Replicated && p.replicas.len() > 1;
        if old.epoch != new.epoch && (emptied || unproven) {
            holders.remove(&id);
        }
    }
}

fn partitions(image: &Image) -> BTreeMap<(TopicId, PartitionIndex), Partition> {
    let all =
        image.topics().flat_map(|t| t.numbered().map(|(index, p)| ((t.id, index), Partition::clone(p))));
    all.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_history_breaks_an_invariant_or_loses_what_was_committed_and_replay_equals_live(
        commands in proptest::collection::vec(command(), 0..80), seed: u64,
    ) {
        let (mut live, mut log) = (cluster(BROKERS), cluster(BROKERS).to_records());
        let (settings, mut next, mut ghost) = (config(&[]), seeded(seed), Ghost::default());
        for command in &commands {
            let before = live.clone();
            let records = decide(&live, command, &settings, &mut next);
            applied(&mut live, &records);
            log.extend(records);
            check(&live);
            let after = partitions(&live);
            for (key, old) in partitions(&before) {
                if let Some(new) = after.get(&key) {
                    check_step(command, &old, new);
                }
            }
            ghost.follow(command, &before, &live);
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
