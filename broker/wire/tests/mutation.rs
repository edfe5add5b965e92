//! Broken frames and bodies, more than a million of them: never a panic, never more memory than the reader's bound, and
//! whatever still decodes can be encoded and means the same afterwards.

mod counting;
mod interpreter;
mod mutator;

use bytes::Bytes;
use counting::{Counting, peak_of};
use interpreter::{Rng, apis, random_bytes};
use mutator::mutate;
use weir_wire::{ApiKey, DecodeError, Encoder, Message, Reader, Request, Visitor, frame};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const PER_REQUEST: usize = 3_200;
const PER_RESPONSE: usize = 400;
const FRAMES_PER_REQUEST: usize = 400;

/// The arrays stay within the budget, and the one that grows has its old copy for a moment; a handle for the frame.
fn allowed(len: usize) -> usize {
    Reader::budget_for(len) * 3 / 2 + 128
}

fn decode<M: Message>(version: i16, bytes: Bytes) -> Result<M, DecodeError> {
    frame::decode_body(version, Reader::new(bytes))
}

fn encode<M: Message>(version: i16, body: &M) -> Bytes {
    let mut encoder = Encoder::new();
    body.encode(version, &mut encoder).expect("what was decoded can be encoded");
    encoder.buf.freeze()
}

/// How many inputs were tried, and how many of them still decoded.
#[derive(Debug, Default)]
struct Tally {
    tried: usize,
    decoded: usize,
}

impl Tally {
    fn body<M: Message>(&mut self, version: i16, bytes: Vec<u8>) {
        let bytes = Bytes::from(bytes);
        let len = bytes.len();
        let (decoded, peak) = peak_of(|| decode::<M>(version, bytes));
        assert!(peak <= allowed(len), "{} v{version}: {peak} bytes of memory for {len}", M::NAME);
        self.tried += 1;
        if let Ok(body) = decoded {
            self.decoded += 1;
            let once = encode(version, &body);
            let again: M = decode(version, once.clone()).expect("what was encoded can be decoded");
            assert_eq!(encode(version, &again), once, "{} v{version}", M::NAME);
        }
    }
}

struct Bodies<'a> {
    version: i16,
    request: &'a dyn Fn(&mut Rng) -> Vec<u8>,
    response: &'a dyn Fn(&mut Rng) -> Vec<u8>,
    tally: &'a mut Tally,
}

impl Visitor for Bodies<'_> {
    type Out = ();

    fn visit<R: Request>(self) {
        let mut rng =
            Rng(u64::from(R::KEY.code().unsigned_abs()) << 16 | u64::from(self.version.unsigned_abs()));
        let mut seed = Vec::new();
        for round in 0..PER_REQUEST {
            // A new valid message now and then: making one costs more than breaking it.
            if round % 16 == 0 {
                seed = (self.request)(&mut rng);
            }
            let mut bytes = seed.clone();
            mutate(&mut bytes, &mut rng);
            self.tally.body::<R>(self.version, bytes);
        }
        for round in 0..PER_RESPONSE {
            if round % 16 == 0 {
                seed = (self.response)(&mut rng);
            }
            let mut bytes = seed.clone();
            mutate(&mut bytes, &mut rng);
            self.tally.body::<R::Response>(self.version, bytes);
        }
    }
}

#[test]
fn broken_bodies_never_panic_and_never_take_more_memory_than_allowed() {
    let mut tally = Tally::default();
    for api in &apis() {
        let key = ApiKey::from_code(api.key).expect("a generated key");
        for version in key.valid_versions().iter() {
            let request = |rng: &mut Rng| random_bytes(api, &api.request, version, rng);
            let response = |rng: &mut Rng| random_bytes(api, &api.response, version, rng);
            key.visit(Bodies { version, request: &request, response: &response, tally: &mut tally });
        }
    }
    println!("{tally:?}");
    assert!(tally.tried >= 1_000_000);
    assert!(tally.decoded > tally.tried / 50, "mutations that nothing survives test little");
}

struct ServeFrame(i16, Reader);

impl Visitor for ServeFrame {
    type Out = bool;

    fn visit<R: Request>(self) -> bool {
        frame::decode_body::<R>(self.0, self.1).is_ok()
    }
}

/// What a broker does with the bytes of a connection.
fn serve(bytes: &Bytes) -> bool {
    let Some((prefix, rest)) = bytes.split_first_chunk::<4>() else { return false };
    let Ok(size) = frame::request_size(*prefix, 1 << 20) else { return false };
    let body = bytes.slice(4..4 + size.min(rest.len()));
    let Ok((header, reader)) = frame::parse_request(body) else { return false };
    header.is_supported() && header.key.visit(ServeFrame(header.version, reader))
}

struct Framed(i16, Bytes);

impl Visitor for Framed {
    type Out = Vec<u8>;

    fn visit<R: Request>(self) -> Vec<u8> {
        let body: R = decode(self.0, self.1).expect("valid bytes");
        frame::encode_request(self.0, 7, Some("mutant"), &body).expect("a frame").bytes.to_vec()
    }
}

#[test]
fn broken_frames_never_panic_and_never_take_more_memory_than_allowed() {
    let (mut tried, mut served, mut rng) = (0, 0, Rng(0x5eed));
    for api in &apis() {
        let key = ApiKey::from_code(api.key).expect("a generated key");
        for version in key.valid_versions().iter() {
            let seed =
                key.visit(Framed(version, Bytes::from(random_bytes(api, &api.request, version, &mut rng))));
            for _ in 0..FRAMES_PER_REQUEST {
                let mut bytes = seed.clone();
                // Headers are short and bodies long: half of the time only the header is broken.
                if rng.one_in(2) {
                    let mut head: Vec<u8> = bytes.drain(..20).collect();
                    mutate(&mut head, &mut rng);
                    bytes.splice(..0, head);
                } else {
                    mutate(&mut bytes, &mut rng);
                }
                let bytes = Bytes::from(bytes);
                let (ok, peak) = peak_of(|| serve(&bytes));
                assert!(peak <= allowed(bytes.len()), "{key:?} v{version}: {peak} bytes of memory");
                tried += 1;
                served += usize::from(ok);
            }
        }
    }
    println!("{tried} frames, {served} served");
    assert!(served > 0);
}

#[test]
fn small_frames_that_claim_gigabytes_get_no_memory_for_them() {
    // Metadata v1: a count of 2^31 - 1 topics, and nothing behind it.
    let bytes = Bytes::from_static(&[0x7f, 0xff, 0xff, 0xff]);
    let (decoded, peak) = peak_of(|| decode::<weir_wire::messages::metadata::MetadataRequest>(1, bytes));
    assert_eq!(decoded, Err(DecodeError::ArrayTooLong { at: 0, count: i32::MAX as usize }));
    assert_eq!(peak, 0);
}

#[test]
fn a_megabyte_of_the_smallest_elements_is_refused_at_the_budget() {
    // FindCoordinator v4: a million empty keys of one byte each, which would be 32 bytes each in memory.
    let mut bytes = vec![0, 0x81, 0x80, 0x40];
    bytes.resize(4 + (1 << 20), 1);
    bytes.push(0);
    let len = bytes.len();
    let (decoded, peak) =
        peak_of(|| decode::<weir_wire::messages::find_coordinator::FindCoordinatorRequest>(4, bytes.into()));
    assert!(matches!(decoded, Err(DecodeError::OverBudget { .. })), "{decoded:?}");
    assert!(peak <= allowed(len), "{peak}");
}
