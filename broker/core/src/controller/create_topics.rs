//! CreateTopics: which topics may be made, with which partitions, replicas and settings. Each topic of the request
//! stands for itself; Kafka 4.2's rules.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::config::{BrokerConfig, ConfigError, Pairs, validate_topic};
use weir_model::{BrokerId, PartitionIndex, TopicId, TopicName};

use super::config_change::GivenSettings;
use super::image::{Image, Partition};
use super::placement::{new_partition, place};
use super::{ConfigScope, ControllerError, Decision, Entropy, Record, assignments};

/// The request.
#[derive(Clone, Debug, Default)]
pub struct CreateTopics {
    /// What to create.
    pub topics: Vec<NewTopic>,
    /// Check, but create nothing.
    pub validate_only: bool,
}

/// One topic to be.
#[derive(Clone, Debug)]
pub struct NewTopic {
    /// Its name, unchecked.
    pub name: String,
    /// How many partitions; -1 for the default.
    pub partitions: i32,
    /// How many replicas each; -1 for the default.
    pub replication_factor: i16,
    /// Replicas chosen by hand, by partition. Then both numbers must be -1.
    pub assignments: Vec<(i32, Vec<BrokerId>)>,
    /// Settings: name and value. A missing value is refused.
    pub config: GivenSettings,
}

/// What became of one topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// Its id.
    pub id: TopicId,
    /// How many partitions it has.
    pub partitions: usize,
    /// How many replicas each.
    pub replication_factor: usize,
    /// Its own settings.
    pub config: Pairs,
}

/// One outcome for each topic of the request, in its order.
pub type Outcomes = Vec<(String, Result<Created, ControllerError>)>;

/// Decides on each topic.
pub fn decide(
    image: &Image,
    command: &CreateTopics,
    defaults: &BrokerConfig,
    entropy: &mut Entropy<'_>,
) -> Decision<Outcomes> {
    let mut request = Request::new(image, command);
    let mut records = Vec::new();
    let mut reply = Vec::with_capacity(command.topics.len());
    for topic in &command.topics {
        let outcome = request.plan(topic, defaults, entropy).map(|plan| {
            if !command.validate_only {
                plan.write(&mut records);
            }
            plan.created()
        });
        reply.push((topic.name.clone(), outcome));
    }
    Decision { records, reply }
}

/// What the topics of one request must not do to each other.
struct Request<'a> {
    image: &'a Image,
    repeated: BTreeSet<&'a str>,
    /// The names taken so far, by what they look like.
    taken: BTreeMap<String, TopicName>,
    partitions: usize,
}

struct Plan {
    id: TopicId,
    name: TopicName,
    partitions: Vec<Partition>,
    config: Pairs,
}

impl<'a> Request<'a> {
    fn new(image: &'a Image, command: &'a CreateTopics) -> Self {
        let mut seen = BTreeSet::new();
        let names = command.topics.iter().map(|t| t.name.as_str());
        let repeated = names.filter(|name| !seen.insert(*name)).collect();
        Self { image, repeated, taken: BTreeMap::new(), partitions: 0 }
    }

    fn plan(
        &mut self,
        topic: &NewTopic,
        defaults: &BrokerConfig,
        entropy: &mut Entropy<'_>,
    ) -> Result<Plan, ControllerError> {
        let name = self.check_name(&topic.name)?;
        let config = check_config(&topic.config)?;
        let asked = planned_partitions(topic, defaults)?;
        assignments::check_total(self.partitions + asked)?;
        let partitions = if topic.assignments.is_empty() {
            let factor = factor(topic.replication_factor, defaults.default_replication_factor)?;
            place(self.image, asked, factor, entropy)?
        } else {
            assigned(self.image, &topic.assignments)?
        };
        let id = entropy.topic_id(self.image)?;
        self.partitions += asked;
        self.taken.insert(name.collision_key(), name.clone());
        Ok(Plan { id, name, partitions, config })
    }

    fn check_name(&self, text: &str) -> Result<TopicName, ControllerError> {
        if self.repeated.contains(text) {
            return Err(ControllerError::Duplicate(text.to_owned()));
        }
        let name = TopicName::new(text)?;
        if text == "__cluster_metadata" {
            return Err(ControllerError::InvalidRequest("__cluster_metadata is not a topic to create"));
        }
        if self.image.topic(text).is_some() {
            return Err(ControllerError::TopicExists(text.to_owned()));
        }
        let lookalike = self.image.lookalike(&name).or_else(|| self.taken.get(&name.collision_key()));
        match lookalike {
            None => Ok(name),
            Some(existing) => Err(ControllerError::TopicNameCollides {
                name: text.to_owned(),
                existing: existing.as_str().to_owned(),
            }),
        }
    }
}

impl Plan {
    fn write(&self, records: &mut Vec<Record>) {
        let topic = self.id;
        records.push(Record::TopicCreated { id: topic, name: self.name.clone() });
        records.extend(self.config.iter().map(|(name, value)| Record::ConfigChanged {
            scope: ConfigScope::Topic(topic),
            name: name.clone(),
            value: Some(value.clone()),
        }));
        records.extend(self.partitions.iter().enumerate().map(|(at, state)| Record::PartitionChanged {
            topic,
            index: PartitionIndex(at as i32),
            state: state.clone(),
        }));
    }

    fn created(self) -> Created {
        Created {
            id: self.id,
            partitions: self.partitions.len(),
            replication_factor: self.partitions.first().map_or(0, |p| p.replicas.len()),
            config: self.config,
        }
    }
}

/// The settings as a map, each named once, each with a legal value.
fn check_config(given: &[(String, Option<String>)]) -> Result<Pairs, ControllerError> {
    let mut pairs = Pairs::new();
    for (name, value) in given {
        let missing = || ConfigError::Missing { name: name.chars().take(256).collect() };
        let value = value.clone().ok_or_else(missing)?;
        if pairs.insert(name.clone(), value).is_some() {
            return Err(ControllerError::Duplicate(name.clone()));
        }
    }
    validate_topic(&pairs)?;
    Ok(pairs)
}

fn planned_partitions(topic: &NewTopic, defaults: &BrokerConfig) -> Result<usize, ControllerError> {
    if topic.assignments.is_empty() {
        return match topic.partitions {
            -1 => Ok(defaults.num_partitions as usize),
            n if n >= 1 => Ok(n as usize),
            _ => Err(ControllerError::InvalidPartitions(
                "the number of partitions must be positive, or -1 for the default".to_owned(),
            )),
        };
    }
    if topic.replication_factor != -1 {
        return Err(ControllerError::InvalidRequest(
            "with a manual assignment the replication factor must be -1",
        ));
    }
    if topic.partitions != -1 {
        return Err(ControllerError::InvalidRequest(
            "with a manual assignment the number of partitions must be -1",
        ));
    }
    Ok(topic.assignments.len())
}

fn factor(asked: i16, default: u32) -> Result<usize, ControllerError> {
    match asked {
        -1 => Ok(default as usize),
        n if n >= 1 => Ok(n as usize),
        _ => Err(ControllerError::InvalidReplicationFactor(
            "the replication factor must be positive, or -1 for the default".to_owned(),
        )),
    }
}

/// Partitions as assigned by hand: numbered from 0 without gaps, with equally many replicas each.
fn assigned(image: &Image, given: &[(i32, Vec<BrokerId>)]) -> Result<Vec<Partition>, ControllerError> {
    let refused = |why: String| Err(ControllerError::InvalidAssignment(why));
    let mut by_number = BTreeMap::new();
    let mut factor = None;
    for (number, replicas) in given {
        if by_number.insert(*number, replicas).is_some() {
            return refused(format!("partition {number} is assigned more than once"));
        }
        assignments::check(image, replicas, factor)?;
        factor = Some(replicas.len());
    }
    let consecutive = by_number.keys().zip(0..).all(|(number, expected)| *number == expected);
    if !consecutive {
        return refused("partitions must be numbered from 0 without gaps".to_owned());
    }
    Ok(by_number.into_values().map(|replicas| new_partition(image, replicas.clone())).collect())
}
