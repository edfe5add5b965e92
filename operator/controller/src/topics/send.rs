//! Sends a batch to the brokers in parts, and keeps account of what was done and what was refused, Topic by Topic. What
//! could not be asked ends the batch; what was asked counts.

use std::collections::BTreeMap;

use weir_admin::admin::v1;
use weir_operator_plan::topics::{
    AlterTopic, Batch, CreateTopic, DeleteTopic, MovePartition, Owner, Refused,
};

use super::parts::{self, TOPICS_MAX};
use crate::brokers::Session;
use crate::error::{Error, Trying};

/// What became of a batch.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// For whom something was done.
    pub(super) done: Vec<Owner>,
    /// What was refused, by the uid of the Topic.
    pub(super) refused: BTreeMap<String, Refused>,
    /// Whether the brokers changed anything.
    pub(super) changed: bool,
    /// Why the rest was not sent.
    pub(super) failed: Option<Error>,
}

impl Sent {
    /// Whether something was refused that was not known to be.
    pub(super) fn news(&self, known: &BTreeMap<String, Refused>) -> bool {
        self.refused.iter().any(|(uid, refused)| known.get(uid) != Some(refused))
    }

    fn take(&mut self, owner: &Owner, refusal: Option<v1::Refusal>, changed: bool) {
        self.changed |= changed;
        match refusal {
            None => self.done.push(owner.clone()),
            Some(refusal) => {
                // The topic was made since the brokers were looked at: the next look tells.
                let retriable = refusal.retriable || refusal.reason() == v1::RefusalReason::TopicExists;
                let message = format!("{}: {}", refusal.message, refusal.advice);
                let refused = Refused { generation: owner.generation, message, retriable };
                self.refused.insert(owner.uid.clone(), refused);
            }
        }
    }
}

/// Sends everything of the batch that is the brokers' affair.
pub(super) async fn batch(session: &Session, batch: &Batch) -> Sent {
    let mut sent = Sent::default();
    if let Err(error) = all(session, batch, &mut sent).await {
        sent.failed = Some(error);
    }
    sent
}

async fn all(session: &Session, batch: &Batch, sent: &mut Sent) -> Result<(), Error> {
    for part in parts::of_creations(&batch.create) {
        let reply = session.create_topics(part.iter().map(new_topic).collect()).await;
        each(part, |topic| &topic.owner, reply.trying(|| "create topics".to_owned())?.results, sent);
    }
    for part in batch.alter.chunks(TOPICS_MAX) {
        let reply = session.alter_topics(part.iter().map(change).collect()).await;
        each(part, |topic| &topic.owner, reply.trying(|| "change topics".to_owned())?.results, sent);
    }
    for part in batch.moves.chunks(TOPICS_MAX) {
        let reply = session.move_partitions(part.iter().map(order).collect()).await;
        let results = reply.trying(|| "move partitions".to_owned())?.results;
        for (order, result) in part.iter().zip(results) {
            sent.take(&order.owner, result.refusal, result.changed);
        }
    }
    for part in batch.delete.chunks(TOPICS_MAX) {
        let reply = session.delete_topics(part.iter().map(|topic| topic.topic_id.clone()).collect()).await;
        each(
            part,
            |topic: &DeleteTopic| &topic.owner,
            reply.trying(|| "delete topics".to_owned())?.results,
            sent,
        );
    }
    Ok(())
}

fn each<T>(asked: &[T], owner: impl Fn(&T) -> &Owner, results: Vec<v1::TopicResult>, sent: &mut Sent) {
    for (topic, result) in asked.iter().zip(results) {
        sent.take(owner(topic), result.refusal, result.changed);
    }
}

fn settings(config: &BTreeMap<String, String>) -> Vec<v1::Setting> {
    config.iter().map(|(name, value)| v1::Setting { name: name.clone(), value: value.clone() }).collect()
}

fn new_topic(topic: &CreateTopic) -> v1::NewTopic {
    v1::NewTopic {
        name: topic.name.clone(),
        partitions: Some(topic.partitions),
        replication_factor: topic.replication_factor,
        config: settings(&topic.config),
        assignment: Vec::new(),
    }
}

fn change(topic: &AlterTopic) -> v1::TopicChange {
    v1::TopicChange {
        topic_id: topic.topic_id.clone(),
        partitions: topic.partitions,
        set: settings(&topic.set),
        unset: Vec::new(),
    }
}

fn order(order: &MovePartition) -> v1::Move {
    let target = |id: &weir_model::BrokerId| v1::MoveTarget { id: id.0, incarnation: String::new() };
    v1::Move {
        partition: Some(v1::PartitionRef { topic_id: order.topic_id.clone(), partition: order.partition }),
        replicas: order.replicas.iter().map(target).collect(),
        throttle_bytes_per_second: order.throttle,
        partition_epoch: Some(order.partition_epoch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(uid: &str) -> Owner {
        Owner { name: uid.to_owned(), uid: uid.to_owned(), generation: Some(3) }
    }

    fn refusal(reason: v1::RefusalReason) -> Option<v1::Refusal> {
        let mut refusal = v1::Refusal {
            message: "no such setting".to_owned(),
            advice: "see the table".to_owned(),
            ..v1::Refusal::default()
        };
        refusal.set_reason(reason);
        Some(refusal)
    }

    #[test]
    fn each_topic_has_its_own_outcome_and_a_refusal_is_news_once() {
        let mut sent = Sent::default();
        let results = vec![
            v1::TopicResult { changed: true, ..v1::TopicResult::default() },
            v1::TopicResult {
                refusal: refusal(v1::RefusalReason::InvalidConfig),
                ..v1::TopicResult::default()
            },
        ];
        each(&[owner("a"), owner("b")], |owner| owner, results, &mut sent);
        assert!(sent.changed && sent.done == [owner("a")]);
        let refused = sent.refused["b"].clone();
        assert_eq!((&*refused.message, refused.retriable), ("no such setting: see the table", false));
        assert!(sent.news(&BTreeMap::new()));
        assert!(!sent.news(&[("b".to_owned(), refused)].into()));
    }

    #[test]
    fn a_topic_that_was_made_meanwhile_is_looked_at_again() {
        let mut sent = Sent::default();
        sent.take(&owner("a"), refusal(v1::RefusalReason::TopicExists), false);
        assert!(sent.refused["a"].retriable);
    }
}
