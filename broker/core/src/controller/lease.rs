//! A broker's right to serve, on its own side. It lasts a little less than a session, counted from when the beat was
//! sent that was answered: the controller counts from when that beat came, which is later, so this ends first however
//! long messages take. The margin is for clocks that do not run alike. Must be asked before anything is acknowledged.

use weir_model::{DurationMs, Millis};

/// A lease ends this part of a session earlier: a tenth, so that two clocks may differ by a tenth in their pace.
const MARGIN_PART: i64 = 10;

/// The lease.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    length: DurationMs,
    until: Option<Millis>,
}

impl Lease {
    /// No lease yet, for sessions that last so long.
    #[must_use]
    pub const fn new(session_timeout: DurationMs) -> Self {
        let margin = session_timeout.0 / MARGIN_PART + 1;
        let length = session_timeout.0.saturating_sub(margin);
        Self { length: DurationMs(if length > 0 { length } else { 0 }), until: None }
    }

    /// The beat sent at `sent_at` was answered: the broker is alive and not fenced.
    pub fn answered(&mut self, sent_at: Millis) {
        self.until = self.until.max(Some(sent_at + self.length));
    }

    /// The controller says that the broker is fenced, or it registers anew: no answer to an earlier beat counts.
    pub const fn end(&mut self) {
        self.until = None;
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
