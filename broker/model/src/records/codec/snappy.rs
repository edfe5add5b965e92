//! Snappy as Kafka's Java client frames it (a magic, two versions, then blocks with a length each), and raw blocks.

use std::io;

use super::{Codec, CodecError};

const FRAME_MAGIC: [u8; 8] = [0x82, b'S', b'N', b'A', b'P', b'P', b'Y', 0];
const FRAME_HEADER: usize = 16;
const BLOCK: usize = 32 * 1024;
/// No snappy element yields more than 64 bytes from 3, so a block that claims more than this is lying.
const MOST_PER_BYTE: usize = 22;

pub(super) fn compress(plain: &[u8]) -> io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(FRAME_HEADER + plain.len() / 2);
    out.extend_from_slice(&FRAME_MAGIC);
    out.extend_from_slice(&1i32.to_be_bytes());
    out.extend_from_slice(&1i32.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    for chunk in plain.chunks(BLOCK) {
        let block = encoder.compress_vec(chunk).map_err(io::Error::other)?;
        out.extend_from_slice(&(block.len() as u32).to_be_bytes());
        out.extend_from_slice(&block);
    }
    Ok(out)
}

pub(super) fn decompress(packed: &[u8], max: usize) -> Result<Vec<u8>, CodecError> {
    let mut plain = Vec::new();
    if !packed.starts_with(&FRAME_MAGIC) {
        block(packed, max, &mut plain)?;
        return Ok(plain);
    }
    let mut rest = packed.get(FRAME_HEADER..).ok_or_else(|| malformed("frame header is cut"))?;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        // Streams may be concatenated, each with a header of its own.
        if rest.starts_with(&FRAME_MAGIC) {
            rest = rest.get(FRAME_HEADER..).ok_or_else(|| malformed("frame header is cut"))?;
            continue;
        }
        let length = u32::from_be_bytes(*length) as usize;
        let bytes = after.get(..length).ok_or_else(|| malformed("block passes the end"))?;
        block(bytes, max, &mut plain)?;
        rest = &after[length..];
    }
    if rest.is_empty() { Ok(plain) } else { Err(malformed("block length is cut")) }
}

fn block(bytes: &[u8], max: usize, plain: &mut Vec<u8>) -> Result<(), CodecError> {
    let claimed = snap::raw::decompress_len(bytes).map_err(malformed)?;
    if claimed > bytes.len().saturating_mul(MOST_PER_BYTE) {
        return Err(malformed("block claims more than it can hold"));
    }
    let start = plain.len();
    if claimed > max.saturating_sub(start) {
        return Err(CodecError::TooLarge { max });
    }
    plain.resize(start + claimed, 0);
    let written = snap::raw::Decoder::new().decompress(bytes, &mut plain[start..]).map_err(malformed)?;
    plain.truncate(start + written);
    Ok(())
}

fn malformed(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> CodecError {
    CodecError::Malformed { codec: Codec::Snappy, source: io::Error::new(io::ErrorKind::InvalidData, why) }
}
