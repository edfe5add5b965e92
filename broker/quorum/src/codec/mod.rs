//! Between the consensus library's values and their bytes: what is kept (`kept`) and what is sent (`sent`). Decoding
//! refuses what this code does not understand completely, so that a node never acknowledges an entry that it can not
//! apply.

mod kept;
mod message;
mod parts;
mod sent;

#[cfg(test)]
mod tests;

use thiserror::Error;
use weir_core::controller::RecordError;

pub(crate) use kept::{
    SnapshotContent, decode_entry, decode_purged, decode_snapshot, decode_vote, decode_written_from,
    encode_entry, encode_purged, encode_snapshot, encode_vote,
};
pub(crate) use sent::{Answer, Ask, Question, SnapshotAnswer, Stand};

/// Why bytes are not what they should be.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CodecError {
    /// Not what this format looks like.
    #[error("quorum data is damaged: {0}")]
    Damaged(String),
    /// A newer broker wrote it.
    #[error("quorum data has format version {0}, this broker reads up to 1: upgrade it")]
    Version(u32),
    /// A newer broker wrote it.
    #[error("quorum data is of a kind that this broker does not know: upgrade it")]
    UnknownKind,
    /// Something that must be there is not.
    #[error("quorum data has no {0}")]
    Missing(&'static str),
    /// One of the records in it.
    #[error(transparent)]
    Record(#[from] RecordError),
}

impl From<prost::DecodeError> for CodecError {
    fn from(error: prost::DecodeError) -> Self {
        Self::Damaged(error.to_string())
    }
}

fn check_version(version: u32) -> Result<(), CodecError> {
    match version {
        0 => Err(CodecError::Missing("version")),
        message::FORMAT_VERSION => Ok(()),
        newer => Err(CodecError::Version(newer)),
    }
}
