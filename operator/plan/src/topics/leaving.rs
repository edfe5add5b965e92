//! Topics that are being deleted, and the finalizer. A topic is deleted from the cluster only by the Topic that owned it,
//! with the policy Delete, by the id that its status names. Whatever else: the finalizer goes, and the records stay.

use weir_operator_api::DeletionPolicy;

use super::verdict::Verdict;
use super::{Batch, Declaration, DeleteTopic, FinalizerChange, Owner, TopicsOnBrokers};

/// The finalizer is there exactly where the policy is Delete.
pub(super) fn keep_finalizer(topic: &Declaration, batch: &mut Batch) {
    let wanted = topic.spec.deletion_policy == DeletionPolicy::Delete;
    if wanted != topic.held {
        batch.finalizers.push(FinalizerChange { owner: Owner::of(topic), present: wanted });
    }
}

pub(super) fn decide(
    topic: &Declaration,
    is_second: bool,
    on_brokers: &TopicsOnBrokers<'_>,
    batch: &mut Batch,
) -> Option<Verdict> {
    if !topic.held {
        return None;
    }
    let own = topic.status.as_ref().and_then(|status| status.topic_id.as_ref());
    let let_go = |batch: &mut Batch| {
        batch.finalizers.push(FinalizerChange { owner: Owner::of(topic), present: false });
        None
    };
    let (TopicsOnBrokers::Known(seen), Some(own), DeletionPolicy::Delete, false) =
        (on_brokers, own, topic.spec.deletion_policy, is_second)
    else {
        return match on_brokers {
            TopicsOnBrokers::Unknown { why }
                if own.is_some() && !is_second && topic.spec.deletion_policy == DeletionPolicy::Delete =>
            {
                let message = format!("to be deleted once the brokers can be asked: {why}");
                Some(Verdict::waiting(message))
            }
            _ => let_go(batch),
        };
    };
    let name = topic.topic();
    if seen.topics.get(name).is_none_or(|there| there.id != *own) {
        return let_go(batch);
    }
    let owner = Owner::of(topic);
    let refused = seen.refused.get(&owner.uid).filter(|refused| refused.generation == owner.generation);
    if refused.is_none_or(|refused| refused.retriable) {
        batch.delete.push(DeleteTopic { owner, name: name.to_owned(), topic_id: own.clone() });
    }
    refused.map(|refused| {
        let way_out = "to keep the records and let this object go, set deletionPolicy to Retain";
        Verdict::waiting(format!("the topic is not deleted: {}; {way_out}", refused.message))
    })
}
