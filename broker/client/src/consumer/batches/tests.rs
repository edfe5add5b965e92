use bytes::BytesMut;
use weir_model::records::{BatchBuilder, Codec, NewRecord, end_transaction_marker, set_base_offset};
use weir_model::{Millis, PartitionIndex, ProducerEpoch, Sequence};

use super::*;

fn batch(base: i64, values: &[&str], codec: Codec) -> BytesMut {
    let mut builder = BatchBuilder::new(Offset(base)).codec(codec, None);
    for value in values {
        builder.push(NewRecord { value: Some(value.as_bytes()), ..Default::default() }).unwrap();
    }
    builder.build().unwrap()
}

fn of_transaction(base: i64, producer: i64, value: &str) -> BytesMut {
    let mut builder = BatchBuilder::new(Offset(base))
        .producer(ProducerId(producer), ProducerEpoch(0), Sequence(0))
        .transactional(true);
    builder.push(NewRecord { value: Some(value.as_bytes()), ..Default::default() }).unwrap();
    builder.build().unwrap()
}

fn fetched(parts: &[BytesMut], aborted: &[(i64, i64)]) -> Fetched {
    Fetched {
        topic: "t".into(),
        partition: PartitionIndex(0),
        error: 0,
        end: Offset(100),
        aborted: aborted.iter().map(|(p, o)| (ProducerId(*p), Offset(*o))).collect(),
        records: parts.iter().flat_map(|part| part.to_vec()).collect(),
    }
}

fn values(unpacked: &Unpacked) -> Vec<&str> {
    unpacked.records.iter().map(|r| std::str::from_utf8(r.value.as_ref().unwrap()).unwrap()).collect()
}

#[test]
fn records_in_front_of_the_wanted_offset_are_left_out_in_every_codec() {
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let answer = fetched(&[batch(0, &["a", "b", "c"], codec), batch(3, &["d"], codec)], &[]);
        let unpacked = unpack(&answer, Offset(2), &ConsumerOptions::default()).unwrap();
        assert_eq!(values(&unpacked), ["c", "d"], "{codec:?}");
        assert_eq!(unpacked.next, Offset(4));
    }
}

#[test]
fn a_cut_last_batch_is_left_for_the_next_fetch_but_a_cut_first_one_is_an_error() {
    let mut second = batch(1, &["b"], Codec::None);
    second.truncate(second.len() - 1);
    let answer = fetched(&[batch(0, &["a"], Codec::None), second.clone()], &[]);
    let unpacked = unpack(&answer, Offset(0), &ConsumerOptions::default()).unwrap();
    assert_eq!((values(&unpacked), unpacked.next), (vec!["a"], Offset(1)));
    let failed = unpack(&fetched(&[second], &[]), Offset(1), &ConsumerOptions::default());
    assert!(matches!(failed, Err(ClientError::Records { source: BatchError::Incomplete { .. }, .. })));
}

#[test]
fn no_flipped_or_missing_byte_makes_it_panic() {
    let whole = fetched(&[batch(0, &["a", "b"], Codec::Zstd), batch(2, &["c"], Codec::None)], &[]);
    for at in 0..whole.records.len() {
        for flip in [1u8, 0x80, 0xff] {
            let mut bytes = whole.records.to_vec();
            bytes[at] ^= flip;
            let answer = fetched(&[BytesMut::from(&bytes[..])], &[]);
            let _ = unpack(&answer, Offset(0), &ConsumerOptions::default());
            let cut = fetched(&[BytesMut::from(&bytes[..at])], &[]);
            let _ = unpack(&cut, Offset(0), &ConsumerOptions::default());
        }
    }
}

#[test]
fn read_committed_leaves_out_what_was_aborted_and_all_isolations_leave_out_markers() {
    let producer = (ProducerId(7), ProducerEpoch(0));
    let mut abort = end_transaction_marker(ControlKind::Abort, producer, 0, Millis(0)).unwrap();
    set_base_offset(&mut abort, Offset(2));
    let parts =
        [of_transaction(0, 7, "lost"), of_transaction(1, 8, "kept"), abort, of_transaction(3, 7, "again")];
    let answer = fetched(&parts, &[(7, 0)]);
    let read = |isolation| {
        let options = ConsumerOptions { isolation, ..Default::default() };
        let unpacked = unpack(&answer, Offset(0), &options).unwrap();
        assert_eq!(unpacked.next, Offset(4));
        values(&unpacked).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(read(Isolation::ReadCommitted), ["kept", "again"]);
    assert_eq!(read(Isolation::ReadUncommitted), ["lost", "kept", "again"]);
}
