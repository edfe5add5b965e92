//! What DescribeConfigs says, on an image with one topic and dynamic settings of two kinds.

use uuid::Uuid;
use weir_core::controller::{ConfigScope, Image, Record};
use weir_model::TopicId;

use super::*;

const BARE: Extras = Extras { synonyms: false, documentation: false };
const FULL: Extras = Extras { synonyms: true, documentation: true };

fn image() -> Image {
    let id = TopicId(Uuid::from_u128(7));
    let set = |scope, name: &str, value: &str| Record::ConfigChanged {
        scope,
        name: name.to_owned(),
        value: Some(value.to_owned()),
    };
    let mut image = Image::default();
    let records = [
        Record::TopicCreated { id, name: TopicName::new("t").unwrap() },
        set(ConfigScope::Topic(id), "retention.ms", "5"),
        set(ConfigScope::AllBrokers, "log.retention.ms", "700000"),
        set(ConfigScope::Broker(BrokerId(1)), "log.retention.ms", "600000"),
    ];
    for record in &records {
        image.apply(record).unwrap();
    }
    image
}

fn ask(extras: Extras, resource_type: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResult {
    let (image, file) = (image(), Pairs::from([("num.partitions".to_owned(), "3".to_owned())]));
    let at = SettingsOf { image: &image, me: BrokerId(1), file: &file };
    let resource = DescribeConfigsResource {
        resource_type,
        resource_name: Str::from(name),
        configuration_keys: keys.map(|keys| keys.iter().map(|key| Str::from(*key)).collect()),
    };
    results(at, extras, vec![resource], ROWS_MAX).remove(0)
}

#[test]
fn a_resource_that_has_no_settings_here_gets_kafkas_code() {
    let cases = [
        (2, "none", ErrorCode::UnknownTopicOrPartition),
        (2, "b/", ErrorCode::InvalidTopicException),
        (2, "", ErrorCode::InvalidTopicException),
        (4, "5", ErrorCode::InvalidRequest),
        (4, "x", ErrorCode::InvalidRequest),
        (8, "", ErrorCode::InvalidRequest),
        (8, "7", ErrorCode::InvalidRequest),
        (8, "1", ErrorCode::None),
        (16, "m", ErrorCode::InvalidRequest),
        (32, "g", ErrorCode::InvalidRequest),
        (0, "", ErrorCode::InvalidRequest),
        (99, "", ErrorCode::InvalidRequest),
    ];
    for (resource_type, name, code) in cases {
        let told = ask(BARE, resource_type, name, None);
        assert_eq!(told.error_code, code.code(), "{resource_type} {name:?}");
        assert_eq!(told.error_message.unwrap().is_empty(), code == ErrorCode::None);
        assert!(told.configs.is_empty());
        assert_eq!((told.resource_type, told.resource_name.as_str()), (resource_type, name));
    }
}

#[test]
fn keys_choose_settings_and_null_or_none_of_them_choose_all() {
    let names = |keys| ask(BARE, 2, "t", keys).configs.into_iter().map(|c| c.name).collect::<Vec<_>>();
    assert_eq!(names(Some(&["retention.ms", "nosuch"])), ["retention.ms"]);
    assert_eq!(names(None), names(Some(&[])));
    assert!(names(None).len() > 20);
}

#[test]
fn a_topics_setting_comes_with_every_layer_only_when_asked() {
    let told = ask(FULL, 2, "t", Some(&["retention.ms"])).configs.remove(0);
    assert_eq!((told.value.as_deref(), told.config_source, told.config_type), (Some("5"), 1, 5));
    let layers: Vec<_> =
        told.synonyms.iter().map(|s| (s.name.as_str(), s.value.as_deref(), s.source)).collect();
    let strongest = [
        ("retention.ms", Some("5"), 1),
        ("log.retention.ms", Some("600000"), 2),
        ("log.retention.ms", Some("700000"), 3),
    ];
    assert_eq!(layers[..3], strongest);
    assert!(told.documentation.is_some());

    let bare = ask(BARE, 2, "t", Some(&["retention.ms"])).configs.remove(0);
    assert!(bare.synonyms.is_empty() && bare.documentation.is_none());
}

#[test]
fn a_broker_has_every_setting_with_its_source_and_says_which_need_a_restart() {
    let told = ask(FULL, 4, "1", None).configs;
    let of = |name: &str| {
        let row = told.iter().find(|row| row.name == name).unwrap();
        (row.value.as_deref().unwrap_or_default().to_owned(), row.config_source, row.read_only)
    };
    assert_eq!(of("log.retention.ms"), ("600000".to_owned(), 2, false));
    assert_eq!(of("num.partitions"), ("3".to_owned(), 4, true));
    assert_eq!(of("auto.create.topics.enable"), ("true".to_owned(), 5, true));
}

#[test]
fn the_default_of_all_brokers_is_only_what_was_set_there() {
    let told = ask(FULL, 4, "", None).configs;
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].name.as_str(), told[0].value.as_deref()), ("log.retention.ms", Some("700000")));
    assert_eq!((told[0].config_source, told[0].synonyms.len()), (3, 1));
}

#[test]
fn an_answer_that_would_be_too_large_refuses_what_does_not_fit() {
    let (image, file) = (image(), Pairs::new());
    let at = SettingsOf { image: &image, me: BrokerId(1), file: &file };
    let topic = |key: &str| DescribeConfigsResource {
        resource_type: 2,
        resource_name: Str::from("t"),
        configuration_keys: Some(vec![Str::from(key)]),
    };
    let asked = vec![topic("retention.ms"), topic("segment.ms"), topic("nosuch")];
    let codes: Vec<_> = results(at, BARE, asked, 1).iter().map(|result| result.error_code).collect();
    assert_eq!(codes, [0, ErrorCode::PolicyViolation.code(), 0]);
}
