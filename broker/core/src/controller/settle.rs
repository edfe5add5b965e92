//! Some settings decide who is eligible and who may lead. When they change, the partitions they concern follow in the
//! same round: nobody may commit by the new rule while somebody is still electable by the old one.

use std::collections::BTreeSet;

use weir_model::TopicId;
use weir_model::config::Pairs;

use super::image::Image;
use super::transition::{Brokers, Rules, Transition, record};
use super::{ConfigScope, PartitionKey, Record};

const DECISIVE: [&str; 2] = ["min.insync.replicas", "unclean.leader.election.enable"];

/// What follows from changes of settings. Costs as much as there are partitions below min ISR or without a leader.
pub(super) fn after(image: &Image, changes: &[Record], defaults: &Pairs) -> Vec<Record> {
    let (mut topics, mut all) = (BTreeSet::new(), false);
    for change in changes {
        match change {
            Record::ConfigChanged { scope, name, .. } if DECISIVE.contains(&name.as_str()) => match scope {
                ConfigScope::Topic(id) => _ = topics.insert(*id),
                ConfigScope::AllBrokers => all = true,
                ConfigScope::Broker(_) => {}
            },
            _ => {}
        }
    }
    if topics.is_empty() && !all {
        return Vec::new();
    }
    let mut image = image.clone();
    // What does not fit is reported by the deciding loop, which applies the same records.
    if changes.iter().try_for_each(|change| image.apply(change)).is_err() {
        return Vec::new();
    }
    let concerned = |topic: TopicId| all || topics.contains(&topic);
    let mut rules = Rules::new(&image, defaults);
    let mut seen: BTreeSet<PartitionKey> = BTreeSet::new();
    let waiting = image.eligible().chain(image.leaderless());
    let settled =
        waiting.filter(|(topic, _, _)| concerned(topic.id)).filter_map(|(topic, index, partition)| {
            if !seen.insert((topic.id, index)) {
                return None;
            }
            let next = Transition::of(partition, rules.of(topic)).finish(&Brokers::now(&image))?;
            Some(record(topic.id, index, next))
        });
    settled.collect()
}
