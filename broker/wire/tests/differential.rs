//! Random valid bytes of every message, made from the schema, must survive our decoder and encoder unchanged, and
//! those of the `kafka-protocol` crate as well, wherever that crate knows the version.

mod interpreter;
mod roundtrip;

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use interpreter::generator::ast::{Api, Struct};
use interpreter::{Rng, apis, random_bytes};
use kafka_protocol::messages::{ApiKey as OracleKey, RequestKind, ResponseKind};
use roundtrip::{Side, describe, roundtrip};
use weir_wire::ApiKey;

const ROUNDS: usize = 60;

/// Keys and versions that came with Kafka 4.2, after the oracle's schemas. The Java client's vectors cover them, see
/// `vectors.rs`. Older versions of these keys are compared by their bytes only: our types have the newer fields.
const ORACLE_LACKS: [(i16, i16); 10] = [
    (2, 11), // ListOffsets
    (27, 2), // WriteTxnMarkers
    (78, 2), // ShareFetch
    (79, 2), // ShareAcknowledge
    (80, 1), // AddRaftVoter
    (85, 1), // WriteShareGroupState
    (87, 1), // ReadShareGroupStateSummary
    (88, 0), // StreamsGroupHeartbeat
    (89, 0), // StreamsGroupDescribe
    (90, 1), // DescribeShareGroupOffsets
];

/// Requests that the oracle refuses, as they were unstable in 4.1: OffsetCommit, OffsetFetch and InitProducerId.
const ORACLE_REFUSES: [(i16, i16); 3] = [(8, 10), (9, 10), (22, 6)];

/// What the oracle made of some bytes: encoded again, and in the words of `Debug`.
fn oracle(key: i16, side: Side, version: i16, bytes: &Bytes) -> Result<(Vec<u8>, String), String> {
    let key = OracleKey::try_from(key).map_err(|()| format!("{key} is unknown to the oracle"))?;
    let (mut input, mut out) = (bytes.clone(), BytesMut::new());
    let debug = match side {
        Side::Request => {
            let body = RequestKind::decode(key, &mut input, version).map_err(|e| e.to_string())?;
            body.encode(&mut out, version).map_err(|e| e.to_string())?;
            format!("{body:?}")
        }
        Side::Response => {
            let body = ResponseKind::decode(key, &mut input, version).map_err(|e| e.to_string())?;
            body.encode(&mut out, version).map_err(|e| e.to_string())?;
            format!("{body:?}")
        }
    };
    if input.is_empty() { Ok((out.to_vec(), debug)) } else { Err(format!("left {} bytes", input.len())) }
}

/// The field names, numbers and nulls of a `Debug` text, in order: what two codecs with their own types have in common.
fn shape(debug: &str) -> Vec<String> {
    let outside_of_quotes = split_quotes(debug);
    let words = outside_of_quotes.into_iter().flat_map(|part| part.split(|c: char| " {}[](),:".contains(c)));
    let words = words.map(|word| word.trim_start_matches('_'));
    let names_and_values =
        |word: &&str| *word == "None" || !word.starts_with(|c: char| c.is_ascii_uppercase());
    words
        .filter(|word| !word.is_empty() && *word != "unknown_tagged_fields")
        .filter(names_and_values)
        .map(|word| word.replace('_', ""))
        .collect()
}

fn split_quotes(debug: &str) -> Vec<&str> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in debug.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if quoted => (quoted, start) = (false, at + 1),
            '"' => {
                parts.push(debug[start..at].trim_end_matches('b'));
                quoted = true;
            }
            _ => {}
        }
    }
    parts.push(&debug[start..]);
    parts
}

fn oracle_has(key: i16, version: i16) -> bool {
    OracleKey::try_from(key).is_ok_and(|key| {
        let range = key.valid_versions();
        range.min <= version && version <= range.max
    })
}

fn messages(apis: &[Api]) -> impl Iterator<Item = (&Api, &Struct, Side, i16)> {
    apis.iter().flat_map(|api| {
        let sides = [(&api.request, Side::Request), (&api.response, Side::Response)];
        (api.versions.min..=api.versions.max).flat_map(move |v| sides.map(|(st, side)| (api, st, side, v)))
    })
}

#[test]
fn every_message_survives_our_codec_and_the_oracles() {
    let apis = apis();
    let (mut ours, mut theirs) = (0, 0);
    let mut differences: BTreeMap<String, String> = BTreeMap::new();
    for (api, st, side, version) in messages(&apis) {
        let key = ApiKey::from_code(api.key).expect("a generated key");
        let mut rng = Rng((api.key as u64) << 32 | (version as u64) << 8 | side as u64);
        for _ in 0..ROUNDS {
            let bytes = Bytes::from(random_bytes(api, st, version, &mut rng));
            let mut differ =
                |what: String| drop(differences.insert(format!("{key:?} {side:?} v{version}"), what));
            match roundtrip(key, side, version, bytes.clone()) {
                Ok(found) if found == *bytes => ours += 1,
                found => differ(format!("ours: {found:?} of {bytes:?}")),
            }
            let refused = side == Side::Request && ORACLE_REFUSES.contains(&(api.key, version));
            if refused || ORACLE_LACKS.contains(&(api.key, version)) {
                continue;
            }
            let same_fields = ORACLE_LACKS.iter().all(|(key, _)| *key != api.key);
            let debug = describe(key, side, version, bytes.clone()).unwrap_or_default();
            match oracle(api.key, side, version, &bytes) {
                Ok((found, meaning))
                    if found == *bytes && (!same_fields || shape(&meaning) == shape(&debug)) =>
                {
                    theirs += 1;
                }
                Ok((found, meaning)) => {
                    differ(format!("oracle: {} {meaning}\n   ours: {debug}", found == *bytes))
                }
                Err(e) => differ(format!("oracle: {e}")),
            }
        }
    }
    println!("{ours} messages by our codec, {theirs} by the oracle's too");
    let shown: Vec<_> = differences.iter().map(|(which, what)| format!("{which}: {what}")).collect();
    assert!(shown.is_empty(), "{} differ:\n{}", shown.len(), shown.join("\n"));
}

#[test]
fn the_oracle_knows_all_versions_but_the_listed_ones() {
    let apis = apis();
    let pairs = apis.iter().flat_map(|api| (api.versions.min..=api.versions.max).map(move |v| (api.key, v)));
    let lacking: Vec<_> = pairs.filter(|(key, v)| !oracle_has(*key, *v)).collect();
    assert_eq!(lacking, ORACLE_LACKS);
}
