//! From settings to a serving broker, in order: data directory, quorum, registration, partitions, groups, listeners. And
//! back.
//!
//! Listeners are bound first, so that a port in use is found before any work, and accept last, so that whoever gets
//! through is served.

mod quorum;

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};
use uuid::Uuid;
use weir_core::controller::BrokerEndpoint;
use weir_log::{DataDir, OpenedDataDir, RealDisk};
use weir_model::Incarnation;
use weir_model::config::{BrokerConfig, Pairs};
use weir_quorum::{NodeId, PeerAddress};

use self::quorum::Member;
use crate::admin::{AdminService, Changes};
use crate::api::fetch::follower_sessions::FollowerSessions;
use crate::api::fetch::sessions::FetchSessions;
use crate::api::producer_ids::ProducerIds;
use crate::bind::{self, Bound, Side};
use crate::broker::Broker;
use crate::dispatch::Dispatch;
use crate::exposition::Exposition;
use crate::health::{Health, Phase};
use crate::housekeeper;
use crate::http::{self, SideDoor};
use crate::membership::deserted::deserted;
use crate::membership::{Wishes, Word, arriving, forming};
use crate::metadata::{View, belonging};
use crate::metrics::Metrics;
use crate::net::budget::ByteBudget;
use crate::net::descriptors;
use crate::net::listener::{Door, accept};
use crate::net::receive::FrameLimits;
use crate::partition::flows::Flows;
use crate::replication::carrier;
use crate::scrub;
use crate::settings::StaticSettings;
use crate::vital::Vital;
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

/// How often it is looked whether the data directory is let go.
const LETTING_GO: Duration = Duration::from_millis(1);
/// How long the pieces of a broker that stops may take to end.
const ENDING_MAX: Duration = Duration::from_secs(10);

/// A serving broker.
pub(crate) struct Running {
    pub(crate) bound: Vec<Bound>,
    pub(crate) broker: Arc<Broker>,
    config: BrokerConfig,
    wishes: watch::Sender<Wishes>,
    word: watch::Receiver<Word>,
    /// Ends everything that keeps the broker a member, last of all.
    closing: CancellationToken,
    /// Ends the connections that did not end by themselves.
    cut: CancellationToken,
    tasks: TaskTracker,
    connections: TaskTracker,
    /// Ends with this.
    vital: Vital,
}

/// What a broker stands on before it is a member of anything.
struct Ground {
    vital: Vital,
    config: BrokerConfig,
    file: Arc<Pairs>,
    bound: Vec<Bound>,
    peers: Option<Side>,
    admin: Option<Side>,
    changes: Arc<Changes>,
    metrics: Arc<Metrics>,
    exposition: Arc<Exposition>,
    health: Arc<Health>,
    data: Arc<DataDir<RealDisk>>,
    opened: OpenedDataDir,
    view: Arc<View>,
    stop: CancellationToken,
    closing: CancellationToken,
    tasks: TaskTracker,
}

impl Ground {
    fn me(&self) -> NodeId {
        NodeId { broker: self.config.node_id, incarnation: self.data.incarnation() }
    }

    /// Where other brokers reach this one; nowhere for a broker alone.
    fn own_address(&self) -> PeerAddress {
        let at = self.peers.as_ref().map(|(_, at)| at);
        PeerAddress {
            host: at.map_or_else(String::new, |at| at.host.clone()),
            port: at.map_or(0, |at| at.port),
        }
    }
}

/// Starts a broker; returns when it serves.
pub(crate) async fn start(settings: StaticSettings) -> anyhow::Result<Running> {
    let began = Instant::now();
    let mut ground = prepare(settings).await?;
    if ground.view.cluster_id().is_some() {
        let own = ground.peers.as_ref().map_or(&[][..], |(sockets, _)| sockets);
        let checked = arriving::check(&ground.view, ground.me(), &ground.config.cluster.voters, own).await;
        if let Err(refused) = checked {
            let Ground { data, opened, .. } = ground;
            Arc::into_inner(data).map_or(Ok(()), |data| leave_as_found(data, opened))?;
            return Err(refused);
        }
    }
    let (quorum, commits) = quorum::open(&ground).await?;
    let member = quorum::join(&mut ground, quorum, commits);
    let sockets = ground.peers.as_mut().map(|(sockets, _)| std::mem::take(sockets)).unwrap_or_default();
    if !sockets.is_empty() {
        let serving = member.service.clone().serve(sockets, ground.closing.clone());
        ground.tasks.spawn_on(watch("the peer listener", serving), ground.vital.handle());
    }
    let (me, voters) = (ground.me(), ground.config.cluster.voters.clone());
    forming::form(&member.link, &ground.view, me, &voters, ground.own_address()).await?;
    let epoch = quorum::register(&ground, &member).await?;

    // Beats name the cluster, and it is the metadata that does.
    ground.view.until(|image| image.broker(me.broker).is_some_and(|b| b.registration.epoch >= epoch)).await;

    let (wishes, wished) = watch::channel(Wishes::default());
    let (said, mut word) = watch::channel(Word::default());
    let attendance = member.attendance(&ground, epoch, wished, said);
    let attending = watch("the one who attends", attendance.run(ground.closing.clone()));
    ground.tasks.spawn_on(attending, ground.vital.handle());
    let broker = whole(&ground, &member, epoch);
    // Before the logs are open, so that whoever waits for that can see how far it is.
    serve_admins(&mut ground, &broker);
    member.follow_from(epoch).await;
    let dispatch = Arc::new(Dispatch::new(Arc::clone(&broker)));
    member.link.answer_with(&dispatch);
    ground.tasks.spawn(watch("the housekeeper", housekeeper::run(Arc::clone(&broker))));
    ground.tasks.spawn(watch("the checks of closed segments", scrub::run(Arc::clone(&broker))));
    ground.tasks.spawn(watch("the carrier of ISR changes", carrier::run(Arc::clone(&broker))));
    wishes.send_modify(|wishes| wishes.ready = true);
    let unfenced = word.wait_for(|word| word.unfenced || word.superseded).await.map(|word| word.unfenced);
    if !unfenced.unwrap_or(false) {
        bail!("another broker has taken this one's place");
    }
    let (cut, connections) = (CancellationToken::new(), TaskTracker::new());
    let door = door(dispatch, &broker, &ground.config, cut.clone(), connections.clone());
    open_doors(&door, &ground.bound, &ground.tasks)?;
    ground.exposition.is_about(&broker);
    broker.health.enter(Phase::Serving);
    broker.metrics.ready.set(1);
    broker.metrics.recovery_seconds.set(began.elapsed().as_secs_f64());
    info!(
        broker = %broker.id, topics = broker.image().topic_count(),
        partitions = broker.image().partition_count(), clean = ground.opened.clean_shutdown,
        took = ?began.elapsed(), "serving"
    );
    let Ground { vital, config, bound, closing, tasks, .. } = ground;
    Ok(Running { bound, broker, config, wishes, word, closing, cut, tasks, connections, vital })
}

/// Opens the admin service, if it has a listener.
fn serve_admins(ground: &mut Ground, broker: &Arc<Broker>) {
    let Some((sockets, _)) = &mut ground.admin else { return };
    let service = AdminService::new(Arc::clone(broker), Arc::clone(&ground.changes));
    let serving = service.serve(std::mem::take(sockets), ground.closing.clone());
    ground.tasks.spawn(watch("the admin listener", serving));
}

/// Ports, data directory, metrics: everything that needs nobody else.
async fn prepare(settings: StaticSettings) -> anyhow::Result<Ground> {
    let StaticSettings { pairs, config } = settings;
    let vital = Vital::start().context("the runtime of what is vital does not start")?;
    let bound = bind::kafka(&config).await?;
    let of_peers = config.clone();
    let peers = vital.run(async move { bind::peers(&of_peers).await }).await??;
    let admin = bind::admin(&config, peers.as_ref().map(|(_, at)| at)).await?;
    let metrics = Arc::new(Metrics::register()?);
    let health = Arc::new(Health::default());
    let exposition = Arc::new(Exposition::new(Arc::clone(&metrics)));
    let (stop, closing, tasks) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
    if let Some(listener) = bind::http(&config).await? {
        let door = SideDoor { exposition: Arc::clone(&exposition), health: Arc::clone(&health) };
        tasks.spawn(http::serve(listener, door, closing.clone()));
    }
    let (data, opened) = open_data(&config).await?;
    let (data, file) = (Arc::new(data), Arc::new(pairs));
    let view = Arc::new(View::new(config.node_id, Arc::clone(&file), config.clone()));
    let changes = Arc::default();
    if let Some(cluster) = belonging::read(data.home().root()).context("cluster-id can not be read")? {
        view.is_of(cluster);
    }
    Ok(Ground {
        vital,
        config,
        file,
        bound,
        peers,
        admin,
        changes,
        metrics,
        exposition,
        health,
        data,
        opened,
        view,
        stop,
        closing,
        tasks,
    })
}

/// The broker as its request handlers see it.
fn whole(ground: &Ground, member: &Member, epoch: i64) -> Arc<Broker> {
    let Ground { config, file, metrics, health, data, view, stop, .. } = ground;
    let wide = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
    let (link, controller) = (member.link.clone(), member.controller.clone());
    Arc::new(Broker {
        id: config.node_id,
        file: Arc::clone(file),
        metrics: Arc::clone(metrics),
        health: Arc::clone(health),
        data: Arc::clone(data),
        coordinators: Arc::clone(&member.coordinators),
        producer_ids: ProducerIds::new(config.node_id, epoch, link.clone(), controller.clone()),
        fetch_sessions: Mutex::new(FetchSessions::new(
            wide(config.fetch_session_slots.into()),
            FETCH_SESSION_PARTITIONS_MAX,
        )),
        follower_sessions: FollowerSessions::default(),
        leader_throttle: Mutex::default(),
        view: Arc::clone(view),
        controller,
        link,
        duties: member.duties.clone(),
        partitions: Arc::clone(&member.partitions),
        flows: Flows::default(),
        request_budget: ByteBudget::new(wide(config.queued_max_request_bytes.unwrap_or(BUDGET_DEFAULT))),
        codecs: Semaphore::new(CODECS_AT_ONCE),
        stop: stop.clone(),
    })
}

impl Running {
    /// Another process has taken this broker's place.
    pub(crate) async fn superseded(&mut self) {
        if self.word.wait_for(|word| word.superseded).await.is_err() {
            std::future::pending().await
        }
    }

    /// Stops in order: what is led here is given away, no new requests, last answers out, logs synced and closed, the
    /// quorum handed over, the directory marked clean.
    pub(crate) async fn stop(mut self) {
        info!("stopping");
        self.give_away().await;
        let Self { broker, closing, cut, tasks, connections, wishes, word, vital, .. } = self;
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
        broker.link.quorum().shutdown().await;
        closing.cancel();
        drop((wishes, word));
        tasks.close();
        if tokio::time::timeout(ENDING_MAX, tasks.wait()).await.is_err() {
            warn!(tasks = tasks.len(), "some of the broker's pieces do not end");
        }
        let (data, health) = (Arc::clone(&broker.data), Arc::clone(&broker.health));
        drop((broker, vital));
        // What was told to end a moment ago lets go in a moment.
        let patience = Instant::now() + CUT_MAX;
        while Arc::strong_count(&data) > 1 && Instant::now() < patience {
            tokio::time::sleep(LETTING_GO).await;
        }
        if health.is_left_unclean() {
            warn!("stopped, but not every log was closed: the next start recovers");
            return;
        }
        // A connection that was cut may still hold the directory; then it was not left cleanly.
        match Arc::into_inner(data).map(|data| tokio::task::block_in_place(|| data.close())) {
            Some(Ok(())) => info!("stopped cleanly"),
            Some(Err(error)) => warn!(%error, "stopped, but not cleanly: the next start recovers"),
            None => warn!("stopped while a connection was busy: the next start recovers"),
        }
    }

    /// Lets others take over what is led here, so that no client has to wait for it. Without others, or once the cluster
    /// does not count on this broker anyway, there is nothing to give away; and when too many others have gone before, as
    /// when all are stopped at once, there is nobody to give it to.
    async fn give_away(&mut self) {
        let cluster = &self.config.cluster;
        let others = self.broker.link.quorum().members().nodes.len() > 1;
        if !cluster.controlled_shutdown || !others {
            return;
        }
        let began = Instant::now();
        self.wishes.send_modify(|wishes| wishes.shutdown = true);
        let most = Duration::from_millis(cluster.controlled_shutdown_max.0.unsigned_abs());
        let done = self.word.wait_for(|word| word.may_stop || word.superseded || !word.unfenced);
        let me = NodeId { broker: self.config.node_id, incarnation: self.broker.data.incarnation() };
        let deserted = deserted(self.broker.link.quorum(), me);
        let ended = async {
            tokio::select! {
                _ = done => "others have taken over",
                () = deserted => "nobody is left to take over",
            }
        };
        match tokio::time::timeout(most, ended).await {
            Ok(what) => info!(took = ?began.elapsed(), "{what}"),
            Err(_) => warn!("others have not taken over everything that is led here; stopping all the same"),
        }
    }
}

async fn open_data(config: &BrokerConfig) -> anyhow::Result<(DataDir<RealDisk>, OpenedDataDir)> {
    let path = Path::new(&config.data_dir);
    std::fs::create_dir_all(path).with_context(|| {
        format!("{} can not be created: set log.dirs to a place that can", path.display())
    })?;
    let fresh = Incarnation(Uuid::new_v4());
    let (data, opened) = tokio::task::block_in_place(|| DataDir::open(RealDisk, path, config.node_id, fresh))
        .with_context(|| format!("the data directory {} can not be used", path.display()))?;
    if data.broker() != config.node_id {
        let (path, theirs, ours) = (path.display(), data.broker(), config.node_id);
        leave_as_found(data, opened)?;
        bail!(
            "{path} is the data directory of broker {theirs}, not {ours}: set node.id={theirs}, or another log.dirs"
        );
    }
    Ok((data, opened))
}

/// Of a directory that is not used after all: whoever it belongs to must find it as it was left.
fn leave_as_found(data: DataDir<RealDisk>, opened: OpenedDataDir) -> anyhow::Result<()> {
    if opened.clean_shutdown {
        tokio::task::block_in_place(|| data.close())
            .context("the data directory can not be left as it was")?;
    }
    Ok(())
}

fn endpoint(bound: &Bound) -> BrokerEndpoint {
    BrokerEndpoint {
        listener: bound.name.to_string(),
        host: bound.advertised.host.clone(),
        port: bound.advertised.port,
    }
}

fn door(
    dispatch: Arc<Dispatch>,
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
        dispatch,
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
