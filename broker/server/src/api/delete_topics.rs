//! DeleteTopics, by name or, from version 6, by id. What groups committed for a deleted topic goes with it, as every
//! broker follows the metadata, so that a topic of the same name starts without offsets.

use weir_core::controller::delete_topics::{self, Outcome, TopicRef};
use weir_model::TopicId;
use weir_wire::messages::delete_topics::{DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse};
use weir_wire::{ErrorCode, Str};

use super::refusal::{Refusal, told};
use super::repeated::first_of_each;
use crate::broker::Broker;
use crate::dispatch::Caller;

/// The first version whose clients know that deletion can be disabled.
const KNOWS_DISABLED: i16 = 3;
/// The first version that carries names and ids together.
const BY_ID: i16 = 6;

pub(crate) async fn handle(
    broker: &Broker,
    caller: &Caller<'_>,
    request: DeleteTopicsRequest,
) -> DeleteTopicsResponse {
    let asked = asked(caller.version, &request);
    let (topics, config) = (asked.clone(), broker.config());
    let decided =
        broker.controller.decide(move |image, _| delete_topics::decide(image, &topics, &config)).await;
    let responses = match decided {
        Ok(outcomes) => outcomes.into_iter().map(|outcome| answer(caller.version, outcome)).collect(),
        Err(error) => {
            let refusal = Refusal::from(error);
            asked.into_iter().map(|topic| result(topic.name, topic.id, Err(refusal.clone()))).collect()
        }
    };
    let responses = first_of_each(responses, |topic| (topic.name.clone(), topic.topic_id));
    DeleteTopicsResponse { responses, ..DeleteTopicsResponse::default() }
}

fn asked(version: i16, request: &DeleteTopicsRequest) -> Vec<TopicRef> {
    if version < BY_ID {
        let names = request.topic_names.iter();
        return names.map(|name| TopicRef { name: Some(name.to_string()), id: None }).collect();
    }
    let topics = request.topics.iter().map(|topic| TopicRef {
        name: topic.name.as_ref().map(ToString::to_string),
        id: Some(TopicId(topic.topic_id)).filter(|id| *id != TopicId::ZERO),
    });
    topics.collect()
}

fn answer(version: i16, outcome: Outcome) -> DeletableTopicResult {
    let mut verdict = outcome.result.map_err(Refusal::from);
    if let Err(refusal) = &mut verdict
        && refusal.code == ErrorCode::TopicDeletionDisabled
        && version < KNOWS_DISABLED
    {
        refusal.code = ErrorCode::InvalidRequest;
    }
    result(outcome.name, outcome.id, verdict)
}

fn result(name: Option<String>, id: Option<TopicId>, verdict: Result<(), Refusal>) -> DeletableTopicResult {
    let (error_code, error_message) = told(verdict);
    let topic_id = id.unwrap_or(TopicId::ZERO).0;
    DeletableTopicResult { name: name.map(Str::from), topic_id, error_code, error_message }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use weir_core::controller::ControllerError;
    use weir_wire::messages::delete_topics::DeleteTopicState;

    use super::*;

    #[test]
    fn names_come_from_the_old_field_until_version_5_and_from_the_new_one_after() {
        let state = |name: Option<&str>, id: u128| DeleteTopicState {
            name: name.map(Str::from),
            topic_id: Uuid::from_u128(id),
        };
        let request = DeleteTopicsRequest {
            topic_names: vec![Str::from("old")],
            topics: vec![state(Some("new"), 0), state(None, 7), state(Some("both"), 8), state(None, 0)],
            timeout_ms: 0,
        };
        let of = |name: Option<&str>, id: Option<u128>| TopicRef {
            name: name.map(str::to_owned),
            id: id.map(|id| TopicId(Uuid::from_u128(id))),
        };
        assert_eq!(asked(5, &request), [of(Some("old"), None)]);
        let new = [of(Some("new"), None), of(None, Some(7)), of(Some("both"), Some(8)), of(None, None)];
        assert_eq!(asked(6, &request), new);
    }

    #[test]
    fn old_clients_are_told_of_disabled_deletion_in_a_code_they_know() {
        let disabled = || Outcome { name: None, id: None, result: Err(ControllerError::DeletionDisabled) };
        assert_eq!(answer(2, disabled()).error_code, ErrorCode::InvalidRequest.code());
        assert_eq!(answer(3, disabled()).error_code, ErrorCode::TopicDeletionDisabled.code());
    }
}
