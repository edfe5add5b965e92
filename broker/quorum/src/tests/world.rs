//! Some nodes, their disks, and the network between them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::task::JoinHandle;
use uuid::Uuid;
use weir_core::controller::{Decision, Image, Record};
use weir_log::{Home, MemoryDisk};
use weir_model::{BrokerId, Incarnation, TopicId, TopicName};

use crate::{
    Answering, Call, Commits, Committed, Controller, DecideError, InLine, NodeId, PeerAddress, PeerError,
    Peers, Quorum, QuorumConfig, StartError, controller,
};

/// The time a message takes.
const DELAY: Duration = Duration::from_millis(1);

#[derive(Clone, Default)]
pub(super) struct Net(Arc<Mutex<Links>>);

#[derive(Default)]
struct Links {
    nodes: BTreeMap<PeerAddress, Quorum>,
    cut: BTreeSet<(i32, i32)>,
    asked: BTreeMap<Call, u64>,
    /// Questions of at least so many bytes take so long to be answered.
    large: Option<(usize, Duration)>,
}

/// One node's end of the network.
struct Port {
    me: i32,
    net: Net,
}

impl Peers for Port {
    fn ask(&self, to: NodeId, at: &PeerAddress, call: Call, question: Bytes) -> Answering {
        let (net, me, at) = (self.net.clone(), self.me, at.clone());
        Box::pin(async move {
            tokio::time::sleep(DELAY).await;
            let target = {
                let mut links = net.0.lock().unwrap();
                *links.asked.entry(call).or_default() += 1;
                if links.cut.contains(&(me, to.broker.0)) {
                    Err(())
                } else {
                    Ok(links.nodes.get(&at).cloned())
                }
            };
            let Ok(target) = target else { return std::future::pending().await };
            let Some(target) = target else { return Err(PeerError::Unreachable("no listener".to_owned())) };
            let answer = target.answer(&question).await;
            let large = net.0.lock().unwrap().large.filter(|(size, _)| question.len() >= *size);
            tokio::time::sleep(large.map_or(DELAY, |(_, takes)| takes)).await;
            let back = net.0.lock().unwrap().cut.contains(&(to.broker.0, me));
            if back {
                return std::future::pending().await;
            }
            answer.map_err(|e| PeerError::Refused(e.to_string()))
        })
    }
}

impl Net {
    /// From now on questions of at least so many bytes take so long to be answered.
    pub(super) fn slow(&self, bytes: usize, takes: Duration) {
        self.0.lock().unwrap().large = Some((bytes, takes));
    }
}

/// A running node.
pub(super) struct Node {
    pub(super) quorum: Quorum,
    pub(super) controller: Controller,
    pub(super) followed: Arc<Mutex<Vec<Committed>>>,
    tasks: Vec<JoinHandle<()>>,
}

pub(super) struct World {
    pub(super) net: Net,
    pub(super) disks: BTreeMap<i32, MemoryDisk>,
    disk_numbers: BTreeMap<i32, u128>,
    pub(super) nodes: BTreeMap<i32, Node>,
    pub(super) tune: fn(&mut QuorumConfig),
    starts: u64,
    pub(super) seed: u64,
}

pub(super) fn address(broker: i32) -> PeerAddress {
    PeerAddress { host: format!("broker-{broker}"), port: 9093 }
}

pub(super) fn home(disk: &MemoryDisk) -> Home<MemoryDisk> {
    Home::new(disk.clone(), Path::new("/"))
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            net: Net::default(),
            disks: BTreeMap::new(),
            disk_numbers: BTreeMap::new(),
            nodes: BTreeMap::new(),
            tune: |_| {},
            starts: 0,
            seed,
        }
    }

    /// Brokers 0 to n-1 as voters of a new cluster, with a leader.
    pub(super) async fn of(n: i32, seed: u64) -> Self {
        let mut world = Self::new(seed);
        world.found(n).await;
        world
    }

    pub(super) async fn found(&mut self, n: i32) {
        for broker in 0..n {
            self.start(broker).await.unwrap();
        }
        let voters = (0..n).map(|broker| (self.id(broker), address(broker))).collect();
        self.nodes[&0].quorum.initialize(voters).await.unwrap();
        self.leader().await;
    }

    pub(super) fn id(&self, broker: i32) -> NodeId {
        let disk = self.disk_numbers.get(&broker).copied().unwrap_or_default();
        let number = (u128::from(broker.unsigned_abs()) << 32) | disk;
        NodeId { broker: BrokerId(broker), incarnation: Incarnation(Uuid::from_u128(number)) }
    }

    pub(super) async fn start(&mut self, broker: i32) -> Result<(), StartError> {
        let disk = self.disks.entry(broker).or_default().clone();
        self.starts += 1;
        let mut config = QuorumConfig::new(self.id(broker), self.seed * 1_000 + self.starts);
        (self.tune)(&mut config);
        let port = Arc::new(Port { me: broker, net: self.net.clone() });
        let (quorum, commits) = Quorum::start(config, home(&disk), port, Arc::new(InLine)).await?;
        let mut drawn = self.seed;
        let draw = Box::new(move || {
            drawn = crate::config::scatter(drawn);
            drawn
        });
        let (controller, decider) = controller(&quorum, draw);
        let followed = Arc::default();
        let tasks = vec![
            tokio::spawn(decider.run(std::future::pending())),
            tokio::spawn(follow(commits, Arc::clone(&followed))),
        ];
        self.net.0.lock().unwrap().nodes.insert(address(broker), quorum.clone());
        self.nodes.insert(broker, Node { quorum, controller, followed, tasks });
        Ok(())
    }

    /// The process dies. What it wrote stays in the page cache.
    pub(super) async fn kill(&mut self, broker: i32) {
        self.disappear(broker).await;
        self.disks[&broker].kill();
    }

    pub(super) async fn disappear(&mut self, broker: i32) {
        self.net.0.lock().unwrap().nodes.remove(&address(broker));
        if let Some(node) = self.nodes.remove(&broker) {
            node.tasks.iter().for_each(JoinHandle::abort);
            node.quorum.stop().await;
        }
    }

    /// The disk is lost; the broker comes back with an empty one.
    pub(super) async fn wipe(&mut self, broker: i32) {
        self.disappear(broker).await;
        self.disks.insert(broker, MemoryDisk::new());
        *self.disk_numbers.entry(broker).or_default() += 1;
        self.start(broker).await.unwrap();
    }

    /// No message passes between the broker and the others.
    pub(super) fn isolate(&self, broker: i32) {
        let mut links = self.net.0.lock().unwrap();
        for other in (0..10).filter(|other| *other != broker) {
            links.cut.extend([(broker, other), (other, broker)]);
        }
    }

    /// What the broker sends arrives; no request and no answer arrives at it.
    pub(super) fn deafen(&self, broker: i32) {
        let mut links = self.net.0.lock().unwrap();
        links.cut.extend((0..10).filter(|other| *other != broker).map(|other| (other, broker)));
    }

    pub(super) fn heal(&self) {
        self.net.0.lock().unwrap().cut.clear();
    }

    pub(super) fn asked(&self, call: Call) -> u64 {
        self.net.0.lock().unwrap().asked.get(&call).copied().unwrap_or_default()
    }

    /// The broker that is the controller, once there is exactly one.
    pub(super) async fn leader(&self) -> i32 {
        self.leader_within(Duration::from_secs(10)).await.expect("a controller within ten seconds")
    }

    pub(super) async fn leader_within(&self, limit: Duration) -> Option<i32> {
        let found = async {
            loop {
                let leading: Vec<i32> = self.leading();
                if let [leader] = leading[..] {
                    return leader;
                }
                tokio::time::sleep(DELAY).await;
            }
        };
        tokio::time::timeout(limit, found).await.ok()
    }

    pub(super) fn leading(&self) -> Vec<i32> {
        let reigns = |node: &Node| node.quorum.state().borrow().am_controller();
        self.nodes.iter().filter(|(_, node)| reigns(node)).map(|(broker, _)| *broker).collect()
    }

    pub(super) async fn create(&self, broker: i32, name: &str) -> Result<(), DecideError> {
        create(&self.nodes[&broker].controller, name).await
    }

    pub(super) fn topics(&self, broker: i32) -> Vec<String> {
        names(&self.nodes[&broker].quorum.latest().borrow().image)
    }

    /// Waits until a broker has a topic.
    pub(super) async fn arrives(&self, broker: i32, name: &str) {
        let mut latest = self.nodes[&broker].quorum.latest();
        let arrived = latest.wait_for(|latest| latest.image.topic(name).is_some());
        let _ = tokio::time::timeout(Duration::from_secs(30), arrived).await.expect(name).unwrap();
    }
}

pub(super) fn names(image: &Image) -> Vec<String> {
    image.topics().map(|topic| topic.name.to_string()).collect()
}

/// Creates a topic, unless it is there.
pub(super) async fn create(controller: &Controller, name: &str) -> Result<(), DecideError> {
    let name = TopicName::new(name).unwrap();
    controller
        .decide(move |image, _| {
            let id = TopicId(Uuid::from_u128(name.as_str().bytes().fold(1, |n, b| n * 256 + u128::from(b))));
            let new = image.topic(name.as_str()).is_none();
            let records = if new { vec![Record::TopicCreated { id, name }] } else { Vec::new() };
            Decision { records, reply: () }
        })
        .await
}

async fn follow(mut commits: Commits, into: Arc<Mutex<Vec<Committed>>>) {
    while let Some(committed) = commits.next().await {
        into.lock().unwrap().push(committed);
    }
}
