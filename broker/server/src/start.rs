//! From settings to a serving broker, in order: data directory, metadata, partitions, groups, listeners. And back.
//!
//! Listeners are bound first, so that a port in use is found before any work, and accept last, so that whoever gets
//! through is served.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};
use uuid::Uuid;
use weir_core::controller::register_broker::{self, RegisterBroker};
use weir_core::controller::{BrokerEndpoint, Entropy, Image, VersionRange, bootstrap};
use weir_log::{DataDir, OpenedDataDir, RealDisk};
use weir_model::config::{BrokerConfig, Pairs};
use weir_model::{BrokerId, Incarnation};

use crate::api::fetch::follower_sessions::FollowerSessions;
use crate::api::fetch::sessions::FetchSessions;
use crate::api::producer_ids::ProducerIds;
use crate::bind::{self, Bound};
use crate::broker::Broker;
use crate::dispatch::Dispatch;
use crate::groups::Coordinators;
use crate::health::{Health, Phase};
use crate::housekeeper;
use crate::http::{self, SideDoor};
use crate::metadata::{Controller, Owner, Store, View};
use crate::metrics::Metrics;
use crate::net::budget::ByteBudget;
use crate::net::descriptors;
use crate::net::listener::{Door, accept};
use crate::net::receive::FrameLimits;
use crate::partition::driver::Surroundings;
use crate::partition::registry::Registry;
use crate::replication::carrier;
use crate::replication::fleet::Fleet;
use crate::settings::StaticSettings;
use crate::watched::watch;

/// Partitions that all fetch sessions may remember together.
const FETCH_SESSION_PARTITIONS_MAX: usize = 1_000_000;
/// The byte budget where `queued.max.request.bytes` sets none.
const BUDGET_DEFAULT: u64 = 512 << 20;
/// Batches that are compressed or decompressed at the same time; each may take 128 MiB while it is.
const CODECS_AT_ONCE: usize = 2;
/// How long a stop waits for connections to take their last answers.
const DRAIN_MAX: Duration = Duration::from_secs(10);
/// How long those that are cut may take to let go.
const CUT_MAX: Duration = Duration::from_secs(2);

/// A serving broker.
pub(crate) struct Running {
    pub(crate) bound: Vec<Bound>,
    pub(crate) broker: Arc<Broker>,
    /// Ends the metadata owner, last of all.
    closing: CancellationToken,
    /// Ends the connections that did not end by themselves.
    cut: CancellationToken,
    tasks: TaskTracker,
    connections: TaskTracker,
    metadata: tokio::task::JoinHandle<()>,
}

/// Starts a broker; returns when it serves.
pub(crate) async fn start(settings: StaticSettings) -> anyhow::Result<Running> {
    let began = Instant::now();
    let StaticSettings { pairs, config } = settings;
    let bound = bind::kafka(&config).await?;
    let metrics = Arc::new(Metrics::register()?);
    let health = Arc::new(Health::default());
    let (stop, cut, closing) = (CancellationToken::new(), CancellationToken::new(), CancellationToken::new());
    let (tasks, connections) = (TaskTracker::new(), TaskTracker::new());
    if let Some(listener) = bind::http(&config).await? {
        let door = SideDoor { metrics: Arc::clone(&metrics), health: Arc::clone(&health) };
        tasks.spawn(http::serve(listener, door, closing.clone()));
    }

    let (data, opened) = open_data(&config).await?;
    let data = Arc::new(data);
    let (store, image) =
        tokio::task::block_in_place(|| Store::open(&data)).context("metadata can not be read")?;
    let file = Arc::new(pairs);
    let view = Arc::new(View::new(config.node_id, Arc::clone(&file), config.clone()));
    let surroundings = surroundings(config.node_id, &view, &metrics, &health);
    let partitions =
        Arc::new(Registry::new(config.node_id, Arc::clone(&file), Arc::clone(&data), surroundings));
    health.recovering(image.partition_count());
    let (owner, controller) = Owner::new(
        store,
        image,
        Arc::clone(&view),
        Arc::clone(&partitions),
        Arc::clone(&metrics),
        Arc::clone(&health),
    );
    let metadata = tokio::spawn(watch("the owner of the metadata", owner.run(closing.clone())));
    let epoch =
        register(&controller, &config, &bound, &data, Arc::clone(&file), opened.clean_shutdown).await?;
    let all: Vec<_> = view.image().topics().map(|topic| topic.id).collect();
    partitions.reconcile(&view.image(), all).await;
    partitions.delete_strays(&view.image()).await;

    let me = config.node_id;
    let broker = Arc::new(Broker {
        id: me,
        file,
        metrics: Arc::clone(&metrics),
        health: Arc::clone(&health),
        data,
        coordinators: Coordinators::new(me, Arc::clone(&view), controller.clone(), Arc::clone(&partitions)),
        producer_ids: ProducerIds::new(me, epoch, controller.clone()),
        fetch_sessions: Mutex::new(fetch_sessions(&config)),
        follower_sessions: FollowerSessions::default(),
        leader_throttle: Mutex::default(),
        view,
        controller,
        partitions,
        request_budget: ByteBudget::new(
            usize::try_from(config.queued_max_request_bytes.unwrap_or(BUDGET_DEFAULT)).unwrap_or(usize::MAX),
        ),
        codecs: Semaphore::new(CODECS_AT_ONCE),
        stop: stop.clone(),
    });
    broker.coordinators.follow();
    spawn_duties(&broker, &tasks);
    open_doors(&door(&broker, &config, cut.clone(), connections.clone()), &bound, &tasks)?;
    health.enter(Phase::Serving);
    metrics.ready.set(1);
    metrics.recovery_seconds.set(began.elapsed().as_secs_f64());
    info!(
        broker = %me, topics = broker.image().topic_count(), partitions = broker.image().partition_count(),
        clean = opened.clean_shutdown, took = ?began.elapsed(), "serving"
    );
    Ok(Running { bound, broker, closing, cut, tasks, connections, metadata })
}

fn fetch_sessions(config: &BrokerConfig) -> FetchSessions {
    let slots = usize::try_from(config.fetch_session_slots).unwrap_or(usize::MAX);
    FetchSessions::new(slots, FETCH_SESSION_PARTITIONS_MAX)
}

/// What the broker does on its own account.
fn spawn_duties(broker: &Arc<Broker>, tasks: &TaskTracker) {
    tasks.spawn(watch("the housekeeper", housekeeper::run(Arc::clone(broker))));
    tasks.spawn(watch("the carrier of ISR changes", carrier::run(Arc::clone(broker))));
}

impl Running {
    /// Stops in order: no new requests, last answers out, logs synced and closed, the directory marked clean.
    pub(crate) async fn stop(self) {
        let Self { broker, closing, cut, tasks, connections, metadata, .. } = self;
        info!("stopping");
        broker.health.enter(Phase::Stopping);
        broker.metrics.ready.set(0);
        broker.stop.cancel();
        connections.close();
        if tokio::time::timeout(DRAIN_MAX, connections.wait()).await.is_err() {
            warn!(connections = connections.len(), "connections were still busy and are cut");
            cut.cancel();
            let _ = tokio::time::timeout(CUT_MAX, connections.wait()).await;
        }
        broker.partitions.stop_all().await;
        closing.cancel();
        if let Err(panic) = metadata.await {
            warn!(%panic, "the metadata owner panicked");
        }
        tasks.close();
        let _ = tokio::time::timeout(DRAIN_MAX, tasks.wait()).await;
        let data = Arc::clone(&broker.data);
        drop(broker);
        // A connection that was cut may still hold the directory; then it was not left cleanly.
        match Arc::into_inner(data).map(|data| tokio::task::block_in_place(|| data.close())) {
            Some(Ok(())) => info!("stopped cleanly"),
            Some(Err(error)) => warn!(%error, "stopped, but not cleanly: the next start recovers"),
            None => warn!("stopped while a connection was busy: the next start recovers"),
        }
    }
}

async fn open_data(config: &BrokerConfig) -> anyhow::Result<(DataDir<RealDisk>, OpenedDataDir)> {
    let path = Path::new(&config.data_dir);
    std::fs::create_dir_all(path).with_context(|| {
        format!("{} can not be created: set log.dirs to a place that can", path.display())
    })?;
    let fresh = Incarnation(Uuid::new_v4());
    let opened = tokio::task::block_in_place(|| DataDir::open(RealDisk, path, config.node_id, fresh))
        .with_context(|| format!("the data directory {} can not be used", path.display()))?;
    Ok(opened)
}

fn surroundings(
    me: BrokerId,
    view: &Arc<View>,
    metrics: &Arc<Metrics>,
    health: &Arc<Health>,
) -> Surroundings {
    Surroundings {
        metrics: Arc::clone(metrics),
        health: Arc::clone(health),
        cleaner: Arc::new(Semaphore::new(1)),
        fleet: Arc::new(Fleet::new(me, Arc::clone(view), Arc::clone(metrics))),
        proposals: Arc::default(),
        fence: Arc::default(),
        view: Arc::clone(view),
    }
}

/// Begins the cluster if there is none, and tells it that this broker is here. The partitions follow.
async fn register(
    controller: &Controller,
    config: &BrokerConfig,
    bound: &[Bound],
    data: &DataDir<RealDisk>,
    file: Arc<Pairs>,
    clean: bool,
) -> anyhow::Result<i64> {
    let fresh = Uuid::new_v4();
    controller.decide(move |image, _| bootstrap::decide(image, fresh)).await?;
    let command = RegisterBroker {
        id: config.node_id,
        incarnation: data.incarnation(),
        rack: config.rack.clone(),
        endpoints: bound.iter().map(endpoint).collect(),
        peer: None,
        admin: None,
        versions: VersionRange::default(),
        fenced: false,
        clean,
    };
    let decide = move |image: &Image, _: &mut Entropy<'_>| register_broker::decide(image, command, &file);
    Ok(controller.decide(decide).await??)
}

fn endpoint(bound: &Bound) -> BrokerEndpoint {
    BrokerEndpoint {
        listener: bound.name.to_string(),
        host: bound.advertised.host.clone(),
        port: bound.advertised.port,
    }
}

fn door(
    broker: &Arc<Broker>,
    config: &BrokerConfig,
    cut: CancellationToken,
    connections: TaskTracker,
) -> Door {
    let wide = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
    let idle_max = config
        .connections_max_idle
        .map_or(Duration::MAX, |span| Duration::from_millis(u64::try_from(span.0).unwrap_or(u64::MAX)));
    Door {
        dispatch: Arc::new(Dispatch::new(Arc::clone(broker))),
        admission: Arc::default(),
        limits: FrameLimits {
            frame_max: wide(config.socket_request_max_bytes),
            idle_max,
            budget: broker.request_budget.clone(),
            connection_max: usize::try_from(config.connection_request_max_bytes).unwrap_or(usize::MAX),
        },
        descriptors: descriptors::for_connections(descriptors::claim()),
        stop: broker.stop.clone(),
        cut,
        connections,
    }
}

fn open_doors(door: &Door, bound: &[Bound], tasks: &TaskTracker) -> std::io::Result<()> {
    for listener in bound {
        for socket in listener.sockets()? {
            tasks.spawn(accept(socket, Arc::clone(&listener.name), door.clone()));
        }
    }
    Ok(())
}
