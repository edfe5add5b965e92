//! What nodes send each other. Every question names the node it is meant for, because an address may by now belong to
//! another disk of the same broker.

use bytes::Bytes;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, VoteRequest, VoteResponse,
};
use prost::Message;

use super::message::{
    self, Appended, AskAppend, AskSnapshot, AskStand, AskVote, FORMAT_VERSION, Reply, Told, ToldAppend,
    ToldHearing, ToldSnapshot, ToldVote,
};
use super::parts::{
    ballot, frame, node, position, stored_members, to_entry, to_log_id, to_node, to_optional_log_id,
    to_stored_membership, to_vote,
};
use super::{CodecError, check_version};
use crate::node::Hearing;
use crate::types::{NodeId, SnapshotMeta, Term, TypeConfig, Vote};

/// What one node asks another.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) from: NodeId,
    pub(crate) to: NodeId,
    pub(crate) ask: Ask,
}

/// What is asked.
#[derive(Debug)]
pub(crate) enum Ask {
    Vote(VoteRequest<NodeId>),
    Append(AppendEntriesRequest<TypeConfig>),
    Snapshot(InstallSnapshotRequest<TypeConfig>),
    Stand(Stand),
    /// Is a leader heard?
    Hearing,
}

/// A leader that is leaving asks for its succession.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stand {
    /// The reign that ends.
    pub(crate) term: Term,
    /// This is the one who should win; the others only stop waiting for the old leader.
    pub(crate) successor: bool,
}

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Vote(VoteResponse<NodeId>),
    Append(AppendEntriesResponse<NodeId>),
    Snapshot(SnapshotAnswer),
    Stand,
    Hearing(Hearing),
}

/// How a piece of a snapshot was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SnapshotAnswer {
    /// By a node of this vote; perhaps it knows a later leader.
    Taken(Vote),
    /// It does not continue the piece before: begin again.
    BeginAgain,
}

impl Question {
    pub(crate) fn encode(&self) -> Bytes {
        let ask = match &self.ask {
            Ask::Vote(request) => message::Ask::Vote(AskVote {
                ballot: Some(ballot(&request.vote)),
                last: request.last_log_id.as_ref().map(position),
            }),
            Ask::Append(request) => message::Ask::Append(AskAppend {
                ballot: Some(ballot(&request.vote)),
                previous: request.prev_log_id.as_ref().map(position),
                entries: request.entries.iter().map(frame).collect(),
                committed: request.leader_commit.as_ref().map(position),
            }),
            Ask::Snapshot(request) => message::Ask::Snapshot(AskSnapshot {
                ballot: Some(ballot(&request.vote)),
                last: request.meta.last_log_id.as_ref().map(position),
                members: Some(stored_members(&request.meta.last_membership)),
                id: request.meta.snapshot_id.clone(),
                offset: request.offset,
                data: request.data.clone(),
                done: request.done,
            }),
            Ask::Stand(Stand { term, successor }) => {
                message::Ask::Stand(AskStand { term: term.0, successor: *successor })
            }
            Ask::Hearing => message::Ask::Hearing(true),
        };
        let question = message::Question {
            version: FORMAT_VERSION,
            from: Some(node(&self.from)),
            to: Some(node(&self.to)),
            ask: Some(ask),
        };
        question.encode_to_vec().into()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let question = message::Question::decode(bytes)?;
        check_version(question.version)?;
        let ask = match question.ask.ok_or(CodecError::UnknownKind)? {
            message::Ask::Vote(ask) => {
                Ask::Vote(VoteRequest::new(to_vote(ask.ballot)?, to_optional_log_id(ask.last)?))
            }
            message::Ask::Append(ask) => Ask::Append(AppendEntriesRequest {
                vote: to_vote(ask.ballot)?,
                prev_log_id: to_optional_log_id(ask.previous)?,
                entries: ask.entries.into_iter().map(to_entry).collect::<Result<_, _>>()?,
                leader_commit: to_optional_log_id(ask.committed)?,
            }),
            message::Ask::Snapshot(ask) => Ask::Snapshot(InstallSnapshotRequest {
                vote: to_vote(ask.ballot)?,
                meta: SnapshotMeta {
                    last_log_id: to_optional_log_id(ask.last)?,
                    last_membership: to_stored_membership(ask.members)?,
                    snapshot_id: ask.id,
                },
                offset: ask.offset,
                data: ask.data,
                done: ask.done,
            }),
            message::Ask::Stand(ask) => Ask::Stand(Stand { term: Term(ask.term), successor: ask.successor }),
            message::Ask::Hearing(_) => Ask::Hearing,
        };
        Ok(Self { from: to_node(question.from)?, to: to_node(question.to)?, ask })
    }
}

impl Answer {
    pub(crate) fn encode(&self) -> Bytes {
        let told = match self {
            Self::Vote(response) => Told::Vote(ToldVote {
                ballot: Some(ballot(&response.vote)),
                granted: response.vote_granted,
                last: response.last_log_id.as_ref().map(position),
            }),
            Self::Append(response) => Told::Append(ToldAppend { appended: Some(appended(response)) }),
            Self::Snapshot(SnapshotAnswer::Taken(vote)) => {
                Told::Snapshot(ToldSnapshot { ballot: Some(ballot(vote)), begin_again: false })
            }
            Self::Snapshot(SnapshotAnswer::BeginAgain) => {
                Told::Snapshot(ToldSnapshot { ballot: None, begin_again: true })
            }
            Self::Stand => Told::Stand(true),
            Self::Hearing(Hearing { leader, last }) => {
                Told::Hearing(ToldHearing { leader: *leader, last: last.as_ref().map(position) })
            }
        };
        Reply { version: FORMAT_VERSION, told: Some(told) }.encode_to_vec().into()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let reply = Reply::decode(bytes)?;
        check_version(reply.version)?;
        Ok(match reply.told.ok_or(CodecError::UnknownKind)? {
            Told::Vote(told) => {
                let last = to_optional_log_id(told.last)?;
                Self::Vote(VoteResponse::new(to_vote(told.ballot)?, last, told.granted))
            }
            Told::Append(told) => Self::Append(to_appended(told)?),
            Told::Snapshot(told) if told.begin_again => Self::Snapshot(SnapshotAnswer::BeginAgain),
            Told::Snapshot(told) => Self::Snapshot(SnapshotAnswer::Taken(to_vote(told.ballot)?)),
            Told::Stand(_) => Self::Stand,
            Told::Hearing(told) => {
                Self::Hearing(Hearing { leader: told.leader, last: to_optional_log_id(told.last)? })
            }
        })
    }
}

fn appended(response: &AppendEntriesResponse<NodeId>) -> Appended {
    match response {
        AppendEntriesResponse::Success => Appended::All(true),
        AppendEntriesResponse::PartialSuccess(Some(upto)) => Appended::UpTo(position(upto)),
        AppendEntriesResponse::PartialSuccess(None) => Appended::Nothing(true),
        AppendEntriesResponse::Conflict => Appended::Conflict(true),
        AppendEntriesResponse::HigherVote(vote) => Appended::HigherVote(ballot(vote)),
    }
}

fn to_appended(told: ToldAppend) -> Result<AppendEntriesResponse<NodeId>, CodecError> {
    Ok(match told.appended.ok_or(CodecError::UnknownKind)? {
        Appended::All(_) => AppendEntriesResponse::Success,
        Appended::UpTo(upto) => AppendEntriesResponse::PartialSuccess(Some(to_log_id(upto)?)),
        Appended::Nothing(_) => AppendEntriesResponse::PartialSuccess(None),
        Appended::Conflict(_) => AppendEntriesResponse::Conflict,
        Appended::HigherVote(vote) => AppendEntriesResponse::HigherVote(to_vote(Some(vote))?),
    })
}
