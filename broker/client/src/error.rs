//! Everything that can go wrong between here and a broker. Decides how each failure reads; what to do about it is
//! decided by `retry` and by the caller.

use std::io;
use std::time::Duration;

use thiserror::Error;
use weir_model::records::BatchError;
use weir_model::{BrokerId, PartitionIndex};
use weir_wire::{ApiKey, DecodeError, EncodeError, ErrorCode, VersionRange};

use crate::address::Address;

/// A bootstrap address that was tried, and what came of it.
#[derive(Debug)]
pub struct Attempt {
    /// Where.
    pub address: Address,
    /// What happened.
    pub error: ClientError,
}

/// Why a call failed.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Nothing listens there, or it can not be reached.
    #[error("nothing answers on {address}: {source}")]
    Unreachable {
        /// Where.
        address: Address,
        /// Why.
        source: io::Error,
    },
    /// No bootstrap address gave a usable connection.
    #[error("no bootstrap address can be used: {}", attempts(tried))]
    NoBroker {
        /// All of them, in the order tried.
        tried: Vec<Attempt>,
    },
    /// The bootstrap address answers, but the address that a broker advertises does not.
    #[error("broker {broker} advertises {advertised}, and nothing answers there: {source}")]
    AdvertisedUnreachable {
        /// Which broker.
        broker: BrokerId,
        /// Where it says it is.
        advertised: Address,
        /// Who told us so.
        via: Address,
        /// Why.
        source: Box<ClientError>,
    },
    /// The connection ended while an answer was awaited.
    #[error("{address} closed the connection: {reason}")]
    Closed {
        /// The peer.
        address: Address,
        /// As far as known.
        reason: String,
    },
    /// The peer sends bytes that are no Kafka frames.
    #[error("{address} does not answer as a Kafka broker: {reason}")]
    NotKafka {
        /// The peer.
        address: Address,
        /// What was seen.
        reason: String,
    },
    /// An answer took too long.
    #[error("{address} did not answer {api:?} within {given:?}")]
    Timeout {
        /// The peer.
        address: Address,
        /// The request.
        api: ApiKey,
        /// The time that the call was given.
        given: Duration,
    },
    /// There is no version that both sides speak.
    #[error("{address} can not serve {api:?}: it speaks {}, this client {} to {}", versions(*theirs), ours.min, ours.max)]
    Unsupported {
        /// The peer.
        address: Address,
        /// The request.
        api: ApiKey,
        /// What the peer offers.
        theirs: Option<VersionRange>,
        /// What we could use.
        ours: VersionRange,
    },
    /// A request can not be written.
    #[error("{api:?} request can not be encoded: {source}")]
    Encode {
        /// The request.
        api: ApiKey,
        /// Why.
        source: EncodeError,
    },
    /// An answer can not be read.
    #[error("{address} answered {api:?} with bytes that do not parse: {source}")]
    Decode {
        /// The peer.
        address: Address,
        /// The request.
        api: ApiKey,
        /// Why.
        source: DecodeError,
    },
    /// An answer parses but makes no sense.
    #[error("{address} answered {api:?} without sense: {what}")]
    Nonsense {
        /// The peer.
        address: Address,
        /// The request.
        api: ApiKey,
        /// What is missing or contradictory.
        what: String,
    },
    /// The broker refused, in Kafka's words.
    #[error("{subject}: {code}{}", said(message.as_deref()))]
    Kafka {
        /// What it was about, such as `topic orders`.
        subject: String,
        /// Kafka's error.
        code: ErrorCode,
        /// The broker's own words, if it sent any.
        message: Option<String>,
    },
    /// The topic has no such partition.
    #[error("topic {topic} has no partition {partition}, it has {count}")]
    NoSuchPartition {
        /// The topic.
        topic: String,
        /// The one asked for.
        partition: PartitionIndex,
        /// How many there are.
        count: usize,
    },
    /// Records that were fetched can not be read, or records to be sent can not be put together.
    #[error("records of {topic}-{partition}: {source}")]
    Records {
        /// The topic.
        topic: String,
        /// The partition.
        partition: PartitionIndex,
        /// Why.
        source: BatchError,
    },
    /// An earlier batch of this idempotent producer failed, so that its sequence has a gap.
    #[error("the producer can not go on after an earlier failure")]
    ProducerFailed,
    /// A task of the client's own ended before its time: the runtime is being shut down.
    #[error("the client is being shut down")]
    ShutDown,
    /// Retries went on until the time was up.
    #[error("gave up after {given:?}: {last}")]
    GaveUp {
        /// The time that the call was given.
        given: Duration,
        /// The last failure.
        last: Box<ClientError>,
    },
}

impl ClientError {
    /// A refusal, if the code is one.
    pub(crate) fn check(
        subject: impl FnOnce() -> String,
        code: i16,
        message: Option<&str>,
    ) -> Result<(), ClientError> {
        let code = ErrorCode::from(code);
        if !code.is_error() {
            return Ok(());
        }
        let message = message.filter(|text| !text.is_empty()).map(str::to_owned);
        Err(Self::Kafka { subject: subject(), code, message })
    }

    /// The last failure itself, where retries were given up.
    #[must_use]
    pub fn root(&self) -> &Self {
        match self {
            Self::GaveUp { last, .. } => last.root(),
            other => other,
        }
    }

    /// The Kafka error at the root, if there is one.
    #[must_use]
    pub fn code(&self) -> Option<ErrorCode> {
        match self.root() {
            Self::Kafka { code, .. } => Some(*code),
            _ => None,
        }
    }
}

fn attempts(tried: &[Attempt]) -> String {
    let words: Vec<String> = tried.iter().map(|attempt| attempt.error.to_string()).collect();
    words.join("; ")
}

fn versions(range: Option<VersionRange>) -> String {
    range.map_or_else(|| "no version of it".into(), |r| format!("versions {} to {}", r.min, r.max))
}

fn said(message: Option<&str>) -> String {
    message.map(|text| format!(": {text}")).unwrap_or_default()
}
