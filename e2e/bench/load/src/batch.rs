//! Batches that are encoded once and sent again and again: how large, of what, under which codec. Pure, but for the
//! clock that is handed in.

use bytes::Bytes;
use clap::{Args, ValueEnum};
use weir_model::Millis;
use weir_model::Offset;
use weir_model::records::{BATCH_OVERHEAD, BatchBuilder, BatchHeader, Codec, NewRecord};

use crate::error::LoadError;

/// Different batches that are sent in turn: enough that no codec or cache profits from one being the other's twin.
const VARIANTS: u64 = 8;
/// What a record takes beside its value, at the sizes that are common here.
const RECORD_OVERHEAD: usize = 8;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum CodecName {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl From<CodecName> for Codec {
    fn from(name: CodecName) -> Self {
        match name {
            CodecName::None => Self::None,
            CodecName::Gzip => Self::Gzip,
            CodecName::Snappy => Self::Snappy,
            CodecName::Lz4 => Self::Lz4,
            CodecName::Zstd => Self::Zstd,
        }
    }
}

/// What batches are made of.
#[derive(Args, Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// Bytes of a record's value
    #[arg(long, default_value_t = 1024)]
    pub(crate) record_bytes: usize,
    /// Bytes of a batch before compression; a batch has at least one record
    #[arg(long, default_value_t = 65_536)]
    pub(crate) batch_bytes: usize,
    /// Compress batches, of text that is then made compressible; else values are noise
    #[arg(long, value_enum, default_value = "none")]
    pub(crate) codec: CodecName,
    /// Values of zeros, for logs that are larger than the disk: a file system can give the place of zeros back
    #[arg(long, conflicts_with = "codec")]
    pub(crate) zeros: bool,
    /// Records have keys, so many different ones; 0 for none
    #[arg(long, default_value_t = 0)]
    pub(crate) keys: u64,
}

/// One batch, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    pub(crate) bytes: Bytes,
    pub(crate) records: u64,
    /// Bytes of the values in it, uncompressed.
    pub(crate) value_bytes: u64,
    /// Its own checksum, by which it is known again when it is read back.
    pub(crate) crc: u32,
}

impl Shape {
    /// One record of noise a batch.
    pub(crate) fn one_record(record_bytes: usize) -> Self {
        Self { record_bytes, batch_bytes: 1, codec: CodecName::None, zeros: false, keys: 0 }
    }

    pub(crate) fn records_per_batch(self) -> usize {
        (self.batch_bytes.saturating_sub(BATCH_OVERHEAD) / (self.record_bytes + RECORD_OVERHEAD)).max(1)
    }

    /// The batches that are sent in turn.
    pub(crate) fn encode(self, now: Millis) -> Result<Vec<Encoded>, LoadError> {
        (1..=VARIANTS).map(|seed| self.encode_one(now, seed)).collect()
    }

    fn encode_one(self, now: Millis, seed: u64) -> Result<Encoded, LoadError> {
        let broken = |source| LoadError::Batch { what: "encoding a batch".into(), source };
        let codec = Codec::from(self.codec);
        let mut noise = Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut builder = BatchBuilder::new(Offset::ZERO).codec(codec, None);
        let mut value = vec![0; self.record_bytes];
        let records = self.records_per_batch() as u64;
        for number in (seed - 1) * records..seed * records {
            let key = number.checked_rem(self.keys).map(u64::to_be_bytes);
            match codec {
                Codec::None if self.zeros => {}
                Codec::None => noise.fill(&mut value),
                _ => noise.write_like_a_log(&mut value),
            }
            let key = key.as_ref().map(<[u8; 8]>::as_slice);
            let record = NewRecord { timestamp: now, key, value: Some(&value), ..NewRecord::default() };
            builder.push(record).map_err(broken)?;
        }
        let bytes = builder.build().map_err(broken)?.freeze();
        let header = BatchHeader::parse(&bytes).map_err(broken)?;
        let records = u64::from(header.count.unsigned_abs());
        Ok(Encoded { bytes, records, value_bytes: records * self.record_bytes as u64, crc: header.crc })
    }
}

/// A small generator (xorshift): the same bytes in every run, so that two brokers are given the same.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn fill(&mut self, value: &mut [u8]) {
        for chunk in value.chunks_mut(8) {
            let random = self.next().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }

    /// Lines that compress about as well as the logs of a service do.
    fn write_like_a_log(&mut self, value: &mut [u8]) {
        let mut line = String::new();
        while line.len() < value.len() {
            let (random, user) = (self.next(), self.next() % 5_000);
            let level = ["info", "info", "info", "warn"][(random % 4) as usize];
            line += &format!(
                "{{\"level\":\"{level}\",\"service\":\"checkout\",\"user\":{user},\"path\":\"/api/v1/orders/{random:016x}\",\"ms\":{}}}\n",
                random % 900
            );
        }
        value.copy_from_slice(&line.as_bytes()[..value.len()]);
    }
}

#[cfg(test)]
mod tests {
    use weir_model::records::Batch;

    use super::*;

    fn shape(record_bytes: usize, batch_bytes: usize, codec: CodecName) -> Shape {
        Shape { record_bytes, batch_bytes, codec, zeros: false, keys: 0 }
    }

    #[test]
    fn a_batch_is_just_below_the_size_that_was_asked_for() {
        let encoded = shape(1024, 65_536, CodecName::None).encode(Millis(1)).expect("encodes");
        for batch in &encoded {
            assert!((64_000..=65_536).contains(&batch.bytes.len()), "{} bytes", batch.bytes.len());
            assert_eq!(batch.value_bytes, batch.records * 1024);
        }
    }

    #[test]
    fn a_batch_that_is_smaller_than_a_record_has_one() {
        let encoded = shape(1024, 1, CodecName::None).encode(Millis(1)).expect("encodes");
        assert!(encoded.iter().all(|batch| batch.records == 1));
    }

    #[test]
    fn every_batch_is_valid_and_no_two_are_the_same() {
        for codec in [CodecName::None, CodecName::Gzip, CodecName::Snappy, CodecName::Lz4, CodecName::Zstd] {
            let encoded = shape(100, 16_384, codec).encode(Millis(1)).expect("encodes");
            let mut crcs: Vec<_> = encoded.iter().map(|batch| batch.crc).collect();
            for batch in &encoded {
                Batch::parse(&batch.bytes).expect("whole").check_crc().expect("its checksum is right");
            }
            crcs.sort_unstable();
            crcs.dedup();
            assert_eq!(crcs.len(), encoded.len());
        }
    }

    #[test]
    fn zeros_are_all_that_a_value_is_made_of() {
        let zeros = Shape { zeros: true, ..shape(8192, 65_536, CodecName::None) };
        let batch = &zeros.encode(Millis(1)).expect("encodes")[0];
        let others = batch.bytes.iter().filter(|byte| **byte != 0).count() as u64;
        assert!(others < 100 + batch.records * 20, "{others} of {} bytes", batch.bytes.len());
    }

    #[test]
    fn keys_go_round_over_all_batches() {
        let keyed = Shape { keys: 100, ..shape(1024, 65_536, CodecName::None) };
        let mut due = (0..100_u64).cycle();
        for encoded in keyed.encode(Millis(1)).expect("encodes") {
            let batch = Batch::parse(&encoded.bytes).expect("whole");
            for record in batch.records(batch.payload()) {
                let key = record.expect("whole").key.map(|key| key.to_vec());
                assert_eq!(key, due.next().map(|key| key.to_be_bytes().to_vec()));
            }
        }
    }

    #[test]
    fn text_compresses_three_to_eight_times() {
        for codec in [CodecName::Lz4, CodecName::Zstd] {
            let batch = &shape(1024, 65_536, codec).encode(Millis(1)).expect("encodes")[0];
            let ratio = batch.value_bytes as f64 / batch.bytes.len() as f64;
            assert!((2.0..=8.0).contains(&ratio), "{ratio}");
        }
    }
}
