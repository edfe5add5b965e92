//! Who is alive, as the controller sees it. Lives in the controller's memory only: whoever becomes controller gives
//! everybody a fresh session. Decides whom to fence and when; a caller decides and writes the fencing itself, and asks
//! again until it is done.
//!
//! Together with [`super::lease::Lease`] this keeps invariant 11: a broker whose beats are not answered fences itself
//! before it is fenced here. It holds because a beat is answered as alive only (a) by a controller that a majority has
//! confirmed so recently that no other can have been elected yet, and (b) before the session has run out: once a
//! broker has been named by [`Sessions::tick`], no beat brings that session back.

use std::collections::{BTreeMap, BTreeSet};

use weir_model::{BrokerId, DurationMs, Millis};

use super::image::Image;

/// How long things last.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// A session without a beat: `broker.session.timeout.ms`.
    pub session: DurationMs,
    /// After a majority has confirmed the controller, counted from when it was asked, no other is elected for this
    /// long: less than the quorum's election timeout, by what clocks may differ in it.
    pub confirmed: DurationMs,
    /// How soon a fencing that has not happened yet is asked for again.
    pub again: DurationMs,
}

/// Every session.
#[derive(Clone, Debug)]
pub struct Sessions {
    times: Times,
    sessions: BTreeMap<BrokerId, Session>,
    /// When each session runs out, or its fencing is asked for again.
    deadlines: BTreeSet<(Millis, BrokerId)>,
    confirmed_at: Option<Millis>,
}

#[derive(Clone, Copy, Debug)]
struct Session {
    epoch: i64,
    deadline: Millis,
    /// It ran out, or its broker is known to be dead: nothing but fencing ends it.
    over: bool,
    /// Its stream of beats broke then, and no beat has come since.
    suspected_at: Option<Millis>,
    /// Every beat since then was answered that it is alive.
    answered_since: Option<Millis>,
}

/// What to answer a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// The broker is alive, and may be told so; whether it is fenced all the same is in the image.
    Alive,
    /// Nothing: whether this is still the controller is not known. The beat counts all the same.
    Unconfirmed,
    /// Nothing, or that it is being fenced: the session is over.
    Over,
    /// It is of an earlier registration.
    Stale,
}

/// What came of dialling a broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Nobody listens there: the process is gone.
    Refused,
    /// Anything else: an answer, silence, no way there. The session goes on until it runs out.
    Unclear,
}

/// A suspicion that is worth a probe. Names what was known when it arose, so that a late result does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// The broker.
    pub broker: BrokerId,
    /// Its registration.
    pub epoch: i64,
    since: Millis,
}

/// A broker to fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expired {
    /// The broker.
    pub broker: BrokerId,
    /// The registration whose session is over.
    pub epoch: i64,
}

impl Sessions {
    /// The sessions of a controller that has just been elected: everybody who is not fenced gets a fresh one.
    #[must_use]
    pub fn on_elected(image: &Image, times: Times, now: Millis) -> Self {
        let mut this =
            Self { times, sessions: BTreeMap::new(), deadlines: BTreeSet::new(), confirmed_at: None };
        for broker in image.brokers().filter(|b| !b.registration.fenced) {
            this.begin(broker.registration.id, broker.registration.epoch, now);
        }
        this
    }

    /// A majority has answered what the controller asked it at `asked_at`.
    pub fn confirmed(&mut self, asked_at: Millis) {
        self.confirmed_at = self.confirmed_at.max(Some(asked_at));
    }

    /// A broker has been registered or unfenced: a session begins, unless one of this registration runs.
    pub fn registered(&mut self, broker: BrokerId, epoch: i64, now: Millis) {
        if self.sessions.get(&broker).is_none_or(|session| session.epoch < epoch) {
            self.begin(broker, epoch, now);
        }
    }

    /// A beat of a registration has come.
    pub fn beat(&mut self, broker: BrokerId, epoch: i64, now: Millis) -> Beat {
        match self.sessions.get(&broker) {
            Some(session) if session.epoch > epoch => return Beat::Stale,
            // It may have run out unnoticed: then it is too late all the same.
            Some(session) if session.epoch == epoch && (session.over || session.deadline <= now) => {
                return Beat::Over;
            }
            Some(_) | None => {}
        }
        let before = self.sessions.get(&broker).filter(|session| session.epoch == epoch);
        let answered_since = before.and_then(|session| session.answered_since);
        self.begin(broker, epoch, now);
        let confirmed = self.is_confirmed(now);
        if let Some(session) = self.sessions.get_mut(&broker) {
            session.answered_since = confirmed.then(|| answered_since.unwrap_or(now));
        }
        if confirmed { Beat::Alive } else { Beat::Unconfirmed }
    }

    /// Whether a broker that says that it hears no answers is to be believed deaf: it was answered for a whole session.
    /// Its own lease has ended by then, so it serves nobody, and its beats must not keep others from it. Where the
    /// controller was the silent one, or is new, the answer to this very beat helps.
    #[must_use]
    pub fn is_deaf(&self, broker: BrokerId, now: Millis) -> bool {
        let session = self.sessions.get(&broker).filter(|session| !session.over);
        session
            .and_then(|session| session.answered_since)
            .is_some_and(|since| now >= since + self.times.session)
    }

    /// A broker's stream of beats has ended without its word. Whether it is worth a probe.
    pub fn suspect(&mut self, broker: BrokerId, epoch: i64, now: Millis) -> Option<Suspicion> {
        let session = self.sessions.get_mut(&broker).filter(|s| s.epoch == epoch && !s.over)?;
        session.suspected_at = Some(now);
        Some(Suspicion { broker, epoch, since: now })
    }

    /// What came of the probe. A beat since then has cleared the suspicion.
    pub fn probed(&mut self, suspicion: Suspicion, outcome: Probe, now: Millis) {
        let Some(session) = self.sessions.get(&suspicion.broker).copied() else { return };
        let stands = session.epoch == suspicion.epoch && session.suspected_at == Some(suspicion.since);
        if stands && outcome == Probe::Refused && !session.over {
            self.put(suspicion.broker, Session { over: true, deadline: now, ..session });
        }
    }

    /// The cluster has one broker, and it is the one that asks: its session goes on however long nobody asked, as on a
    /// machine that slept. Nobody else could be given what it serves.
    pub fn go_on_alone(&mut self, broker: BrokerId, now: Millis) {
        if let Some(session) = self.sessions.get(&broker).copied().filter(|session| !session.over) {
            self.put(broker, Session { deadline: now + self.times.session, ..session });
        }
    }

    /// The brokers to fence now. Each is named again later until [`Sessions::fenced`] says that it is done.
    pub fn tick(&mut self, now: Millis) -> Vec<Expired> {
        let mut expired = Vec::new();
        while let Some((deadline, broker)) = self.deadlines.first().copied() {
            if deadline > now {
                break;
            }
            let Some(session) = self.sessions.get(&broker).copied() else {
                self.deadlines.remove(&(deadline, broker));
                continue;
            };
            expired.push(Expired { broker, epoch: session.epoch });
            // At least a millisecond on, so that the loop ends.
            let again = now + DurationMs(self.times.again.0.max(1));
            self.put(broker, Session { over: true, deadline: again, ..session });
        }
        expired
    }

    /// The broker is fenced in the metadata, or gone from it: its session ends.
    pub fn fenced(&mut self, broker: BrokerId, epoch: i64) {
        if let Some(session) = self.sessions.get(&broker).filter(|s| s.epoch <= epoch) {
            self.deadlines.remove(&(session.deadline, broker));
            self.sessions.remove(&broker);
        }
    }

    /// When [`Sessions::tick`] has something to say.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Whether nobody else can have been elected by now.
    #[must_use]
    pub fn is_confirmed(&self, now: Millis) -> bool {
        self.confirmed_at.is_some_and(|at| now < at + self.times.confirmed)
    }

    fn begin(&mut self, broker: BrokerId, epoch: i64, now: Millis) {
        let deadline = now + self.times.session;
        self.put(broker, Session { epoch, deadline, over: false, suspected_at: None, answered_since: None });
    }

    fn put(&mut self, broker: BrokerId, session: Session) {
        if let Some(before) = self.sessions.insert(broker, session) {
            self.deadlines.remove(&(before.deadline, broker));
        }
        self.deadlines.insert((session.deadline, broker));
    }
}
