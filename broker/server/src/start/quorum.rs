//! The part of a start that makes the broker a member: its node of the metadata quorum, the way to the controller, the
//! duties it has when it is the controller itself, and its registration.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, watch};
use tracing::info;
use uuid::Uuid;
use weir_core::controller::register_broker::RegisterBroker;
use weir_core::controller::{HostPort, VersionRange};
use weir_model::DurationMs;
use weir_quorum::{Commits, Controller, OnThreads, Quorum, QuorumConfig};

use super::{Ground, endpoint};
use crate::bind::Side;
use crate::duties::{Duties, Means};
use crate::groups::Coordinators;
use crate::membership::registering::Registering;
use crate::membership::{Attendance, Gate, Wishes, Word};
use crate::metadata::Follower;
use crate::partition::driver::Surroundings;
use crate::partition::registry::Registry;
use crate::partition::syncs::Syncs;
use crate::peers::service::Shared;
use crate::peers::{Dialer, Lines, Link, PeerService};
use crate::replication::fleet::Fleet;
use crate::watched::watch;

/// What makes a broker a member.
pub(super) struct Member {
    pub(super) link: Link,
    pub(super) controller: Controller,
    pub(super) duties: Duties,
    pub(super) service: PeerService,
    pub(super) partitions: Arc<Registry>,
    pub(super) coordinators: Arc<Coordinators>,
    /// The registration from which on the partitions follow the metadata.
    from: watch::Sender<Option<i64>>,
    follows: watch::Receiver<bool>,
}

/// Opens the broker's node of the quorum.
pub(super) async fn open(ground: &Ground) -> anyhow::Result<(Opened, Commits)> {
    let Ground { vital, config, data, view, .. } = ground;
    let me = ground.me();
    let dialer = Dialer::new(vital.handle().clone());
    let lines = Lines::new(me, Arc::clone(view), Arc::clone(&dialer), &config.cluster.voters);
    let mut settings = QuorumConfig::new(me, Uuid::new_v4().as_u64_pair().0);
    settings.timings.heartbeat = span(config.cluster.quorum_heartbeat);
    settings.timings.election = span(config.cluster.quorum_election_timeout);
    let starting = Quorum::start(settings, data.home(), Arc::new(lines), Arc::new(OnThreads));
    let (quorum, commits) = vital.run(starting).await?.context("metadata can not be read")?;
    view.publish(Arc::clone(&quorum.latest().borrow().image));
    let members = quorum.members();
    if members.voters.len() == 1 && members.voters.contains(&me) {
        // Nobody else could be leading: there is nothing to wait for.
        let alone = quorum.clone();
        tokio::spawn(async move { alone.elect_now().await });
    }
    Ok((Opened { quorum, dialer }, commits))
}

/// A node of the quorum, and the way to others.
pub(super) struct Opened {
    quorum: Quorum,
    dialer: Arc<Dialer>,
}

/// Wires everything that stands on the quorum. Nothing is decided yet. Must be called where partitions are to run: they
/// do where their follower does.
pub(super) fn join(ground: &mut Ground, opened: Opened, commits: Commits) -> Member {
    let beside = Handle::current();
    let Ground { vital, config, file, metrics, health, data, view, changes, stop, closing, tasks, .. } =
        ground;
    let _on = vital.handle().enter();
    let Opened { quorum, dialer } = opened;
    let me = weir_quorum::NodeId { broker: config.node_id, incarnation: data.incarnation() };
    let (controller, decider) = weir_quorum::controller(&quorum, Box::new(|| Uuid::new_v4().as_u64_pair().0));
    tasks.spawn(watch("the one who decides", decider.run(closing.clone().cancelled_owned())));
    let link = Link::new(me, Arc::clone(view), quorum, dialer);
    let surroundings = Surroundings {
        metrics: Arc::clone(metrics),
        health: Arc::clone(health),
        syncs: Arc::new(Syncs::new(data.volume(), Arc::clone(metrics))),
        cleaner: Arc::new(Semaphore::new(1)),
        fleet: Arc::new(Fleet::new(config.node_id, Arc::clone(view), Arc::clone(metrics))),
        proposals: Arc::default(),
        fence: Arc::default(),
        view: Arc::clone(view),
        lagging: Arc::default(),
    };
    let partitions =
        Arc::new(Registry::new(config.node_id, Arc::clone(file), Arc::clone(data), surroundings));
    let coordinators =
        Arc::new(Coordinators::new(config.node_id, Arc::clone(view), link.clone(), Arc::clone(&partitions)));
    let (from, asked_from) = watch::channel(None);
    let (following, follows) = watch::channel(false);
    let follower = Follower {
        me: config.node_id,
        commits,
        view: Arc::clone(view),
        changes: Arc::clone(changes),
        partitions: Arc::clone(&partitions),
        coordinators: Arc::clone(&coordinators),
        metrics: Arc::clone(metrics),
        health: Arc::clone(health),
        from: asked_from,
        root: data.home().root().to_owned(),
        belongs: view.cluster_id().is_some(),
        following,
    };
    tasks.spawn_on(watch("the follower of the metadata", follower.run(closing.clone())), &beside);
    let means = Means {
        me,
        file: Arc::clone(file),
        config: Arc::new(config.clone()),
        view: Arc::clone(view),
        controller: controller.clone(),
        link: link.clone(),
        metrics: Arc::clone(metrics),
    };
    let duties = Duties::start(means, tasks, closing.clone());
    let service = PeerService::new(Shared {
        me,
        view: Arc::clone(view),
        link: link.clone(),
        controller: controller.clone(),
        duties: duties.clone(),
        partitions: Arc::clone(&partitions),
        metrics: Arc::clone(metrics),
        stop: stop.clone(),
    });
    Member { link, controller, duties, service, partitions, coordinators, from, follows }
}

/// Tells the cluster that this broker is here. Gives its epoch.
pub(super) async fn register(ground: &Ground, member: &Member) -> anyhow::Result<i64> {
    let Ground { config, data, view, bound, peers, admin, opened, .. } = ground;
    let host_port = |host: &str, port| HostPort { host: host.to_owned(), port };
    let at = |side: &Option<Side>| side.as_ref().map(|(_, at)| host_port(&at.host, at.port));
    let command = RegisterBroker {
        id: config.node_id,
        incarnation: data.incarnation(),
        rack: config.rack.clone(),
        endpoints: bound.iter().map(endpoint).collect(),
        peer: at(peers),
        admin: at(admin),
        versions: VersionRange::default(),
        fenced: true,
        clean: opened.clean_shutdown,
    };
    let registering = Registering {
        me: ground.me(),
        link: &member.link,
        view,
        duties: &member.duties,
        voters: &config.cluster.voters,
        command,
    };
    let epoch = registering.run().await?;
    info!(epoch, "registered");
    Ok(epoch)
}

impl Member {
    /// The one who keeps the broker a member from here on.
    pub(super) fn attendance(
        &self,
        ground: &Ground,
        epoch: i64,
        wishes: watch::Receiver<Wishes>,
        word: watch::Sender<Word>,
    ) -> Attendance {
        let cluster = &ground.config.cluster;
        Attendance {
            me: ground.me(),
            epoch,
            interval: span(cluster.heartbeat_interval),
            session: cluster.session_timeout,
            link: self.link.clone(),
            duties: self.duties.clone(),
            partitions: Arc::clone(&self.partitions),
            fence: Arc::clone(self.partitions.fence()),
            health: Arc::clone(&ground.health),
            metrics: Arc::clone(&ground.metrics),
            gate: Gate { view: Arc::clone(&ground.view), me: ground.config.node_id, epoch },
            wishes,
            word,
            looking: Arc::default(),
            unanswered: Arc::default(),
            behind: Arc::default(),
        }
    }

    /// Opens the partitions as of this registration, and lets them follow the metadata. Returns when they are open.
    pub(super) async fn follow_from(&self, epoch: i64) {
        self.from.send_replace(Some(epoch));
        let mut follows = self.follows.clone();
        // The follower only ends with the broker.
        let _ = follows.wait_for(|follows| *follows).await;
    }
}

fn span(ms: DurationMs) -> Duration {
    Duration::from_millis(ms.0.unsigned_abs())
}
