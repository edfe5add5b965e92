//! Whole frames: the size prefix, the headers and the bodies behind them. Decides how large a frame may be and which
//! header goes in front; never reads a socket.

use bytes::{BufMut, Bytes};
use thiserror::Error;

use crate::api_key::ApiKey;
use crate::encoder::{EncodeError, Encoder, Splice};
use crate::message::{Message, Request};
use crate::reader::{DecodeError, Reader};
use crate::string::Str;

/// The bytes of a size prefix.
pub const SIZE_PREFIX: usize = 4;
/// The least a request can be: key, version and correlation id.
pub const MIN_REQUEST: usize = 8;

/// How much more memory than a request's arrays those of a response may take: whoever reads it chose the broker that
/// wrote it, and lists of empty strings are normal in old versions.
const RESPONSE_TRUST: usize = 4;

/// Why a frame's size is refused. The connection can not go on after it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum FrameError {
    #[error("frame size {0} is negative")]
    Negative(i32),
    #[error("frame size {0} is too small for a header")]
    TooSmall(usize),
    #[error("frame size {size} is larger than the limit of {limit}")]
    TooLarge { size: usize, limit: usize },
}

/// Checks the size that a peer claims for the request that follows, before anything is reserved for it.
pub fn request_size(prefix: [u8; SIZE_PREFIX], limit: usize) -> Result<usize, FrameError> {
    let claimed = i32::from_be_bytes(prefix);
    let size = usize::try_from(claimed).map_err(|_| FrameError::Negative(claimed))?;
    match size {
        0..MIN_REQUEST => Err(FrameError::TooSmall(size)),
        _ if size > limit => Err(FrameError::TooLarge { size, limit }),
        _ => Ok(size),
    }
}

/// Checks the size of a response: at least a correlation id.
pub fn response_size(prefix: [u8; SIZE_PREFIX], limit: usize) -> Result<usize, FrameError> {
    let claimed = i32::from_be_bytes(prefix);
    let size = usize::try_from(claimed).map_err(|_| FrameError::Negative(claimed))?;
    match size {
        0..4 => Err(FrameError::TooSmall(size)),
        _ if size > limit => Err(FrameError::TooLarge { size, limit }),
        _ => Ok(size),
    }
}

/// What stands in front of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    pub key: ApiKey,
    /// As sent: it may be one that is not served.
    pub version: i16,
    pub correlation_id: i32,
    pub client_id: Option<Str>,
}

impl RequestHeader {
    /// Is the version one that has types here?
    #[must_use]
    pub fn is_supported(&self) -> bool {
        self.key.valid_versions().contains(self.version)
    }
}

/// Reads the header of a request; the reader then stands at the body. `frame` is without its size prefix.
///
/// The version need not be a supported one: ApiVersions must be answered whatever it is.
pub fn parse_request(frame: Bytes) -> Result<(RequestHeader, Reader), DecodeError> {
    let mut reader = Reader::new(frame);
    let code = reader.i16()?;
    let version = reader.i16()?;
    let correlation_id = reader.i32()?;
    let key = ApiKey::from_code(code).ok_or(DecodeError::UnknownKey { key: code })?;
    let client_id = reader.plain_opt_str()?;
    reader.set_flexible(key.request_header_version(version) >= 2);
    reader.skip_tags()?;
    Ok((RequestHeader { key, version, correlation_id, client_id }, reader))
}

/// Reads a whole body and refuses bytes behind it.
pub fn decode_body<M: Message>(version: i16, mut reader: Reader) -> Result<M, DecodeError> {
    let body = M::decode(version, &mut reader)?;
    reader.finish()?;
    Ok(body)
}

/// Reads the correlation id in front of any response, so that the request it answers can be found.
pub fn peek_correlation_id(frame: &Bytes) -> Result<i32, DecodeError> {
    Reader::new(frame.clone()).i32()
}

/// Reads a response to a request of type `R` and this version. `frame` is without its size prefix.
pub fn parse_response<R: Request>(version: i16, frame: Bytes) -> Result<(i32, R::Response), DecodeError> {
    let budget = Reader::budget_for(frame.len()).saturating_mul(RESPONSE_TRUST);
    let mut reader = Reader::with_budget(frame, budget);
    let correlation_id = reader.i32()?;
    reader.set_flexible(R::KEY.response_header_version(version) >= 1);
    reader.skip_tags()?;
    Ok((correlation_id, decode_body(version, reader)?))
}

/// A frame that is ready to be sent, but for its splices.
#[derive(Clone, Debug)]
pub struct Frame {
    /// With the size prefix, which counts the splices too.
    pub bytes: Bytes,
    /// Ascending by place.
    pub splices: Vec<Splice>,
}

/// Writes a response with its header and size.
pub fn encode_response<M: Message>(
    version: i16,
    correlation_id: i32,
    body: &M,
) -> Result<Frame, EncodeError> {
    let mut encoder = Encoder::with_capacity(256);
    encoder.buf.put_i32(0);
    encoder.i32(correlation_id);
    encoder.set_flexible(M::KEY.response_header_version(version) >= 1);
    encoder.no_tags();
    body.encode(version, &mut encoder)?;
    seal(encoder)
}

/// Writes a request with its header and size.
pub fn encode_request<R: Request>(
    version: i16,
    correlation_id: i32,
    client_id: Option<&str>,
    body: &R,
) -> Result<Frame, EncodeError> {
    let mut encoder = Encoder::with_capacity(256);
    encoder.buf.put_i32(0);
    encoder.i16(R::KEY.code());
    encoder.i16(version);
    encoder.i32(correlation_id);
    encoder.plain_opt_str(client_id)?;
    encoder.set_flexible(R::KEY.request_header_version(version) >= 2);
    encoder.no_tags();
    body.encode(version, &mut encoder)?;
    seal(encoder)
}

/// Puts the size in front.
fn seal(mut encoder: Encoder) -> Result<Frame, EncodeError> {
    let len = encoder.wire_len() - SIZE_PREFIX as u64;
    let size = i32::try_from(len).map_err(|_| EncodeError::TooLong { len: len as usize })?;
    encoder.buf[..SIZE_PREFIX].copy_from_slice(&size.to_be_bytes());
    Ok(Frame { bytes: encoder.buf.freeze(), splices: encoder.splices })
}

#[cfg(test)]
mod tests;
