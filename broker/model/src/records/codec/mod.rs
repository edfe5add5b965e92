//! The four compression codecs of Kafka, both ways, with a hard bound on what decompression may yield.

mod snappy;

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use lz4_flex::frame::{BlockMode, BlockSize, FrameDecoder, FrameEncoder, FrameInfo};
use thiserror::Error;

/// The most that is decompressed without knowing its size.
const AT_ONCE_MAX: usize = 4 << 20;

/// How a batch's records are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Codec {
    /// Not at all.
    #[default]
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy blocks in the Java library's framing (raw blocks are read too).
    Snappy,
    /// The LZ4 frame format.
    Lz4,
    /// RFC 8878.
    Zstd,
}

/// Why a payload could not be compressed or decompressed.
#[derive(Debug, Error)]
pub enum CodecError {
    /// The decompressed bytes would pass the bound.
    #[error("decompresses to more than {max} bytes")]
    TooLarge {
        /// The bound.
        max: usize,
    },
    /// The bytes are not what the codec says.
    #[error("not valid {}", codec.name())]
    Malformed {
        /// The codec.
        codec: Codec,
        /// What its library says.
        #[source]
        source: io::Error,
    },
}

impl Codec {
    /// From the low three attribute bits.
    #[must_use]
    pub fn from_bits(bits: u8) -> Option<Self> {
        [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd].get(usize::from(bits)).copied()
    }

    /// As the low three attribute bits.
    #[must_use]
    pub fn bits(self) -> u8 {
        self as u8
    }

    /// As settings name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// From its name in settings (`uncompressed` is the topic setting's word for none).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "none" | "uncompressed" => Some(Self::None),
            "gzip" => Some(Self::Gzip),
            "snappy" => Some(Self::Snappy),
            "lz4" => Some(Self::Lz4),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// Compresses; `level` is the codec's own scale, none its default, and codecs without levels ignore it.
pub fn compress(codec: Codec, plain: &[u8], level: Option<i32>) -> Result<Vec<u8>, CodecError> {
    let malformed = |source| CodecError::Malformed { codec, source };
    match codec {
        Codec::None => Ok(plain.to_vec()),
        Codec::Gzip => gzip(plain, level).map_err(malformed),
        Codec::Snappy => snappy::compress(plain).map_err(malformed),
        Codec::Lz4 => lz4(plain).map_err(malformed),
        Codec::Zstd => zstd::stream::encode_all(plain, level.unwrap_or(3)).map_err(malformed),
    }
}

/// Decompresses to at most `max` bytes. Memory grows with what really comes out, never with what a header claims.
pub fn decompress(codec: Codec, packed: &[u8], max: usize) -> Result<Vec<u8>, CodecError> {
    match codec {
        Codec::None if packed.len() > max => Err(CodecError::TooLarge { max }),
        Codec::None => Ok(packed.to_vec()),
        Codec::Gzip => read_bounded(codec, || Ok(MultiGzDecoder::new(packed)), packed.len(), max),
        Codec::Snappy => snappy::decompress(packed, max),
        Codec::Lz4 => read_bounded(codec, || Ok(FrameDecoder::new(packed)), packed.len(), max),
        Codec::Zstd => {
            read_bounded(codec, || zstd::stream::read::Decoder::with_buffer(packed), packed.len(), max)
        }
    }
}

fn gzip(plain: &[u8], level: Option<i32>) -> io::Result<Vec<u8>> {
    let level = level.and_then(|l| u32::try_from(l).ok()).filter(|l| *l <= 9);
    let level = level.map_or_else(Compression::default, Compression::new);
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 2), level);
    encoder.write_all(plain)?;
    encoder.finish()
}

/// Independent blocks: the Java client refuses linked ones.
fn lz4(plain: &[u8]) -> io::Result<Vec<u8>> {
    let info = FrameInfo::new().block_mode(BlockMode::Independent).block_size(BlockSize::Max64KB);
    let mut encoder = FrameEncoder::with_frame_info(info, Vec::with_capacity(plain.len() / 2));
    encoder.write_all(plain)?;
    encoder.finish().map_err(io::Error::other)
}

/// What is small is read at once. What is not is measured first: a buffer that grows by doubling takes several times its
/// content, and a bomb must not take even its bound.
fn read_bounded<R: Read>(
    codec: Codec,
    open: impl Fn() -> io::Result<R>,
    packed: usize,
    max: usize,
) -> Result<Vec<u8>, CodecError> {
    let malformed = |source| CodecError::Malformed { codec, source };
    let at_once = max.min(AT_ONCE_MAX);
    let mut reader = open().map_err(malformed)?;
    let mut plain = Vec::with_capacity(packed.saturating_mul(2).min(at_once));
    reader.by_ref().take(at_once as u64 + 1).read_to_end(&mut plain).map_err(malformed)?;
    if plain.len() <= at_once {
        return Ok(plain);
    }
    let room = max.saturating_sub(plain.len()) as u64;
    let rest = io::copy(&mut reader.take(room.saturating_add(1)), &mut io::sink()).map_err(malformed)?;
    let size = plain.len().saturating_add(usize::try_from(rest).unwrap_or(usize::MAX));
    drop(plain);
    if size > max {
        return Err(CodecError::TooLarge { max });
    }
    let mut whole = Vec::with_capacity(size);
    open().and_then(|mut again| again.read_to_end(&mut whole)).map_err(malformed)?;
    Ok(whole)
}

#[cfg(test)]
mod tests;
