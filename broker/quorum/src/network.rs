//! Between the consensus library and whoever carries bytes to another broker. Says when each node was last heard.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use openraft::SnapshotSegmentId;
use openraft::error::{
    InstallSnapshotError, RPCError, RaftError, RemoteError, SnapshotMismatch, Unreachable,
};
use openraft::network::{Backoff, RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};
use thiserror::Error;
use tokio::time::Instant;

use crate::codec::{Answer, Ask, CodecError, Question, SnapshotAnswer};
use crate::node::Hearing;
use crate::types::{LogId, NodeId, PeerAddress, TypeConfig, Vote};

/// What a question is about. Decides its deadline and its place in the channel, not its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Call {
    /// A candidate asks for a vote, or whether it would make sense to be one.
    Vote,
    /// A leader sends entries, or shows that it lives.
    Append,
    /// A leader sends a piece of a snapshot.
    Snapshot,
    /// A leader that leaves asks another to stand for election.
    Stand,
}

/// Why there is no answer.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PeerError {
    /// It can not be reached, or did not answer in time.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// It answered that it will not: another node, another cluster, or a node that stops.
    #[error("refused: {0}")]
    Refused(String),
}

/// The answer to a question, some day.
pub type Answering = Pin<Box<dyn Future<Output = Result<Bytes, PeerError>> + Send>>;

/// Carries questions to other nodes; their `Quorum::answer` gives the answers. The bytes of one question or answer may
/// be some megabytes: a round holds what one request may create. Dropping the future gives the question up.
pub trait Peers: Send + Sync + 'static {
    /// Asks.
    fn ask(&self, to: NodeId, at: &PeerAddress, call: Call, question: Bytes) -> Answering;
}

/// When a node was last heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) answered: Instant,
}

/// Of every node that was ever asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contacts(Arc<Mutex<BTreeMap<NodeId, Heard>>>);

impl Contacts {
    pub(crate) fn heard(&self, node: NodeId) -> Option<Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&node).copied()
    }

    fn note(&self, node: NodeId) {
        let heard = Heard { answered: Instant::now() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(node, heard);
    }
}

/// Makes a line to each node.
#[derive(Clone)]
pub(crate) struct Lines {
    pub(crate) me: NodeId,
    pub(crate) peers: Arc<dyn Peers>,
    pub(crate) contacts: Contacts,
    /// How long an unreachable node is left alone.
    pub(crate) pause: Duration,
    /// This node leads and hears nobody: it keeps silent, so that others find another leader.
    pub(crate) silent: Arc<AtomicBool>,
}

/// A line to one node.
pub(crate) struct Line {
    lines: Lines,
    to: NodeId,
    at: PeerAddress,
    under_way: Vec<UnderWay>,
}

/// Entries that were sent and are not answered yet. The library gives a question up after a heartbeat's time, and asks it
/// again: a node that needs longer than that, to write a large round or to be given a processor, would never be heard,
/// however often it answers. So an answer that comes late counts all the same.
struct UnderWay {
    vote: Vote,
    prev: Option<LogId>,
    last: Option<LogId>,
    /// Only for being shared between threads: nobody ever waits for it.
    answer: Mutex<Asked>,
}

/// Questions whose answers are still waited for: more than a second's worth.
const UNDER_WAY_MAX: usize = 8;

type Asked = Pin<Box<dyn Future<Output = Result<Answer, LineError>> + Send>>;

type Failed<E> = RPCError<NodeId, PeerAddress, RaftError<NodeId, E>>;

impl RaftNetworkFactory<TypeConfig> for Lines {
    type Network = Line;

    async fn new_client(&mut self, target: NodeId, node: &PeerAddress) -> Line {
        self.line(target, node)
    }
}

impl Lines {
    pub(crate) fn line(&self, to: NodeId, at: &PeerAddress) -> Line {
        Line { lines: self.clone(), to, at: at.clone(), under_way: Vec::new() }
    }
}

impl UnderWay {
    /// Whether its answer is one to this request too.
    fn is_for(&self, request: &AppendEntriesRequest<TypeConfig>) -> bool {
        self.vote == request.vote && self.prev == request.prev_log_id
    }

    /// What it says of a request up to `last`: nothing where it was only a sign of life, and the request is more.
    fn says(
        &self,
        response: AppendEntriesResponse<NodeId>,
        last: Option<LogId>,
    ) -> Option<AppendEntriesResponse<NodeId>> {
        match response {
            AppendEntriesResponse::Success if self.last >= last => Some(response),
            AppendEntriesResponse::Success if self.last > self.prev => {
                Some(AppendEntriesResponse::PartialSuccess(self.last))
            }
            AppendEntriesResponse::Success => None,
            other => Some(other),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Answer, LineError>> {
        self.answer.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut().poll(cx)
    }
}

#[derive(Debug, Error)]
enum LineError {
    #[error(transparent)]
    Peer(#[from] PeerError),
    #[error("its answer can not be read: {0}")]
    Codec(#[from] CodecError),
    #[error("it answered something else")]
    OtherAnswer,
}

impl Line {
    fn ask(&self, call: Call, ask: Ask) -> Asked {
        let Self { lines, to, at, .. } = self;
        if call == Call::Append && lines.silent.load(Ordering::Relaxed) {
            let silent = PeerError::Unreachable("a leader that nobody answers keeps silent".to_owned());
            return Box::pin(std::future::ready(Err(silent.into())));
        }
        let question = Question { from: lines.me, to: *to, ask }.encode();
        let asked = lines.peers.ask(*to, at, call, question);
        let (contacts, to) = (lines.contacts.clone(), *to);
        Box::pin(async move {
            let answer = Answer::decode(&asked.await?)?;
            contacts.note(to);
            Ok(answer)
        })
    }

    /// Sends entries; the answer to an earlier attempt to send them counts as well. May be given up at any time.
    async fn append(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
    ) -> Result<AppendEntriesResponse<NodeId>, LineError> {
        let (vote, prev) = (request.vote, request.prev_log_id);
        let last = request.entries.last().map(|entry| entry.log_id).or(prev);
        self.under_way.retain(|under_way| under_way.is_for(&request));
        if self.under_way.len() == UNDER_WAY_MAX {
            self.under_way.remove(0);
        }
        let answer = Mutex::new(self.ask(Call::Append, Ask::Append(request)));
        self.under_way.push(UnderWay { vote, prev, last, answer });
        poll_fn(|cx| self.poll_appended(last, cx)).await
    }

    /// The first answer to any of them. That an earlier attempt failed is old news.
    fn poll_appended(
        &mut self,
        last: Option<LogId>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<AppendEntriesResponse<NodeId>, LineError>> {
        let mut at = 0;
        while at < self.under_way.len() {
            let Poll::Ready(answer) = self.under_way[at].poll(cx) else {
                at += 1;
                continue;
            };
            let (under_way, is_latest) = (self.under_way.remove(at), at == self.under_way.len());
            match answer.and_then(appended) {
                Ok(response) => {
                    if let Some(said) = under_way.says(response, last) {
                        return Poll::Ready(Ok(said));
                    }
                }
                Err(error) if is_latest => return Poll::Ready(Err(error)),
                Err(_) => {}
            }
        }
        Poll::Pending
    }

    /// Whether the node hears a leader.
    pub(crate) async fn hearing(&self) -> Result<Hearing, String> {
        match self.ask(Call::Vote, Ask::Hearing).await {
            Ok(Answer::Hearing(hearing)) => Ok(hearing),
            Ok(_) => Err(LineError::OtherAnswer.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }

    pub(crate) async fn stand(&self, stand: crate::codec::Stand) -> Result<(), String> {
        match self.ask(Call::Stand, Ask::Stand(stand)).await {
            Ok(_) => Ok(()),
            Err(error) => Err(error.to_string()),
        }
    }
}

fn appended(answer: Answer) -> Result<AppendEntriesResponse<NodeId>, LineError> {
    if let Answer::Append(response) = answer { Ok(response) } else { Err(LineError::OtherAnswer) }
}

/// Whatever went wrong, asking again at once would not help: the library leaves the node alone for a while.
fn unreachable<E: std::error::Error>(error: &LineError) -> Failed<E> {
    RPCError::Unreachable(Unreachable::new(error))
}

impl RaftNetwork<TypeConfig> for Line {
    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<TypeConfig>,
        _: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, RPCError<NodeId, PeerAddress, RaftError<NodeId>>> {
        self.append(request).await.map_err(|error| unreachable(&error))
    }

    async fn install_snapshot(
        &mut self,
        request: InstallSnapshotRequest<TypeConfig>,
        _: RPCOption,
    ) -> Result<InstallSnapshotResponse<NodeId>, Failed<InstallSnapshotError>> {
        let at = SnapshotSegmentId { id: request.meta.snapshot_id.clone(), offset: request.offset };
        match self.ask(Call::Snapshot, Ask::Snapshot(request)).await {
            Ok(Answer::Snapshot(SnapshotAnswer::Taken(vote))) => Ok(InstallSnapshotResponse { vote }),
            Ok(Answer::Snapshot(SnapshotAnswer::BeginAgain)) => {
                let expect = SnapshotSegmentId { offset: 0, ..at.clone() };
                let mismatch = InstallSnapshotError::from(SnapshotMismatch { expect, got: at });
                Err(RPCError::RemoteError(RemoteError::new(self.to, RaftError::APIError(mismatch))))
            }
            Ok(_) => Err(unreachable(&LineError::OtherAnswer)),
            Err(error) => Err(unreachable(&error)),
        }
    }

    async fn vote(
        &mut self,
        request: VoteRequest<NodeId>,
        _: RPCOption,
    ) -> Result<VoteResponse<NodeId>, RPCError<NodeId, PeerAddress, RaftError<NodeId>>> {
        match self.ask(Call::Vote, Ask::Vote(request)).await {
            Ok(Answer::Vote(response)) => Ok(response),
            Ok(_) => Err(unreachable(&LineError::OtherAnswer)),
            Err(error) => Err(unreachable(&error)),
        }
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(self.lines.pause))
    }
}

#[cfg(test)]
mod tests;
