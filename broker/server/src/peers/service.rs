//! What other brokers may ask of this one. Refuses strangers before anything else; each call is in a file of its own.

use std::sync::Arc;

use futures_util::stream::BoxStream;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};
use tracing::info;
use weir_admin::peer::v1::peers_server::{Peers, PeersServer};
use weir_admin::peer::v1::{
    AllocateProducerIdsReply, AllocateProducerIdsRequest, AlterPartitionsReply, AlterPartitionsRequest, Beat,
    BeatReply, ForwardReply, ForwardRequest, Header, HelloReply, HelloRequest, Leader, MeasureBacklogsReply,
    MeasureBacklogsRequest, QuorumMessage, RegisterReply, RegisterRequest,
};
use weir_quorum::NodeId;

use super::dial::{KEEPALIVE, MESSAGE_MAX};
use super::identity::{Manners, Stranger, check};
use super::link::Link;
use super::{door, words};
use crate::duties::Duties;
use crate::metadata::{Controller, View};
use crate::metrics::Metrics;
use crate::partition::registry::Registry;

/// Connections of other brokers at once: a few from each of a large cluster.
const CONNECTIONS_MAX: usize = 1024;
/// Calls of one connection at once; more wait.
const CALLS_MAX: u32 = 256;

/// The service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct PeerService {
    pub(super) shared: Arc<Shared>,
}

/// What the calls need.
pub(crate) struct Shared {
    pub(crate) me: NodeId,
    pub(crate) view: Arc<View>,
    pub(crate) link: Link,
    pub(crate) controller: Controller,
    pub(crate) duties: Duties,
    pub(crate) partitions: Arc<Registry>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) stop: CancellationToken,
}

impl PeerService {
    pub(crate) fn new(shared: Shared) -> Self {
        Self { shared: Arc::new(shared) }
    }

    /// Serves until `closing`.
    pub(crate) async fn serve(self, sockets: Vec<TcpListener>, closing: CancellationToken) {
        let metrics = Arc::clone(&self.shared.metrics);
        let guests = door::guests(sockets, CONNECTIONS_MAX, metrics, &closing);
        let service = PeersServer::new(self)
            .max_decoding_message_size(MESSAGE_MAX)
            .max_encoding_message_size(MESSAGE_MAX);
        let served = Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .http2_max_header_list_size(Some(door::HEADERS_MAX))
            .http2_max_pending_accept_reset_streams(Some(door::TAKEN_BACK_MAX))
            .max_concurrent_streams(Some(CALLS_MAX))
            .initial_stream_window_size(Some(1 << 20))
            .initial_connection_window_size(Some(4 << 20))
            .serve_with_incoming_shutdown(service, guests, closing.cancelled_owned())
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "the peer listener has ended");
        }
    }

    /// Checks that a call is meant for this broker; counts and logs the one that is not.
    pub(super) fn check<T>(
        &self,
        request: &Request<T>,
        header: Option<&Header>,
        manners: Manners,
    ) -> Result<NodeId, Status> {
        let Shared { me, view, metrics, .. } = &*self.shared;
        check(header, manners, *me, view.cluster_id()).map_err(|stranger| {
            metrics.peers_refused.with_label_values(&[stranger.as_str()]).inc();
            info!(peer = peer_of(request), why = %stranger, "a stranger's call was refused");
            refused(&stranger)
        })
    }

    /// Who leads, for those who asked the wrong one.
    pub(super) fn leader(&self) -> Leader {
        let Shared { link, me, .. } = &*self.shared;
        let Some(leader) = link.leader() else { return Leader::default() };
        let at = link.address_of(leader).filter(|_| leader != *me || link.am_controller());
        Leader { node: Some(words::node(leader)), peer: at.as_ref().map(words::address) }
    }
}

/// The address of the one who calls, for the log.
fn peer_of<T>(request: &Request<T>) -> String {
    request.remote_addr().map(|peer| peer.to_string()).unwrap_or_default()
}

fn refused(stranger: &Stranger) -> Status {
    match stranger {
        Stranger::NoHeader | Stranger::Damaged(_) => Status::invalid_argument(stranger.to_string()),
        _ => Status::failed_precondition(stranger.to_string()),
    }
}

#[tonic::async_trait]
impl Peers for PeerService {
    async fn hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        let from = self.check(&request, request.get_ref().header.as_ref(), Manners::Newcomer)?;
        Ok(Response::new(self.greet(from, &peer_of(&request))))
    }

    async fn ask(&self, request: Request<QuorumMessage>) -> Result<Response<QuorumMessage>, Status> {
        let from = self.check(&request, request.get_ref().header.as_ref(), Manners::Quorum)?;
        let peer = peer_of(&request);
        self.answer_quorum(from, &peer, request.into_inner()).await.map(Response::new)
    }

    async fn register(&self, request: Request<RegisterRequest>) -> Result<Response<RegisterReply>, Status> {
        let from = self.check(&request, request.get_ref().header.as_ref(), Manners::Newcomer)?;
        self.take_in(from, request.into_inner()).await.map(Response::new)
    }

    type AttendStream = BoxStream<'static, Result<BeatReply, Status>>;

    async fn attend(
        &self,
        request: Request<Streaming<Beat>>,
    ) -> Result<Response<Self::AttendStream>, Status> {
        Box::pin(self.attend_to(request)).await.map(Response::new)
    }

    async fn alter_partitions(
        &self,
        request: Request<AlterPartitionsRequest>,
    ) -> Result<Response<AlterPartitionsReply>, Status> {
        let from = self.check(&request, request.get_ref().header.as_ref(), Manners::Member)?;
        self.alter(from, request.into_inner()).await.map(Response::new)
    }

    async fn allocate_producer_ids(
        &self,
        request: Request<AllocateProducerIdsRequest>,
    ) -> Result<Response<AllocateProducerIdsReply>, Status> {
        let from = self.check(&request, request.get_ref().header.as_ref(), Manners::Member)?;
        Ok(Response::new(self.allocate(from, request.into_inner()).await))
    }

    async fn measure_backlogs(
        &self,
        request: Request<MeasureBacklogsRequest>,
    ) -> Result<Response<MeasureBacklogsReply>, Status> {
        self.check(&request, request.get_ref().header.as_ref(), Manners::Member)?;
        self.measure(request.into_inner()).await.map(Response::new)
    }

    async fn forward(&self, request: Request<ForwardRequest>) -> Result<Response<ForwardReply>, Status> {
        self.check(&request, request.get_ref().header.as_ref(), Manners::Member)?;
        Ok(Response::new(Box::pin(self.answer_forwarded(request.into_inner())).await))
    }
}
