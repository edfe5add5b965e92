//! Why a load could not be carried out. Nothing is retried here: a figure with a retry in it is not a figure.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;
use weir_model::records::BatchError;
use weir_wire::{DecodeError, EncodeError, ErrorCode};

#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error("can not connect to {address}: {source}")]
    Unreachable { address: String, source: io::Error },
    #[error("the connection to {address} failed: {source}")]
    Connection { address: SocketAddr, source: io::Error },
    #[error("the broker closed the connection to {address}")]
    Closed { address: SocketAddr },
    #[error("the answer to {api} can not be read: {source}")]
    Unreadable { api: &'static str, source: DecodeError },
    #[error("{api} can not be encoded: {source}")]
    Encode { api: &'static str, source: EncodeError },
    #[error("an answer of {size} bytes announces {claimed}, more than is taken")]
    TooLarge { size: usize, claimed: i64 },
    #[error("{what} was refused: {code:?}")]
    Refused { what: String, code: ErrorCode },
    #[error("topic {0} has no partitions: create it first")]
    NoSuchTopic(String),
    #[error("{what}: offset {found} where {expected} was due")]
    Gap { what: String, expected: i64, found: i64 },
    #[error("{what}: {source}")]
    Batch { what: String, source: BatchError },
    #[error("{what}: {got} of {wanted} records within {seconds} s")]
    TooFew { what: String, got: u64, wanted: u64, seconds: u64 },
    #[error("{0}")]
    Nonsense(String),
    #[error("{what}: {source}")]
    Machine { what: &'static str, source: io::Error },
    #[error("can not write the report: {0}")]
    Report(#[from] serde_json::Error),
}

impl LoadError {
    /// For `map_err` where the machine itself refuses something.
    pub(crate) fn machine(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Machine { what, source }
    }
}
