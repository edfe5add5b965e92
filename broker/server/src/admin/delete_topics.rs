//! DeleteTopics, by id. An id that no topic has is a success: ids are never used again.

use std::sync::Arc;

use weir_admin::admin::v1;
use weir_core::controller::delete_topics::{self, TopicRef};
use weir_core::controller::{ControllerError, Decision, Image};
use weir_model::TopicId;
use weir_model::config::BrokerConfig;

use super::batch::{self, check_size};
use super::refusal::Refused;
use super::service::AdminService;
use super::words::{check_cluster, topic_id};

pub(super) async fn handle(
    service: &AdminService,
    request: v1::DeleteTopicsRequest,
) -> Result<v1::DeleteTopicsReply, Refused> {
    check_size("topics", request.topic_ids.len())?;
    let config = service.broker.config();
    service.decide(move |image, _| decide(image, &request, &config)).await
}

fn decide(
    image: &Image,
    request: &v1::DeleteTopicsRequest,
    config: &Arc<BrokerConfig>,
) -> Decision<Result<v1::DeleteTopicsReply, Refused>> {
    if let Err(refused) = check_cluster(image, &request.cluster_id) {
        return Decision { records: Vec::new(), reply: Err(refused) };
    }
    let asked: Vec<Result<TopicId, Refused>> = request.topic_ids.iter().map(|text| topic_id(text)).collect();
    let topics: Vec<_> = asked
        .iter()
        .filter_map(|id| id.as_ref().ok())
        .map(|id| TopicRef { name: None, id: Some(*id) })
        .collect();
    let Decision { records, reply: outcomes } = delete_topics::decide(image, &topics, config);
    let mut outcomes = outcomes.into_iter();
    let results = asked.into_iter().map(|id| match id {
        Err(refused) => batch::topic(String::new(), None, Err(refused)),
        Ok(id) => {
            let Some(outcome) = outcomes.next() else {
                return batch::topic(String::new(), Some(id), Ok(false));
            };
            let changed = match outcome.result {
                Ok(()) => Ok(true),
                Err(ControllerError::UnknownTopicId(_)) => Ok(false),
                Err(why) => Err(Refused::from(why)),
            };
            batch::topic(outcome.name.unwrap_or_default(), Some(id), changed)
        }
    });
    let results = results.collect();
    Decision { records, reply: Ok(v1::DeleteTopicsReply { results }) }
}

#[cfg(test)]
mod tests {
    use weir_admin::admin::v1::RefusalReason as Reason;
    use weir_core::controller::Record;
    use weir_model::config::{Pairs, validate_broker_file};

    use super::super::tests::{TOPIC, image, with_topic};
    use super::super::words::topic_text;
    use super::*;

    fn ask(image: &Image, ids: &[&str], allowed: &str) -> (Vec<Record>, Vec<Result<bool, Reason>>) {
        let pairs = Pairs::from([("delete.topic.enable".to_owned(), allowed.to_owned())]);
        let config = Arc::new(validate_broker_file(&pairs).unwrap());
        let topic_ids = ids.iter().map(|id| (*id).to_owned()).collect();
        let request = v1::DeleteTopicsRequest { topic_ids, ..Default::default() };
        let Decision { records, reply } = decide(image, &request, &config);
        let short = |result: v1::TopicResult| match result.refusal {
            Some(refusal) => Err(refusal.reason()),
            None => Ok(result.changed),
        };
        (records, reply.unwrap().results.into_iter().map(short).collect())
    }

    #[test]
    fn a_topic_is_deleted_by_its_id_in_either_form_and_only_once() {
        let image = with_topic(image(), "t", &[0]);
        let gone = vec![Record::TopicDeleted { id: TOPIC }];
        assert_eq!(ask(&image, &[&topic_text(TOPIC)], "true"), (gone.clone(), vec![Ok(true)]));
        assert_eq!(ask(&image, &[&TOPIC.to_string()], "true"), (gone, vec![Ok(true)]));
        let empty = super::super::tests::image();
        assert_eq!(ask(&empty, &[&topic_text(TOPIC)], "true"), (vec![], vec![Ok(false)]));
    }

    #[test]
    fn names_are_no_ids_and_deletion_may_be_disabled() {
        let image = with_topic(image(), "t", &[0]);
        assert_eq!(ask(&image, &["t"], "true"), (vec![], vec![Err(Reason::InvalidArgument)]));
        let refused = vec![Err(Reason::TopicDeletionDisabled)];
        assert_eq!(ask(&image, &[&topic_text(TOPIC)], "false"), (vec![], refused));
    }
}
