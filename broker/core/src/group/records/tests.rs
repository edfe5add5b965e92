//! Vectors, round trips, old and future versions, garbage. The bytes are those that the classes of Kafka 4.2's
//! group coordinator write for the same values.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn hex(text: &str) -> Bytes {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn offset_record(value: Option<CommittedOffset>) -> Record {
    let key =
        OffsetKey { group: "g".into(), topic: TopicName::new("t").unwrap(), partition: PartitionIndex(5) };
    Record::Offset { key, value }
}

fn offset() -> CommittedOffset {
    CommittedOffset {
        offset: Offset(10),
        leader_epoch: LeaderEpoch(2),
        metadata: "m".into(),
        committed_at: Millis(256),
        expires_at: None,
        topic_id: TopicId::ZERO,
    }
}

fn group_record() -> Record {
    let profile = Profile {
        instance: Some("i".into()),
        client_id: "c".into(),
        client_host: "/h".into(),
        rebalance_timeout: DurationMs(2),
        session_timeout: DurationMs(1),
    };
    let member =
        MemberMeta { profile, subscription: Bytes::from_static(b"s"), assignment: Bytes::from_static(b"aa") };
    let meta = GroupMeta {
        protocol_type: Some("consumer".into()),
        generation: Generation(7),
        protocol: Some("range".into()),
        leader: Some("m".into()),
        state_since: Some(Millis(256)),
        members: [("m".into(), member)].into(),
    };
    Record::Group { group: "g".into(), meta: Some(meta) }
}

const OFFSET_KEY: &str = "0001 0001 67 0001 74 00000005";
const GROUP_KEY: &str = "0002 0001 67";
const OFFSET_V4: &str = "0004 000000000000000a 00000002 02 6d 0000000000000100 00";
const GROUP_V3: &str = "0003 0008 636f6e73756d6572 00000007 0005 72616e6765 0001 6d 0000000000000100 00000001
    0001 6d 0001 69 0001 63 0002 2f68 00000002 00000001 00000001 73 00000002 6161";

#[test]
fn records_have_kafkas_bytes() {
    let with_id = CommittedOffset { topic_id: TopicId(Uuid::from_u128(1)), ..offset() };
    let ending =
        CommittedOffset { expires_at: Some(Millis(512)), leader_epoch: LeaderEpoch::NONE, ..offset() };
    let v4_with_id = format!("{} 01 00 10 {:032x}", &OFFSET_V4[..OFFSET_V4.len() - 3], 1);
    let v1 = "0001 000000000000000a 0001 6d 0000000000000100 0000000000000200";
    let cases = [
        (offset_record(Some(offset())), OFFSET_KEY, Some(OFFSET_V4)),
        (offset_record(Some(with_id)), OFFSET_KEY, Some(&*v4_with_id)),
        (offset_record(Some(ending)), OFFSET_KEY, Some(v1)),
        (offset_record(None), OFFSET_KEY, None),
        (group_record(), GROUP_KEY, Some(GROUP_V3)),
        (Record::Group { group: "g".into(), meta: None }, GROUP_KEY, None),
    ];
    for (record, key, value) in cases {
        let (key, value) = (hex(key), value.map(hex));
        assert_eq!((encode_key(&record), encode_value(&record)), (Ok(key.clone()), Ok(value.clone())));
        assert_eq!(decode(key, value), Ok(record));
    }
}

#[test]
fn every_older_version_is_read() {
    let offsets = [
        ("0000 000000000000000a 0001 6d 0000000000000100", LeaderEpoch::NONE),
        ("0001 000000000000000a 0001 6d 0000000000000100 ffffffffffffffff", LeaderEpoch::NONE),
        ("0002 000000000000000a 0001 6d 0000000000000100", LeaderEpoch::NONE),
        ("0003 000000000000000a 00000002 0001 6d 0000000000000100", LeaderEpoch(2)),
    ];
    for (value, leader_epoch) in offsets {
        for key in [OFFSET_KEY.to_owned(), OFFSET_KEY.replacen("0001", "0000", 1)] {
            let expected = CommittedOffset { leader_epoch, ..offset() };
            assert_eq!(decode(hex(&key), Some(hex(value))), Ok(offset_record(Some(expected))), "{value}");
        }
    }
    let head = "0008 636f6e73756d6572 00000007 0005 72616e6765 0001 6d";
    let tail = "00000001 00000001 73 00000002 6161";
    let groups = [
        (format!("0000 {head} 00000001 0001 6d 0001 63 0002 2f68 {tail}"), None, 1),
        (format!("0001 {head} 00000001 0001 6d 0001 63 0002 2f68 00000002 {tail}"), None, 2),
        (
            format!("0002 {head} 0000000000000100 00000001 0001 6d 0001 63 0002 2f68 00000002 {tail}"),
            Some(Millis(256)),
            2,
        ),
    ];
    for (value, state_since, rebalance_timeout) in groups {
        let Record::Group { group, meta: Some(mut meta) } = group_record() else { panic!() };
        meta.state_since = state_since;
        let member = meta.members.get_mut(&"m".into()).unwrap();
        member.profile.instance = None;
        member.profile.rebalance_timeout = DurationMs(rebalance_timeout);
        assert_eq!(decode(hex(GROUP_KEY), Some(hex(&value))), Ok(Record::Group { group, meta: Some(meta) }));
    }
}

#[test]
fn the_flexible_group_value_and_unknown_tags_are_read() {
    let v4 = "0004 09 636f6e73756d6572 00000007 06 72616e6765 02 6d 0000000000000100 02
        02 6d 02 69 02 63 03 2f68 00000002 00000001 02 73 03 6161 00 00";
    assert_eq!(decode(hex(GROUP_KEY), Some(hex(v4))), Ok(group_record()));
    let v4 = "0004 09 636f6e73756d6572 00000007 06 72616e6765 02 6d 0000000000000100 02
        02 6d 02 69 02 63 03 2f68 00000002 00000001 02 73 03 6161 01 05 02 ffff 00";
    assert_eq!(decode(hex(GROUP_KEY), Some(hex(v4))), Ok(group_record()));
}

#[test]
fn what_is_not_ours_is_skipped_with_a_reason() {
    let cases = [
        ("0003 0001 67", None, Skipped::UnknownKey(3)),
        ("ffff", None, Skipped::UnknownKey(-1)),
        ("00", None, Skipped::Malformed("key version")),
        ("0002 0009 67", None, Skipped::Malformed("group id")),
        ("0002 0001 ff", None, Skipped::Malformed("group id")),
        ("0001 0001 67 0001 2f 00000000", None, Skipped::Malformed("topic name")),
        (OFFSET_KEY, Some("0005"), Skipped::UnknownValue { key: 1, value: 5 }),
        (GROUP_KEY, Some("ffff"), Skipped::UnknownValue { key: 2, value: -1 }),
        (OFFSET_KEY, Some("0003 00"), Skipped::Malformed("offset")),
        (
            GROUP_KEY,
            Some("0003 0000 00000000 ffff ffff 0000000000000000 7fffffff"),
            Skipped::Malformed("member id"),
        ),
        (
            GROUP_KEY,
            Some("0003 0000 00000000 ffff ffff 0000000000000000 ffffffff"),
            Skipped::Malformed("members"),
        ),
    ];
    for (key, value, expected) in cases {
        assert_eq!(decode(hex(key), value.map(hex)), Err(expected), "{key} {value:?}");
    }
}

#[test]
fn strings_that_do_not_fit_are_refused() {
    let long = "x".repeat(32_768);
    let record = Record::Group { group: (&*long).into(), meta: None };
    let expected = Unencodable::StringTooLong { field: "group id", len: 32_768 };
    assert_eq!(encode_key(&record), Err(expected));
    let record = offset_record(Some(CommittedOffset { metadata: long.into(), ..offset() }));
    assert_eq!(
        encode_value(&record),
        Err(Unencodable::StringTooLong { field: "offset metadata", len: 32_768 })
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, ..ProptestConfig::default() })]

    #[test]
    fn mutated_bytes_never_panic(
        which in 0..3usize,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
        keep_whole in any::<bool>(),
    ) {
        let (key, value) = [(OFFSET_KEY, OFFSET_V4), (GROUP_KEY, GROUP_V3), (GROUP_KEY, OFFSET_V4)][which];
        let mut bytes = [hex(key), hex(value)].map(|b| b.to_vec());
        for (at, byte) in flips {
            let target = &mut bytes[at.index(2)];
            let at = at.index(target.len());
            target[at] = byte;
        }
        if !keep_whole {
            let at = cut.index(bytes[1].len());
            bytes[1].truncate(at);
        }
        let [key, value] = bytes.map(Bytes::from);
        if let Ok(record) = decode(key, Some(value)) {
            // whatever was understood can be written and is understood the same again
            if let (Ok(key), Ok(value)) = (encode_key(&record), encode_value(&record)) {
                prop_assert!(decode(key, value).is_ok());
            }
        }
    }

    #[test]
    fn random_bytes_never_panic(key in prop::collection::vec(any::<u8>(), 0..40), value in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(key.into(), Some(value.into()));
    }
}
