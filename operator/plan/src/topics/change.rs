//! One Topic against what the brokers have: create it, take it over, change it, or say why not.

use std::collections::BTreeMap;

use weir_model::TopicName;
use weir_model::config::validate_topic;
use weir_operator_api::Adoption;

use super::assignment::Spread;
use super::verdict::{Verdict, reason};
use super::{
    AlterTopic, Batch, CreateTopic, Declaration, MovePartition, MovesAllowed, Owner, Refused, TopicSeen,
    TopicsSnapshot,
};

/// What is wrong with the spec whatever the brokers have.
pub(super) fn check(topic: &Declaration) -> Result<(), String> {
    let (spec, name) = (&topic.spec, topic.topic());
    TopicName::new(name).map_err(|error| error.to_string())?;
    if name.starts_with("__") {
        return Err(format!(
            "{name} is a name of the brokers' own topics: choose one that does not begin with __"
        ));
    }
    if spec.partitions < 1 {
        return Err("a topic has at least 1 partition".to_owned());
    }
    if spec.replication_factor.is_some_and(|factor| factor < 1) {
        return Err("a partition has at least 1 replica".to_owned());
    }
    if spec.config.is_empty() {
        return Ok(());
    }
    validate_topic(&spec.config).map_err(|error| format!("config: {error}"))
}

pub(super) fn decide(
    topic: &Declaration,
    seen: &TopicsSnapshot<'_>,
    spread: &mut Spread,
    batch: &mut Batch,
) -> Option<Verdict> {
    let owner = Owner::of(topic);
    let refused = seen.refused.get(&owner.uid).filter(|refused| refused.generation == owner.generation);
    let there = seen.topics.get(topic.topic());
    if let Some(verdict) = too_few_brokers(topic, seen) {
        return Some(with(verdict, there.filter(|there| is_ours(topic, there))));
    }
    match there {
        None => create(topic, owner, refused, batch),
        Some(there)
            if !is_ours(topic, there)
                && let Some(why) = not_adopted(topic, there) =>
        {
            Some(Verdict::exists(why))
        }
        Some(there) => {
            change(topic, owner, there, refused, &mut Movers { allowed: &seen.moves, spread }, batch)
        }
    }
}

fn with(verdict: Verdict, there: Option<&TopicSeen<'_>>) -> Verdict {
    match there {
        Some(there) => verdict.of(there),
        None => verdict,
    }
}

/// Brokers that are down count: they come back, and a Topic must not become wrong by an outage. Those that are declared and
/// have not come yet are waited for: a Topic is often applied together with its Cluster.
fn too_few_brokers(topic: &Declaration, seen: &TopicsSnapshot<'_>) -> Option<Verdict> {
    let factor = usize::try_from(topic.spec.replication_factor?).ok()?;
    let brokers = seen.brokers.values().filter(|broker| !broker.drained).count();
    if factor <= brokers || brokers == 0 {
        return None;
    }
    let needs = format!("replicationFactor {factor} needs {factor} brokers, and there are {brokers}");
    Some(if factor <= seen.declared {
        Verdict::waiting(format!("{needs} of {} so far", seen.declared))
    } else {
        Verdict::invalid(format!("{needs}: lower it, or raise the Cluster's spec.replicas"))
    })
}

fn is_ours(topic: &Declaration, there: &TopicSeen<'_>) -> bool {
    topic.status.as_ref().and_then(|status| status.topic_id.as_deref()) == Some(&*there.id)
}

/// Why a topic that was there before is not taken over.
fn not_adopted(topic: &Declaration, there: &TopicSeen<'_>) -> Option<String> {
    let name = topic.topic();
    if there.internal {
        return Some(format!("topic {name} belongs to the brokers themselves"));
    }
    match topic.spec.adoption {
        Adoption::Adopt => None,
        Adoption::Fail if announced(topic) => None,
        Adoption::Fail => Some(format!(
            "topic {name} was there before, and adoption is Fail: set it to Adopt to take it over"
        )),
        Adoption::RequireMatch => difference(topic, there).map(|difference| {
            format!(
                "topic {name} was there before and {difference}: make them match, or set adoption to Adopt"
            )
        }),
    }
}

/// Whether this Topic has said that it is about to create the topic. Without that, an operator that is killed between
/// creating a topic and writing down its id would take it for somebody else's.
fn announced(topic: &Declaration) -> bool {
    let conditions = topic.status.iter().flat_map(|status| &status.conditions);
    conditions.into_iter().any(|condition| condition.reason == reason::CREATING)
}

fn difference(topic: &Declaration, there: &TopicSeen<'_>) -> Option<String> {
    let spec = &topic.spec;
    let partitions = i32::try_from(there.partitions.len()).unwrap_or(i32::MAX);
    if partitions != spec.partitions {
        return Some(format!("has {partitions} partitions, not {}", spec.partitions));
    }
    if let Some(factor) = spec.replication_factor
        && let Some(other) =
            there.partitions.iter().map(super::PartitionSeen::factor).find(|f| differs(*f, factor))
    {
        return Some(format!("has {other} replicas, not {factor}"));
    }
    let (name, value) = unlike(&spec.config, &there.config).next()?;
    let has = there.config.get(name).map_or("its default", String::as_str);
    Some(format!("has {name}={has}, not {value}"))
}

fn differs(has: usize, wants: i32) -> bool {
    usize::try_from(wants) != Ok(has)
}

/// Declared settings that the topic has otherwise. Settings that are not declared are nobody's business here.
fn unlike<'a>(
    declared: &'a BTreeMap<String, String>,
    has: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = (&'a String, &'a String)> {
    declared.iter().filter(|(name, value)| has.get(*name).map(|has| has.trim()) != Some(value.trim()))
}

fn create(
    topic: &Declaration,
    owner: Owner,
    refused: Option<&Refused>,
    batch: &mut Batch,
) -> Option<Verdict> {
    if let Some(refused) = refused.filter(|refused| !refused.retriable) {
        return Some(Verdict::invalid(refused.message.clone()));
    }
    if topic.spec.adoption == Adoption::Fail && !announced(topic) {
        return Some(Verdict::creating("the topic is about to be created"));
    }
    batch.create.push(CreateTopic {
        owner,
        name: topic.topic().to_owned(),
        partitions: topic.spec.partitions,
        replication_factor: topic.spec.replication_factor,
        config: topic.spec.config.clone(),
    });
    refused.map(|refused| match topic.spec.adoption {
        // What it has announced stays announced.
        Adoption::Fail => Verdict::creating(&refused.message),
        Adoption::Adopt | Adoption::RequireMatch => Verdict::waiting(refused.message.clone()),
    })
}

/// Who may get replicas, and how many may be on their way.
struct Movers<'a> {
    allowed: &'a MovesAllowed,
    spread: &'a mut Spread,
}

fn change(
    topic: &Declaration,
    owner: Owner,
    there: &TopicSeen<'_>,
    refused: Option<&Refused>,
    movers: &mut Movers<'_>,
    batch: &mut Batch,
) -> Option<Verdict> {
    let spec = &topic.spec;
    if let Some(refused) = refused.filter(|refused| !refused.retriable) {
        return Some(Verdict::invalid(refused.message.clone()).of(there));
    }
    let has = i32::try_from(there.partitions.len()).unwrap_or(i32::MAX);
    let set: BTreeMap<_, _> =
        unlike(&spec.config, &there.config).map(|(name, value)| (name.clone(), value.clone())).collect();
    let partitions = (has < spec.partitions).then_some(spec.partitions);
    let altered = partitions.is_some() || !set.is_empty();
    if altered {
        let (name, topic_id) = (topic.topic().to_owned(), there.id.to_string());
        batch.alter.push(AlterTopic { owner: owner.clone(), name, topic_id, partitions, set });
    }
    let moving = spec.replication_factor.and_then(|factor| refactor(factor, &owner, there, movers, batch));
    let verdict = match (refused, moving) {
        (Some(refused), _) => Verdict::waiting(refused.message.clone()),
        (None, Some(moving)) => moving,
        (None, None) if has > spec.partitions => Verdict::drifted(format!(
            "the topic has {has} partitions, and they can not be taken away: set spec.partitions to {has}"
        )),
        // The answer to the change is seen by the next pass; until then there is nothing to tell.
        (None, None) if altered => return None,
        (None, None) => Verdict::ready(),
    };
    Some(verdict.of(there))
}

/// Moves the partitions that have another number of replicas, as many at once as may be. New replicas wait while brokers
/// are restarted or emptied; replicas that go may be what that waits for.
fn refactor(
    factor: i32,
    owner: &Owner,
    there: &TopicSeen<'_>,
    movers: &mut Movers<'_>,
    batch: &mut Batch,
) -> Option<Verdict> {
    let wants = usize::try_from(factor).ok()?;
    let mut left = 0_usize;
    let (mut stuck, mut waits) = (false, None);
    for (number, partition) in there.partitions.iter().enumerate() {
        if partition.factor() == wants && !partition.is_moving() {
            continue;
        }
        left += 1;
        if partition.is_moving() || !movers.spread.may_begin() {
            continue;
        }
        if let Some(busy) = movers.allowed.busy.as_ref().filter(|_| wants > partition.factor()) {
            waits = Some(busy);
            continue;
        }
        match movers.spread.choose(&partition.replicas, wants) {
            Some(replicas) => batch.moves.push(MovePartition {
                owner: owner.clone(),
                topic_id: there.id.to_string(),
                partition: i32::try_from(number).unwrap_or(i32::MAX),
                partition_epoch: partition.epoch,
                replicas,
                throttle: movers.allowed.throttle,
            }),
            None => stuck = true,
        }
    }
    batch.look_again |= waits.is_some();
    match (left, stuck) {
        (0, _) => None,
        (_, false) if waits.is_some() => {
            let busy = waits.map(String::as_str).unwrap_or_default();
            Some(Verdict::waiting(format!("new replicas wait for what goes on with the brokers: {busy}")))
        }
        (_, true) => Some(Verdict::waiting(format!("{factor} brokers that take replicas are not there now"))),
        (left, false) => Some(Verdict::moving(format!(
            "{left} of {} partitions get {factor} replicas",
            there.partitions.len()
        ))),
    }
}
