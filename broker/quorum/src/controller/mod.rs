//! The one who changes metadata, on the node that leads. Takes decisions in order, makes each on the image with those
//! before it, proposes what they come to as one round, and answers when it is committed and this broker follows it.
//! Never answers that something happened unless it is committed; a round whose fate is unknown is waited for until the
//! reign ends.

mod answers;
mod round;

use std::future::Future;
use std::sync::Arc;

use openraft::error::{ClientWriteError, RaftError};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{debug, error, warn};
use weir_core::controller::{Decision, Entropy, Image};

use answers::Answers;
use round::{Asked, Request, prepare};

use crate::commits::Latest;
use crate::node::{Quorum, Reign, State};
use crate::types::{LogIndex, NodeId, Outcome, Round};

/// Requests that may wait.
const MAILBOX: usize = 256;
/// Requests that share one round.
const ROUND_MAX: usize = 64;
/// Records after which a round takes no further request.
const RECORDS_MAX: usize = 20_000;

/// Why a decision did not happen, or is not known to have happened.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecideError {
    /// Another node decides, if any, or will: ask it. The decision may have been taken all the same, when the
    /// leadership was lost at that moment.
    #[error("not the controller")]
    NotController(Option<NodeId>),
    /// The node stops. The decision may have been taken all the same.
    #[error("the broker is stopping")]
    Stopping,
    /// The disk is full, and the decision makes the metadata larger. It did not happen.
    #[error("the disk is full: only what makes room can be decided")]
    DiskFull,
    /// The decision's records do not fit the image. It did not happen.
    #[error("the decision contradicts the metadata: {0}")]
    Contradiction(String),
    /// The node has failed. The decision may have been taken all the same.
    #[error("metadata can not be written: {0}")]
    Failed(String),
}

/// How everybody asks for a change.
#[derive(Clone)]
pub struct Controller {
    mailbox: mpsc::Sender<Box<dyn Request>>,
}

impl Controller {
    /// Runs `decide` on the latest image, if this node is the controller; the reply comes when its records are
    /// committed and this broker follows them.
    pub async fn decide<R: Send + 'static>(
        &self,
        decide: impl FnOnce(&Image, &mut Entropy<'_>) -> Decision<R> + Send + 'static,
    ) -> Result<R, DecideError> {
        let (answer, answered) = oneshot::channel();
        let request = Box::new(Asked { decide, answer });
        self.mailbox.send(request).await.map_err(|_| DecideError::Stopping)?;
        answered.await.unwrap_or(Err(DecideError::Stopping))
    }
}

/// The deciding loop: run it on a task.
pub struct Decider {
    mailbox: mpsc::Receiver<Box<dyn Request>>,
    quorum: Quorum,
    state: watch::Receiver<State>,
    latest: watch::Receiver<Latest>,
    draw: Box<dyn FnMut() -> u64 + Send>,
    answers: Answers,
}

/// A loop that is not running yet, and the way to reach it. All chance in decisions comes from `draw`.
#[must_use]
pub fn controller(quorum: &Quorum, draw: Box<dyn FnMut() -> u64 + Send>) -> (Controller, Decider) {
    let (sender, mailbox) = mpsc::channel(MAILBOX);
    let decider = Decider {
        mailbox,
        quorum: quorum.clone(),
        state: quorum.state(),
        latest: quorum.latest(),
        draw,
        answers: Answers::start(quorum.followed()),
    };
    (Controller { mailbox: sender }, decider)
}

/// A reign that was checked, and the image that it decides on.
struct Standing {
    reign: Reign,
    latest: Latest,
}

impl Decider {
    /// Runs until `closing`, or until nobody can ask any more.
    pub async fn run(mut self, closing: impl Future<Output = ()>) {
        tokio::pin!(closing);
        loop {
            let first = tokio::select! {
                biased;
                () = &mut closing => return,
                request = self.mailbox.recv() => request,
            };
            let Some(first) = first else { return };
            self.round(first).await;
        }
    }

    async fn round(&mut self, first: Box<dyn Request>) {
        let standing = match self.standing() {
            Ok(standing) => standing,
            Err(why) => return self.refuse(first, &why),
        };
        let mut image = Image::clone(&standing.latest.image);
        let (mut records, mut delivers) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(request) = next.take() {
            match prepare(request, &mut image, &mut self.draw, self.quorum.is_low()) {
                Ok(prepared) => {
                    records.extend(prepared.records);
                    delivers.push(prepared.deliver);
                }
                Err((deliver, why)) => {
                    error!(error = %why, "a decision was not taken");
                    deliver(Err(why));
                }
            }
            if delivers.len() < ROUND_MAX && records.len() < RECORDS_MAX {
                next = self.mailbox.try_recv().ok();
            }
        }
        if delivers.is_empty() {
            return;
        }
        let round = Round { decided_at: standing.latest.round, records: Arc::from(records) };
        match self.commit(standing.reign, round).await {
            Ok(index) => self.answers.give(index, delivers).await,
            Err(why) => delivers.into_iter().for_each(|deliver| deliver(Err(why.clone()))),
        }
    }

    /// Whether this node may decide, and on what.
    fn standing(&mut self) -> Result<Standing, DecideError> {
        let state = self.state.borrow_and_update().clone();
        if let Some(why) = state.failed {
            return Err(DecideError::Failed(why));
        }
        let Some(reign) = state.reign else {
            return Err(DecideError::NotController(
                state.leader.filter(|leader| *leader != self.quorum.me()),
            ));
        };
        Ok(Standing { reign, latest: self.latest.borrow_and_update().clone() })
    }

    /// Answers a request that is not decided, and those that wait behind it.
    fn refuse(&mut self, first: Box<dyn Request>, why: &DecideError) {
        debug!(%why, "decisions are refused");
        first.refuse(why.clone());
        for _ in 0..MAILBOX {
            let Ok(request) = self.mailbox.try_recv() else { return };
            request.refuse(why.clone());
        }
    }

    /// Proposes the round; gives its index once it is committed and in the image.
    async fn commit(&mut self, reign: Reign, round: Round) -> Result<LogIndex, DecideError> {
        if round.records.is_empty() {
            // Nothing to commit, but an image is only worth an answer while nobody else decides.
            return self.confirm(reign).await.map(|()| LogIndex(0));
        }
        let raft = self.quorum.raft().clone();
        let proposed = raft.client_write(round);
        let deadline = tokio::time::sleep(self.quorum.config().timings.decision);
        let answer = tokio::select! {
            biased;
            answer = proposed => answer,
            () = over(&mut self.state, reign) => return Err(self.lost()),
            () = deadline => return Err(self.lost()),
        };
        match answer {
            Ok(done) if done.data == Outcome::Applied => Ok(LogIndex(done.log_id.index)),
            Ok(_) => {
                // A round of an earlier reign, whose fate was unknown, was committed before it.
                warn!("a round was decided on an image that is not the latest any more");
                Err(self.lost())
            }
            Err(RaftError::APIError(ClientWriteError::ForwardToLeader(other))) => {
                Err(DecideError::NotController(other.leader_id.filter(|leader| *leader != self.quorum.me())))
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn confirm(&mut self, reign: Reign) -> Result<(), DecideError> {
        let raft = self.quorum.raft().clone();
        let confirmed = raft.ensure_linearizable();
        let confirmed = tokio::select! {
            biased;
            confirmed = confirmed => confirmed,
            () = over(&mut self.state, reign) => return Err(self.lost()),
        };
        match confirmed {
            Ok(_) => Ok(()),
            Err(RaftError::APIError(_)) => Err(self.lost()),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn lost(&self) -> DecideError {
        let leader = self.state.borrow().leader;
        DecideError::NotController(leader.filter(|leader| *leader != self.quorum.me()))
    }

    fn failed(&self, error: &dyn std::error::Error) -> DecideError {
        if self.quorum.is_stopping() { DecideError::Stopping } else { DecideError::Failed(error.to_string()) }
    }
}

/// The reign has ended.
async fn over(state: &mut watch::Receiver<State>, reign: Reign) {
    let _ = state.wait_for(|state| state.reign != Some(reign)).await;
}
