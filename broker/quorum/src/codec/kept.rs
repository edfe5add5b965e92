//! What is kept on disk: entries, the vote, how far the log was purged, snapshots.

use std::sync::Arc;

use prost::Message;
use weir_core::controller::Record;

use super::message::{BallotFile, EntryFrame, FORMAT_VERSION, PurgedFile, SnapshotFrame};
use super::parts::{
    ballot, frame, position, records, stored_members, to_entry, to_log_id, to_optional_log_id, to_records,
    to_stored_membership, to_vote,
};
use super::{CodecError, check_version};
use crate::types::{Entry, LogId, LogIndex, SnapshotMeta, Vote};

/// `written_from` is the first entry of the write that this one is part of.
pub(crate) fn encode_entry(entry: &Entry, written_from: u64) -> Vec<u8> {
    EntryFrame { written_from, ..frame(entry) }.encode_to_vec()
}

/// The first entry of the write that an entry was part of.
pub(crate) fn decode_written_from(bytes: &[u8]) -> Result<u64, CodecError> {
    Ok(EntryFrame::decode(bytes)?.written_from)
}

pub(crate) fn decode_entry(bytes: &[u8]) -> Result<Entry, CodecError> {
    to_entry(EntryFrame::decode(bytes)?)
}

pub(crate) fn encode_vote(vote: &Vote) -> Vec<u8> {
    BallotFile { ballot: Some(ballot(vote)) }.encode_to_vec()
}

pub(crate) fn decode_vote(bytes: &[u8]) -> Result<Vote, CodecError> {
    to_vote(BallotFile::decode(bytes)?.ballot)
}

pub(crate) fn encode_purged(upto: &LogId) -> Vec<u8> {
    PurgedFile { upto: Some(position(upto)) }.encode_to_vec()
}

pub(crate) fn decode_purged(bytes: &[u8]) -> Result<LogId, CodecError> {
    to_log_id(PurgedFile::decode(bytes)?.upto.ok_or(CodecError::Missing("position"))?)
}

/// A snapshot of the state machine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SnapshotContent {
    pub(crate) meta: SnapshotMeta,
    pub(crate) last_round: LogIndex,
    /// What makes the image from nothing.
    pub(crate) records: Arc<[Record]>,
}

pub(crate) fn encode_snapshot(content: &SnapshotContent) -> Vec<u8> {
    let SnapshotContent { meta, last_round, records: all } = content;
    SnapshotFrame {
        version: FORMAT_VERSION,
        last: meta.last_log_id.as_ref().map(position),
        members: Some(stored_members(&meta.last_membership)),
        id: meta.snapshot_id.clone(),
        last_round: last_round.0,
        records: records(all),
    }
    .encode_to_vec()
}

pub(crate) fn decode_snapshot(bytes: &[u8]) -> Result<SnapshotContent, CodecError> {
    let frame = SnapshotFrame::decode(bytes)?;
    check_version(frame.version)?;
    let meta = SnapshotMeta {
        last_log_id: to_optional_log_id(frame.last)?,
        last_membership: to_stored_membership(frame.members)?,
        snapshot_id: frame.id,
    };
    Ok(SnapshotContent { meta, last_round: LogIndex(frame.last_round), records: to_records(&frame.records)? })
}
