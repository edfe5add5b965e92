//! Sizes, headers and whole frames, the answer to an unknown ApiVersions request among them.

use super::*;
use crate::ErrorCode;
use crate::messages::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use crate::messages::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
use crate::messages::metadata::MetadataRequest;
use crate::records::Records;

#[test]
fn sizes_are_checked_before_anything_is_reserved() {
    let table = [
        (0, Err(FrameError::TooSmall(0))),
        (7, Err(FrameError::TooSmall(7))),
        (8, Ok(8)),
        (1000, Ok(1000)),
        (1001, Err(FrameError::TooLarge { size: 1001, limit: 1000 })),
        (i32::MAX, Err(FrameError::TooLarge { size: i32::MAX as usize, limit: 1000 })),
        (-1, Err(FrameError::Negative(-1))),
        (i32::MIN, Err(FrameError::Negative(i32::MIN))),
    ];
    for (size, expected) in table {
        assert_eq!(request_size(size.to_be_bytes(), 1000), expected, "{size}");
    }
    assert_eq!(response_size(4i32.to_be_bytes(), 1000), Ok(4));
    assert_eq!(response_size(3i32.to_be_bytes(), 1000), Err(FrameError::TooSmall(3)));
}

fn parsed(bytes: &'static [u8]) -> Result<RequestHeader, DecodeError> {
    parse_request(Bytes::from_static(bytes)).map(|(header, _)| header)
}

#[test]
fn headers_of_both_versions_have_a_plain_client_id() {
    let expected = |version| RequestHeader {
        key: ApiKey::Metadata,
        version,
        correlation_id: 5,
        client_id: Some(Str::from_static("me")),
    };
    assert_eq!(parsed(&[0, 3, 0, 8, 0, 0, 0, 5, 0, 2, b'm', b'e']), Ok(expected(8)));
    assert_eq!(parsed(&[0, 3, 0, 9, 0, 0, 0, 5, 0, 2, b'm', b'e', 0]), Ok(expected(9)));
    // An unknown tag in the header is skipped.
    assert_eq!(parsed(&[0, 3, 0, 9, 0, 0, 0, 5, 0, 2, b'm', b'e', 1, 7, 1, 0xaa]), Ok(expected(9)));
}

#[test]
fn bad_headers_have_typed_errors() {
    let table: [(&'static [u8], DecodeError); 5] = [
        (&[0, 3, 0], DecodeError::Truncated { at: 2, needed: 2, end: 3 }),
        (&[0, 4, 0, 0, 0, 0, 0, 0, 0xff, 0xff], DecodeError::UnknownKey { key: 4 }),
        (&[0x7f, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff], DecodeError::UnknownKey { key: i16::MAX }),
        (&[0, 3, 0, 0, 0, 0, 0, 0, 0, 1, 0xff], DecodeError::NotUtf8 { at: 8 }),
        (&[0, 3, 0, 0, 0, 0, 0, 0, 0xff, 0xfe], DecodeError::NegativeLength { at: 8, length: -2 }),
    ];
    for (bytes, error) in table {
        assert_eq!(parsed(bytes), Err(error), "{bytes:x?}");
    }
}

#[test]
fn a_header_of_an_unsupported_version_is_still_read() {
    let header =
        parsed(&[0, 18, 0, 99, 0, 0, 0, 5, 0xff, 0xff, 0]).expect("ApiVersions is answered at any version");
    assert_eq!((header.key, header.version, header.correlation_id), (ApiKey::ApiVersions, 99, 5));
    assert!(!header.is_supported());
}

#[test]
fn the_answer_to_an_unknown_api_versions_request_can_be_read_by_anybody() {
    let served = ApiVersion { api_key: ApiKey::ApiVersions.code(), min_version: 0, max_version: 4 };
    let body = ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: vec![served],
        ..Default::default()
    };
    let frame = encode_response(0, 5, &body).expect("v0");
    assert_eq!(&frame.bytes[..], [0, 0, 0, 16, 0, 0, 0, 5, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 4]);
    let (id, back) = parse_response::<ApiVersionsRequest>(0, frame.bytes.slice(4..)).expect("as written");
    assert_eq!((id, back), (5, body));
}

#[test]
fn bytes_behind_a_body_are_refused() {
    let frame = encode_request(1, 1, None, &MetadataRequest::default()).expect("a request");
    let mut bytes = frame.bytes.slice(4..).to_vec();
    bytes.push(0);
    let (header, reader) = parse_request(bytes.into()).expect("a header");
    let body: Result<MetadataRequest, _> = decode_body(header.version, reader);
    assert_eq!(body, Err(DecodeError::Trailing { at: 14, left: 1 }));
}

#[test]
fn the_size_in_front_counts_what_will_be_spliced_in() {
    let partition =
        PartitionData { records: Some(Records::External { len: 1000, token: 1 }), ..Default::default() };
    let topic = FetchableTopicResponse { partitions: vec![partition], ..Default::default() };
    let body = FetchResponse { responses: vec![topic], ..Default::default() };
    let frame = encode_response(12, 1, &body).expect("a response");
    let size = i32::from_be_bytes(*frame.bytes.first_chunk().expect("a size"));
    assert_eq!(size as usize, frame.bytes.len() - 4 + 1000);
    assert!(frame.splices[0].at < frame.bytes.len());
}

#[test]
fn frames_over_two_gigabytes_are_refused() {
    let partition = || PartitionData {
        records: Some(Records::External { len: i32::MAX as u32, token: 1 }),
        ..Default::default()
    };
    let topic = FetchableTopicResponse { partitions: vec![partition(), partition()], ..Default::default() };
    let body = FetchResponse { responses: vec![topic], ..Default::default() };
    assert!(matches!(encode_response(12, 1, &body), Err(EncodeError::TooLong { .. })));
}
