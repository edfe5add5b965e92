//! Decides whether a batch from a client may be appended, and in which form: checked, recompressed where the topic asks
//! for a codec, stamped where the broker's clock counts.
//!
//! Records that are not compressed are looked at one by one, since that costs little and a wrong count would poison every
//! consumer. Compressed ones are passed through on their checksum, unless the topic's rules need their content or have them
//! compressed anew.

use bytes::{Bytes, BytesMut};
use weir_core::partition::BatchFacts;
use weir_model::config::{TimestampType, TopicCompression};
use weir_model::records::{
    BatchError, BatchHeader, Codec, Limits, ValidBatch, recompress, validate_header, validate_records,
    with_log_append_time,
};
use weir_model::{DurationMs, Millis};
use weir_wire::ErrorCode;

use super::Refused;
use crate::api::errors;
use crate::partition::settings::BatchRules;

/// What the records of one batch may take once decompressed, where the topic has them looked into. Compaction looks no
/// further either.
const DECODED_MAX: usize = 64 << 20;

/// A batch that may be appended.
#[derive(Debug)]
pub(super) struct Admitted {
    pub(super) batch: BytesMut,
    pub(super) facts: BatchFacts,
    /// The broker's stamp, or none.
    pub(super) append_time: Millis,
}

/// Whether admitting the batch means to compress or decompress it: work that may take a quarter of a second.
pub(super) fn is_heavy(batch: &[u8], rules: &BatchRules) -> bool {
    BatchHeader::parse(batch).is_ok_and(|header| {
        let compressed = header.attributes.codec().is_ok_and(|codec| codec != Codec::None);
        (compressed && rules.require_keys) || wanted_codec(&header, rules.compression).is_some()
    })
}

pub(super) fn admit(batch: Bytes, rules: &BatchRules, now: Millis) -> Result<Admitted, Refused> {
    if batch.is_empty() {
        return Err(Refused::because(
            ErrorCode::InvalidRecord,
            &"there is no record batch, exactly one is needed",
        ));
    }
    let valid = check(&batch, rules).map_err(|error| Refused::because(errors::of_batch(&error), &error))?;
    check_time(valid.header(), rules, now)?;
    // In place when nothing else uses the frame; a copy otherwise.
    let mut batch = batch.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
    if let Some((codec, level)) = wanted_codec(valid.header(), rules.compression) {
        batch = recompress(&batch, codec, level, DECODED_MAX)
            .map_err(|error| Refused::because(errors::of_batch(&error), &error))?;
    }
    let append_time = match rules.timestamp_type {
        TimestampType::CreateTime => Millis::NONE,
        TimestampType::LogAppendTime => now,
    };
    if append_time != Millis::NONE {
        with_log_append_time(&mut batch, now)
            .map_err(|error| Refused::because(errors::of_batch(&error), &error))?;
    }
    let header =
        BatchHeader::parse(&batch).map_err(|error| Refused::because(errors::of_batch(&error), &error))?;
    Ok(Admitted { batch, facts: (&header).into(), append_time })
}

fn check(batch: &[u8], rules: &BatchRules) -> Result<ValidBatch, BatchError> {
    let header = BatchHeader::parse(batch)?;
    let compressed = header.attributes.codec()? != Codec::None;
    let anew = wanted_codec(&header, rules.compression);
    let max_batch_bytes = usize::try_from(rules.max_bytes).unwrap_or(usize::MAX);
    let limits = Limits {
        max_batch_bytes,
        // What will be stored uncompressed must fit as it is.
        max_decoded_bytes: if matches!(anew, Some((Codec::None, _))) { max_batch_bytes } else { DECODED_MAX },
        require_keys: rules.require_keys,
    };
    if compressed && !rules.require_keys && anew.is_none() {
        validate_header(batch, &limits)
    } else {
        validate_records(batch, &limits)
    }
}

/// A client's clock may be wrong, but not by more than the topic allows.
fn check_time(header: &BatchHeader, rules: &BatchRules, now: Millis) -> Result<(), Refused> {
    if rules.timestamp_type == TimestampType::LogAppendTime || header.max_timestamp == Millis::NONE {
        return Ok(());
    }
    let ahead = header.max_timestamp.since(now);
    let behind = now.since(header.base_timestamp.min(header.max_timestamp));
    if ahead > rules.timestamp_after_max || behind > rules.timestamp_before_max {
        let DurationMs(by) = if ahead > rules.timestamp_after_max { ahead } else { behind };
        let why = format!("timestamp {} is {by} ms from the broker's clock", header.max_timestamp);
        return Err(Refused::because(ErrorCode::InvalidTimestamp, &why));
    }
    Ok(())
}

/// The codec to store with, when it is not the one the batch has.
fn wanted_codec(header: &BatchHeader, asked: TopicCompression) -> Option<(Codec, Option<i32>)> {
    let level = |level: i32| Some(level).filter(|level| *level != -1);
    let (codec, level) = match asked {
        TopicCompression::Producer => return None,
        TopicCompression::Uncompressed => (Codec::None, None),
        TopicCompression::Gzip(at) => (Codec::Gzip, level(at)),
        TopicCompression::Snappy => (Codec::Snappy, None),
        TopicCompression::Lz4(at) => (Codec::Lz4, level(at)),
        TopicCompression::Zstd(at) => (Codec::Zstd, level(at)),
    };
    (header.attributes.codec().ok() != Some(codec)).then_some((codec, level))
}

#[cfg(test)]
mod tests {
    use weir_model::Offset;
    use weir_model::records::{
        BATCH_OVERHEAD, Batch, BatchBuilder, LENGTH_END, NewRecord, compress, set_crc,
    };

    use super::*;

    const NOW: Millis = Millis(1_000_000_000);

    fn rules() -> BatchRules {
        BatchRules {
            max_bytes: 1 << 20,
            require_keys: false,
            compression: TopicCompression::Producer,
            timestamp_type: TimestampType::CreateTime,
            timestamp_before_max: DurationMs(i64::MAX),
            timestamp_after_max: DurationMs(3_600_000),
        }
    }

    fn batch(timestamp: Millis) -> Bytes {
        let mut batch = BatchBuilder::new(Offset(0));
        batch.push(NewRecord { timestamp, value: Some(&[b'v'; 500]), ..NewRecord::default() }).unwrap();
        batch.build().unwrap().freeze()
    }

    fn refused(batch: Bytes, rules: &BatchRules) -> ErrorCode {
        admit(batch, rules, NOW).unwrap_err().code
    }

    #[test]
    fn a_batch_that_came_alone_is_not_copied() {
        let batch = batch(NOW);
        let at = batch.as_ptr();
        assert_eq!(admit(batch, &rules(), NOW).unwrap().batch.as_ptr(), at);
    }

    #[test]
    fn only_work_of_a_codec_is_heavy() {
        let plain = batch(NOW);
        let packed = recompress(&plain, Codec::Lz4, None, DECODED_MAX).unwrap();
        let anew = BatchRules { compression: TopicCompression::Zstd(-1), ..rules() };
        let compacted = BatchRules { require_keys: true, ..rules() };
        let cases = [
            (&plain[..], false, true, false),
            (&packed[..], false, true, true),
            (b"nonsense", false, false, false),
        ];
        for (batch, as_it_is, recompressed, looked_into) in cases {
            assert_eq!(is_heavy(batch, &rules()), as_it_is);
            assert_eq!(is_heavy(batch, &anew), recompressed);
            assert_eq!(is_heavy(batch, &compacted), looked_into);
        }
    }

    #[test]
    fn each_kind_of_bad_batch_has_its_code() {
        let broken = |at: usize| {
            let mut bytes = BytesMut::from(&batch(NOW)[..]);
            bytes[at] ^= 0x40;
            bytes.freeze()
        };
        assert_eq!(refused(Bytes::new(), &rules()), ErrorCode::InvalidRecord);
        assert_eq!(refused(batch(NOW).slice(..40), &rules()), ErrorCode::InvalidRecord);
        assert_eq!(refused(broken(100), &rules()), ErrorCode::CorruptMessage);
        assert_eq!(refused(broken(16), &rules()), ErrorCode::CorruptMessage);
        assert_eq!(
            refused(batch(NOW), &BatchRules { max_bytes: 100, ..rules() }),
            ErrorCode::MessageTooLarge
        );
        assert_eq!(
            refused(batch(NOW), &BatchRules { require_keys: true, ..rules() }),
            ErrorCode::InvalidRecord
        );
    }

    #[test]
    fn what_is_compressed_anew_is_looked_into() {
        let mut junk = BytesMut::from(&*recompress(&batch(NOW), Codec::Lz4, None, 1 << 20).unwrap());
        junk.truncate(BATCH_OVERHEAD);
        junk.extend_from_slice(&compress(Codec::Lz4, &[0; 500], None).unwrap());
        let length = i32::try_from(junk.len() - LENGTH_END).unwrap();
        junk[LENGTH_END - 4..LENGTH_END].copy_from_slice(&length.to_be_bytes());
        set_crc(&mut junk);
        let junk = junk.freeze();
        let anew = BatchRules { compression: TopicCompression::Gzip(-1), ..rules() };
        assert_eq!(refused(junk.clone(), &anew), ErrorCode::InvalidRecord);
        assert!(admit(junk, &rules(), NOW).is_ok());
    }

    #[test]
    fn a_batch_that_would_be_too_large_uncompressed_is_not_even_opened_so_far() {
        let packed = recompress(&batch(NOW), Codec::Zstd, None, 1 << 20).unwrap().freeze();
        let room = u32::try_from(packed.len()).unwrap();
        let plain = BatchRules { compression: TopicCompression::Uncompressed, max_bytes: room, ..rules() };
        assert_eq!(refused(packed.clone(), &plain), ErrorCode::MessageTooLarge);
        assert!(admit(packed, &BatchRules { max_bytes: 1 << 20, ..plain }, NOW).is_ok());
    }

    #[test]
    fn a_clock_too_far_ahead_or_behind_is_refused() {
        assert_eq!(refused(batch(NOW + DurationMs(3_600_001)), &rules()), ErrorCode::InvalidTimestamp);
        assert!(admit(batch(NOW + DurationMs(3_600_000)), &rules(), NOW).is_ok());
        let strict = BatchRules { timestamp_before_max: DurationMs(10), ..rules() };
        assert_eq!(refused(batch(NOW - DurationMs(11)), &strict), ErrorCode::InvalidTimestamp);
        let stamped = BatchRules { timestamp_type: TimestampType::LogAppendTime, ..strict };
        assert!(admit(batch(NOW - DurationMs(11)), &stamped, NOW).is_ok());
    }

    #[test]
    fn the_topics_codec_and_clock_are_applied() {
        let asked = BatchRules {
            compression: TopicCompression::Zstd(-1),
            timestamp_type: TimestampType::LogAppendTime,
            ..rules()
        };
        let admitted = admit(batch(Millis(5)), &asked, NOW).unwrap();
        let stored = Batch::parse(&admitted.batch).unwrap();
        stored.check_crc().unwrap();
        assert_eq!(stored.header().attributes.codec().unwrap(), Codec::Zstd);
        assert_eq!((stored.header().max_timestamp, admitted.append_time), (NOW, NOW));
        assert_eq!(admitted.facts.size_bytes as usize, admitted.batch.len());
    }
}
