//! What the generated modules see.

pub(crate) use bytes::Bytes;
pub(crate) use uuid::Uuid;

pub(crate) use crate::api_key::ApiKey;
pub(crate) use crate::encoder::{EncodeError, Encoder};
pub(crate) use crate::message::{Element, Message, Request};
pub(crate) use crate::reader::{DecodeError, Reader};
pub(crate) use crate::records::Records;
pub(crate) use crate::string::Str;
