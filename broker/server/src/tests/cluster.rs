//! Clusters of whole brokers, each on a runtime of its own so that it can be killed: how they come to be, and what
//! becomes of them when one dies, loses its disk, or does not belong to them.

use std::future::Future;
use std::net::TcpListener as Socket;
use std::time::Instant;

use tokio::runtime::{Builder, Runtime};
use weir_model::BrokerId;
use weir_wire::messages::describe_cluster::DescribeClusterRequest;
use weir_wire::messages::unregister_broker::UnregisterBrokerRequest;

use super::*;

/// A broker that can be killed.
pub(super) struct Killable {
    runtime: Option<Runtime>,
    running: Option<Running>,
}

impl Killable {
    /// One that was killed in this process gives its port and its directory free when its last thread has ended, which
    /// may be a moment later.
    pub(super) async fn start(directory: &Path, settings: &[(&str, String)]) -> anyhow::Result<Self> {
        let since = Instant::now();
        loop {
            match Self::try_start(directory, settings).await {
                Err(error)
                    if format!("{error:#}").contains(" is in use") && since.elapsed() < PATIENCE / 2 =>
                {
                    tokio::task::yield_now().await;
                }
                done => return done,
            }
        }
    }

    async fn try_start(directory: &Path, settings: &[(&str, String)]) -> anyhow::Result<Self> {
        let base =
            [("listeners", "PLAINTEXT://127.0.0.1:0".to_owned()), ("weir.http.listener", String::new())];
        let mut pairs: Pairs =
            base.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        pairs.insert("log.dirs".to_owned(), directory.display().to_string());
        pairs.insert("offsets.topic.num.partitions".to_owned(), "1".to_owned());
        let settings = StaticSettings::from_pairs(pairs)?;
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let mut this = Self { runtime: None, running: None };
        let started = runtime.spawn(start(settings)).await;
        this.runtime = Some(runtime);
        this.running = Some(started??);
        Ok(this)
    }

    pub(super) fn running(&self) -> &Running {
        self.running.as_ref().unwrap()
    }

    /// Nothing is told, flushed or closed.
    pub(super) fn kill(mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    pub(super) async fn stop(mut self) {
        let (runtime, running) = (self.runtime.take().unwrap(), self.running.take().unwrap());
        runtime.spawn(running.stop()).await.unwrap();
        runtime.shutdown_background();
    }
}

impl Drop for Killable {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Ports that were free a moment ago.
fn ports<const N: usize>() -> [u16; N] {
    let sockets = [(); N].map(|()| Socket::bind("127.0.0.1:0").unwrap());
    sockets.map(|socket| socket.local_addr().unwrap().port())
}

fn voters(ports: &[u16]) -> String {
    let voters = ports.iter().enumerate().map(|(id, port)| format!("{id}@127.0.0.1:{port}"));
    voters.collect::<Vec<_>>().join(",")
}

fn settings(id: usize, ports: &[u16]) -> Vec<(&'static str, String)> {
    vec![
        ("node.id", id.to_string()),
        ("controller.quorum.voters", voters(ports)),
        ("weir.peer.listener", format!("127.0.0.1:{}", ports[id.min(ports.len() - 1)])),
        ("weir.admin.listener", "127.0.0.1:0".to_owned()),
        ("broker.session.timeout.ms", "2000".to_owned()),
    ]
}

pub(super) struct Three {
    ports: [u16; 3],
    pub(super) disks: Vec<tempfile::TempDir>,
    pub(super) brokers: Vec<Option<Killable>>,
}

impl Three {
    pub(super) async fn form() -> Self {
        Self::form_with(&[]).await
    }

    pub(super) async fn form_with(more: &[(&'static str, &str)]) -> Self {
        let ports = ports::<3>();
        let disks: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
        let starting = (0..3).map(|id| {
            let (path, mut settings) = (disks[id].path().to_owned(), settings(id, &ports));
            settings.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
            async move { Killable::start(&path, &settings).await.unwrap() }
        });
        let brokers = within(futures_util::future::join_all(starting)).await;
        Self { ports, disks, brokers: brokers.into_iter().map(Some).collect() }
    }

    pub(super) fn broker(&self, id: usize) -> &Running {
        self.brokers[id].as_ref().unwrap().running()
    }

    fn controller(&self) -> Option<usize> {
        let alive = self.brokers.iter().flatten().map(|broker| broker.running());
        alive
            .filter(|broker| broker.broker.link.am_controller())
            .map(|b| b.broker.id.0.unsigned_abs() as usize)
            .next()
    }

    pub(super) async fn some_controller(&self) -> usize {
        within(async {
            loop {
                match self.controller() {
                    Some(id) => return id,
                    None => tokio::time::sleep(Duration::from_millis(5)).await,
                }
            }
        })
        .await
    }
}

pub(super) async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("not in time")
}

fn unfenced(running: &Running) -> usize {
    running.broker.image().brokers().filter(|broker| broker.is_active()).count()
}

async fn create(peer: &mut Peer, name: &str, replicas: i16) -> i16 {
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions: 1,
        replication_factor: replicas,
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, ..Default::default() };
    peer.ask(5, &request).await.topics[0].error_code
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_brokers_form_a_cluster_that_outlives_its_controller() {
    let mut three = Three::form().await;
    let controller = three.some_controller().await;
    let others: Vec<usize> = (0..3).filter(|id| *id != controller).collect();
    for id in 0..3 {
        within(
            three
                .broker(id)
                .broker
                .view
                .until(|image| image.brokers().filter(|b| b.is_active()).count() == 3),
        )
        .await;
    }
    let mut peer = Peer::of(three.broker(others[0])).await;
    assert_eq!(create(&mut peer, "before", 3).await, 0, "whoever is asked hands it on");
    let described = peer.ask(0, &DescribeClusterRequest::default()).await;
    assert_eq!(described.controller_id, i32::try_from(controller).unwrap());
    for id in 0..3 {
        within(three.broker(id).broker.view.until(|image| image.topic("before").is_some())).await;
    }

    three.brokers[controller].take().unwrap().kill();
    let next = three.some_controller().await;
    assert_ne!(next, controller);
    let gone = BrokerId(i32::try_from(controller).unwrap());
    within(three.broker(next).broker.view.until(|image| !image.is_active(gone))).await;
    let made = within(async { while create(&mut peer, "after", 2).await != 0 {} });
    made.await;
    let image = three.broker(others[0]).broker.image();
    let partition = image.topic("before").unwrap().partitions[0].clone();
    assert!(partition.leader.is_some_and(|leader| leader != gone) && !partition.isr.contains(&gone));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_lost_its_disk_comes_back_as_another_node() {
    let mut three = Three::form().await;
    let controller = three.some_controller().await;
    let lost = (controller + 1) % 3;
    let before = three.broker(lost).broker.data.incarnation();
    three.brokers[lost].take().unwrap().kill();
    three.disks[lost] = tempfile::tempdir().unwrap();
    let again =
        within(Killable::start(three.disks[lost].path(), &settings(lost, &three.ports))).await.unwrap();
    assert_ne!(again.running().broker.data.incarnation(), before);
    assert_eq!(unfenced(again.running()), 3);
    let quorum = three.broker(controller).broker.link.quorum().clone();
    let forgotten = within(async {
        while quorum.members().nodes.keys().any(|node| node.incarnation == before)
            || quorum.members().voters.len() != 3
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    forgotten.await;
}

/// Once everybody follows who leads where.
async fn all_are_back(three: &Three) {
    for id in 0..3 {
        let view = &three.broker(id).broker.view;
        within(view.until(|image| image.brokers().filter(|b| b.is_active()).count() == 3)).await;
    }
    let mut peer = Peer::of(three.broker(0)).await;
    within(async { while create(&mut peer, "after", 3).await != 0 {} }).await;
    for id in 0..3 {
        within(three.broker(id).broker.view.until(|image| image.topic("after").is_some())).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_returns_at_another_address_is_found_there() {
    let mut three = Three::form().await;
    for moved in [(three.some_controller().await + 1) % 3, three.some_controller().await] {
        three.brokers[moved].take().unwrap().kill();
        // The others were started with the old address, and are not told.
        three.ports[moved] = ports::<1>()[0];
        let settings = settings(moved, &three.ports);
        let again = within(Killable::start(three.disks[moved].path(), &settings)).await;
        three.brokers[moved] = Some(again.unwrap());
    }
    all_are_back(&three).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_all_return_at_other_addresses_find_each_other() {
    let mut three = Three::form().await;
    three.some_controller().await;
    for broker in &mut three.brokers {
        broker.take().unwrap().stop().await;
    }
    three.ports = ports::<3>();
    let starting = (0..3).map(|id| {
        let (path, settings) = (three.disks[id].path().to_owned(), settings(id, &three.ports));
        async move { Killable::start(&path, &settings).await.unwrap() }
    });
    let brokers = within(futures_util::future::join_all(starting)).await;
    three.brokers = brokers.into_iter().map(Some).collect();
    all_are_back(&three).await;
}

/// A fourth broker, which is no voter.
fn fourth(three: &Three, port: u16) -> Vec<(&'static str, String)> {
    let mut settings = settings(3, &three.ports);
    settings.retain(|(name, _)| *name != "weir.peer.listener");
    settings.push(("weir.peer.listener", format!("127.0.0.1:{port}")));
    settings
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_was_let_go_is_taken_in_again_though_its_disk_names_another_controller() {
    let mut three = Three::form().await;
    let (disk, [port]) = (tempfile::tempdir().unwrap(), ports::<1>());
    let leaving = within(Killable::start(disk.path(), &fourth(&three, port))).await.unwrap();
    let incarnation = leaving.running().broker.data.incarnation();
    let before = three.some_controller().await;
    leaving.stop().await;
    let mut peer = Peer::of(three.broker(before)).await;
    let request = UnregisterBrokerRequest { broker_id: 3 };
    within(async { while peer.ask(0, &request).await.error_code != 0 {} }).await;

    // Another leads from now on, and the one that led is there again: it answers that it does not.
    three.brokers[before].take().unwrap().kill();
    assert_ne!(three.some_controller().await, before);
    let settings = settings(before, &three.ports);
    three.brokers[before] =
        Some(within(Killable::start(three.disks[before].path(), &settings)).await.unwrap());
    assert_ne!(three.some_controller().await, before);

    let again = within(Killable::start(disk.path(), &fourth(&three, port))).await.unwrap();
    assert_eq!(again.running().broker.data.incarnation(), incarnation);
    assert_eq!(unfenced(again.running()), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_of_another_cluster_is_refused_and_changes_nothing() {
    let foreign = tempfile::tempdir().unwrap();
    broker(foreign.path(), &[("node.id", "7")]).await.stop().await;
    let three = Three::form().await;
    let [port] = ports::<1>();
    let mut settings = settings(0, &three.ports);
    settings.retain(|(name, _)| !matches!(*name, "node.id" | "weir.peer.listener"));
    settings.push(("node.id", "7".to_owned()));
    settings.push(("weir.peer.listener", format!("127.0.0.1:{port}")));
    let before = three.broker(0).broker.image().brokers().count();
    // Alone with its own quorum it would lead; it must be told that the others are not its cluster.
    let refused = within(Killable::start(foreign.path(), &settings)).await.err().unwrap();
    assert!(refused.to_string().contains("another cluster"), "{refused}");
    assert_eq!(three.broker(0).broker.image().brokers().count(), before);
    assert!(three.broker(0).broker.image().broker(BrokerId(7)).is_none());
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() {
            copy(&path, &to.join(name))
        } else {
            std::fs::copy(&path, to.join(name)).map(|_| ()).unwrap()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_disk_is_refused_while_the_broker_runs_and_not_after() {
    let mut three = Three::form().await;
    for id in 0..3 {
        let view = &three.broker(id).broker.view;
        within(view.until(|image| image.brokers().filter(|b| b.is_active()).count() == 3)).await;
    }
    let controller = three.some_controller().await;
    let of = (controller + 1) % 3;
    let clone = tempfile::tempdir().unwrap();
    copy(three.disks[of].path(), clone.path());
    let [port] = ports::<1>();
    let mut moved = settings(of, &three.ports);
    moved.retain(|(name, _)| *name != "weir.peer.listener");
    moved.push(("weir.peer.listener", format!("127.0.0.1:{port}")));
    let before = three.broker(controller).broker.link.quorum().latest().borrow().round;
    let refused = within(Killable::start(clone.path(), &moved)).await.err().unwrap();
    assert!(refused.to_string().contains("a data directory must not be copied"), "{refused}");
    let counted = |why| three.broker(of).broker.metrics.peers_refused.with_label_values(&[why]).get();
    assert_eq!(counted("copied_disk"), 1);
    assert_eq!(three.broker(controller).broker.link.quorum().latest().borrow().round, before);
    assert_eq!(three.some_controller().await, controller);

    // The broker is gone: the copy may take its place.
    three.brokers[of].take().unwrap().kill();
    let again = within(Killable::start(clone.path(), &settings(of, &three.ports))).await.unwrap();
    assert_eq!(unfenced(again.running()), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_alone_grows_to_three_voters() {
    let ports = ports::<3>();
    let disks: Vec<_> = (0..3).map(|_| tempfile::tempdir().unwrap()).collect();
    let alone = |id: usize| {
        let mut settings = settings(id, &ports);
        settings[1].1 = voters(&ports[..1]);
        settings
    };
    let mut brokers = Vec::new();
    for (id, disk) in disks.iter().enumerate() {
        brokers.push(within(Killable::start(disk.path(), &alone(id))).await.unwrap());
    }
    let quorum = brokers[0].running().broker.link.quorum().clone();
    let grown = async {
        while quorum.state().borrow().voters.len() < 3 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(grown).await;
    assert_eq!(unfenced(brokers[2].running()), 3);
    for broker in brokers.into_iter().rev() {
        within(broker.stop()).await;
    }
    assert!(disks.iter().all(|disk| disk.path().join("clean-shutdown").exists()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_at_the_peer_port_is_refused_and_counted() {
    let [port] = ports::<1>();
    let disk = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{port}");
    let running = broker(disk.path(), &[("weir.peer.listener", &address)]).await;
    for words in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0xff; 64]] {
        let mut stranger = TcpStream::connect(&address).await.unwrap();
        stranger.write_all(words).await.unwrap();
        let mut answer = Vec::new();
        let read = within(stranger.read_to_end(&mut answer)).await;
        assert!(read.is_err() || answer.is_empty(), "nothing is said to strangers");
    }
    let refused = |why: &str| running.broker.metrics.peers_refused.with_label_values(&[why]).get();
    assert_eq!(refused("not_http2"), 2);

    let me = running.broker.link.quorum().me();
    let client =
        || running.broker.link.dialer().to(&weir_model::config::Endpoint::parse(&address).unwrap()).unwrap();
    let other = Some(uuid::Uuid::from_u128(1));
    let header = crate::peers::identity::header(me, other, me.broker, Some(me.incarnation));
    let hello = weir_admin::peer::v1::HelloRequest { header: Some(header) };
    let status = within(client().hello(hello)).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::FailedPrecondition);
    assert_eq!(refused("other_cluster"), 1);
    running.stop().await;
    assert!(disk.path().join("clean-shutdown").exists());
}
