//! What other nodes ask of this one. The caller has checked the cluster; that the question is meant for this disk, not
//! for one that was here before, and that it comes from somebody who belongs here, is checked here.

use bytes::Bytes;
use openraft::error::{InstallSnapshotError, RaftError};
use thiserror::Error;

use super::election::hears_leader;
use super::heeding::{Known, heeds};
use super::{Hearing, Quorum};
use crate::codec::{Answer, Ask, CodecError, Question, SnapshotAnswer};
use crate::types::{NodeId, Vote};

/// Why a question is not answered.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum AnswerError {
    /// It is not understood.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// It is meant for another disk or broker.
    #[error("the question is for node {asked}, this is {me}")]
    NotMe {
        /// Whom it is meant for.
        asked: NodeId,
        /// Who this is.
        me: NodeId,
    },
    /// It comes from a node that is neither of the quorum nor a registered broker.
    #[error("node {0} does not belong to this cluster")]
    Stranger(NodeId),
    /// It comes from one node and speaks for another.
    #[error("node {from} speaks for node {named}")]
    Impostor {
        /// Who sent it.
        from: NodeId,
        /// For whom it speaks.
        named: NodeId,
    },
    /// The node has stopped.
    #[error("the node has stopped: {0}")]
    Stopped(String),
}

impl Quorum {
    /// Answers another node's question.
    pub async fn answer(&self, question: &[u8]) -> Result<Bytes, AnswerError> {
        self.answer_decoded(Question::decode(question)?).await
    }

    /// Answers a question that was brought by this node.
    pub async fn answer_to(&self, bearer: NodeId, question: &[u8]) -> Result<Bytes, AnswerError> {
        let question = Question::decode(question)?;
        if question.from != bearer {
            return Err(AnswerError::Impostor { from: bearer, named: question.from });
        }
        self.answer_decoded(question).await
    }

    async fn answer_decoded(&self, question: Question) -> Result<Bytes, AnswerError> {
        let Question { from, to, ask } = question;
        let me = self.me();
        if to != me {
            return Err(AnswerError::NotMe { asked: to, me });
        }
        heeds(from, &ask, self.known(from))?;
        let raft = self.raft();
        let answer = match ask {
            Ask::Vote(request) => {
                let response = raft.vote(request).await.map_err(stopped)?;
                if response.vote_granted {
                    self.inner.pulse.voted();
                }
                Answer::Vote(response)
            }
            Ask::Append(request) => {
                self.note_leader(&request.vote);
                Answer::Append(raft.append_entries(request).await.map_err(stopped)?)
            }
            Ask::Snapshot(request) => {
                self.note_leader(&request.vote);
                Answer::Snapshot(match raft.install_snapshot(request).await {
                    Ok(response) => SnapshotAnswer::Taken(response.vote),
                    Err(RaftError::APIError(InstallSnapshotError::SnapshotMismatch(_))) => {
                        SnapshotAnswer::BeginAgain
                    }
                    Err(error) => return Err(stopped(error)),
                })
            }
            Ask::Hearing => Answer::Hearing(Hearing {
                leader: hears_leader(&self.inner.pulse, self.config()),
                last: raft.data_metrics().borrow().last_log,
            }),
            Ask::Stand(stand) => {
                self.stand(stand).await;
                Answer::Stand
            }
        };
        Ok(answer.encode())
    }

    fn known(&self, from: NodeId) -> Known {
        let metrics = self.raft().metrics();
        let seen = metrics.borrow();
        let members = seen.membership_config.membership();
        let registered = || {
            let latest = self.inner.latest.borrow();
            latest.image.broker(from.broker).is_some_and(|b| b.registration.incarnation == from.incarnation)
        };
        Known {
            // A leader that takes itself out of the quorum leads until that is committed.
            belongs: members.get_node(&from).is_some() || seen.current_leader == Some(from) || registered(),
            is_new: members.voter_ids().next().is_none(),
            hears_leader: hears_leader(&self.inner.pulse, self.config()),
        }
    }

    /// At its arrival: what is slow after it is this node, not the leader.
    fn note_leader(&self, vote: &Vote) {
        if *vote >= self.raft().metrics().borrow().vote {
            self.inner.pulse.beat();
        }
    }
}

fn stopped(error: impl std::fmt::Display) -> AnswerError {
    AnswerError::Stopped(error.to_string())
}
