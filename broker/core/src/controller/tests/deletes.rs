use weir_model::TopicId;

use super::delete_topics::TopicRef;
use super::*;

fn named(name: &str) -> TopicRef {
    TopicRef { name: Some(name.to_owned()), id: None }
}

fn with_id(id: TopicId) -> TopicRef {
    TopicRef { name: None, id: Some(id) }
}

#[test]
fn topics_are_deleted_by_name_and_by_id() {
    let mut image = with_topic(with_topic(cluster(1), "a", &[&[0]]), "b", &[&[0], &[0]]);
    let id = image.topic("b").unwrap().id;
    let decision = delete_topics::decide(&image, &[named("a"), with_id(id)], &config(&[]));
    assert!(decision.reply.iter().all(|outcome| outcome.result.is_ok()));
    assert_eq!(decision.reply[1].name.as_deref(), Some("b"), "the answer tells the name of an id");
    applied(&mut image, &decision.records);
    assert_eq!((image.topic_count(), image.partition_count()), (0, 0));
}

#[test]
fn what_can_not_be_deleted_is_refused_by_itself() {
    use ControllerError as E;
    let image = with_topic(with_topic(cluster(1), "a", &[&[0]]), "b", &[&[0]]);
    let (a, nowhere) = (image.topic("a").unwrap().id, TopicId(Uuid::from_u128(42)));
    let both = TopicRef { name: Some("a".to_owned()), id: Some(a) };
    let neither = TopicRef { name: None, id: None };
    let request = [named("nope"), with_id(nowhere), both, neither, named("a"), with_id(a), named("b")];
    let decision = delete_topics::decide(&image, &request, &config(&[]));
    let results: Vec<_> = decision.reply.into_iter().map(|outcome| outcome.result).collect();
    assert_eq!(results[0], Err(E::UnknownTopic("nope".to_owned())));
    assert_eq!(results[1], Err(E::UnknownTopicId(nowhere)));
    assert!(matches!(results[2], Err(E::InvalidRequest(_))));
    assert!(matches!(results[3], Err(E::InvalidRequest(_))));
    assert_eq!(results[4], Err(E::Duplicate("a".to_owned())));
    assert_eq!(results[5], Err(E::Duplicate("a".to_owned())), "once by name and once by id is twice");
    assert_eq!(results[6], Ok(()));
    assert_eq!(decision.records, [Record::TopicDeleted { id: image.topic("b").unwrap().id }]);
}

#[test]
fn deletion_can_be_disabled() {
    let image = with_topic(cluster(1), "a", &[&[0]]);
    let decision = delete_topics::decide(&image, &[named("a")], &config(&[("delete.topic.enable", "false")]));
    assert_eq!(decision.reply[0].result, Err(ControllerError::DeletionDisabled));
    assert_eq!(decision.records, []);
}

#[test]
fn a_topic_made_again_has_another_id() {
    let mut image = with_topic(cluster(1), "a", &[&[0]]);
    let first = image.topic("a").unwrap().id;
    let decision = delete_topics::decide(&image, &[named("a")], &config(&[]));
    applied(&mut image, &decision.records);
    let image = with_topic(with_topic(image, "other", &[&[0]]), "a", &[&[0]]);
    assert_ne!(image.topic("a").unwrap().id, first);
}
