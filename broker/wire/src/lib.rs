//! The Kafka protocol: frames, requests, responses and their versions, at the level of Kafka 4.2.
//!
//! The types and codecs in [`messages`] are generated from `schema/`. This crate decides what bytes mean and nothing
//! else: it does no I/O, knows no broker, and never trusts a length that a peer claims.

mod api_key;
mod codec;
mod encoder;
mod error_code;
pub mod frame;
mod message;
pub mod messages;
mod reader;
mod records;
mod string;

pub use api_key::{ApiKey, VersionRange};
pub use encoder::{EncodeError, Encoder, Splice};
pub use error_code::ErrorCode;
pub use message::{Element, Message, Request, Visitor};
pub use reader::{DecodeError, Reader};
pub use records::Records;
pub use string::Str;
