//! One table from API key to handler. Decides which keys and versions are served, and what malformed requests get:
//! an answer where the protocol has one, a closed connection where it has none.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use prometheus::{Histogram, IntCounter};
use tracing::{Instrument, debug, debug_span};
use weir_model::config::BrokerConfig;
use weir_wire::frame::{self, RequestHeader};
use weir_wire::{ApiKey, Message, Reader, Str};

use crate::api;
use crate::broker::Broker;
use crate::metrics::{BadInput, Metrics};
use crate::net::connection::{Session, Verdict, memory};
use crate::net::outgoing::Piece;

/// Who asks, and in which version.
pub(crate) struct Caller<'a> {
    pub(crate) session: &'a Session,
    pub(crate) version: i16,
    pub(crate) client_id: &'a str,
}

/// Routes requests to the broker's handlers.
pub(crate) struct Dispatch {
    broker: Arc<Broker>,
    meters: Vec<Option<Meter>>,
}

/// The metrics of one API, resolved once.
#[derive(Clone)]
struct Meter {
    requests: IntCounter,
    seconds: Histogram,
}

impl Meter {
    fn done(&self, since: Instant) {
        self.requests.inc();
        self.seconds.observe(since.elapsed().as_secs_f64());
    }
}

/// The table: every key here is advertised and answered; nothing else is either.
macro_rules! routes {
    ($($key:ident => $module:ident),* $(,)?) => {
        /// The keys that are served, ascending.
        pub(crate) const SERVED: &[ApiKey] = &[ApiKey::Produce, ApiKey::Fetch, $(ApiKey::$key),*];

        impl Dispatch {
            async fn route(&self, caller: &Caller<'_>, header: &RequestHeader, reader: Reader) -> Verdict {
                match header.key {
                    ApiKey::Produce => match decode(header, reader) {
                        Ok(request) => api::produce::handle(&self.broker, caller, header, request).await,
                        Err(refused) => refused,
                    },
                    ApiKey::Fetch => match decode(header, reader) {
                        Ok(request) => api::fetch::handle(&self.broker, caller, header, request).await,
                        Err(refused) => refused,
                    },
                    $(ApiKey::$key => match decode(header, reader) {
                        Ok(request) => {
                            let response = Box::pin(api::$module::handle(&self.broker, caller, request)).await;
                            encode(header, &response)
                        }
                        Err(refused) => refused,
                    },)*
                    _ => Verdict::Close(BadInput::UnknownApi, format!("api key {} is not served", header.key.code())),
                }
            }
        }
    };
}

routes! {
    ListOffsets => list_offsets,
    Metadata => metadata,
    OffsetCommit => offset_commit,
    OffsetFetch => offset_fetch,
    FindCoordinator => find_coordinator,
    JoinGroup => join_group,
    Heartbeat => heartbeat,
    LeaveGroup => leave_group,
    SyncGroup => sync_group,
    DescribeGroups => describe_groups,
    ListGroups => list_groups,
    ApiVersions => api_versions,
    CreateTopics => create_topics,
    DeleteTopics => delete_topics,
    DeleteRecords => delete_records,
    InitProducerId => init_producer_id,
    OffsetForLeaderEpoch => offset_for_leader_epoch,
    DescribeConfigs => describe_configs,
    AlterConfigs => alter_configs,
    AlterReplicaLogDirs => alter_replica_log_dirs,
    DescribeLogDirs => describe_log_dirs,
    CreatePartitions => create_partitions,
    DeleteGroups => delete_groups,
    ElectLeaders => elect_leaders,
    IncrementalAlterConfigs => incremental_alter_configs,
    AlterPartitionReassignments => alter_partition_reassignments,
    ListPartitionReassignments => list_partition_reassignments,
    OffsetDelete => offset_delete,
    DescribeQuorum => describe_quorum,
    UpdateFeatures => update_features,
    DescribeCluster => describe_cluster,
    DescribeProducers => describe_producers,
    UnregisterBroker => unregister_broker,
    ListConfigResources => list_config_resources,
    DescribeTopicPartitions => describe_topic_partitions,
}

/// The keys that only the controller answers: wherever they are asked, it is.
const FOR_CONTROLLER: &[ApiKey] = &[
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::CreatePartitions,
    ApiKey::AlterConfigs,
    ApiKey::IncrementalAlterConfigs,
    ApiKey::ElectLeaders,
    ApiKey::AlterPartitionReassignments,
    ApiKey::ListPartitionReassignments,
    ApiKey::DescribeQuorum,
    ApiKey::UpdateFeatures,
    ApiKey::UnregisterBroker,
];
/// How long a request may wait for a controller to be there and to answer.
const HAND_ON_MAX: Duration = Duration::from_secs(10);
/// Whoever asked another broker is not seen from here.
const NOBODY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);

/// The key of a frame, when it is one for the controller.
fn key_for_controller(frame: &Bytes) -> Option<ApiKey> {
    let code = i16::from_be_bytes(*frame.first_chunk()?);
    FOR_CONTROLLER.iter().copied().find(|key| key.code() == code)
}

impl Dispatch {
    pub(crate) fn new(broker: Arc<Broker>) -> Self {
        let last = ApiKey::ALL.iter().map(|key| key.code()).max().unwrap_or(0);
        let mut meters = vec![None; usize::try_from(last).unwrap_or(0) + 1];
        for key in SERVED {
            let label = [key.name()];
            meters[key.code().unsigned_abs() as usize] = Some(Meter {
                requests: broker.metrics.requests.with_label_values(&label),
                seconds: broker.metrics.request_seconds.with_label_values(&label),
            });
        }
        Self { broker, meters }
    }

    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.broker.metrics
    }

    /// The broker's settings as they are now.
    pub(crate) fn config(&self) -> Arc<BrokerConfig> {
        self.broker.config()
    }

    /// Handles one frame as far as its connection must wait for it.
    pub(crate) async fn handle(&self, session: &mut Session, frame: Bytes) -> Verdict {
        let started = Instant::now();
        if let Some(key) = key_for_controller(&frame)
            && !self.broker.link.am_controller()
            && let Some(answer) = self.hand_on(session, frame.clone()).await
        {
            return self.measure(key, started, Verdict::Answer(memory(answer)));
        }
        let (mut header, reader) = match frame::parse_request(frame) {
            Ok(parsed) => parsed,
            Err(error) => return Verdict::Close(BadInput::Header, error.to_string()),
        };
        // A copy, so that a produce request's batches are the only users of the frame and can be patched in place.
        header.client_id = header.client_id.map(|id| Str::from(id.as_str()));
        if !header.is_supported() {
            return self.unsupported(&header);
        }
        let client_id = header.client_id.as_deref().unwrap_or_default();
        let caller = Caller { session, version: header.version, client_id };
        let span = debug_span!("request", api = header.key.name(), version = header.version, client_id);
        let verdict = self.route(&caller, &header, reader).instrument(span).await;
        self.measure(header.key, started, verdict)
    }

    /// Lets the controller answer. Nothing when it does not: then the answer made here says so in the request's own words.
    async fn hand_on(&self, session: &Session, frame: Bytes) -> Option<Bytes> {
        let deadline = tokio::time::Instant::now() + HAND_ON_MAX;
        match Box::pin(self.broker.link.forward(frame, &session.listener, deadline, false)).await {
            Ok(answer) => Some(answer),
            Err(error) => {
                debug!(%error, "a request for the controller was not answered");
                None
            }
        }
    }

    /// Answers a request for the controller that another broker handed on, or that this one makes itself. Gives the answer
    /// with its length in front, or what is wrong with the request.
    ///
    /// Named as what it is, because answering may ask the controller again.
    pub(crate) fn answer_as_controller<'a>(
        &'a self,
        frame: Bytes,
        listener: &'a str,
    ) -> BoxFuture<'a, Result<Bytes, String>> {
        self.answer_in_person(frame, listener).boxed()
    }

    async fn answer_in_person(&self, frame: Bytes, listener: &str) -> Result<Bytes, String> {
        let key = key_for_controller(&frame).ok_or("not a request for the controller")?;
        let started = Instant::now();
        let (mut header, reader) = frame::parse_request(frame).map_err(|error| error.to_string())?;
        header.client_id = header.client_id.map(|id| Str::from(id.as_str()));
        if !header.is_supported() {
            return Err(format!("{} has no version {} here", key.name(), header.version));
        }
        let session = Session::new(NOBODY, Arc::from(listener));
        let client_id = header.client_id.as_deref().unwrap_or_default();
        let caller = Caller { session: &session, version: header.version, client_id };
        let verdict = self.route(&caller, &header, reader).await;
        match self.measure(key, started, verdict) {
            Verdict::Answer(pieces) => {
                let mut whole = pieces.into_iter().filter_map(|piece| match piece {
                    Piece::Memory(bytes) => Some(bytes),
                    Piece::File(_) => None,
                });
                whole.next().ok_or_else(|| "an answer without words".to_owned())
            }
            Verdict::Later(_) => Err("an answer that comes later".to_owned()),
            Verdict::Close(_, why) => Err(why),
        }
    }

    fn measure(&self, key: ApiKey, started: Instant, verdict: Verdict) -> Verdict {
        let Some(Some(meter)) = self.meters.get(key.code().unsigned_abs() as usize) else { return verdict };
        match verdict {
            Verdict::Later(answer) => {
                let meter = meter.clone();
                Verdict::Later(Box::pin(async move {
                    let pieces = answer.await;
                    meter.done(started);
                    pieces
                }))
            }
            Verdict::Answer(_) => {
                meter.done(started);
                verdict
            }
            Verdict::Close(..) => verdict,
        }
    }

    /// A version we do not speak. Only ApiVersions has an answer to that: version 0, with what we do speak; so every client
    /// newer than us begins, and it is no bad input.
    fn unsupported(&self, header: &RequestHeader) -> Verdict {
        if header.key == ApiKey::ApiVersions {
            let response = api::api_versions::unsupported();
            return encode_at(0, header, &response);
        }
        let why = format!("{} has no version {}", header.key.name(), header.version);
        Verdict::Close(BadInput::UnsupportedVersion, why)
    }
}

/// Bytes behind the body are let through, as Kafka does: librdkafka sends some behind Metadata.
fn decode<M: Message>(header: &RequestHeader, mut reader: Reader) -> Result<M, Verdict> {
    M::decode(header.version, &mut reader)
        .map_err(|error| Verdict::Close(BadInput::Body, format!("{}: {error}", header.key.name())))
}

/// The answer as one piece. What we can not encode is our own mistake; the client sees a closed connection.
pub(crate) fn encode<M: Message>(header: &RequestHeader, response: &M) -> Verdict {
    encode_at(header.version, header, response)
}

fn encode_at<M: Message>(version: i16, header: &RequestHeader, response: &M) -> Verdict {
    match frame::encode_response(version, header.correlation_id, response) {
        Ok(frame) => Verdict::Answer(memory(frame.bytes)),
        Err(error) => {
            tracing::error!(api = header.key.name(), version, %error, "answer can not be encoded");
            Verdict::Close(
                BadInput::Body,
                format!("the answer to {} can not be encoded: {error}", header.key.name()),
            )
        }
    }
}
