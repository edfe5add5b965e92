use super::alter_configs::{AlterConfigs, Change, Operation};
use super::replace_configs::ReplaceConfigs;
use super::*;

fn change(name: &str, operation: Operation, value: Option<&str>) -> Change {
    Change { name: name.to_owned(), operation, value: value.map(str::to_owned) }
}

fn topic(name: &str) -> ConfigResource {
    ConfigResource::Topic(name.to_owned())
}

fn alter(image: &mut Image, resource: &ConfigResource, changes: Vec<Change>) -> Result<(), ControllerError> {
    let command = AlterConfigs { resources: vec![(resource.clone(), changes)], validate_only: false };
    let mut decision = alter_configs::decide(image, &command, &Pairs::new());
    applied(image, &decision.records);
    decision.reply.remove(0).1
}

fn config_of(image: &Image, name: &str) -> Vec<(String, String)> {
    image.topic(name).unwrap().config.clone().into_iter().collect()
}

#[test]
fn settings_are_set_deleted_appended_to_and_subtracted_from() {
    use Operation::{Append, Delete, Set, Subtract};
    let name = "cleanup.policy";
    type Steps = &'static [(Operation, Option<&'static str>)];
    let cases: [(Steps, Option<&str>); 7] = [
        (&[(Set, Some("compact"))], Some("compact")),
        (&[(Set, Some("compact")), (Delete, None)], None),
        (&[(Append, Some("compact"))], Some("delete,compact")),
        (&[(Set, Some("compact")), (Append, Some("compact,delete"))], Some("compact,delete")),
        (&[(Append, Some("compact")), (Subtract, Some("delete"))], Some("compact")),
        (&[(Subtract, Some("delete"))], Some("")),
        (&[(Delete, None)], None),
    ];
    for (steps, expected) in cases {
        let mut image = with_topic(cluster(1), "t", &[&[0]]);
        for (operation, value) in steps {
            alter(&mut image, &topic("t"), vec![change(name, *operation, *value)]).unwrap();
        }
        assert_eq!(image.topic("t").unwrap().config.get(name).map(String::as_str), expected, "{steps:?}");
    }
}

#[test]
fn changes_that_are_not_legal_are_refused_and_none_of_their_resource_is_made() {
    use ControllerError as E;
    use Operation::{Append, Delete, Set, Subtract};
    type Expected = fn(&ControllerError) -> bool;
    let broker = ConfigResource::Broker(BrokerId(0));
    let cases: Vec<(ConfigResource, Change, Expected)> = vec![
        (topic("t"), change("retention.ms", Set, Some("soon")), |e| matches!(e, E::InvalidConfig(_))),
        (topic("t"), change("no.such", Set, Some("1")), |e| matches!(e, E::InvalidConfig(_))),
        (topic("t"), change("no.such", Delete, None), |e| matches!(e, E::InvalidConfig(_))),
        (topic("t"), change("retention.ms", Set, None), |e| matches!(e, E::InvalidRequest(_))),
        (topic("t"), change("cleanup.policy", Append, None), |e| matches!(e, E::InvalidRequest(_))),
        (topic("t"), change("retention.ms", Append, Some("1")), |e| matches!(e, E::NotAList("retention.ms"))),
        (topic("t"), change("retention.ms", Subtract, Some("1")), |e| matches!(e, E::NotAList(_))),
        (topic("t"), change("cleanup.policy", Append, Some("x")), |e| matches!(e, E::InvalidConfig(_))),
        (topic("t"), change("segment.ms", Set, Some("1")), |e| matches!(e, E::Duplicate(_))),
        (topic("u"), change("retention.ms", Set, Some("1")), |e| matches!(e, E::UnknownTopic(_))),
        (broker.clone(), change("num.partitions", Set, Some("1")), |e| matches!(e, E::InvalidConfig(_))),
        (broker, change("retention.ms", Set, Some("1")), |e| matches!(e, E::InvalidConfig(_))),
        (ConfigResource::Broker(BrokerId(7)), change("log.retention.ms", Set, Some("1")), |e| {
            matches!(e, E::UnknownBroker(BrokerId(7)))
        }),
    ];
    for (resource, bad, expected) in cases {
        let mut image = with_topic(cluster(1), "t", &[&[0]]);
        let before = image.clone();
        let good = match resource {
            ConfigResource::Topic(_) => change("segment.ms", Set, Some("1000")),
            ConfigResource::Broker(_) | ConfigResource::AllBrokers => {
                change("log.roll.ms", Set, Some("1000"))
            }
        };
        let error = alter(&mut image, &resource, vec![good, bad.clone()]).unwrap_err();
        assert!(expected(&error), "{bad:?}: {error:?}");
        assert_eq!(image, before);
    }
}

#[test]
fn contradictions_between_an_old_and_a_new_setting_are_refused() {
    use Operation::Set;
    let mut image = with_topic(cluster(1), "t", &[&[0]]);
    alter(&mut image, &topic("t"), vec![change("max.compaction.lag.ms", Set, Some("5"))]).unwrap();
    let error =
        alter(&mut image, &topic("t"), vec![change("min.compaction.lag.ms", Set, Some("6"))]).unwrap_err();
    assert!(error.to_string().contains("must not exceed max.compaction.lag.ms (5)"), "{error}");
}

#[test]
fn brokers_are_altered_one_by_one_and_all_at_once() {
    use Operation::Set;
    let mut image = cluster(2);
    let set = |value| vec![change("log.retention.ms", Set, Some(value))];
    alter(&mut image, &ConfigResource::AllBrokers, set("5")).unwrap();
    alter(&mut image, &ConfigResource::Broker(BrokerId(1)), set("6")).unwrap();
    let file = Pairs::new();
    let retention = |id| {
        let layers = image.layers(BrokerId(id), &file);
        weir_model::config::TopicConfig::resolve(&Pairs::new(), layers).unwrap().retention.unwrap().0
    };
    assert_eq!((retention(0), retention(1)), (5, 6));
    assert_eq!(image.configured_brokers().collect::<Vec<_>>(), [BrokerId(1)]);
}

#[test]
fn a_resource_named_twice_is_refused_and_the_others_are_not() {
    let mut image = with_topic(with_topic(cluster(1), "a", &[&[0]]), "b", &[&[0]]);
    let set = || vec![change("retention.ms", Operation::Set, Some("5"))];
    let resources = vec![(topic("a"), set()), (topic("b"), set()), (topic("a"), set())];
    let decision =
        alter_configs::decide(&image, &AlterConfigs { resources, validate_only: false }, &Pairs::new());
    let refused: Vec<_> = decision.reply.iter().map(|(_, outcome)| outcome.is_err()).collect();
    assert_eq!(refused, [true, false, true]);
    applied(&mut image, &decision.records);
    assert_eq!((config_of(&image, "a").len(), config_of(&image, "b").len()), (0, 1));
}

#[test]
fn replacing_sets_what_is_named_and_resets_the_rest() {
    let mut image = with_topic(cluster(1), "t", &[&[0]]);
    let replace = |image: &Image, given: &[(&str, Option<&str>)], validate_only| {
        let given = given.iter().map(|(k, v)| ((*k).to_owned(), v.map(str::to_owned))).collect();
        replace_configs::decide(
            image,
            &ReplaceConfigs { resources: vec![(topic("t"), given)], validate_only },
            &Pairs::new(),
        )
    };
    let decision = replace(&image, &[("retention.ms", Some("5")), ("segment.ms", Some("6"))], false);
    applied(&mut image, &decision.records);
    let decision = replace(&image, &[("segment.ms", Some("7"))], false);
    assert_eq!(decision.records.len(), 2, "one reset, one set");
    applied(&mut image, &decision.records);
    assert_eq!(config_of(&image, "t"), [("segment.ms".to_owned(), "7".to_owned())]);
    assert_eq!(replace(&image, &[("segment.ms", Some("7"))], false).records, [], "no change, no record");
    assert_eq!(replace(&image, &[], true).records, []);
    for bad in [&[("segment.ms", Some("x"))][..], &[("segment.ms", None)], &[("no", Some("1"))]] {
        assert!(replace(&image, bad, false).reply[0].1.is_err());
    }
}
