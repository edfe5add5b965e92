//! The service: which call goes where. What only the controller can decide is passed on to it, once, when this broker is
//! not the controller.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use futures_util::stream::BoxStream;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::{Request, Response, Status};
use tonic_reflection::server::v1::{ServerReflection, ServerReflectionServer};
use tracing::error;
use weir_admin::DESCRIPTORS;
use weir_admin::admin::v1;
use weir_admin::admin::v1::admin_server::{Admin, AdminServer};
use weir_core::controller::{Decision, Entropy, Image};

use super::bounds::Bounds;
use super::changes::Changes;
use super::describe_cluster::Measured;
use super::measured::AskedOnce;
use super::rates::{PACE, Rates};
use super::reach::Reach;
use super::refusal::Refused;
use super::standing::{Standing, Tenure};
use super::{
    alter_topics, create_topics, delete_topics, describe_broker, describe_cluster, drain, elect_leaders,
    health, may_stop, measures, moves, progress, unregister, watch,
};
use crate::broker::Broker;
use crate::metadata::MetadataError;
use crate::peers::door;

/// The largest request; ten thousand moves take about one megabyte.
const REQUEST_MAX: usize = 4 << 20;
/// Connections at once; further ones are closed.
const CONNECTIONS_MAX: usize = 256;
/// Calls and streams of one connection at once; more wait.
const CALLS_MAX: u32 = 64;
/// Calls of one connection that are received or decided at once; more wait. So many requests can be in memory.
const HANDLED_MAX: usize = 16;
/// How long calls may go on when the broker has stopped.
const GRACE: Duration = Duration::from_secs(1);
/// A silent connection is asked whether it lives this often, and closed when it does not answer for as long.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// The service of one broker.
pub(crate) struct AdminService {
    pub(super) broker: Arc<Broker>,
    pub(super) changes: Arc<Changes>,
    pub(super) rates: Arc<Rates>,
    pub(super) reach: Arc<Reach>,
    pub(super) tenure: Arc<Tenure>,
    pub(super) started: Instant,
    pub(super) bounds: Bounds,
    /// What the brokers measure, without their logs and with them.
    pub(super) measured: AskedOnce<Measured>,
    pub(super) measured_logs: AskedOnce<Measured>,
}

/// What connections hold of the service: one that lingers must not hold the broker when it has stopped.
struct Front(Weak<AdminService>);

impl Front {
    fn service(&self) -> Result<Arc<AdminService>, Refused> {
        self.0.upgrade().ok_or_else(|| Refused::from(MetadataError::Stopping))
    }
}

impl AdminService {
    pub(crate) fn new(broker: Arc<Broker>, changes: Arc<Changes>) -> Self {
        let (rates, reach, tenure) = (Arc::default(), Arc::default(), Arc::default());
        Self {
            broker,
            changes,
            rates,
            reach,
            tenure,
            started: Instant::now(),
            bounds: Bounds::default(),
            measured: AskedOnce::default(),
            measured_logs: AskedOnce::default(),
        }
    }

    /// Serves until `closing`, with the services for health and reflection beside it.
    pub(crate) async fn serve(self, sockets: Vec<TcpListener>, closing: CancellationToken) {
        let (reporter, healths) = tonic_health::server::health_reporter();
        let reflection = match reflection() {
            Ok(reflection) => reflection,
            Err(error) => return error!(%error, "the admin service can not describe itself"),
        };
        let watching =
            tokio::spawn(health::report(Arc::clone(&self.broker.health), reporter, closing.clone()));
        let service = Arc::new(self);
        let sampling = tokio::spawn(sample(Arc::clone(&service), closing.clone()));
        let guests = door::guests(sockets, CONNECTIONS_MAX, Arc::clone(&service.broker.metrics), &closing);
        let serving = Server::builder()
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .http2_max_header_list_size(Some(door::HEADERS_MAX))
            .http2_max_pending_accept_reset_streams(Some(door::TAKEN_BACK_MAX))
            .max_concurrent_streams(Some(CALLS_MAX))
            .concurrency_limit_per_connection(HANDLED_MAX)
            .add_service(healths)
            .add_service(reflection)
            .add_service(
                AdminServer::new(Front(Arc::downgrade(&service))).max_decoding_message_size(REQUEST_MAX),
            )
            .serve_with_incoming_shutdown(guests, closing.clone().cancelled_owned());
        tokio::select! {
            served = serving => if let Err(error) = served {
                error!(%error, "the admin listener has ended");
            },
            () = long_after(&closing) => {}
        }
        let _ = tokio::join!(watching, sampling);
    }

    /// The quorum, with how long this broker has been the controller.
    pub(super) fn standing(&self) -> Standing {
        let reign = self.broker.link.quorum().state().borrow().reign;
        let session = self.broker.config().cluster.session_timeout.0.unsigned_abs();
        let reigned = self.tenure.look(reign, Instant::now());
        let is_fresh = reigned.is_none_or(|reigned| reigned < Duration::from_millis(session));
        Standing { is_fresh, ..Standing::of(&self.broker) }
    }

    /// Lets the controller decide, which is this broker.
    pub(super) async fn decide<R: Send + 'static>(
        &self,
        decide: impl FnOnce(&Image, &mut Entropy<'_>) -> Decision<Result<R, Refused>> + Send + 'static,
    ) -> Result<R, Refused> {
        self.broker.controller.decide(decide).await?
    }
}

fn reflection() -> Result<ServerReflectionServer<impl ServerReflection>, tonic_reflection::server::Error> {
    tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .with_service_name("weir.admin.v1.Admin")
        .with_service_name("grpc.health.v1.Health")
        .build_v1()
}

/// When nobody is waited for any more.
async fn long_after(closing: &CancellationToken) {
    closing.cancelled().await;
    tokio::time::sleep(GRACE).await;
}

/// Looks at the counters from time to time.
async fn sample(service: Arc<AdminService>, closing: CancellationToken) {
    loop {
        service.standing();
        service.rates.sample(Instant::now(), measures::counters(&service.broker.metrics));
        tokio::select! {
            () = closing.cancelled() => return,
            () = tokio::time::sleep(PACE) => {}
        }
    }
}

/// The answer of a call that the controller answers: here, or passed on.
macro_rules! by_controller {
    ($front:expr, $request:expr, $call:ident, $here:path) => {{
        let service = $front.service()?;
        match service.elsewhere(&$request)? {
            None => Ok(Response::new($here(&service, $request.into_inner()).await?)),
            Some(mut controller) => {
                let answer = controller.client.$call(service.passed_on($request));
                service.answered(controller.id, answer).await
            }
        }
    }};
}

/// Replies that come one after another.
type Replies<T> = BoxStream<'static, Result<T, Status>>;

#[tonic::async_trait]
impl Admin for Front {
    type DescribeClusterStream = Replies<v1::DescribeClusterReply>;
    type WatchStream = Replies<v1::WatchEvent>;
    type ProgressStream = Replies<v1::ProgressReply>;

    async fn describe_cluster(
        &self,
        request: Request<v1::DescribeClusterRequest>,
    ) -> Result<Response<Self::DescribeClusterStream>, Status> {
        Ok(Response::new(describe_cluster::handle(&self.service()?, request.into_inner())?))
    }

    async fn describe_broker(
        &self,
        request: Request<v1::DescribeBrokerRequest>,
    ) -> Result<Response<v1::DescribeBrokerReply>, Status> {
        Ok(Response::new(describe_broker::handle(&*self.service()?, request.into_inner()).await?))
    }

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(watch::handle(&self.service()?, &request.into_inner())?))
    }

    async fn progress(
        &self,
        request: Request<v1::ProgressRequest>,
    ) -> Result<Response<Self::ProgressStream>, Status> {
        Ok(Response::new(progress::handle(&self.service()?, &request.into_inner())?))
    }

    async fn may_stop(
        &self,
        request: Request<v1::MayStopRequest>,
    ) -> Result<Response<v1::MayStopReply>, Status> {
        by_controller!(self, request, may_stop, may_stop::handle)
    }

    async fn drain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::DrainReply>, Status> {
        by_controller!(self, request, drain, drain::drain)
    }

    async fn undrain(
        &self,
        request: Request<v1::UndrainRequest>,
    ) -> Result<Response<v1::UndrainReply>, Status> {
        by_controller!(self, request, undrain, drain::undrain)
    }

    async fn unregister(
        &self,
        request: Request<v1::UnregisterRequest>,
    ) -> Result<Response<v1::UnregisterReply>, Status> {
        by_controller!(self, request, unregister, unregister::handle)
    }

    async fn move_partitions(
        &self,
        request: Request<v1::MovePartitionsRequest>,
    ) -> Result<Response<v1::MovePartitionsReply>, Status> {
        by_controller!(self, request, move_partitions, moves::begin)
    }

    async fn cancel_moves(
        &self,
        request: Request<v1::CancelMovesRequest>,
    ) -> Result<Response<v1::CancelMovesReply>, Status> {
        by_controller!(self, request, cancel_moves, moves::cancel)
    }

    async fn elect_leaders(
        &self,
        request: Request<v1::ElectLeadersRequest>,
    ) -> Result<Response<v1::ElectLeadersReply>, Status> {
        by_controller!(self, request, elect_leaders, elect_leaders::handle)
    }

    async fn create_topics(
        &self,
        request: Request<v1::CreateTopicsRequest>,
    ) -> Result<Response<v1::CreateTopicsReply>, Status> {
        by_controller!(self, request, create_topics, create_topics::handle)
    }

    async fn alter_topics(
        &self,
        request: Request<v1::AlterTopicsRequest>,
    ) -> Result<Response<v1::AlterTopicsReply>, Status> {
        by_controller!(self, request, alter_topics, alter_topics::handle)
    }

    async fn delete_topics(
        &self,
        request: Request<v1::DeleteTopicsRequest>,
    ) -> Result<Response<v1::DeleteTopicsReply>, Status> {
        by_controller!(self, request, delete_topics, delete_topics::handle)
    }
}
