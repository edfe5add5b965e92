//! CreatePartitions: growing topics. Partitions are never taken away.

use std::collections::BTreeSet;

use weir_model::{BrokerId, PartitionIndex};

use super::image::{Image, Partition, Topic};
use super::placement::{new_partition, place};
use super::{ControllerError, Decision, Entropy, Record, assignments};

/// The request.
#[derive(Clone, Debug, Default)]
pub struct CreatePartitions {
    /// Which topics to grow.
    pub topics: Vec<Growth>,
    /// Check, but change nothing.
    pub validate_only: bool,
}

/// How one topic is to grow.
#[derive(Clone, Debug)]
pub struct Growth {
    /// The topic.
    pub name: String,
    /// How many partitions it shall have.
    pub count: i32,
    /// The replicas of the new ones, chosen by hand.
    pub assignments: Option<Vec<Vec<BrokerId>>>,
}

/// One outcome for each topic of the request, in its order.
pub type Outcomes = Vec<(String, Result<(), ControllerError>)>;

/// Decides on each topic.
pub fn decide(image: &Image, command: &CreatePartitions, entropy: &mut Entropy<'_>) -> Decision<Outcomes> {
    let mut seen = BTreeSet::new();
    let names = command.topics.iter().map(|t| t.name.as_str());
    let repeated: BTreeSet<&str> = names.filter(|name| !seen.insert(*name)).collect();
    let mut records = Vec::new();
    let mut total = 0;
    let mut reply = Vec::with_capacity(command.topics.len());
    for growth in &command.topics {
        let outcome = if repeated.contains(growth.name.as_str()) {
            Err(ControllerError::Duplicate(growth.name.clone()))
        } else {
            grow(image, growth, &mut total, entropy)
        };
        let outcome = outcome.map(|grown| {
            if !command.validate_only {
                records.extend(grown);
            }
        });
        reply.push((growth.name.clone(), outcome));
    }
    Decision { records, reply }
}

fn grow(
    image: &Image,
    growth: &Growth,
    total: &mut usize,
    entropy: &mut Entropy<'_>,
) -> Result<Vec<Record>, ControllerError> {
    let unknown = || ControllerError::UnknownTopic(growth.name.chars().take(256).collect());
    let topic = image.topic(&growth.name).ok_or_else(unknown)?;
    let before = topic.partitions.len();
    let more = additional(before, growth.count)?;
    assignments::check_total(*total + more)?;
    let partitions = match &growth.assignments {
        None => place(image, more, topic.replication_factor(), entropy)?,
        Some(given) => assigned(image, topic, given, more)?,
    };
    *total += more;
    let records = partitions.into_iter().zip(before..).map(|(state, at)| Record::PartitionChanged {
        topic: topic.id,
        index: PartitionIndex(at as i32),
        state,
    });
    Ok(records.collect())
}

fn additional(before: usize, count: i32) -> Result<usize, ControllerError> {
    let wanted = usize::try_from(count).unwrap_or_default();
    if wanted == before {
        return Err(ControllerError::InvalidPartitions(format!("the topic already has {before} partitions")));
    }
    wanted.checked_sub(before).ok_or_else(|| {
        ControllerError::InvalidPartitions(format!(
            "the topic has {before} partitions, {count} would not be an increase"
        ))
    })
}

fn assigned(
    image: &Image,
    topic: &Topic,
    given: &[Vec<BrokerId>],
    more: usize,
) -> Result<Vec<Partition>, ControllerError> {
    if given.len() != more {
        return Err(ControllerError::InvalidAssignment(format!(
            "{more} partitions are to be added, but {} are assigned",
            given.len()
        )));
    }
    let factor = Some(topic.replication_factor()).filter(|factor| *factor > 0);
    given.iter().try_for_each(|replicas| assignments::check(image, replicas, factor))?;
    Ok(given.iter().map(|replicas| new_partition(image, replicas.clone())).collect())
}
