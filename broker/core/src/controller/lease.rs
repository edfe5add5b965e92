//! A broker's right to serve, on its own side. It lasts a little less than a session, counted from when the beat was
//! sent that was answered: the controller counts from when that beat came, which is later, so this ends first however
//! long messages take. The margin is for clocks that do not run alike. Must be asked before anything is acknowledged.
//!
//! An answer counts only when the broker follows the metadata that the controller's word was judged by. A broker that is
//! alive may lead no more what it led: a move or an election took it away. One that beats but does not follow, for its disk
//! is full, would speak as the leader it was for as long as it lives; so its lease ends, and it knows why
//! ([`Lease::is_behind`]).

use std::collections::VecDeque;

use weir_model::{DurationMs, Millis};

/// A lease ends this part of a session earlier: a tenth, so that two clocks may differ by a tenth in their pace.
const MARGIN_PART: i64 = 10;
/// Answers that wait to be followed. Of more, the oldest are kept, which are followed first, and the newest.
const WAITING_MAX: usize = 16;

/// A place in the metadata's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetadataIndex(pub u64);

/// The lease.
#[derive(Clone, Debug)]
pub struct Lease {
    length: DurationMs,
    until: Option<Millis>,
    waiting: VecDeque<Answer>,
    /// What the controller named, and is not followed yet: of several the first.
    wanted: Option<MetadataIndex>,
    followed: MetadataIndex,
}

/// An answered beat, and what has to be followed before it counts.
#[derive(Clone, Copy, Debug)]
struct Answer {
    sent_at: Millis,
    as_of: MetadataIndex,
}

impl Lease {
    /// No lease yet, for sessions that last so long.
    #[must_use]
    pub const fn new(session_timeout: DurationMs) -> Self {
        let margin = session_timeout.0 / MARGIN_PART + 1;
        let length = session_timeout.0.saturating_sub(margin);
        let length = DurationMs(if length > 0 { length } else { 0 });
        let followed = MetadataIndex(0);
        Self { length, until: None, waiting: VecDeque::new(), wanted: None, followed }
    }

    /// The beat sent at `sent_at` was answered now: the broker is alive and not fenced, by the metadata as of then.
    pub fn answered(&mut self, sent_at: Millis, as_of: MetadataIndex, now: Millis) {
        if !self.holds(now) {
            self.until = None;
        }
        self.want(as_of);
        let length = self.length;
        self.waiting.retain(|answer| now < answer.sent_at + length);
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_back();
        }
        self.waiting.push_back(Answer { sent_at, as_of });
        self.count();
    }

    /// A beat was answered now: the broker is fenced, by the metadata as of then. No answer to an earlier beat counts.
    pub fn refused(&mut self, as_of: MetadataIndex) {
        self.end();
        self.want(as_of);
    }

    /// The broker's partitions know the metadata up to there.
    pub fn followed(&mut self, to: MetadataIndex) {
        self.followed = self.followed.max(to);
        self.wanted = self.wanted.filter(|wanted| *wanted > self.followed);
        self.count();
    }

    /// The lease ran out, or the broker registers anew: no answer to an earlier beat counts.
    pub fn end(&mut self) {
        self.until = None;
        self.waiting.clear();
    }

    /// Whether the controller named metadata that is not followed yet. Such a broker can lead nothing, and has to say so:
    /// others shall.
    #[must_use]
    pub const fn is_behind(&self) -> bool {
        self.wanted.is_some()
    }

    /// Whether the broker may serve and acknowledge.
    #[must_use]
    pub fn holds(&self, now: Millis) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    /// When it ends, unless a beat is answered before. `None` when it does not hold at all.
    #[must_use]
    pub const fn deadline(&self) -> Option<Millis> {
        self.until
    }

    fn want(&mut self, as_of: MetadataIndex) {
        self.wanted = self.wanted.or(Some(as_of).filter(|as_of| *as_of > self.followed));
    }

    /// Lets the answers count that are followed. One that was overtaken takes nothing away.
    fn count(&mut self) {
        let (followed, length) = (self.followed, self.length);
        let count = self.waiting.iter().filter(|answer| answer.as_of <= followed);
        self.until = self.until.max(count.map(|answer| answer.sent_at + length).max());
        self.waiting.retain(|answer| answer.as_of > followed);
    }
}
