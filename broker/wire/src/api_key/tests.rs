//! The table of keys, and the traps of version negotiation.

use super::*;

#[test]
fn keys_and_their_numbers_map_both_ways() {
    assert_eq!(ApiKey::ALL.len(), 89);
    for key in ApiKey::ALL {
        assert_eq!(ApiKey::from_code(key.code()), Some(key), "{}", key.name());
    }
    // Removed from the protocol, or newer than it is here.
    for code in [-1, 4, 5, 6, 7, 93, 94, i16::MAX, i16::MIN] {
        assert_eq!(ApiKey::from_code(code), None, "{code}");
    }
}

#[test]
fn produce_claims_to_begin_at_zero_and_nothing_else_claims_more_than_it_has() {
    for key in ApiKey::ALL {
        let (valid, advertised) = (key.valid_versions(), key.advertised_versions());
        let unstable = i16::from(key == ApiKey::InitProducerId);
        assert_eq!(advertised.max, valid.max - unstable, "{}", key.name());
        assert_eq!(advertised.min, if key == ApiKey::Produce { 0 } else { valid.min }, "{}", key.name());
    }
    assert!(!ApiKey::Produce.valid_versions().contains(2));
}

#[test]
fn headers_follow_the_version_except_for_the_answer_to_api_versions() {
    let table = [
        // key, version, request header, response header
        (ApiKey::Produce, 8, 1, 0),
        (ApiKey::Produce, 9, 2, 1),
        (ApiKey::ApiVersions, 2, 1, 0),
        (ApiKey::ApiVersions, 3, 2, 0),
        (ApiKey::ApiVersions, 4, 2, 0),
        (ApiKey::ApiVersions, i16::MAX, 2, 0),
        (ApiKey::SaslHandshake, 1, 1, 0),
        (ApiKey::OffsetDelete, 0, 1, 0),
        (ApiKey::ConsumerGroupHeartbeat, 0, 2, 1),
    ];
    for (key, version, request, response) in table {
        assert_eq!(key.request_header_version(version), request, "{key:?} v{version}");
        assert_eq!(key.response_header_version(version), response, "{key:?} v{version}");
    }
}

#[test]
fn the_old_encodings_that_librdkafka_is_capped_at_are_there() {
    let caps = [
        (ApiKey::FindCoordinator, 2),
        (ApiKey::JoinGroup, 5),
        (ApiKey::TxnOffsetCommit, 3),
        (ApiKey::AddPartitionsToTxn, 0),
        (ApiKey::EndTxn, 1),
        (ApiKey::DescribeConfigs, 1),
        (ApiKey::Metadata, 13),
    ];
    for (key, version) in caps {
        assert!(key.valid_versions().contains(version), "{key:?} v{version}");
    }
    // It turns zstd on only if both ranges reach these.
    assert!(ApiKey::Produce.valid_versions().contains(7) && ApiKey::Fetch.valid_versions().contains(10));
}
