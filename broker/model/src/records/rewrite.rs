//! Batches that the broker must change: another codec where a topic asks for one, and its own time on append.

use bytes::BytesMut;

use super::batch::Batch;
use super::codec::{Codec, compress};
use super::error::BatchError;
use super::header::{
    ATTRIBUTES_AT, Attributes, BATCH_OVERHEAD, BatchHeader, LENGTH_END, MAX_TIMESTAMP_AT, TimestampType, put,
    set_crc,
};
use crate::Millis;

/// The same records under another codec. Offsets, times, producer and order stay. A batch that has the codec already
/// is copied as it is.
pub fn recompress(
    bytes: &[u8],
    codec: Codec,
    level: Option<i32>,
    max_decoded_bytes: usize,
) -> Result<BytesMut, BatchError> {
    let batch = Batch::parse(bytes)?;
    let attributes = batch.header().attributes;
    if attributes.codec()? == codec {
        return Ok(BytesMut::from(batch.bytes()));
    }
    let plain = batch.decoded_payload(max_decoded_bytes)?;
    let packed = match codec {
        Codec::None => plain.into_owned(),
        codec => compress(codec, &plain, level)?,
    };
    let length = i32::try_from(BATCH_OVERHEAD - LENGTH_END + packed.len())
        .map_err(|_| BatchError::Build("larger than 2 GiB"))?;
    let mut out = BytesMut::with_capacity(BATCH_OVERHEAD + packed.len());
    out.extend_from_slice(&batch.bytes()[..BATCH_OVERHEAD]);
    out.extend_from_slice(&packed);
    put(&mut out, 8, length.to_be_bytes());
    put(&mut out, ATTRIBUTES_AT, attributes.with_codec(codec).0.to_be_bytes());
    set_crc(&mut out);
    Ok(out)
}

/// Makes `now` the time of every record, in place and without decoding them.
pub fn with_log_append_time(batch: &mut [u8], now: Millis) -> Result<(), BatchError> {
    let header = BatchHeader::parse(batch)?;
    let have = batch.len();
    let batch = batch.get_mut(..header.size).ok_or(BatchError::Incomplete { need: header.size, have })?;
    let attributes: Attributes = header.attributes.with_timestamp_type(TimestampType::LogAppendTime);
    put(batch, ATTRIBUTES_AT, attributes.0.to_be_bytes());
    put(batch, MAX_TIMESTAMP_AT, now.0.to_be_bytes());
    set_crc(batch);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Offset;
    use crate::records::{BatchBuilder, Limits, NewRecord, validate_records};

    fn batch() -> BytesMut {
        let mut builder = BatchBuilder::new(Offset(3));
        for time in [5, 9, 7] {
            let value = [b'x'; 300];
            builder
                .push(NewRecord { timestamp: Millis(time), value: Some(&value), ..NewRecord::default() })
                .unwrap();
        }
        builder.build().unwrap()
    }

    #[test]
    fn recompression_changes_the_codec_and_nothing_else() {
        let plain = batch();
        for codec in [Codec::Gzip, Codec::Snappy, Codec::Lz4, Codec::Zstd] {
            let packed = recompress(&plain, codec, None, 1 << 20).unwrap();
            assert!(packed.len() < plain.len());
            validate_records(&packed, &Limits::default()).unwrap();
            assert_eq!(recompress(&packed, Codec::None, None, 1 << 20).unwrap(), plain);
            assert_eq!(recompress(&packed, codec, None, 1 << 20).unwrap(), packed);
        }
    }

    #[test]
    fn log_append_time_holds_for_every_record() {
        let mut bytes = recompress(&batch(), Codec::Lz4, None, 1 << 20).unwrap();
        with_log_append_time(&mut bytes, Millis(77)).unwrap();
        let batch = Batch::parse(&bytes).unwrap();
        batch.check_crc().unwrap();
        assert_eq!(batch.header().max_timestamp, Millis(77));
        let payload = batch.decoded_payload(1 << 20).unwrap();
        assert!(batch.records(&payload).all(|r| r.unwrap().timestamp == Millis(77)));
    }
}
