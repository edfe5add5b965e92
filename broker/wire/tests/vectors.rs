//! What the Java client 4.2.0 writes (see `e2e/vectors`) is what we read, mean and write.

mod roundtrip;

use std::collections::BTreeSet;

use bytes::Bytes;
use roundtrip::{Side, describe, roundtrip};
use weir_wire::{ApiKey, Encoder, ErrorCode, Message, Request, Visitor, frame};

const VECTORS: &str = include_str!("vectors/kafka-4.2.0.txt");

struct Vector<'a> {
    key: ApiKey,
    version: i16,
    bytes: Bytes,
    /// `name=value` of what was set, where it was noted.
    named: Vec<&'a str>,
}

fn vectors(kind: &str) -> impl Iterator<Item = Vector<'static>> {
    let lines = VECTORS.lines().filter_map(move |line| line.strip_prefix(kind)?.strip_prefix(' '));
    lines.map(|line| {
        let mut words = line.split(' ');
        let mut number = || words.next().and_then(|word| word.parse::<i16>().ok()).expect("a number");
        let (code, version) = (number(), number());
        let bytes = unhex(words.next().expect("bytes"));
        let named = words.next().map(|all| all.split(',').collect()).unwrap_or_default();
        Vector { key: ApiKey::from_code(code).expect("a known key"), version, bytes, named }
    })
}

fn unhex(text: &str) -> Bytes {
    let digits = text.as_bytes().chunks_exact(2);
    digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ascii"), 16).expect("hex"))
        .collect()
}

/// The `name=value` pairs of a `Debug` text, names without underscores.
fn named_values(debug: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in debug.match_indices(": ") {
        let start = debug[..at].rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |i| i + 1);
        let value = &debug[at + 2..];
        let value = value.strip_prefix("Some(").unwrap_or(value).trim_start_matches('"');
        let end = value.find(|c: char| !c.is_alphanumeric() && !"-.".contains(c)).unwrap_or(value.len());
        found.push(format!("{}={}", debug[start..at].replace('_', ""), &value[..end]));
    }
    found
}

fn check_side(kind: &str, side: Side) -> BTreeSet<(ApiKey, i16)> {
    let mut seen = BTreeSet::new();
    for Vector { key, version, bytes, named } in vectors(kind) {
        let found = roundtrip(key, side, version, bytes.clone());
        assert_eq!(found.as_deref(), Ok(&*bytes), "{key:?} {kind} v{version}");
        seen.insert((key, version));
        let mut ours = named_values(&describe(key, side, version, bytes).expect("decoded before"));
        for pair in named {
            let (name, value) = pair.split_once('=').expect("name=value");
            let wanted = format!("{}={value}", name.replace('_', ""));
            let at = ours.iter().position(|pair| *pair == wanted);
            assert!(at.is_some(), "{key:?} {kind} v{version}: no {wanted} in {ours:?}");
            at.map(|at| ours.swap_remove(at));
        }
    }
    seen
}

#[test]
fn every_key_and_version_reads_and_writes_as_the_java_client_does() {
    let all: BTreeSet<_> =
        ApiKey::ALL.into_iter().flat_map(|key| key.valid_versions().iter().map(move |v| (key, v))).collect();
    for (kind, side) in [("request", Side::Request), ("response", Side::Response)] {
        assert_eq!(check_side(kind, side), all, "{kind} vectors cover exactly our keys and versions");
    }
}

struct Fresh(Side, i16);

impl Visitor for Fresh {
    type Out = Vec<u8>;

    fn visit<R: Request>(self) -> Vec<u8> {
        let mut encoder = Encoder::new();
        let encoded = match self.0 {
            Side::Request => R::default().encode(self.1, &mut encoder),
            Side::Response => R::Response::default().encode(self.1, &mut encoder),
        };
        encoded.expect("a message in which nothing is set fits all versions");
        encoder.buf.to_vec()
    }
}

#[test]
fn defaults_are_the_java_clients() {
    for (kind, side) in [("fresh-request", Side::Request), ("fresh-response", Side::Response)] {
        for Vector { key, version, bytes, .. } in vectors(kind) {
            assert_eq!(key.visit(Fresh(side, version)), bytes, "{key:?} {kind} v{version}");
        }
    }
}

/// Takes a frame apart and puts it together again.
struct Reframe {
    side: Side,
    version: i16,
    bytes: Bytes,
}

impl Visitor for Reframe {
    type Out = Bytes;

    fn visit<R: Request>(self) -> Bytes {
        let frame = match self.side {
            Side::Request => {
                let (header, reader) = frame::parse_request(self.bytes).expect("a good header");
                assert_eq!((header.key, header.version), (R::KEY, self.version));
                let body: R = frame::decode_body(self.version, reader).expect("a good body");
                frame::encode_request(self.version, header.correlation_id, header.client_id.as_deref(), &body)
            }
            Side::Response => {
                let (id, body) =
                    frame::parse_response::<R>(self.version, self.bytes).expect("a good response");
                frame::encode_response::<R::Response>(self.version, id, &body)
            }
        };
        frame.expect("what was decoded can be encoded").bytes
    }
}

#[test]
fn whole_frames_carry_the_java_clients_headers() {
    for (kind, side) in [("frame", Side::Request), ("reply", Side::Response)] {
        for Vector { key, version, bytes, .. } in vectors(kind) {
            let again = key.visit(Reframe { side, version, bytes: bytes.clone() });
            assert_eq!(again[..4], (bytes.len() as u32).to_be_bytes(), "{key:?} {kind} v{version}");
            assert_eq!(again[4..], bytes, "{key:?} {kind} v{version}");
        }
    }
}

#[test]
fn the_error_table_is_the_java_clients() {
    let lines = VECTORS.lines().filter_map(|line| line.strip_prefix("error "));
    let theirs: BTreeSet<String> = lines.map(str::to_owned).collect();
    let ours =
        ErrorCode::ALL.iter().map(|error| format!("{} {error} {}", error.code(), error.is_retriable()));
    assert_eq!(ours.collect::<BTreeSet<_>>(), theirs);
}
