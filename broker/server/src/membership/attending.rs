//! Attends to the controller for as long as the broker lives: beats, takes its word on whether the broker is fenced, and
//! fences the broker itself when no beat has been answered for too long. When the connection to the controller breaks, it
//! looks whether the controller is dead, and then stands for election at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::stream;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::{sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};
use weir_admin::peer::v1;
use weir_admin::peer::v1::beat_reply::Ended;
use weir_model::DurationMs;
use weir_quorum::{LogIndex, NodeId};

use super::Gate;
use super::lease::Lease;
use crate::duties::{Duties, Echo, Pulse};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::partition::fence::Fence;
use crate::partition::registry::Registry;
use crate::peers::{Dialer, Link, Place, Probe, Way};

/// Beats that may be on their way unanswered; further ones wait for the connection.
const BEATS_MAX: usize = 4;
/// Beats whose times of sending are remembered.
const REMEMBERED_MAX: usize = 64;
/// How long connecting to the controller may take.
const CONNECT_MAX: Duration = Duration::from_secs(2);
/// Time between two attempts to find a controller.
const PAUSE: Duration = Duration::from_millis(20);
/// When a controller whose connection broke is looked for, one pause after the other.
const PROBES: [Duration; 4] =
    [Duration::ZERO, Duration::from_millis(5), Duration::from_millis(20), Duration::from_millis(75)];
/// How long a broker that stood for election in vain leaves it at that.
const ELECTION_PAUSE: Duration = Duration::from_secs(1);
/// How long one look may take.
const PROBE_MAX: Duration = Duration::from_millis(300);

/// What the broker wants of the controller.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// Its partitions are open: it can serve.
    pub(crate) ready: bool,
    /// It wants to stop.
    pub(crate) shutdown: bool,
}

/// What the controller says of the broker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word {
    /// It may lead and acknowledge.
    pub(crate) unfenced: bool,
    /// It leads nothing any more that others could lead.
    pub(crate) may_stop: bool,
    /// The registration is no longer the broker's latest: another process has taken its place.
    pub(crate) superseded: bool,
}

/// What attending needs.
pub(crate) struct Attendance {
    pub(crate) me: NodeId,
    pub(crate) epoch: i64,
    pub(crate) interval: Duration,
    pub(crate) session: DurationMs,
    pub(crate) link: Link,
    pub(crate) duties: Duties,
    pub(crate) partitions: Arc<Registry>,
    pub(crate) fence: Arc<Fence>,
    pub(crate) health: Arc<Health>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) gate: Gate,
    pub(crate) wishes: watch::Receiver<Wishes>,
    pub(crate) word: watch::Sender<Word>,
    /// Held while a controller is looked for.
    pub(crate) looking: Arc<Mutex<()>>,
    /// The lease ended because nobody answered, or because this broker does not follow, and that has not changed since.
    pub(crate) unanswered: Arc<AtomicBool>,
    /// The controller named metadata that this broker does not follow yet.
    pub(crate) behind: Arc<AtomicBool>,
}

/// One beat's fate.
enum Heard {
    Answered { sent: Instant, fenced: bool, may_stop: bool, as_of: LogIndex },
    Superseded(String),
}

impl Attendance {
    /// Attends until `closing`.
    pub(crate) async fn run(self, closing: CancellationToken) {
        let (heard, mut news) = mpsc::channel(BEATS_MAX);
        let mut standing = Standing::new(&self);
        let mut followed = self.link.quorum().followed();
        let (tells, mut told) = watch::channel(true);
        let (beating, telling) =
            (self.beat(heard), tell(&self.partitions, standing.for_partitions.subscribe(), tells));
        tokio::pin!(beating, telling);
        loop {
            let ends = standing.ends();
            tokio::select! {
                biased;
                () = closing.cancelled() => return,
                Some(heard) = news.recv() => standing.take(heard),
                () = until(ends) => standing.lapse(),
                Ok(()) = followed.changed() => standing.followed(*followed.borrow_and_update()),
                Ok(()) = told.changed() => standing.told(*told.borrow_and_update()),
                () = &mut telling => return,
                () = &mut beating => return,
            }
        }
    }

    /// Beats, to whoever leads.
    async fn beat(&self, heard: mpsc::Sender<Heard>) {
        loop {
            let deadline = tokio::time::Instant::now() + CONNECT_MAX;
            match self.link.controller(deadline).await {
                Some(Place::Here) => self.beat_here(&heard).await,
                Some(Place::There(way)) => {
                    if let Some(broken) = self.beat_there(*way, &heard).await {
                        self.look_for(broken);
                    }
                }
                None => debug!("nobody to attend to"),
            }
            sleep(PAUSE).await;
        }
    }

    fn pulse(&self) -> Pulse {
        let wishes = *self.wishes.borrow();
        Pulse {
            node: self.me,
            epoch: self.epoch,
            // What it led it may lead no more: others shall, until it knows.
            ready: wishes.ready && !self.behind.load(Ordering::Relaxed),
            want_shutdown: wishes.shutdown,
            want_fenced: self.health.is_disk_failed(),
            unanswered: self.unanswered.load(Ordering::Relaxed),
        }
    }

    /// When the next beat is due. A broker that waits to be unfenced, or to be let go, asks more often.
    fn next_due(&self) -> tokio::time::Instant {
        let (wishes, word) = (*self.wishes.borrow(), *self.word.borrow());
        let comes = wishes.ready && !wishes.shutdown && !word.unfenced && !self.health.is_disk_failed();
        let goes = wishes.shutdown && !word.may_stop;
        let span = if comes || goes { PAUSE.min(self.interval) } else { self.interval };
        tokio::time::Instant::now() + span
    }

    async fn beat_here(&self, heard: &mpsc::Sender<Heard>) {
        let mut wishes = self.wishes.clone();
        loop {
            wishes.mark_unchanged();
            let shut = self.gate.is_shut();
            let sent = Instant::now();
            let word = match self.duties.hear(self.pulse()).await {
                Echo::Heard { fenced, may_stop, as_of } => {
                    Some(Heard::Answered { sent, fenced, may_stop, as_of })
                }
                Echo::Refused(refusal) => Some(Heard::Superseded(refusal.message)),
                Echo::Silence => None,
                Echo::NotController => return,
            };
            if let Some(word) = word
                && heard.send(word).await.is_err()
            {
                return;
            }
            tokio::select! {
                () = sleep_until(self.next_due()) => {}
                _ = wishes.changed() => {}
                // The controller says so no sooner than it is asked.
                () = self.gate.opens(), if shut => {}
            }
        }
    }

    /// Beats over one connection until it ends, or another leads. Gives the way when it broke.
    async fn beat_there(&self, mut way: Way, heard: &mpsc::Sender<Heard>) -> Option<Way> {
        let (beats, queue) = mpsc::channel(BEATS_MAX);
        let outgoing = stream::unfold(queue, |mut queue| async move { Some((queue.recv().await?, queue)) });
        let mut replies = match timeout(CONNECT_MAX, way.client.attend(outgoing)).await {
            Ok(Ok(replies)) => replies.into_inner(),
            Ok(Err(status)) => {
                debug!(controller = %way.node, error = status.message(), "the controller does not hear beats");
                return Some(way);
            }
            Err(_) => return Some(way),
        };
        let (mut wishes, mut state) = (self.wishes.clone(), self.link.quorum().state());
        let mut header = Some(way.header.clone());
        let mut sent = Sent::default();
        let (mut due, mut shut) = (tokio::time::Instant::now(), false);
        loop {
            tokio::select! {
                reply = replies.message() => match reply {
                    Ok(Some(reply)) => match sent.fate(reply) {
                        Some(fate) => heard.send(fate).await.ok()?,
                        None => return None,
                    },
                    Ok(None) => return Some(way),
                    Err(error) => {
                        debug!(controller = %way.node, error = error.message(), "the controller does not answer");
                        return Some(way);
                    }
                },
                () = sleep_until(due) => {
                    shut = self.gate.is_shut();
                    // A connection that takes no more beats shows it by not answering.
                    let _ = beats.try_send(sent.beat(header.take(), &self.pulse()));
                    due = self.next_due();
                }
                () = self.gate.opens(), if shut => {
                    shut = false;
                    due = tokio::time::Instant::now();
                }
                changed = wishes.changed() => {
                    changed.ok()?;
                    due = tokio::time::Instant::now();
                }
                changed = state.changed() => {
                    changed.ok()?;
                    let state = state.borrow_and_update();
                    if state.am_controller() || state.leader.is_some_and(|leader| leader != way.node) {
                        return None;
                    }
                }
            }
        }
    }

    /// The connection to the one who led is broken. When nobody listens there any more, another leader is needed now.
    fn look_for(&self, way: Way) {
        let (quorum, looking) = (self.link.quorum().clone(), Arc::clone(&self.looking));
        tokio::spawn(async move {
            // One at a time: who stands again and again keeps everybody from winning.
            let Ok(_one) = looking.try_lock() else { return };
            for pause in PROBES {
                sleep(pause).await;
                if quorum.state().borrow().leader != Some(way.node) {
                    return;
                }
                if Dialer::probe(&way.at, PROBE_MAX).await == Probe::Dead {
                    info!(controller = %way.node, "the controller is gone: nobody listens where it was");
                    quorum.elect_now().await;
                    // Whoever has not won by now waits for the quorum's own timeouts.
                    return sleep(ELECTION_PAUSE).await;
                }
            }
        });
    }
}

/// Beats on their way, and when each was sent.
#[derive(Default)]
struct Sent {
    last: u64,
    beats: VecDeque<(u64, Instant)>,
}

impl Sent {
    fn beat(&mut self, header: Option<v1::Header>, pulse: &Pulse) -> v1::Beat {
        self.last += 1;
        self.beats.push_back((self.last, Instant::now()));
        if self.beats.len() > REMEMBERED_MAX {
            self.beats.pop_front();
        }
        v1::Beat {
            header,
            sequence: self.last,
            broker_epoch: pulse.epoch,
            applied: u64::from(pulse.ready),
            want_shutdown: pulse.want_shutdown,
            want_fenced: pulse.want_fenced,
            unanswered: pulse.unanswered,
        }
    }

    /// What a reply means; nothing when the one who answers does not lead.
    fn fate(&mut self, reply: v1::BeatReply) -> Option<Heard> {
        match reply.ended {
            Some(Ended::NotController(_)) => return None,
            Some(Ended::Refused(refused)) => return Some(Heard::Superseded(refused.message)),
            None => {}
        }
        while self.beats.front().is_some_and(|(sequence, _)| *sequence < reply.sequence) {
            self.beats.pop_front();
        }
        // A beat that is not remembered is older than all that are.
        let sent =
            self.beats.front().filter(|(sequence, _)| *sequence == reply.sequence).map(|(_, at)| *at)?;
        let (fenced, may_stop, as_of) = (reply.fenced, reply.may_stop, LogIndex(reply.as_of));
        Some(Heard::Answered { sent, fenced, may_stop, as_of })
    }
}

/// Where the broker stands, by the answers it got and by the clock.
struct Standing {
    lease: Lease,
    serving: bool,
    link: Link,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    word: watch::Sender<Word>,
    /// The latest word for the partitions, which are told apart from beating: there may be many.
    for_partitions: watch::Sender<bool>,
    unanswered: Arc<AtomicBool>,
    behind: Arc<AtomicBool>,
}

impl Standing {
    fn new(of: &Attendance) -> Self {
        Self {
            lease: Lease::none(of.session, Arc::clone(&of.fence)),
            serving: false,
            link: of.link.clone(),
            health: Arc::clone(&of.health),
            metrics: Arc::clone(&of.metrics),
            word: of.word.clone(),
            for_partitions: watch::Sender::new(true),
            unanswered: Arc::clone(&of.unanswered),
            behind: Arc::clone(&of.behind),
        }
    }

    /// When the broker has to fence itself.
    fn ends(&self) -> Option<Instant> {
        self.lease.ends().filter(|_| self.serving && !self.link.is_without_others())
    }

    fn take(&mut self, heard: Heard) {
        // A lease that ended unnoticed: the partitions have to hear of it before another begins.
        self.lapse();
        match heard {
            Heard::Answered { sent, fenced: false, may_stop, as_of } => {
                self.lease.answered(sent, as_of, self.link.is_without_others());
                self.come();
                self.word.send_modify(|word| word.may_stop |= may_stop);
            }
            Heard::Answered { fenced: true, may_stop, as_of, .. } => {
                self.lease.refused(as_of);
                self.serve(false);
                self.word.send_modify(|word| word.may_stop |= may_stop);
            }
            Heard::Superseded(why) => {
                error!(why, "this broker's registration is not valid any more");
                self.end();
                self.word.send_modify(|word| word.superseded = true);
            }
        }
        let behind = self.lease.is_behind();
        self.behind.store(behind, Ordering::Relaxed);
        if !behind {
            self.unanswered.store(false, Ordering::Relaxed);
        }
    }

    fn followed(&mut self, to: LogIndex) {
        self.lapse();
        self.lease.followed(to, self.link.is_without_others());
        self.behind.store(self.lease.is_behind(), Ordering::Relaxed);
        self.come();
    }

    fn come(&mut self) {
        if self.lease.holds() {
            self.serve(true);
        }
    }

    fn end(&mut self) {
        self.lease.end();
        self.serve(false);
    }

    fn lapse(&mut self) {
        if self.serving && !self.lease.holds() {
            if self.lease.is_behind() {
                warn!("this broker does not follow the metadata: it fences itself");
            } else {
                warn!("no controller has answered for too long: this broker fences itself");
            }
            self.unanswered.store(true, Ordering::Relaxed);
            self.end();
        }
    }

    /// The partitions hear of it, and everybody else: at once that the broker is fenced, and that it is not when every
    /// partition has heard it.
    fn serve(&mut self, serves: bool) {
        if self.serving == serves {
            return;
        }
        self.serving = serves;
        self.for_partitions.send_replace(!serves);
        if !serves {
            self.show(false);
        }
    }

    fn told(&self, fenced: bool) {
        if self.serving && !fenced {
            self.show(true);
        }
    }

    fn show(&self, serves: bool) {
        info!(fenced = !serves, "the broker is {}", if serves { "unfenced" } else { "fenced" });
        self.health.set_fenced(!serves);
        self.metrics.fenced.set(i64::from(!serves));
        self.word.send_modify(|word| word.unfenced = serves);
    }
}

/// Tells the partitions whether the broker is fenced, and says when they know; the latest word is the one that counts.
async fn tell(partitions: &Registry, mut word: watch::Receiver<bool>, told: watch::Sender<bool>) {
    while word.changed().await.is_ok() {
        let fenced = *word.borrow_and_update();
        partitions.set_fenced(fenced).await;
        told.send_replace(fenced);
    }
}

async fn until(then: Option<Instant>) {
    match then {
        Some(then) => sleep_until(then.into()).await,
        None => std::future::pending().await,
    }
}
