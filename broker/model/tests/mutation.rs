//! Seeded mutations of good batches: whatever the bytes, validation and iteration answer, and answer within bounds of
//! time and memory. The same ground as `fuzz/fuzz_targets/batches.rs`, under a stable toolchain.

#![expect(clippy::unwrap_used, reason = "tests: a failure to build a good batch is a failed test")]

#[path = "../../wire/tests/counting/mod.rs"]
mod counting;

use weir_model::records::*;
use weir_model::{LeaderEpoch, Millis, Offset, ProducerEpoch, ProducerId, Sequence};

use counting::{Counting, peak_of};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What one look at a batch may allocate beside the decompressed records: the codecs' tables (lz4 and gzip keep some
/// hundred KiB), and a copy or two of the input. zstd's own memory is outside of the allocator; its window is bounded by
/// the limit on what it may put out.
const CODEC_TABLES: usize = 3 << 20;

fn allowed(input: usize, limits: &Limits) -> usize {
    CODEC_TABLES + 4 * input + 4 * limits.max_decoded_bytes
}

/// SplitMix64: small, and the same on every machine.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}

fn corpus() -> Vec<Vec<u8>> {
    let headers = [Header { key: b"h", value: Some(b"v") }, Header { key: b"", value: None }];
    let mut all = Vec::new();
    for codec in [Codec::None, Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        for count in [1, 3, 20] {
            let mut builder = BatchBuilder::new(Offset(count))
                .codec(codec, None)
                .leader_epoch(LeaderEpoch(1))
                .producer(ProducerId(5), ProducerEpoch(0), Sequence(0));
            for i in 0..count {
                let value = vec![b'a' + i as u8; 10 * i as usize];
                let record = NewRecord {
                    timestamp: Millis(i),
                    key: Some(b"k"),
                    value: Some(&value),
                    headers: &headers,
                };
                builder.push(record).unwrap();
            }
            all.push(builder.build().unwrap().to_vec());
        }
    }
    all
}

fn mutate(bytes: &mut Vec<u8>, rng: &mut Seeded) {
    for _ in 0..=rng.below(4) {
        if bytes.is_empty() {
            return;
        }
        let at = rng.below(bytes.len());
        match rng.below(7) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.next() as u8,
            2 => bytes.truncate(at),
            3 => bytes.insert(at, rng.next() as u8),
            4 => bytes[at] = [0, 0x7f, 0x80, 0xff][rng.below(4)],
            5 => {
                let end = (at + rng.below(9)).min(bytes.len());
                bytes[at..end].fill(0xff);
            }
            _ => {
                let tail = bytes[at..].to_vec();
                bytes.extend(tail);
            }
        }
    }
}

fn exercise(bytes: &[u8], limits: &Limits) {
    let _ = validate_header(bytes, limits);
    let _ = validate_records(bytes, limits);
    for batch in batches(bytes).take(64) {
        let Ok(batch) = batch else { break };
        let Ok(payload) = batch.decoded_payload(limits.max_decoded_bytes) else { continue };
        assert!(payload.len() <= limits.max_decoded_bytes.max(bytes.len()));
        for record in batch.records(&payload) {
            let Ok(record) = record else { break };
            let count = record.headers.count();
            assert_eq!(
                record.headers.take(count + 1).count(),
                count,
                "headers were checked when the record was read"
            );
        }
    }
    let _ = recompress(bytes, Codec::Lz4, None, limits.max_decoded_bytes);
    let mut copy = bytes.to_vec();
    let _ = with_log_append_time(&mut copy, Millis(1));
    set_base_offset(&mut copy, Offset(i64::MAX));
    set_leader_epoch(&mut copy, LeaderEpoch(i32::MAX));
    if let Ok(header) = BatchHeader::parse(&copy) {
        let _ = (header.last_offset(), header.next_offset(), header.last_sequence());
    }
}

fn fuzz(seed: u64, rounds: usize) {
    let corpus = corpus();
    let limits = Limits { max_batch_bytes: 1 << 16, max_decoded_bytes: 1 << 16, require_keys: true };
    let mut rng = Seeded(seed);
    for _ in 0..rounds {
        let mut bytes = corpus[rng.below(corpus.len())].clone();
        mutate(&mut bytes, &mut rng);
        // Half of the inputs get a right length and checksum, so that the mutation reaches the records.
        if rng.below(2) == 0 && bytes.len() >= BATCH_OVERHEAD {
            let length = (bytes.len() - LENGTH_END) as i32;
            bytes[8..12].copy_from_slice(&length.to_be_bytes());
            set_crc(&mut bytes);
        }
        let ((), peak) = peak_of(|| exercise(&bytes, &limits));
        assert!(
            peak <= allowed(bytes.len(), &limits),
            "seed {seed}: {peak} bytes of memory for {}",
            bytes.len()
        );
    }
}

#[test]
fn three_hundred_thousand_mutated_batches_cause_no_panic() {
    for seed in 0..3 {
        fuzz(seed, 100_000);
    }
}

#[test]
fn random_bytes_cause_no_panic() {
    let limits = Limits { max_batch_bytes: 1 << 16, max_decoded_bytes: 1 << 16, require_keys: false };
    let mut rng = Seeded(99);
    for _ in 0..50_000 {
        let len = rng.below(200);
        let mut bytes: Vec<u8> = (0..len).map(|_| rng.next() as u8).collect();
        if let Some(magic) = bytes.get_mut(16) {
            *magic = MAGIC as u8;
        }
        exercise(&bytes, &limits);
    }
}

#[test]
fn a_batch_that_claims_two_gigabytes_costs_nothing() {
    let mut bytes = corpus()[0].clone();
    bytes[8..12].copy_from_slice(&i32::MAX.to_be_bytes());
    bytes[57..61].copy_from_slice(&i32::MAX.to_be_bytes());
    let limits = Limits::default();
    let (outcome, peak) = peak_of(|| validate_records(&bytes, &limits).is_err());
    assert!(outcome && peak < 4096, "{peak} bytes of memory");
}

#[test]
fn a_bomb_is_given_up_at_the_limit_in_every_codec() {
    for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
        let mut builder = BatchBuilder::new(Offset(0)).codec(codec, None);
        builder.push(NewRecord { value: Some(&vec![0; 8 << 20]), ..NewRecord::default() }).unwrap();
        let bomb = builder.build().unwrap();
        let limits = Limits { max_decoded_bytes: 1 << 20, ..Limits::default() };
        let (outcome, peak) = peak_of(|| validate_records(&bomb, &limits).is_err());
        assert!(outcome, "{codec:?}");
        assert!(peak <= allowed(bomb.len(), &limits), "{codec:?}: {peak} bytes of memory");
    }
}
