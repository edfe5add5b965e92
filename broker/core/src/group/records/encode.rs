//! Decides the bytes of a record: the versions that Kafka 4.2 writes (keys 1 and 2; group value 3; offset value 4, or 1
//! for an offset with an end of its own). Must never write what `decode` does not read back.

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;
use weir_model::{DurationMs, Millis, TopicId};

use super::{CommittedOffset, GroupMeta, MemberMeta, OffsetKey, Record};
use crate::group::ids::MemberId;

/// A record that the layout has no room for.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Unencodable {
    /// Strings are at most 32767 bytes.
    #[error("{field} is {len} bytes long, the most is 32767")]
    StringTooLong {
        /// Which one.
        field: &'static str,
        /// Its length.
        len: usize,
    },
    /// Arrays and byte strings have 32-bit lengths.
    #[error("{field} is too large")]
    TooLarge {
        /// Which one.
        field: &'static str,
    },
}

type Outcome = Result<(), Unencodable>;

/// The key's bytes.
pub fn encode_key(record: &Record) -> Result<Bytes, Unencodable> {
    let mut out = BytesMut::new();
    match record {
        Record::Offset { key: OffsetKey { group, topic, partition }, .. } => {
            out.put_i16(1);
            put_string(&mut out, "group id", group.as_str())?;
            put_string(&mut out, "topic", topic.as_str())?;
            out.put_i32(partition.0);
        }
        Record::Group { group, .. } => {
            out.put_i16(2);
            put_string(&mut out, "group id", group.as_str())?;
        }
    }
    Ok(out.freeze())
}

/// The value's bytes; `None` for a tombstone.
pub fn encode_value(record: &Record) -> Result<Option<Bytes>, Unencodable> {
    let mut out = BytesMut::new();
    match record {
        Record::Offset { value: None, .. } | Record::Group { meta: None, .. } => return Ok(None),
        Record::Offset { value: Some(offset), .. } => match offset.expires_at {
            Some(end) => put_offset_v1(&mut out, offset, end)?,
            None => put_offset_v4(&mut out, offset)?,
        },
        Record::Group { meta: Some(meta), .. } => put_group_v3(&mut out, meta)?,
    }
    Ok(Some(out.freeze()))
}

fn put_offset_v1(out: &mut BytesMut, value: &CommittedOffset, expires_at: Millis) -> Outcome {
    out.put_i16(1);
    out.put_i64(value.offset.0);
    put_string(out, "offset metadata", &value.metadata)?;
    out.put_i64(value.committed_at.0);
    out.put_i64(expires_at.0);
    Ok(())
}

fn put_offset_v4(out: &mut BytesMut, value: &CommittedOffset) -> Outcome {
    out.put_i16(4);
    out.put_i64(value.offset.0);
    out.put_i32(value.leader_epoch.0);
    put_compact_string(out, "offset metadata", &value.metadata)?;
    out.put_i64(value.committed_at.0);
    if value.topic_id == TopicId::ZERO {
        out.put_u8(0);
        return Ok(());
    }
    out.put_slice(&[1, 0, 16]); // one tag, number 0, 16 bytes long
    out.put_slice(value.topic_id.0.as_bytes());
    Ok(())
}

fn put_group_v3(out: &mut BytesMut, meta: &GroupMeta) -> Outcome {
    out.put_i16(3);
    put_string(out, "protocol type", meta.protocol_type.as_ref().map_or("", |t| t.as_str()))?;
    out.put_i32(meta.generation.0);
    put_nullable_string(out, "protocol", meta.protocol.as_ref().map(|p| p.as_str()))?;
    put_nullable_string(out, "leader", meta.leader.as_ref().map(MemberId::as_str))?;
    out.put_i64(meta.state_since.unwrap_or(Millis::NONE).0);
    out.put_i32(length("members", meta.members.len())?);
    meta.members.iter().try_for_each(|(id, member)| put_member_v3(out, id, member))
}

fn put_member_v3(out: &mut BytesMut, id: &MemberId, member: &MemberMeta) -> Outcome {
    let profile = &member.profile;
    put_string(out, "member id", id.as_str())?;
    put_nullable_string(out, "instance id", profile.instance.as_ref().map(|i| i.as_str()))?;
    put_string(out, "client id", &profile.client_id)?;
    put_string(out, "client host", &profile.client_host)?;
    out.put_i32(timeout(profile.rebalance_timeout));
    out.put_i32(timeout(profile.session_timeout));
    put_bytes(out, "subscription", &member.subscription)?;
    put_bytes(out, "assignment", &member.assignment)
}

/// Timeouts come from 32-bit fields, so this cuts nothing that a client can send.
fn timeout(span: DurationMs) -> i32 {
    i32::try_from(span.0.max(0)).unwrap_or(i32::MAX)
}

fn put_string(out: &mut BytesMut, field: &'static str, text: &str) -> Outcome {
    let len = text.len();
    out.put_i16(i16::try_from(len).map_err(|_| Unencodable::StringTooLong { field, len })?);
    out.put_slice(text.as_bytes());
    Ok(())
}

fn put_nullable_string(out: &mut BytesMut, field: &'static str, text: Option<&str>) -> Outcome {
    match text {
        Some(text) => put_string(out, field, text),
        None => {
            out.put_i16(-1);
            Ok(())
        }
    }
}

fn put_compact_string(out: &mut BytesMut, field: &'static str, text: &str) -> Outcome {
    let len = text.len();
    if i16::try_from(len).is_err() {
        return Err(Unencodable::StringTooLong { field, len });
    }
    put_uvarint(out, len as u32 + 1);
    out.put_slice(text.as_bytes());
    Ok(())
}

fn put_uvarint(out: &mut BytesMut, mut value: u32) {
    while value >= 0x80 {
        out.put_u8(value as u8 | 0x80);
        value >>= 7;
    }
    out.put_u8(value as u8);
}

fn put_bytes(out: &mut BytesMut, field: &'static str, bytes: &Bytes) -> Outcome {
    out.put_i32(length(field, bytes.len())?);
    out.put_slice(bytes);
    Ok(())
}

fn length(field: &'static str, len: usize) -> Result<i32, Unencodable> {
    i32::try_from(len).map_err(|_| Unencodable::TooLarge { field })
}
