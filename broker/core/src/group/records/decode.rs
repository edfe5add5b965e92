//! Decides what a record of the log means: every version that Kafka ever wrote of the two kinds we keep. Other kinds and
//! later versions are skipped with a reason. Must never panic, nor allocate by a claimed count: bytes can be garbage.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::{Buf, Bytes};
use thiserror::Error;
use uuid::Uuid;
use weir_model::{DurationMs, LeaderEpoch, Millis, Offset, PartitionIndex, TopicId, TopicName};

use super::{CommittedOffset, GroupMeta, MemberMeta, OffsetKey, Profile, Record};
use crate::group::ids::{Generation, GroupId, MemberId};

/// Why a record does not count.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Skipped {
    /// A kind of record that this coordinator does not keep (such as those of the newer group protocols).
    #[error("unknown key version {0}")]
    UnknownKey(i16),
    /// A version from the future.
    #[error("unknown value version {value} under key version {key}")]
    UnknownValue {
        /// The key's version, which is the record's kind.
        key: i16,
        /// The value's version.
        value: i16,
    },
    /// Shorter than it says, not UTF-8, or not a legal name.
    #[error("malformed record: {0}")]
    Malformed(&'static str),
}

/// Reads one record; `value` is `None` for a tombstone.
pub fn decode(key: Bytes, value: Option<Bytes>) -> Result<Record, Skipped> {
    let mut key = Input { bytes: key, flexible: false };
    match key.i16("key version")? {
        0 | 1 => {
            let group = GroupId::from(&*key.string("group id")?);
            let topic =
                TopicName::new(&key.string("topic")?).map_err(|_| Skipped::Malformed("topic name"))?;
            let partition = PartitionIndex(key.i32("partition")?);
            let value = value.map(offset_value).transpose()?;
            Ok(Record::Offset { key: OffsetKey { group, topic, partition }, value })
        }
        2 => {
            let group = GroupId::from(&*key.string("group id")?);
            Ok(Record::Group { group, meta: value.map(group_value).transpose()? })
        }
        other => Err(Skipped::UnknownKey(other)),
    }
}

fn versioned(value: Bytes, key: i16) -> Result<(i16, Input), Skipped> {
    let mut input = Input { bytes: value, flexible: false };
    let version = input.i16("value version")?;
    if !(0..=4).contains(&version) {
        return Err(Skipped::UnknownValue { key, value: version });
    }
    input.flexible = version >= 4;
    Ok((version, input))
}

fn offset_value(value: Bytes) -> Result<CommittedOffset, Skipped> {
    let (version, mut input) = versioned(value, 1)?;
    let offset = Offset(input.i64("offset")?);
    let leader_epoch = if version >= 3 { LeaderEpoch(input.i32("leader epoch")?) } else { LeaderEpoch::NONE };
    let metadata = input.string("metadata")?;
    let committed_at = Millis(input.i64("commit timestamp")?);
    let expires_at = if version == 1 { input.i64("expire timestamp")? } else { -1 };
    let mut topic_id = TopicId::ZERO;
    input.tags(|tag, mut body| {
        if tag == 0 {
            topic_id = TopicId(body.uuid("topic id")?);
        }
        Ok(())
    })?;
    let expires_at = (expires_at >= 0).then_some(Millis(expires_at));
    Ok(CommittedOffset { offset, leader_epoch, metadata, committed_at, expires_at, topic_id })
}

fn group_value(value: Bytes) -> Result<GroupMeta, Skipped> {
    let (version, mut input) = versioned(value, 2)?;
    let protocol_type = input.string("protocol type")?;
    let generation = Generation(input.i32("generation")?);
    let protocol = input.nullable_string("protocol")?;
    let leader = input.nullable_string("leader")?;
    let since = if version >= 2 { input.i64("state timestamp")? } else { -1 };
    let mut members = BTreeMap::new();
    for _ in 0..input.count("members")? {
        let (id, member) = member_value(&mut input, version)?;
        members.insert(id, member);
    }
    input.tags(|_, _| Ok(()))?;
    Ok(GroupMeta {
        protocol_type: (!protocol_type.is_empty()).then(|| (&*protocol_type).into()),
        generation,
        protocol: protocol.as_deref().map(Into::into),
        leader: leader.as_deref().map(Into::into),
        state_since: (since >= 0).then_some(Millis(since)),
        members,
    })
}

fn member_value(input: &mut Input, version: i16) -> Result<(MemberId, MemberMeta), Skipped> {
    let id = MemberId::from(&*input.string("member id")?);
    let instance = if version >= 3 { input.nullable_string("instance id")? } else { None };
    let client_id = input.string("client id")?;
    let client_host = input.string("client host")?;
    let rebalance = if version >= 1 { input.i32("rebalance timeout")? } else { -1 };
    let session = input.i32("session timeout")?;
    let subscription = input.bytes("subscription")?;
    let assignment = input.bytes("assignment")?;
    input.tags(|_, _| Ok(()))?;
    let profile = Profile {
        instance: instance.as_deref().map(Into::into),
        client_id,
        client_host,
        rebalance_timeout: DurationMs(i64::from(if rebalance == -1 { session } else { rebalance })),
        session_timeout: DurationMs(i64::from(session)),
    };
    Ok((id, MemberMeta { profile, subscription, assignment }))
}

/// What is left of the bytes, in the classic or the flexible dialect.
struct Input {
    bytes: Bytes,
    flexible: bool,
}

impl Input {
    fn i16(&mut self, what: &'static str) -> Result<i16, Skipped> {
        self.bytes.try_get_i16().map_err(|_| Skipped::Malformed(what))
    }

    fn i32(&mut self, what: &'static str) -> Result<i32, Skipped> {
        self.bytes.try_get_i32().map_err(|_| Skipped::Malformed(what))
    }

    fn i64(&mut self, what: &'static str) -> Result<i64, Skipped> {
        self.bytes.try_get_i64().map_err(|_| Skipped::Malformed(what))
    }

    fn uuid(&mut self, what: &'static str) -> Result<Uuid, Skipped> {
        self.bytes.try_get_u128().map(Uuid::from_u128).map_err(|_| Skipped::Malformed(what))
    }

    fn uvarint(&mut self, what: &'static str) -> Result<u32, Skipped> {
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let byte = self.bytes.try_get_u8().map_err(|_| Skipped::Malformed(what))?;
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Skipped::Malformed(what))
    }

    fn take(&mut self, len: usize, what: &'static str) -> Result<Bytes, Skipped> {
        if len > self.bytes.len() {
            return Err(Skipped::Malformed(what));
        }
        Ok(self.bytes.split_to(len))
    }

    fn string(&mut self, what: &'static str) -> Result<Arc<str>, Skipped> {
        self.nullable_string(what)?.ok_or(Skipped::Malformed(what))
    }

    fn nullable_string(&mut self, what: &'static str) -> Result<Option<Arc<str>>, Skipped> {
        let len = if self.flexible { i64::from(self.uvarint(what)?) - 1 } else { i64::from(self.i16(what)?) };
        if len < 0 {
            return Ok(None);
        }
        let raw = self.take(len as usize, what)?;
        std::str::from_utf8(&raw).map(|text| Some(text.into())).map_err(|_| Skipped::Malformed(what))
    }

    /// Copied, so that the state does not pin the batch it came in.
    fn bytes(&mut self, what: &'static str) -> Result<Bytes, Skipped> {
        let len = self.count(what)?;
        Ok(Bytes::copy_from_slice(&self.take(len, what)?))
    }

    fn count(&mut self, what: &'static str) -> Result<usize, Skipped> {
        let count =
            if self.flexible { i64::from(self.uvarint(what)?) - 1 } else { i64::from(self.i32(what)?) };
        usize::try_from(count).map_err(|_| Skipped::Malformed(what))
    }

    fn tags(&mut self, mut each: impl FnMut(u32, Input) -> Result<(), Skipped>) -> Result<(), Skipped> {
        if !self.flexible {
            return Ok(());
        }
        for _ in 0..self.uvarint("tags")? {
            let tag = self.uvarint("tag")?;
            let len = self.uvarint("tag length")? as usize;
            each(tag, Input { bytes: self.take(len, "tag body")?, flexible: true })?;
        }
        Ok(())
    }
}
