//! Between the consensus library and whoever carries bytes to another broker. Says when each node was last heard.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
use crate::types::{NodeId, PeerAddress, TypeConfig};

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
}

type Failed<E> = RPCError<NodeId, PeerAddress, RaftError<NodeId, E>>;

impl RaftNetworkFactory<TypeConfig> for Lines {
    type Network = Line;

    async fn new_client(&mut self, target: NodeId, node: &PeerAddress) -> Line {
        self.line(target, node)
    }
}

impl Lines {
    pub(crate) fn line(&self, to: NodeId, at: &PeerAddress) -> Line {
        Line { lines: self.clone(), to, at: at.clone() }
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
    async fn ask(&self, call: Call, ask: Ask) -> Result<Answer, LineError> {
        if call == Call::Append && self.lines.silent.load(Ordering::Relaxed) {
            return Err(PeerError::Unreachable("a leader that nobody answers keeps silent".to_owned()).into());
        }
        let question = Question { from: self.lines.me, to: self.to, ask }.encode();
        let answer = self.lines.peers.ask(self.to, &self.at, call, question).await?;
        let answer = Answer::decode(&answer)?;
        self.lines.contacts.note(self.to);
        Ok(answer)
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
        match self.ask(Call::Append, Ask::Append(request)).await {
            Ok(Answer::Append(response)) => Ok(response),
            Ok(_) => Err(unreachable(&LineError::OtherAnswer)),
            Err(error) => Err(unreachable(&error)),
        }
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
