//! Fetches from one leader for all partitions that are followed from it. One task: it asks, hands what comes to the owners
//! of the partitions, and asks again when they have taken it. An owner that takes long is left out until it is done; then
//! the next request goes out at once, ahead of the answer to the one that waits at the leader.
//!
//! It decides nothing about logs, and it never gives up: a leader that can not be reached is tried again, less and less
//! often, until the metadata names another.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesOrdered, FuturesUnordered};
use futures_util::{FutureExt, StreamExt};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use weir_client::{Address, ClientError, ClientOptions, Connection, Deadline};
use weir_model::{BrokerId, DurationMs, Millis, Offset};
use weir_wire::ErrorCode;
use weir_wire::messages::fetch::FetchResponse;

use super::fleet::{Followed, Inbox};
use super::request::{Asker, Part, Said, parts, request};
use super::roster::{Key, Plan, Position, Roster, SessionStep, Term};
use super::throttle::Throttle;
use crate::api::endpoints::endpoint_for;
use crate::metadata::View;
use crate::metrics::Metrics;
use crate::partition::command::{Follow, FromLeader, LeaderState};
use crate::partition::{Command, PartitionError};

/// Requests that may be unanswered: one that is parked, and one that overtakes it.
const IN_FLIGHT_MAX: usize = 2;
/// The next request waits this long for owners that have not taken what came, to be one instead of two.
const GATHER: Duration = Duration::from_millis(4);
/// The longest a leader is given beyond the time that it may park a fetch.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// The longest a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// The first pause after a connection that failed, and the longest.
const PAUSE_LEAST: Duration = Duration::from_millis(20);
const PAUSE_MOST: Duration = Duration::from_secs(1);
/// How often the leader hears of replicas that are not in the ISR, though nothing is new.
const REPEAT_EVERY: Duration = Duration::from_millis(250);

type Answered = (SessionStep, Result<FetchResponse, ClientError>);
/// What an owner made of it; nothing where nobody waits for that.
type Taken = Option<(Key, Term, Result<Position, PartitionError>)>;

/// One leader's fetcher.
pub(super) struct Fetcher {
    me: BrokerId,
    leader: BrokerId,
    view: Arc<View>,
    metrics: Arc<Metrics>,
    inbox: Arc<Inbox>,
    roster: Roster,
    followed: HashMap<Key, Followed>,
    connection: Option<Connection>,
    in_flight: FuturesOrdered<BoxFuture<'static, Answered>>,
    busy: FuturesUnordered<BoxFuture<'static, Taken>>,
    /// Nothing is sent before: owners are being waited for, or the leader could not be reached.
    not_before: Instant,
    /// Failures of the connection in a row.
    failures: u32,
    throttle: Throttle,
    moves: HashMap<Key, Throttle>,
    /// Those that are not in the ISR, and when the leader is to hear of them again.
    outside: HashSet<Key>,
    repeat_at: Instant,
    /// The zero of the clock that never jumps.
    started: Instant,
}

impl Fetcher {
    pub(super) fn new(
        me: BrokerId,
        leader: BrokerId,
        view: Arc<View>,
        metrics: Arc<Metrics>,
        inbox: Arc<Inbox>,
    ) -> Self {
        let now = Instant::now();
        Self {
            me,
            leader,
            view,
            metrics,
            inbox,
            roster: Roster::default(),
            followed: HashMap::new(),
            connection: None,
            in_flight: FuturesOrdered::new(),
            busy: FuturesUnordered::new(),
            not_before: now,
            failures: 0,
            throttle: Throttle::default(),
            moves: HashMap::new(),
            outside: HashSet::new(),
            repeat_at: now,
            started: now,
        }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            self.take_changes();
            self.wake_rested();
            tokio::select! {
                () = self.send() => {}
                () = stop.cancelled() => return,
            }
            let wake = self.next_wake();
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                Some((step, answer)) = self.in_flight.next() => self.on_answer(step, answer),
                Some(taken) = self.busy.next() => self.on_taken(taken),
                () = self.inbox.changed() => {}
                () = tokio::time::sleep_until(wake.unwrap_or_else(far)), if wake.is_some() => {}
            }
            // Owners that finished together are answered for together.
            while let Some(Some(taken)) = self.busy.next().now_or_never() {
                self.on_taken(taken);
            }
        }
    }

    fn take_changes(&mut self) {
        for (key, change) in self.inbox.take() {
            match change {
                Some(followed) => self.follow(key, followed),
                None => {
                    self.followed.remove(&key);
                    self.moves.remove(&key);
                    self.outside.remove(&key);
                    self.roster.unfollow(key);
                }
            }
        }
        if self.roster.is_empty() && self.connection.is_some() {
            self.hang_up();
        }
    }

    fn follow(&mut self, key: Key, followed: Followed) {
        match followed.limit.rate {
            Some(rate) => {
                self.moves.entry(key).or_insert_with(|| Throttle::at_rate(Some(rate))).set_rate(Some(rate))
            }
            None => drop(self.moves.remove(&key)),
        }
        match followed.catching_up {
            true => self.outside.insert(key),
            false => self.outside.remove(&key),
        };
        let known = self.followed.get(&key);
        let same = known.is_some_and(|known| {
            known.leader_epoch == followed.leader_epoch && known.owner.is_same(&followed.owner)
        });
        let epoch = followed.leader_epoch;
        self.followed.insert(key, followed);
        if !same {
            // The metadata has just said that it leads: it is worth a try, whatever happened before.
            self.failures = 0;
            self.not_before = Instant::now();
            let term = self.roster.follow(key, epoch);
            self.ask_owner(key, term, None, FromLeader::Nothing);
        }
    }

    fn wake_rested(&mut self) {
        for (key, term) in self.roster.wake(self.now()) {
            self.ask_owner(key, term, None, FromLeader::Nothing);
        }
    }

    /// Gives what came to the partition's owner, or only asks it where it stands.
    fn ask_owner(&mut self, key: Key, term: Term, asked: Option<Offset>, what: FromLeader) {
        let Some(followed) = self.followed.get(&key) else { return };
        let follow = Follow { leader: self.leader, leader_epoch: followed.leader_epoch, asked, what };
        let owner = followed.owner.clone();
        let taken = async move {
            let position = owner.ask(|answer| Command::Follow(follow, answer)).await;
            Some((key, term, position))
        };
        self.busy.push(taken.boxed());
    }

    fn on_taken(&mut self, taken: Taken) {
        let Some((key, term, position)) = taken else { return };
        let now = self.now();
        match position {
            Ok(position) => match self.held_back(key, now) {
                Some(until) => self.roster.rest_until(key, until),
                None => self.roster.on_position(key, term, position),
            },
            Err(error) => {
                debug!(topic = %key.0, partition = %key.1, %error, "a replica can not follow now");
                self.roster.on_trouble(key, term, now);
            }
        }
    }

    /// Sends what there is to say, or a poll that waits for news, when it is time.
    async fn send(&mut self) {
        let unanswered = self.in_flight.len();
        let overtakes = unanswered < IN_FLIGHT_MAX && self.roster.can_go_on() && self.roster.has_news();
        if self.roster.is_empty() || (unanswered > 0 && !overtakes) || !self.is_time() {
            return;
        }
        let Some(connection) = self.connect().await else { return };
        if unanswered == 0 {
            self.repeat_outside();
        }
        let Some(plan) = self.roster.plan() else { return };
        self.ask(connection, &plan);
    }

    /// A partition without news is not mentioned, so a leader that heard it while this broker was fenced, or whom the
    /// controller refused it, would never hear that it may join by now.
    fn repeat_outside(&mut self) {
        let now = Instant::now();
        if self.outside.is_empty() || now < self.repeat_at {
            return;
        }
        self.repeat_at = now + REPEAT_EVERY;
        self.outside.iter().for_each(|key| self.roster.repeat(*key));
    }

    fn is_time(&self) -> bool {
        let waits_for_owners = self.connection.is_some() && self.busy.is_empty() && self.failures == 0;
        waits_for_owners || Instant::now() >= self.not_before
    }

    fn ask(&mut self, connection: Connection, plan: &Plan) {
        let config = self.view.config();
        let image = self.view.image();
        let epoch = image.broker(self.me).map_or(-1, |broker| broker.registration.epoch);
        let request = request(plan, Asker { id: self.me, epoch }, &config.replication);
        let wait = Duration::from_millis(u64::try_from(config.replication.fetch_wait_max.0).unwrap_or(0));
        let step = plan.step;
        let asking =
            async move { (step, connection.call(&request, Deadline::after(wait + ANSWER_MAX)).await) };
        self.in_flight.push_back(asking.boxed());
    }

    async fn connect(&mut self) -> Option<Connection> {
        if let Some(connection) = self.connection.clone().filter(|connection| !connection.is_closed()) {
            return Some(connection);
        }
        self.hang_up();
        let address = self.address()?;
        let options = ClientOptions {
            client_id: format!("weir-replica-{}", self.me),
            connect_timeout: CONNECT_MAX,
            // Memory grows with what arrives; one batch may be larger than all limits.
            max_response_bytes: i32::MAX as usize,
            ..ClientOptions::default()
        };
        match Connection::open(&address, &options, Deadline::after(CONNECT_MAX)).await {
            Ok(connection) => {
                debug!(leader = %self.leader, %address, "following");
                self.connection = Some(connection.clone());
                Some(connection)
            }
            Err(error) => {
                self.failed(&error);
                None
            }
        }
    }

    /// Where the leader is reached by other brokers.
    fn address(&mut self) -> Option<Address> {
        let (image, config) = (self.view.image(), self.view.config());
        let listener = &config.cluster.inter_broker_listener;
        let found = image.broker(self.leader).and_then(|broker| endpoint_for(&broker.registration, listener));
        if found.is_none() {
            self.pause();
        }
        found.map(|endpoint| Address { host: endpoint.host.clone(), port: endpoint.port })
    }

    fn on_answer(&mut self, step: SessionStep, answer: Result<FetchResponse, ClientError>) {
        let response = match answer {
            Ok(response) => response,
            // An answer that an ended connection owed is no failure of the next one.
            Err(_) if step.generation != self.roster.generation() => return,
            Err(error) => return self.failed(&error),
        };
        match ErrorCode::from(response.error_code) {
            ErrorCode::None => {
                self.failures = 0;
                self.roster.on_answer(step, response.session_id);
                for part in parts(response) {
                    self.on_part(part);
                }
                if !self.busy.is_empty() {
                    self.not_before = Instant::now() + GATHER;
                }
            }
            ErrorCode::FetchSessionIdNotFound
            | ErrorCode::InvalidFetchSessionEpoch
            | ErrorCode::FetchSessionTopicIdError => self.roster.lose_session(step.generation),
            refused => {
                debug!(leader = %self.leader, code = ?refused, "the leader refused a fetch");
                self.roster.lose_session(step.generation);
                self.pause();
            }
        }
    }

    fn on_part(&mut self, Part { key, said }: Part) {
        match said {
            Said::Act(what) => {
                let Some((term, mention)) = self.roster.deliver(key) else { return };
                if let FromLeader::Records(bytes, _) = &what {
                    self.received(key, bytes.len() as u64);
                }
                self.ask_owner(key, term, Some(mention.position.offset), what);
            }
            Said::Moved(state) => self.tell_owner(key, state),
            Said::Refused(code) => {
                debug!(topic = %key.0, partition = %key.1, leader = %self.leader, ?code, "not served");
                if self.roster.asked(key).is_some() {
                    self.roster.rest(key, self.now());
                }
            }
        }
    }

    /// Its owner need not say where it stands: nothing is to be fetched for it.
    fn tell_owner(&mut self, key: Key, state: LeaderState) {
        let (Some(leader_epoch), Some(followed)) = (self.roster.asked(key), self.followed.get(&key)) else {
            return;
        };
        let what = FromLeader::State(state);
        let follow = Follow { leader: self.leader, leader_epoch, asked: None, what };
        let owner = followed.owner.clone();
        let told = async move {
            let _ = owner.ask(|answer| Command::Follow(follow, answer)).await;
            None
        };
        self.busy.push(told.boxed());
    }

    fn received(&mut self, key: Key, bytes: u64) {
        self.metrics.replication.bytes_in.inc_by(bytes);
        if self.followed.get(&key).is_some_and(|followed| followed.limit.throttled) {
            self.throttle.take(bytes);
        }
        if let Some(moved) = self.moves.get_mut(&key) {
            moved.take(bytes);
        }
    }

    /// Until when a throttled replica has to wait.
    fn held_back(&mut self, key: Key, now: Millis) -> Option<Millis> {
        let limit = self.followed.get(&key)?.limit;
        if limit.throttled {
            self.throttle.set_rate(self.view.config().replication.follower_throttle);
            if !self.throttle.is_open(now) {
                return self.throttle.opens_at(now);
            }
        }
        let own = self.moves.get_mut(&key)?;
        if own.is_open(now) { None } else { own.opens_at(now) }
    }

    fn failed(&mut self, error: &ClientError) {
        // Once is said aloud; a leader that stays away is no news.
        match self.failures {
            0 => info!(leader = %self.leader, %error, "the leader of some partitions can not be reached"),
            _ => debug!(leader = %self.leader, %error, "the leader can still not be reached"),
        }
        if matches!(error, ClientError::Unsupported { .. } | ClientError::NotKafka { .. }) {
            warn!(leader = %self.leader, %error, "the leader does not speak as this broker does");
        }
        self.hang_up();
        self.pause();
    }

    fn pause(&mut self) {
        let pause = PAUSE_LEAST.saturating_mul(1 << self.failures.min(16)).min(PAUSE_MOST);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Instant::now() + pause;
    }

    fn hang_up(&mut self) {
        self.connection = None;
        self.in_flight = FuturesOrdered::new();
        self.roster.lose_session(self.roster.generation());
    }

    /// When there is something to do though nothing happens.
    fn next_wake(&self) -> Option<Instant> {
        let rested = self.roster.next_wake().map(|at| {
            let DurationMs(left) = at.since(Millis(0));
            self.started + Duration::from_millis(u64::try_from(left).unwrap_or(0))
        });
        let sends =
            (!self.roster.is_empty() && self.in_flight.len() < IN_FLIGHT_MAX).then_some(self.not_before);
        [rested, sends.filter(|at| *at > Instant::now())].into_iter().flatten().min()
    }

    fn now(&self) -> Millis {
        Millis(i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}

fn far() -> Instant {
    Instant::now() + Duration::from_secs(3_600)
}
