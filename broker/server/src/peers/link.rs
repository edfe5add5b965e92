//! The way to the active controller, wherever it is: this broker itself, or another one. Decides where to ask and how
//! often to ask again; never what the controller decides.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tracing::debug;
use weir_admin::peer::v1::peers_client::PeersClient;
use weir_admin::peer::v1::{self, Header, forward_reply};
use weir_core::controller::Image;
use weir_model::config::Endpoint;
use weir_quorum::{NodeId, Quorum, State};
use weir_wire::{ErrorCode, Request, frame};

use super::dial::Dialer;
use super::identity::header;
use crate::dispatch::Dispatch;
use crate::metadata::View;

/// How long one attempt may take.
const ATTEMPT_MAX: Duration = Duration::from_secs(10);
/// Time between two attempts while nobody knows who leads, unless somebody does earlier.
const PAUSE: Duration = Duration::from_millis(20);
/// The name this broker uses as a client of its controller.
const CLIENT_ID: &str = "weir-broker";

/// Why the controller did not answer.
#[derive(Clone, Debug, Error)]
pub(crate) enum LinkError {
    #[error("there is no controller")]
    NoController,
    /// It may have done what it was asked all the same.
    #[error("the controller did not answer: {0}")]
    Unanswered(String),
    #[error("the controller refused: {message}")]
    Refused { code: i16, message: String },
    #[error("the call to the controller can not be encoded or its answer not be read: {0}")]
    Words(String),
}

impl LinkError {
    /// The code that a client should see.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::NoController => ErrorCode::NotController,
            Self::Unanswered(_) => ErrorCode::RequestTimedOut,
            Self::Refused { code, .. } => ErrorCode::from(*code),
            Self::Words(_) => ErrorCode::UnknownServerError,
        }
    }
}

/// What asking once came to.
pub(crate) enum Outcome<T> {
    Done(T),
    /// It is not the controller, and did nothing.
    Elsewhere,
    /// Nobody knows whether it did it.
    Lost(String),
    Refused(v1::Refusal),
}

impl<T> Outcome<T> {
    pub(crate) fn lost(status: &Status) -> Self {
        match status.code() {
            // Another process, or another disk, is there by now.
            Code::FailedPrecondition => Self::Elsewhere,
            _ => Self::Lost(status.message().to_owned()),
        }
    }
}

/// Where the controller is.
#[derive(Clone)]
pub(crate) enum Place {
    Here,
    There(Box<Way>),
}

/// The way to another broker.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) node: NodeId,
    pub(crate) at: Endpoint,
    pub(crate) client: PeersClient<Channel>,
    pub(crate) header: Header,
}

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Link {
    inner: Arc<Inner>,
}

struct Inner {
    me: NodeId,
    view: Arc<View>,
    quorum: Quorum,
    dialer: Arc<Dialer>,
    /// Set when the broker is whole; calls to ourselves go the way that calls of clients go.
    dispatch: OnceLock<Weak<Dispatch>>,
}

impl Link {
    pub(crate) fn new(me: NodeId, view: Arc<View>, quorum: Quorum, dialer: Arc<Dialer>) -> Self {
        Self { inner: Arc::new(Inner { me, view, quorum, dialer, dispatch: OnceLock::new() }) }
    }

    /// Requests for the controller are answered here when it is here.
    pub(crate) fn answer_with(&self, dispatch: &Arc<Dispatch>) {
        let _ = self.inner.dispatch.set(Arc::downgrade(dispatch));
    }

    pub(crate) fn quorum(&self) -> &Quorum {
        &self.inner.quorum
    }

    /// Whether nobody but this broker could ever be the controller.
    pub(crate) fn is_without_others(&self) -> bool {
        self.inner.quorum.members().nodes.len() <= 1
    }

    pub(crate) fn dialer(&self) -> &Arc<Dialer> {
        &self.inner.dialer
    }

    /// The metadata as it is known here.
    pub(super) fn image(&self) -> Arc<Image> {
        self.inner.view.image()
    }

    /// Who leads, as far as is known here.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        self.inner.quorum.state().borrow().leader
    }

    pub(crate) fn am_controller(&self) -> bool {
        self.inner.quorum.state().borrow().am_controller()
    }

    /// Where a node is reached: as the quorum knows it, else as it registered.
    pub(crate) fn address_of(&self, node: NodeId) -> Option<Endpoint> {
        if let Some(at) = self.inner.quorum.members().nodes.get(&node) {
            return Some(Endpoint { host: at.host.clone(), port: at.port });
        }
        let image = self.inner.view.image();
        let registration = &image.broker(node.broker)?.registration;
        let peer = registration.peer.as_ref().filter(|_| registration.incarnation == node.incarnation)?;
        Some(Endpoint { host: peer.host.clone(), port: peer.port })
    }

    /// A header for a call to that node.
    pub(crate) fn header_to(&self, node: NodeId) -> Header {
        let cluster = self.inner.view.cluster_id();
        header(self.inner.me, cluster, node.broker, Some(node.incarnation))
    }

    /// The way to a node whose address is known.
    pub(crate) fn way_to(&self, node: NodeId) -> Option<Way> {
        let at = self.address_of(node)?;
        let client = self.inner.dialer.to(&at).ok()?;
        Some(Way { node, at, client, header: self.header_to(node) })
    }

    /// Where the controller is, once somebody is; `None` when nobody is until the deadline.
    pub(crate) async fn controller(&self, deadline: Instant) -> Option<Place> {
        let mut state = self.inner.quorum.state();
        loop {
            if let Some(place) = self.place(&state.borrow_and_update().clone()) {
                return Some(place);
            }
            // The address may be news of its own.
            let again = (Instant::now() + PAUSE).min(deadline);
            if Instant::now() >= deadline {
                return None;
            }
            let _ = timeout_at(again, state.changed()).await;
        }
    }

    fn place(&self, state: &State) -> Option<Place> {
        if state.am_controller() {
            return Some(Place::Here);
        }
        let leader = state.leader.filter(|leader| *leader != self.inner.me)?;
        self.way_to(leader).map(|way| Place::There(Box::new(way)))
    }

    /// Asks the controller until it answers, it is certain that it did something, or the deadline comes. `again` says
    /// that doing it twice does no harm, so that a lost answer is no reason to give up.
    pub(crate) async fn ask<'a, T>(
        &'a self,
        deadline: Instant,
        again: bool,
        attempt: impl Fn(Place) -> BoxFuture<'a, Outcome<T>> + Send,
    ) -> Result<T, LinkError> {
        let mut state = self.inner.quorum.state();
        let mut last = LinkError::NoController;
        while let Some(place) = self.controller(deadline).await {
            state.mark_unchanged();
            let until = deadline.min(Instant::now() + ATTEMPT_MAX);
            let outcome = tokio::select! {
                outcome = timeout_at(until, attempt(place.clone())) => outcome,
                // The one that was asked does not lead any more: it will not answer, or not truly.
                () = deposed(&mut state, &place) => Ok(Outcome::Lost("the controller has changed".to_owned())),
            };
            match outcome {
                Ok(Outcome::Done(done)) => return Ok(done),
                Ok(Outcome::Refused(v1::Refusal { code, message })) => {
                    return Err(LinkError::Refused { code: i16::try_from(code).unwrap_or(-1), message });
                }
                Ok(Outcome::Elsewhere) => last = LinkError::NoController,
                Ok(Outcome::Lost(why)) => last = LinkError::Unanswered(why),
                Err(_) => last = LinkError::Unanswered("no answer in time".to_owned()),
            }
            debug!(error = %last, "the controller was asked in vain");
            if !again && matches!(last, LinkError::Unanswered(_)) {
                return Err(last);
            }
            let _ = timeout(PAUSE, state.changed()).await;
        }
        Err(last)
    }

    /// Hands a request for the controller on as it came; gives the answer as it came.
    pub(crate) async fn forward(
        &self,
        frame: Bytes,
        listener: &str,
        deadline: Instant,
        again: bool,
    ) -> Result<Bytes, LinkError> {
        let listener = listener.to_owned();
        self.ask(deadline, again, |place| {
            let (frame, listener) = (frame.clone(), listener.clone());
            Box::pin(async move {
                match place {
                    Place::Here => self.answer_here(frame, &listener).await,
                    Place::There(way) => forward_to(*way, frame, listener).await,
                }
            })
        })
        .await
    }

    async fn answer_here(&self, frame: Bytes, listener: &str) -> Outcome<Bytes> {
        match self.answer_locally(frame, listener).await {
            Ok(Some(answer)) => Outcome::Done(answer),
            Ok(None) => Outcome::Elsewhere,
            Err(message) => {
                let code = i32::from(i16::from(ErrorCode::InvalidRequest));
                Outcome::Refused(v1::Refusal { code, message })
            }
        }
    }

    /// Answers a request for the controller on this broker; nothing while the broker is not whole yet.
    pub(super) async fn answer_locally(&self, frame: Bytes, listener: &str) -> Result<Option<Bytes>, String> {
        match self.inner.dispatch.get().and_then(Weak::upgrade) {
            Some(dispatch) => dispatch.answer_as_controller(frame, listener).await.map(Some),
            None => Ok(None),
        }
    }

    /// A request of Kafka's protocol for the controller, from this broker itself. Only for what may be done twice.
    pub(crate) async fn call<R: Request>(
        &self,
        version: i16,
        request: &R,
        patience: Duration,
    ) -> Result<R::Response, LinkError> {
        let words = |error: String| LinkError::Words(error);
        let whole = frame::encode_request(version, 0, Some(CLIENT_ID), request)
            .map_err(|error| words(error.to_string()))?;
        let frame = whole.bytes.slice(frame::SIZE_PREFIX..);
        let answer = self.forward(frame, "", Instant::now() + patience, true).await?;
        if answer.len() < frame::SIZE_PREFIX {
            return Err(words("an answer without a length".to_owned()));
        }
        let (_, response) = frame::parse_response::<R>(version, answer.slice(frame::SIZE_PREFIX..))
            .map_err(|error| words(error.to_string()))?;
        Ok(response)
    }
}

async fn forward_to(mut way: Way, frame: Bytes, listener: String) -> Outcome<Bytes> {
    let request = v1::ForwardRequest { header: Some(way.header), frame, listener };
    match way.client.forward(request).await.map(|reply| reply.into_inner().outcome) {
        Ok(Some(forward_reply::Outcome::Frame(answer))) => Outcome::Done(answer),
        Ok(Some(forward_reply::Outcome::Refused(refused))) => Outcome::Refused(refused),
        Ok(Some(forward_reply::Outcome::NotController(_)) | None) => Outcome::Elsewhere,
        Err(status) => Outcome::lost(&status),
    }
}

/// The one at that place is known not to lead any more.
async fn deposed(state: &mut watch::Receiver<State>, place: &Place) {
    let Place::There(way) = place else {
        // The decision itself says so.
        return std::future::pending().await;
    };
    let asked = way.node;
    let another = state.wait_for(move |state| state.leader.is_some_and(|leader| leader != asked)).await;
    if another.map(|_| ()).is_err() {
        std::future::pending().await
    }
}
