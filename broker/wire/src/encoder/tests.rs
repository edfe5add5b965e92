//! How values are written: lengths, tags, fields that a version lacks, splices.

use super::*;
use crate::messages::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
use crate::messages::list_offsets::ListOffsetsRequest;
use crate::messages::metadata::MetadataRequest;
use crate::messages::produce::{ProduceRequest, ProduceResponse, TopicProduceData};
use crate::{Message, Reader};

fn encoded(write: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut encoder = Encoder::new();
    write(&mut encoder);
    encoder.buf.to_vec()
}

#[test]
fn varints_take_the_least_bytes() {
    let table: [(u32, &[u8]); 6] = [
        (0, &[0]),
        (127, &[0x7f]),
        (128, &[0x80, 0x01]),
        (16_383, &[0xff, 0x7f]),
        (16_384, &[0x80, 0x80, 0x01]),
        (u32::MAX, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
    ];
    for (value, bytes) in table {
        assert_eq!(encoded(|e| e.uvarint(value)), bytes, "{value}");
    }
}

#[test]
fn strings_longer_than_the_protocol_allows_are_refused_in_both_encodings() {
    for flexible in [false, true] {
        for (len, fits) in [(32_767, true), (32_768, false)] {
            let mut encoder = Encoder::new();
            encoder.set_flexible(flexible);
            assert_eq!(encoder.str(&"x".repeat(len)).is_ok(), fits, "{len}, compact: {flexible}");
        }
    }
}

#[test]
fn tags_of_any_size_get_their_size_in_front() {
    for len in [0usize, 1, 127, 128, 300, 16_383, 16_384] {
        let value = vec![0xaa; len];
        let bytes = encoded(|e| {
            e.buf.put_u8(0x11);
            let at = e.begin_tag(3);
            e.buf.put_slice(&value);
            e.end_tag(at).expect("a small tag");
        });
        let expected = encoded(|e| {
            e.buf.put_u8(0x11);
            e.uvarint(3);
            e.uvarint(len as u32);
            e.buf.put_slice(&value);
        });
        assert_eq!(bytes, expected, "{len} bytes");
    }
}

#[test]
fn a_field_that_the_version_lacks_is_refused_if_it_matters() {
    let request = ListOffsetsRequest { isolation_level: 1, ..Default::default() };
    let absent = EncodeError::Absent { field: "ListOffsetsRequest.isolation_level", version: 1 };
    assert_eq!(request.encode(1, &mut Encoder::new()), Err(absent));
    assert_eq!(request.encode(2, &mut Encoder::new()), Ok(()));
}

#[test]
fn a_field_that_the_version_lacks_is_dropped_if_it_may_be_ignored() {
    let topic =
        TopicProduceData { name: "dropped".into(), topic_id: Uuid::from_u128(7), ..Default::default() };
    let request = ProduceRequest { topic_data: vec![topic], ..Default::default() };
    let mut encoder = Encoder::new();
    request.encode(13, &mut encoder).expect("name may be ignored");
    let back = ProduceRequest::decode(13, &mut Reader::new(encoder.buf.freeze())).expect("as written");
    assert_eq!((back.topic_data[0].name.as_str(), back.topic_data[0].topic_id), ("", Uuid::from_u128(7)));
}

#[test]
fn null_is_refused_in_versions_without_it() {
    let all_topics = MetadataRequest { topics: None, ..Default::default() };
    let null = EncodeError::Null { field: "MetadataRequest.topics", version: 0 };
    assert_eq!(all_topics.encode(0, &mut Encoder::new()), Err(null));
    assert_eq!(all_topics.encode(1, &mut Encoder::new()), Ok(()));
}

#[test]
fn versions_outside_of_the_table_are_refused_in_both_directions() {
    for version in [-1, 2, 14] {
        let encode = ProduceResponse::default().encode(version, &mut Encoder::new());
        assert_eq!(encode, Err(EncodeError::UnsupportedVersion { message: "ProduceResponse", version }));
        let decode = ProduceResponse::decode(version, &mut Reader::new(Bytes::from_static(&[0; 64])));
        assert_eq!(
            decode,
            Err(crate::DecodeError::UnsupportedVersion { message: "ProduceResponse", version })
        );
    }
}

fn fetched(records: [Records; 2]) -> FetchResponse {
    let partitions = records.map(|it| PartitionData { records: Some(it), ..Default::default() });
    let topic = FetchableTopicResponse { partitions: partitions.into(), ..Default::default() };
    FetchResponse { responses: vec![topic], ..Default::default() }
}

#[test]
fn external_records_leave_a_splice_where_inline_ones_would_be() {
    let data = [Bytes::from(vec![0xaa; 300]), Bytes::from_static(b"tail")];
    for version in [4, 11, 12, 18] {
        let mut inline = Encoder::new();
        fetched(data.clone().map(Records::Inline)).encode(version, &mut inline).expect("a response");
        let mut external = Encoder::new();
        let pieces = [Records::External { len: 300, token: 9 }, Records::External { len: 4, token: 4 }];
        fetched(pieces).encode(version, &mut external).expect("a response");

        assert_eq!(external.splices.iter().map(|s| (s.len, s.token)).collect::<Vec<_>>(), [(300, 9), (4, 4)]);
        assert_eq!(external.wire_len(), inline.buf.len() as u64);
        let (mut whole, mut from) = (Vec::new(), 0);
        for (splice, bytes) in external.splices.iter().zip(&data) {
            whole.extend_from_slice(&external.buf[from..splice.at]);
            whole.extend_from_slice(bytes);
            from = splice.at;
        }
        whole.extend_from_slice(&external.buf[from..]);
        assert_eq!(whole, inline.buf, "v{version}");
    }
}
