use bytes::BytesMut;
use weir_model::records::{BatchBuilder, Codec, NewRecord, batches};
use weir_model::{ProducerEpoch, Sequence};

use super::*;

fn batch(base: i64, codec: Codec, records: &[(&str, Option<&str>)]) -> BytesMut {
    let mut builder = BatchBuilder::new(Offset(base)).codec(codec, None).producer(
        ProducerId(7),
        ProducerEpoch(1),
        Sequence(base as i32),
    );
    for (i, (key, value)) in records.iter().enumerate() {
        let record = NewRecord {
            timestamp: Millis(1_000 + base + i as i64),
            key: Some(key.as_bytes()),
            value: value.map(str::as_bytes),
            headers: &[],
        };
        builder.push(record).unwrap();
    }
    builder.build().unwrap()
}

fn rules(map: &KeyMap, now: i64, last: i64) -> Rules<'_> {
    Rules {
        latest: map,
        last_of_producer: [(ProducerId(7), Offset(last))].into(),
        now: Millis(now),
        delete_retention: DurationMs(500),
        producer_expiration: DurationMs(10_000),
    }
}

fn judge(bytes: &[u8], rules: &Rules<'_>) -> Verdict {
    retain(&BatchHeader::parse(bytes).unwrap(), bytes, rules).unwrap()
}

fn offsets(verdict: &Verdict) -> Vec<i64> {
    let Verdict::Rewrite(bytes) = verdict else { panic!("{verdict:?}") };
    let batch = batches(bytes).next().unwrap().unwrap();
    batch.check_crc().unwrap();
    let payload = batch.decoded_payload(1 << 20).unwrap();
    batch.records(&payload).map(|r| r.unwrap().offset.0).collect()
}

#[test]
fn a_batch_whose_keys_are_all_latest_stays_as_it_is() {
    let map = KeyMap::new(1 << 20);
    let bytes = batch(10, Codec::Zstd, &[("a", Some("1")), ("b", Some("2"))]);
    assert_eq!(judge(&bytes, &rules(&map, 0, 99)), Verdict::Keep);
}

#[test]
fn superseded_records_go_and_the_rest_keeps_offsets_codec_and_sequence() {
    let mut map = KeyMap::new(1 << 20);
    map.note(b"a", Offset(50));
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let bytes = batch(10, codec, &[("a", Some("1")), ("b", Some("2")), ("a", Some("3"))]);
        let verdict = judge(&bytes, &rules(&map, 0, 99));
        assert_eq!(offsets(&verdict), [11]);
        let Verdict::Rewrite(new) = verdict else { panic!() };
        let (old, new) = (BatchHeader::parse(&bytes).unwrap(), BatchHeader::parse(&new).unwrap());
        assert_eq!((new.base_offset, new.last_offset()), (old.base_offset, old.last_offset()));
        assert_eq!((new.base_sequence, new.last_sequence()), (old.base_sequence, old.last_sequence()));
        assert_eq!(new.attributes.codec().unwrap(), codec);
    }
}

#[test]
fn tombstones_get_a_time_to_go_and_go_at_that_time() {
    let map = KeyMap::new(1 << 20);
    let bytes = batch(10, Codec::Lz4, &[("a", None), ("b", Some("2"))]);
    let verdict = judge(&bytes, &rules(&map, 2_000, 99));
    assert_eq!(offsets(&verdict), [10, 11]);
    let Verdict::Rewrite(marked) = verdict else { panic!() };
    assert_eq!(BatchHeader::parse(&marked).unwrap().delete_horizon(), Some(Millis(2_500)));
    assert_eq!(judge(&marked, &rules(&map, 2_499, 99)), Verdict::Keep);
    assert_eq!(offsets(&judge(&marked, &rules(&map, 2_500, 99))), [11]);
}

#[test]
fn a_producers_last_batch_stays_as_a_shell_until_the_producer_expires() {
    let mut map = KeyMap::new(1 << 20);
    map.note(b"a", Offset(50));
    let bytes = batch(10, Codec::Lz4, &[("a", Some("1")), ("a", Some("2"))]);
    assert_eq!(judge(&bytes, &rules(&map, 0, 20)), Verdict::Drop);
    let Verdict::Rewrite(shell) = judge(&bytes, &rules(&map, 0, 10)) else { panic!() };
    let header = BatchHeader::parse(&shell).unwrap();
    assert_eq!((header.count, header.last_sequence(), header.last_offset()), (0, Sequence(11), Offset(11)));
    assert_eq!(judge(&shell, &rules(&map, 0, 10)), Verdict::Keep);
    assert_eq!(judge(&shell, &rules(&map, 0, 20)), Verdict::Drop);
    assert_eq!(judge(&shell, &rules(&map, 11_012, 10)), Verdict::Drop);
}

#[test]
fn records_without_a_key_go() {
    let mut builder = BatchBuilder::default();
    builder.push(NewRecord { value: Some(b"v"), ..NewRecord::default() }).unwrap();
    let map = KeyMap::new(1 << 20);
    assert_eq!(judge(&builder.build().unwrap(), &rules(&map, 0, 0)), Verdict::Drop);
}
