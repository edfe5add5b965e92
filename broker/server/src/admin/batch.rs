//! What batches have in common: a bound, and results in the order of the request whatever was refused on the way.

use weir_admin::admin::v1;
use weir_model::{PartitionIndex, TopicId};

use super::refusal::Refused;
use super::words::topic_text;

/// Items of one request.
pub(super) const MOST_ITEMS: usize = 10_000;

pub(super) fn check_size(what: &str, items: usize) -> Result<(), Refused> {
    if items > MOST_ITEMS { Err(Refused::too_many(what, items, MOST_ITEMS)) } else { Ok(()) }
}

/// The result of one item on a partition; `Ok` says whether anything changed.
pub(super) fn item(partition: Option<v1::PartitionRef>, outcome: Result<bool, Refused>) -> v1::ItemResult {
    let (changed, refusal) = told(outcome);
    v1::ItemResult { partition, refusal, changed }
}

/// The result of one topic; `Ok` says whether anything changed.
pub(super) fn topic(name: String, id: Option<TopicId>, outcome: Result<bool, Refused>) -> v1::TopicResult {
    let (changed, refusal) = told(outcome);
    v1::TopicResult { name, topic_id: id.map(topic_text).unwrap_or_default(), refusal, changed }
}

fn told(outcome: Result<bool, Refused>) -> (bool, Option<v1::Refusal>) {
    match outcome {
        Ok(changed) => (changed, None),
        Err(refused) => (false, Some(refused.into_item())),
    }
}

/// A partition as the controller's commands name it.
pub(super) type Key = (String, PartitionIndex);
