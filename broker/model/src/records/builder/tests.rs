use super::*;
use crate::records::{Batch, Limits, validate_records};

fn sample(codec: Codec) -> BytesMut {
    let headers = [Header { key: b"trace", value: Some(b"1") }, Header { key: b"none", value: None }];
    let mut builder = BatchBuilder::new(Offset(40)).codec(codec, None).leader_epoch(LeaderEpoch(3)).producer(
        ProducerId(7),
        ProducerEpoch(1),
        Sequence(10),
    );
    let at =
        |timestamp, key, value| NewRecord { timestamp: Millis(timestamp), key, value, headers: &headers };
    builder.push(at(1_000, Some(b"a".as_slice()), Some(b"one".as_slice()))).unwrap();
    builder.push(at(900, None, None)).unwrap();
    builder.push(NewRecord { timestamp: Millis(1_500), ..NewRecord::default() }).unwrap();
    builder.build().unwrap()
}

#[test]
fn what_is_built_is_read_back_with_every_codec() {
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let bytes = sample(codec);
        validate_records(&bytes, &Limits::default()).unwrap();
        let batch = Batch::parse(&bytes).unwrap();
        let header = batch.header();
        assert_eq!((header.base_offset, header.last_offset()), (Offset(40), Offset(42)));
        assert_eq!((header.base_timestamp, header.max_timestamp), (Millis(1_000), Millis(1_500)));
        assert_eq!((header.leader_epoch, header.last_sequence()), (LeaderEpoch(3), Sequence(12)));
        assert_eq!(header.attributes.codec().unwrap(), codec);
        let payload = batch.decoded_payload(1 << 20).unwrap();
        let records: Vec<_> = batch.records(&payload).map(|r| r.unwrap()).collect();
        assert_eq!(records.len(), 3);
        assert_eq!(records[0].key, Some(b"a".as_slice()));
        assert_eq!(records[0].value, Some(b"one".as_slice()));
        assert_eq!(records[1].timestamp, Millis(900));
        assert_eq!((records[1].offset, records[1].key, records[1].value), (Offset(41), None, None));
        let headers: Vec<_> = records[1].headers.collect();
        assert_eq!(headers[1], Header { key: b"none", value: None });
        assert_eq!(records[2].headers.count(), 0);
    }
}

#[test]
fn a_kept_record_keeps_its_offset_and_time_under_a_delete_horizon() {
    let bytes = sample(Codec::Zstd);
    let batch = Batch::parse(&bytes).unwrap();
    let payload = batch.decoded_payload(1 << 20).unwrap();
    let last = batch.records(&payload).last().unwrap().unwrap();
    let mut builder = BatchBuilder::new(Offset(40)).delete_horizon(Millis(99_999));
    builder.push_kept(&last).unwrap();
    assert!(builder.push_kept(&last).is_err());
    builder.extend_to(5);
    let rebuilt = builder.build().unwrap();
    let batch = Batch::parse(&rebuilt).unwrap();
    batch.check_crc().unwrap();
    assert_eq!(batch.header().delete_horizon(), Some(Millis(99_999)));
    assert_eq!(batch.header().last_offset(), Offset(45));
    let kept = batch.records(batch.payload()).next().unwrap().unwrap();
    assert_eq!((kept.offset, kept.timestamp), (Offset(42), Millis(1_500)));
}

#[test]
fn an_emptied_batch_keeps_its_producer_and_is_never_compressed() {
    let mut builder = BatchBuilder::new(Offset(5)).codec(Codec::Lz4, None).producer(
        ProducerId(1),
        ProducerEpoch(0),
        Sequence(3),
    );
    builder.extend_to(9);
    let bytes = builder.build().unwrap();
    let header = *Batch::parse(&bytes).unwrap().header();
    assert_eq!((header.size, header.count), (BATCH_OVERHEAD, 0));
    assert_eq!(header.last_sequence(), Sequence(12));
}
