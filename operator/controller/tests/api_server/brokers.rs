//! Stands in for the brokers' admin service: a cluster of three brokers in memory that tells, watches, answers whether one
//! may stop, and makes, alters, moves and deletes topics. A test may have it follow its pods instead (`fleet.rs`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::{Request, Response, Status};
use uuid::Uuid;
use weir_admin::admin::v1::admin_server::{Admin, AdminServer};
use weir_admin::admin::v1::watch_event::Event;
use weir_admin::admin::v1::{self};

use crate::waiting::eventually;
use crate::world::PATIENCE;

/// Where the operator is told to look: `127.0.77.<ordinal>`.
pub(crate) const ADDRESS: &str = "127.0.77.{ordinal}:19095";
const BROKERS: i32 = 3;
/// How many answer: as many as any test has pods.
const ANSWERING: i32 = 5;
/// How long nothing is said when nothing happens, as brokers do it.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// The cluster.
#[derive(Clone)]
pub(crate) struct Brokers {
    state: Arc<Mutex<State>>,
    index: Arc<watch::Sender<u64>>,
    _stop: Arc<DropGuard>,
}

/// One broker, as the others see it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Member {
    pub(crate) fenced: bool,
    pub(crate) drained: bool,
}

/// What it knows, and what was asked of it.
pub(crate) struct State {
    /// The brokers that are registered.
    pub(crate) members: BTreeMap<i32, Member>,
    /// By name.
    pub(crate) topics: BTreeMap<String, v1::TopicDescription>,
    /// Why no broker may stop, if so.
    pub(crate) refuses_stops: Option<String>,
    /// Who was asked about.
    pub(crate) asked: Vec<i32>,
    /// Processor cores that each of them uses.
    pub(crate) cores: f64,
    /// Calls that changed topics.
    pub(crate) calls: Vec<&'static str>,
    events: Vec<v1::WatchEvent>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            members: (0..BROKERS).map(|id| (id, Member::default())).collect(),
            topics: BTreeMap::new(),
            refuses_stops: None,
            asked: Vec::new(),
            cores: 0.0,
            calls: Vec::new(),
            events: Vec::new(),
        }
    }
}

impl Brokers {
    /// Starts to serve.
    pub(crate) async fn start() -> Self {
        let stop = CancellationToken::new();
        let brokers = Self {
            state: Arc::default(),
            index: Arc::new(watch::Sender::new(0)),
            _stop: Arc::new(stop.clone().drop_guard()),
        };
        for ordinal in 0..ANSWERING {
            let address = ADDRESS.replace("{ordinal}", &ordinal.to_string());
            // The scenario before this one may not have let go yet.
            let listener =
                eventually(&address, PATIENCE, || async { TcpListener::bind(&address).await.ok() }).await;
            let served = Served(Arc::clone(&brokers.state), Arc::clone(&brokers.index));
            let incoming = tonic::transport::server::TcpIncoming::from(listener);
            let serving = tonic::transport::Server::builder()
                .add_service(AdminServer::new(served))
                .serve_with_incoming_shutdown(incoming, stop.clone().cancelled_owned());
            let ended = stop.clone();
            tokio::spawn(async move {
                tokio::select! {
                    served = serving => served.expect("serves"),
                    () = async { ended.cancelled().await; tokio::time::sleep(Duration::from_millis(50)).await } => {}
                }
            });
        }
        brokers
    }

    /// Looks at it, or changes what it answers.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }

    /// The brokers become others, and whoever watches looks again.
    pub(crate) fn become_members(&self, change: impl FnOnce(&mut BTreeMap<i32, Member>)) {
        let mut state = self.state();
        change(&mut state.members);
        state.tell(Vec::new(), &self.index);
    }

    /// Replicas on each broker that is registered.
    pub(crate) fn held(&self) -> BTreeMap<i32, usize> {
        let state = self.state();
        let partitions = || state.topics.values().flat_map(|topic| &topic.partitions);
        let held = |id: i32| partitions().filter(|p| p.replicas.contains(&id)).count();
        state.members.keys().map(|id| (*id, held(*id))).collect()
    }

    /// Somebody else changes a setting of a topic.
    pub(crate) fn set_config(&self, topic: &str, name: &str, value: &str) {
        let mut state = self.state();
        let found = state.topics.get_mut(topic).expect("the topic");
        found.config.retain(|setting| setting.name != name);
        found.config.push(v1::Setting { name: name.to_owned(), value: value.to_owned() });
        let told = v1::TopicDescription { partitions: Vec::new(), ..found.clone() };
        state.tell(vec![Event::Topic(told)], &self.index);
    }
}

impl State {
    fn tell(&mut self, events: Vec<Event>, index: &watch::Sender<u64>) {
        let next = *index.borrow() + 1;
        let settled = std::iter::once(Event::Settled(v1::Settled {}));
        let events = events.into_iter().chain(settled);
        self.events.extend(events.map(|event| v1::WatchEvent { index: next, event: Some(event) }));
        index.send_replace(next);
    }
}

/// What one listener serves.
struct Served(Arc<Mutex<State>>, Arc<watch::Sender<u64>>);

fn reference(id: i32) -> v1::BrokerRef {
    v1::BrokerRef { id, incarnation: Uuid::from_u128(id.unsigned_abs().into()).to_string() }
}

fn describe(id: i32, member: Member, state: &State) -> v1::BrokerDescription {
    let partitions = || state.topics.values().flat_map(|topic| &topic.partitions);
    let mut description = v1::BrokerDescription {
        broker: Some(reference(id)),
        epoch: 1,
        fenced: member.fenced,
        drained: member.drained,
        replicas: partitions().filter(|p| p.replicas.contains(&id)).count() as u64,
        leaders: partitions().filter(|p| p.leader == Some(id)).count() as u64,
        measures: Some(v1::BrokerMeasures {
            cpu_cores: state.cores,
            disk_used_bytes: 1 << 20,
            disk_free_bytes: 1 << 30,
            disk_total_bytes: (1 << 30) + (1 << 20),
            ..v1::BrokerMeasures::default()
        }),
        ..v1::BrokerDescription::default()
    };
    description.set_state(v1::BrokerState::Active);
    description
}

fn partition(number: i32, replicas: Vec<i32>) -> v1::PartitionDescription {
    v1::PartitionDescription {
        partition: number,
        isr: replicas.clone(),
        leader: replicas.first().copied(),
        replicas,
        ..v1::PartitionDescription::default()
    }
}

fn placed(count: i32, factor: i32) -> Vec<v1::PartitionDescription> {
    let replicas = |number| (0..factor).map(|at| (number + at) % BROKERS).collect();
    (0..count).map(|number| partition(number, replicas(number))).collect()
}

fn refusal(message: &str) -> Option<v1::Refusal> {
    Some(v1::Refusal {
        message: message.to_owned(),
        advice: "change it".to_owned(),
        ..v1::Refusal::default()
    })
}

type Replies<T> = BoxStream<'static, Result<T, Status>>;

#[tonic::async_trait]
impl Admin for Served {
    type DescribeClusterStream = Replies<v1::DescribeClusterReply>;
    type WatchStream = Replies<v1::WatchEvent>;
    type ProgressStream = Replies<v1::ProgressReply>;

    async fn describe_cluster(
        &self,
        request: Request<v1::DescribeClusterRequest>,
    ) -> Result<Response<Self::DescribeClusterStream>, Status> {
        let state = self.0.lock().expect("not poisoned");
        let topics = if request.get_ref().without_topics {
            Vec::new()
        } else {
            state.topics.values().cloned().collect()
        };
        let reply = v1::DescribeClusterReply {
            summary: Some(v1::ClusterSummary {
                cluster_id: "AAAAAAAAAAAAAAAAAAAAAQ".to_owned(),
                metadata_index: *self.1.borrow(),
                controller: state.members.iter().find(|(_, member)| !member.fenced).map(|(id, _)| *id),
                metadata_version: 1,
                topics: state.topics.len() as u64,
                ..v1::ClusterSummary::default()
            }),
            brokers: state.members.iter().map(|(id, member)| describe(*id, *member, &state)).collect(),
            topics,
            last: true,
        };
        Ok(Response::new(stream::iter([Ok(reply)]).boxed()))
    }

    async fn watch(&self, request: Request<v1::WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let (state, index) = (Arc::clone(&self.0), self.1.subscribe());
        let from = request.get_ref().since_index.unwrap_or(0);
        let told =
            state.lock().expect("not poisoned").events.iter().filter(|event| event.index <= from).count();
        let events = stream::unfold((state, index, told), |(state, mut index, told)| async move {
            loop {
                let next = state.lock().expect("not poisoned").events.get(told).cloned();
                if let Some(event) = next {
                    return Some((Ok(event), (state, index, told + 1)));
                }
                if let Ok(changed) = tokio::time::timeout(SILENCE_MAX, index.changed()).await {
                    changed.ok()?;
                } else {
                    let event = Some(Event::Settled(v1::Settled {}));
                    let settled = v1::WatchEvent { index: *index.borrow(), event };
                    return Some((Ok(settled), (state, index, told)));
                }
            }
        });
        Ok(Response::new(events.boxed()))
    }

    async fn may_stop(
        &self,
        request: Request<v1::MayStopRequest>,
    ) -> Result<Response<v1::MayStopReply>, Status> {
        let mut state = self.0.lock().expect("not poisoned");
        state.asked.extend(request.get_ref().broker.as_ref().map(|broker| broker.id));
        let reasons = state
            .refuses_stops
            .iter()
            .map(|message| v1::StopReason { message: message.clone(), ..v1::StopReason::default() });
        let reasons: Vec<_> = reasons.collect();
        Ok(Response::new(v1::MayStopReply { may_stop: reasons.is_empty(), reasons, unavoidable: Vec::new() }))
    }

    async fn create_topics(
        &self,
        request: Request<v1::CreateTopicsRequest>,
    ) -> Result<Response<v1::CreateTopicsReply>, Status> {
        let mut state = self.0.lock().expect("not poisoned");
        state.calls.push("create");
        let (mut results, mut events) = (Vec::new(), Vec::new());
        for topic in request.into_inner().topics {
            let mut result = v1::TopicResult { name: topic.name.clone(), ..v1::TopicResult::default() };
            if topic.config.iter().any(|setting| setting.name == "no.such.setting") {
                result.refusal = refusal("there is no setting no.such.setting");
                results.push(result);
                continue;
            }
            result.topic_id = Uuid::new_v4().to_string();
            result.changed = true;
            let made = v1::TopicDescription {
                name: topic.name.clone(),
                topic_id: result.topic_id.clone(),
                config: topic.config,
                partition_count: topic.partitions.unwrap_or(1),
                min_insync_replicas: 1,
                partitions: placed(topic.partitions.unwrap_or(1), topic.replication_factor.unwrap_or(1)),
                internal: false,
            };
            let changed = made.partitions.iter().map(|state| {
                let (topic_id, state) = (made.topic_id.clone(), Some(state.clone()));
                Event::Partition(v1::PartitionChanged { topic_id, state })
            });
            events.push(Event::Topic(v1::TopicDescription { partitions: Vec::new(), ..made.clone() }));
            events.extend(changed);
            state.topics.insert(topic.name, made);
            results.push(result);
        }
        state.tell(events, &self.1);
        Ok(Response::new(v1::CreateTopicsReply { results }))
    }

    async fn alter_topics(
        &self,
        request: Request<v1::AlterTopicsRequest>,
    ) -> Result<Response<v1::AlterTopicsReply>, Status> {
        let mut state = self.0.lock().expect("not poisoned");
        state.calls.push("alter");
        let (mut results, mut events) = (Vec::new(), Vec::new());
        for change in request.into_inner().changes {
            let mut result =
                v1::TopicResult { topic_id: change.topic_id.clone(), ..v1::TopicResult::default() };
            let topic = state.topics.values_mut().find(|topic| topic.topic_id == change.topic_id);
            let Some(topic) = topic else {
                result.refusal = refusal("no such topic");
                results.push(result);
                continue;
            };
            topic.config.retain(|old| {
                !change.unset.contains(&old.name) && change.set.iter().all(|new| new.name != old.name)
            });
            topic.config.extend(change.set);
            let factor = topic.partitions.first().map_or(1, |p| p.replicas.len());
            if let Some(count) = change.partitions {
                topic.partition_count = count;
                topic.partitions = placed(count, i32::try_from(factor).unwrap_or(1));
            }
            result.changed = true;
            events.push(Event::Topic(v1::TopicDescription { partitions: Vec::new(), ..topic.clone() }));
            events.extend(topic.partitions.iter().map(|state| {
                let (topic_id, state) = (topic.topic_id.clone(), Some(state.clone()));
                Event::Partition(v1::PartitionChanged { topic_id, state })
            }));
            results.push(result);
        }
        state.tell(events, &self.1);
        Ok(Response::new(v1::AlterTopicsReply { results }))
    }

    async fn delete_topics(
        &self,
        request: Request<v1::DeleteTopicsRequest>,
    ) -> Result<Response<v1::DeleteTopicsReply>, Status> {
        let mut state = self.0.lock().expect("not poisoned");
        state.calls.push("delete");
        let (mut results, mut events) = (Vec::new(), Vec::new());
        for topic_id in request.into_inner().topic_ids {
            state.topics.retain(|_, topic| topic.topic_id != topic_id);
            let result =
                v1::TopicResult { topic_id: topic_id.clone(), changed: true, ..v1::TopicResult::default() };
            events.push(Event::TopicGone(v1::TopicGone { topic_id, name: String::new() }));
            results.push(result);
        }
        state.tell(events, &self.1);
        Ok(Response::new(v1::DeleteTopicsReply { results }))
    }

    async fn move_partitions(
        &self,
        request: Request<v1::MovePartitionsRequest>,
    ) -> Result<Response<v1::MovePartitionsReply>, Status> {
        let mut state = self.0.lock().expect("not poisoned");
        state.calls.push("move");
        let (mut results, mut events) = (Vec::new(), Vec::new());
        for order in request.into_inner().moves {
            let at = order.partition.clone().unwrap_or_default();
            let topic = state.topics.values_mut().find(|topic| topic.topic_id == at.topic_id);
            let found =
                topic.and_then(|topic| topic.partitions.iter_mut().find(|p| p.partition == at.partition));
            if let Some(found) = found {
                *found = partition(at.partition, order.replicas.iter().map(|target| target.id).collect());
                let changed = v1::PartitionChanged { topic_id: at.topic_id, state: Some(found.clone()) };
                events.push(Event::Partition(changed));
            }
            results.push(v1::ItemResult { partition: order.partition, refusal: None, changed: true });
        }
        state.tell(events, &self.1);
        Ok(Response::new(v1::MovePartitionsReply { results }))
    }

    async fn drain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::DrainReply>, Status> {
        self.mark(request.into_inner().broker, true)?;
        Ok(Response::new(v1::DrainReply::default()))
    }

    async fn undrain(
        &self,
        request: Request<v1::UndrainRequest>,
    ) -> Result<Response<v1::UndrainReply>, Status> {
        self.mark(request.into_inner().broker, false)?;
        Ok(Response::new(v1::UndrainReply::default()))
    }

    async fn unregister(
        &self,
        request: Request<v1::UnregisterRequest>,
    ) -> Result<Response<v1::UnregisterReply>, Status> {
        let id = request.into_inner().broker.unwrap_or_default().id;
        let mut state = self.0.lock().expect("not poisoned");
        let holds =
            state.topics.values().flat_map(|topic| &topic.partitions).any(|p| p.replicas.contains(&id));
        if holds || state.members.get(&id).is_some_and(|member| !member.fenced) {
            return Err(Status::failed_precondition(format!("broker {id} is alive or holds replicas")));
        }
        state.members.remove(&id);
        state.tell(Vec::new(), &self.1);
        Ok(Response::new(v1::UnregisterReply::default()))
    }

    async fn describe_broker(
        &self,
        _: Request<v1::DescribeBrokerRequest>,
    ) -> Result<Response<v1::DescribeBrokerReply>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    async fn progress(
        &self,
        _: Request<v1::ProgressRequest>,
    ) -> Result<Response<Self::ProgressStream>, Status> {
        Err(Status::unimplemented("nobody asks"))
    }

    /// Nothing is ever on its way: moves end as soon as they begin.
    async fn cancel_moves(
        &self,
        _: Request<v1::CancelMovesRequest>,
    ) -> Result<Response<v1::CancelMovesReply>, Status> {
        Ok(Response::new(v1::CancelMovesReply::default()))
    }

    async fn elect_leaders(
        &self,
        _: Request<v1::ElectLeadersRequest>,
    ) -> Result<Response<v1::ElectLeadersReply>, Status> {
        Ok(Response::new(v1::ElectLeadersReply::default()))
    }
}

impl Served {
    fn mark(&self, broker: Option<v1::BrokerRef>, drained: bool) -> Result<(), Status> {
        let id = broker.unwrap_or_default().id;
        let mut state = self.0.lock().expect("not poisoned");
        let member = state.members.get_mut(&id);
        member.ok_or_else(|| Status::not_found(format!("there is no broker {id}")))?.drained = drained;
        state.tell(Vec::new(), &self.1);
        Ok(())
    }
}
