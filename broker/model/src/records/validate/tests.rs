use bytes::BytesMut;

use super::*;
use crate::records::{BatchBuilder, Codec, NewRecord, header::put, set_crc};

fn batch(codec: Codec) -> BytesMut {
    let mut builder = BatchBuilder::default().codec(codec, None);
    for (time, value) in [(10, "one"), (30, "two"), (20, "three")] {
        let key = (value != "three").then_some(value.as_bytes());
        let record = NewRecord { timestamp: Millis(time), key, value: Some(value.as_bytes()), headers: &[] };
        builder.push(record).unwrap();
    }
    builder.build().unwrap()
}

fn patched<const N: usize>(at: usize, field: [u8; N]) -> BytesMut {
    let mut bytes = batch(Codec::None);
    put(&mut bytes, at, field);
    set_crc(&mut bytes);
    bytes
}

fn refusal(bytes: &[u8]) -> String {
    validate_records(bytes, &Limits::default()).unwrap_err().to_string()
}

#[test]
fn a_good_batch_passes_with_what_its_records_say() {
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let valid = validate_records(&batch(codec), &Limits::default()).unwrap();
        let summary = valid.records().unwrap();
        assert_eq!((summary.min_timestamp, summary.max_timestamp), (Millis(10), Millis(30)));
        assert_eq!(summary.max_timestamp_offset, Offset(1));
        assert!(validate_header(&batch(codec), &Limits::default()).unwrap().records().is_none());
    }
}

#[test]
fn each_lie_in_a_header_is_named() {
    let cases: [(BytesMut, &str); 13] = [
        (patched(16, [1]), "batch has magic 1, only 2 is supported"),
        (patched(8, (-1i32).to_be_bytes()), "batch length -1 is impossible"),
        (patched(8, 48i32.to_be_bytes()), "batch length 48 is impossible"),
        (patched(8, i32::MAX.to_be_bytes()), "batch is 2147483659 bytes, the most is 1048588"),
        (patched(57, 2i32.to_be_bytes()), "batch claims 2 records over a last offset delta of 2"),
        (patched(57, (-1i32).to_be_bytes()), "batch claims -1 records over a last offset delta of 2"),
        (
            patched(23, i32::MIN.to_be_bytes()),
            "batch claims 3 records over a last offset delta of -2147483648",
        ),
        (patched(21, 5i16.to_be_bytes()), "compression codec 5 is unknown"),
        (patched(21, 0x20i16.to_be_bytes()), "clients can not write control batches"),
        (patched(21, 0x08i16.to_be_bytes()), "clients can not set log-append time"),
        (patched(21, 0x40i16.to_be_bytes()), "batch attributes 0x0040 hold bits a client may not set"),
        (patched(21, 0x10i16.to_be_bytes()), "producer id -1, epoch -1, base sequence -1 do not go together"),
        (patched(43, 9i64.to_be_bytes()), "producer id 9, epoch -1, base sequence -1 do not go together"),
    ];
    for (bytes, why) in cases {
        assert_eq!(refusal(&bytes), why);
        assert!(validate_header(&bytes, &Limits::default()).is_err(), "{why}");
    }
}

#[test]
fn a_flipped_bit_is_found_by_the_checksum() {
    let good = batch(Codec::None);
    for at in 17..good.len() {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        let error = validate_header(&bytes, &Limits::default()).unwrap_err();
        assert!(matches!(error, BatchError::Crc { .. }), "byte {at}: {error}");
    }
}

#[test]
fn short_long_and_doubled_buffers_are_refused() {
    let good = batch(Codec::None);
    for cut in 0..good.len() {
        assert!(matches!(
            validate_header(&good[..cut], &Limits::default()),
            Err(BatchError::Incomplete { .. })
        ));
    }
    let mut twice = good.clone();
    twice.extend_from_slice(&good);
    assert!(
        matches!(validate_header(&twice, &Limits::default()), Err(BatchError::MoreThanOne(n)) if n == good.len())
    );
}

#[test]
fn records_that_lie_under_a_right_checksum_are_found_only_by_the_strict_check() {
    let cases: [(usize, u8, &str); 5] = [
        (0, 0x7e, "record 0: key passes the end of the record"),
        (0, 1, "record 0: length is negative"),
        (3, 4, "record 0: offset delta is out of order"),
        (4, 0x7e, "record 0: key passes the end of the record"),
        (12, 1, "record 0: header count is negative"),
    ];
    for (at, byte, why) in cases {
        let mut bytes = batch(Codec::None);
        bytes[61 + at] = byte;
        set_crc(&mut bytes);
        assert!(validate_header(&bytes, &Limits::default()).is_ok());
        let found = refusal(&bytes);
        assert!(found.starts_with("record 0:"), "{at}: {found}, thought {why}");
    }
}

#[test]
fn a_compacted_topic_needs_keys() {
    let limits = Limits { require_keys: true, ..Limits::default() };
    assert!(matches!(validate_records(&batch(Codec::Lz4), &limits), Err(BatchError::KeyMissing(2))));
}

#[test]
fn a_bomb_is_stopped_at_the_limit() {
    let mut builder = BatchBuilder::default().codec(Codec::Zstd, None);
    let zeros = vec![0u8; 16 << 20];
    builder.push(NewRecord { value: Some(&zeros), ..NewRecord::default() }).unwrap();
    let bytes = builder.build().unwrap();
    let limits = Limits { max_decoded_bytes: 1 << 20, ..Limits::default() };
    let error = validate_records(&bytes, &limits).unwrap_err();
    assert_eq!(error.to_string(), "payload: decompresses to more than 1048576 bytes");
}
