//! A broker's right to serve, on its own side. It lasts a little less than a session, counted from when the beat was
//! sent that was answered: the controller counts from when that beat came, which is later, so this ends first however
//! long messages take. The margin is for clocks that do not run alike. Must be asked before anything is acknowledged.
//!
//! A lease that has ended begins anew only when the broker follows the metadata that the controller's word was judged by:
//! what it led it may lead no more, and until it knows that it would speak as the leader it was.

use weir_model::{DurationMs, Millis};

/// A lease ends this part of a session earlier: a tenth, so that two clocks may differ by a tenth in their pace.
const MARGIN_PART: i64 = 10;

/// A place in the metadata's log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MetadataIndex(pub u64);

/// The lease.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    length: DurationMs,
    until: Option<Millis>,
    coming: Option<Coming>,
    followed: MetadataIndex,
}

/// A beat that was answered while no lease held, and what has to be followed before it counts.
#[derive(Clone, Copy, Debug)]
struct Coming {
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
        Self { length, until: None, coming: None, followed: MetadataIndex(0) }
    }

    /// The beat sent at `sent_at` was answered now: the broker is alive and not fenced, by the metadata as of then.
    pub fn answered(&mut self, sent_at: Millis, as_of: MetadataIndex, now: Millis) {
        if self.holds(now) {
            self.until = self.until.max(Some(sent_at + self.length));
            return;
        }
        self.until = None;
        // In the session of an answer that still counts nobody else was let lead: what it asks for is enough.
        let known = self.coming.filter(|known| now < known.sent_at + self.length);
        self.coming = Some(known.map_or(Coming { sent_at, as_of }, |known| Coming {
            sent_at: known.sent_at.max(sent_at),
            as_of: known.as_of,
        }));
        self.come();
    }

    /// The broker's partitions know the metadata up to there.
    pub fn followed(&mut self, to: MetadataIndex) {
        self.followed = self.followed.max(to);
        self.come();
    }

    fn come(&mut self) {
        if let Some(coming) = self.coming.filter(|coming| coming.as_of <= self.followed) {
            self.coming = None;
            self.until = Some(coming.sent_at + self.length);
        }
    }

    /// The controller says that the broker is fenced, or it registers anew: no answer to an earlier beat counts.
    pub const fn end(&mut self) {
        self.until = None;
        self.coming = None;
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
}
