use super::*;
use crate::{BrokerId, PartitionIndex};

fn pairs(given: &[(&str, &str)]) -> Pairs {
    given.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn topic(own: &[(&str, &str)], file: &[(&str, &str)]) -> TopicConfig {
    let none = Pairs::new();
    let layers = BrokerLayers { this_broker: &none, all_brokers: &none, file: &pairs(file) };
    TopicConfig::resolve(&pairs(own), layers).unwrap()
}

#[test]
fn both_tables_are_sorted_and_without_duplicates() {
    for table in [TOPIC_SETTINGS, BROKER_SETTINGS] {
        assert!(table.windows(2).all(|w| w[0].name < w[1].name), "{:?}", table.iter().map(|s| s.name));
    }
}

#[test]
fn every_default_is_legal_and_every_setting_explained() {
    for setting in TOPIC_SETTINGS.iter().chain(BROKER_SETTINGS) {
        if let Some(default) = setting.default {
            setting.check(default).unwrap();
        }
        assert!(setting.doc.ends_with('.'), "{}", setting.name);
    }
}

#[test]
fn a_topic_settings_default_is_the_one_of_its_broker_settings() {
    let none = Pairs::new();
    let layers = BrokerLayers { this_broker: &none, all_brokers: &none, file: &none };
    for (described, setting) in describe_topic(&none, layers).zip(TOPIC_SETTINGS) {
        assert_eq!(described.value.as_deref(), setting.default, "{}", setting.name);
        for synonym in setting.synonyms {
            let broker = broker_setting(synonym.name).unwrap();
            assert_eq!(broker.kind.config_type() == ConfigType::List, setting.is_list());
        }
    }
}

#[test]
fn the_built_in_defaults_are_kafkas() {
    let config = TopicConfig::built_in().unwrap();
    assert_eq!(config.retention, Some(crate::DurationMs(604_800_000)));
    assert_eq!(config.retention_bytes, None);
    assert_eq!(config.segment_age, crate::DurationMs(604_800_000));
    assert_eq!(config.segment_bytes, 1 << 30);
    assert_eq!(config.flush_interval, crate::DurationMs(i64::MAX));
    assert_eq!(config.max_message_bytes, 1_048_588);
    assert_eq!(config.cleanup_policy, CleanupPolicy { delete: true, compact: false });
    assert_eq!(config.compression, TopicCompression::Producer);
    assert_eq!(config.durability, Durability::Fsync);
    let broker = validate_broker_file(&Pairs::new()).unwrap();
    assert_eq!((broker.num_partitions, broker.offsets_topic_partitions), (1, 50));
    assert_eq!(broker.listeners[0].to_string(), "PLAINTEXT://:9092");
    assert_eq!(broker.offsets_retention, crate::DurationMs(7 * 24 * 3_600_000));
}

#[test]
fn stronger_layers_win() {
    let (own, this, all, file) = (
        pairs(&[("retention.ms", "1")]),
        pairs(&[("log.retention.ms", "2")]),
        pairs(&[("log.retention.ms", "3")]),
        pairs(&[("log.retention.ms", "4"), ("log.retention.hours", "5")]),
    );
    let none = Pairs::new();
    let cases: [(&Pairs, &Pairs, &Pairs, &Pairs, i64, Source); 5] = [
        (&own, &this, &all, &file, 1, Source::Topic),
        (&none, &this, &all, &file, 2, Source::DynamicBroker),
        (&none, &none, &all, &file, 3, Source::DynamicDefault),
        (&none, &none, &none, &file, 4, Source::StaticBroker),
        (&none, &none, &none, &none, 604_800_000, Source::Default),
    ];
    for (topic, this_broker, all_brokers, file, value, source) in cases {
        let layers = BrokerLayers { this_broker, all_brokers, file };
        assert_eq!(TopicConfig::resolve(topic, layers).unwrap().retention.unwrap().0, value);
        let row = describe_topic(topic, layers).find(|d| d.name == "retention.ms").unwrap();
        assert_eq!((row.value, row.source), (Some(value.to_string()), source));
        assert!(row.synonyms.windows(2).all(|w| w[0].source <= w[1].source));
    }
}

#[test]
fn minutes_and_hours_are_converted_and_milliseconds_are_stronger() {
    let retention = |file: &[(&str, &str)]| topic(&[], file).retention.map(|span| span.0);
    assert_eq!(retention(&[("log.retention.hours", "2")]), Some(7_200_000));
    assert_eq!(retention(&[("log.retention.hours", "2"), ("log.retention.minutes", "3")]), Some(180_000));
    assert_eq!(
        retention(&[("log.retention.ms", "9"), ("log.retention.hours", "2"), ("log.retention.minutes", "3")]),
        Some(9)
    );
    assert_eq!(retention(&[("log.retention.hours", "-1")]), None);
    assert_eq!(topic(&[], &[("log.roll.hours", "1")]).segment_age.0, 3_600_000);
    assert_eq!(topic(&[], &[("log.flush.scheduler.interval.ms", "7")]).flush_interval.0, 7);
}

#[test]
fn a_synonym_is_described_in_the_unit_it_was_given() {
    let (none, file) = (Pairs::new(), pairs(&[("log.retention.hours", "2")]));
    let layers = BrokerLayers { this_broker: &none, all_brokers: &none, file: &file };
    let row = describe_topic(&none, layers).find(|d| d.name == "retention.ms").unwrap();
    assert_eq!((row.value.as_deref(), row.source), (Some("7200000"), Source::StaticBroker));
    let hours =
        |value: &str, source| Synonym { name: "log.retention.hours", value: Some(value.into()), source };
    assert_eq!(row.synonyms, [hours("2", Source::StaticBroker), hours("168", Source::Default)]);
}

#[test]
fn values_are_read_as_kafka_reads_them() {
    let good = [
        ("cleanup.policy", ""),
        ("cleanup.policy", " compact , delete "),
        ("cleanup.policy", "compact,compact"),
        ("retention.ms", " 5 "),
        ("retention.ms", "+5"),
        ("preallocate", " TRUE "),
        ("min.cleanable.dirty.ratio", ".5"),
        ("leader.replication.throttled.replicas", "*"),
        ("leader.replication.throttled.replicas", "0:1,1:2"),
        ("retention.bytes", "-5"),
        ("compression.gzip.level", "-1"),
        ("weir.durability", "replicated"),
    ];
    for (name, text) in good {
        validate_topic(&pairs(&[(name, text)])).unwrap();
    }
    let bad = [
        ("cleanup.policy", "x", "any of compact, delete, separated by commas"),
        ("retention.ms", "-2", "a whole number of at least -1"),
        ("retention.ms", "1e3", "a whole number of at least -1"),
        ("retention.ms", "", "a whole number of at least -1"),
        ("retention.ms", "99999999999999999999", "a whole number of at least -1"),
        ("preallocate", "yes", "true or false"),
        ("min.cleanable.dirty.ratio", "1.5", "a number from 0 to 1"),
        ("min.cleanable.dirty.ratio", "NaN", "a number from 0 to 1"),
        ("compression.type", "GZIP", "one of uncompressed, zstd, lz4, snappy, gzip, producer"),
        ("compression.gzip.level", "0", "a whole number from 1 to 9, or -1"),
        ("min.insync.replicas", "99999999999", "a whole number from 1 to 2147483647"),
        (
            "leader.replication.throttled.replicas",
            "a",
            "*, or partition:broker pairs separated by commas such as 0:1,0:2",
        ),
    ];
    for (name, text, what) in bad {
        match validate_topic(&pairs(&[(name, text)])).unwrap_err() {
            ConfigError::Invalid { name: n, value, legal } => {
                assert_eq!((n, value.as_str(), legal.as_str()), (name, text, what));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn an_unknown_setting_is_refused_with_the_nearest_name() {
    let message = |name: &str| validate_topic(&pairs(&[(name, "1")])).unwrap_err().to_string();
    assert_eq!(message("retention.m"), "unknown topic setting \"retention.m\", did you mean retention.ms?");
    assert_eq!(message("nope"), "unknown topic setting \"nope\"");
    assert!(validate_broker_file(&pairs(&[("retention.ms", "1")])).is_err());
    assert!(message(&"x".repeat(100_000)).len() < 400, "hostile names are cut");
}

#[test]
fn contradictions_are_refused() {
    let lag = pairs(&[("min.compaction.lag.ms", "5"), ("max.compaction.lag.ms", "4")]);
    assert_eq!(
        validate_topic(&lag).unwrap_err().to_string(),
        "min.compaction.lag.ms (5) must not exceed max.compaction.lag.ms (4)"
    );
    for bad in [
        &[("group.min.session.timeout.ms", "7"), ("group.max.session.timeout.ms", "6")][..],
        &[("listeners", "A://h:1,A://h:2")],
        &[("listeners", "A://h:1"), ("advertised.listeners", "B://h:1")],
        &[("listeners", "")],
        &[("log.dirs", "/a,/b")],
        &[("weir.http.listener", "nope")],
        &[("inter.broker.listener.name", "OTHER")],
        &[("broker.heartbeat.interval.ms", "2000")],
        &[("weir.quorum.heartbeat.ms", "300")],
        &[("controller.quorum.voters", "0@a:1,0@b:2")],
        &[("controller.quorum.voters", "0@a:0")],
        &[("controller.quorum.voters", "1@a:1")],
        &[("weir.peer.listener", "nope")],
    ] {
        validate_broker_file(&pairs(bad)).unwrap_err();
    }
}

#[test]
fn only_dynamic_settings_change_while_the_broker_runs() {
    validate_dynamic_broker(&pairs(&[("log.retention.ms", "1")])).unwrap();
    let error = validate_dynamic_broker(&pairs(&[("num.partitions", "1")])).unwrap_err();
    assert_eq!(error, ConfigError::ReadOnly { name: "num.partitions" });
}

#[test]
fn listeners_are_read_with_names_hosts_and_ports() {
    for (text, host, port) in [
        ("PLAINTEXT://:9092", "", 9092),
        ("plaintext://[::1]:0", "::1", 0),
        ("CLIENTS://kafka-0.example.com:29092", "kafka-0.example.com", 29092),
    ] {
        let listener = Listener::parse(text).unwrap();
        assert_eq!((listener.endpoint.host.as_str(), listener.endpoint.port), (host, port));
        assert_eq!(listener.to_string().to_lowercase(), text.to_lowercase());
    }
    for bad in ["", "x", "://h:1", "A://h", "A://h:70000", "A://::1:9", "A://a b:1", "A://h/:1"] {
        assert_eq!(Listener::parse(bad), None, "{bad}");
    }
}

#[test]
fn the_markdown_holds_every_setting_once() {
    let text = settings_as_markdown();
    for setting in TOPIC_SETTINGS.iter().chain(BROKER_SETTINGS) {
        assert!(text.contains(&format!("| `{}` |", setting.name)));
    }
    let rows = text.lines().filter(|l| l.starts_with("| `")).count();
    assert_eq!(rows, TOPIC_SETTINGS.len() + BROKER_SETTINGS.len());
}

#[test]
fn a_broker_is_alone_until_it_is_told_of_others() {
    let cluster = |file: &[(&str, &str)]| validate_broker_file(&pairs(file)).unwrap().cluster;
    let address = |endpoint: &Option<Endpoint>| endpoint.as_ref().map(ToString::to_string);
    let alone = cluster(&[]);
    assert!(alone.is_alone() && alone.peer_advertised.is_none());
    assert_eq!(alone.inter_broker_listener, "PLAINTEXT");
    let voters = ("controller.quorum.voters", "0@a:9093, 1@b:9094");
    let voter = cluster(&[voters, ("node.id", "1")]);
    assert_eq!(voter.voters[1], Voter { id: BrokerId(1), peer: Endpoint { host: "b".into(), port: 9094 } });
    assert_eq!(address(&voter.peer_listener).as_deref(), Some(":9094"));
    assert_eq!(address(&voter.peer_advertised).as_deref(), Some("b:9094"));
    let later = cluster(&[voters, ("node.id", "7"), ("weir.peer.listener", "h:1")]);
    assert!(!later.is_alone() && later.peer_advertised.is_none());
    assert_eq!(address(&later.peer_listener).as_deref(), Some("h:1"));
    assert!(!cluster(&[("weir.peer.listener", ":1")]).is_alone());
}

#[test]
fn throttles_are_off_until_they_are_set_and_then_name_replicas() {
    let broker = validate_broker_file(&Pairs::new()).unwrap();
    assert_eq!((broker.replication.leader_throttle, broker.replication.follower_throttle), (None, None));
    let broker = validate_broker_file(&pairs(&[("leader.replication.throttled.rate", "5")])).unwrap();
    assert_eq!(broker.replication.leader_throttle, Some(5));
    let throttled =
        |text: &str| topic(&[("leader.replication.throttled.replicas", text)], &[]).leader_throttled;
    let replica = (PartitionIndex(1), BrokerId(2));
    for (text, expected) in [("", false), ("0:1", false), ("1:2", true), ("3:0,1:2,0:1", true), ("*", true)] {
        assert_eq!(throttled(text).contains(replica.0, replica.1), expected, "{text}");
    }
}
