//! The point in time at which a call gives up. Decides nothing else; reads tokio's clock, so that tests can stop it.

use std::time::Duration;

use tokio::time::Instant;

/// When a call gives up, and how long it was given.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    given: Duration,
}

impl Deadline {
    /// So long from now.
    #[must_use]
    pub fn after(given: Duration) -> Self {
        Self { at: Instant::now() + given, given }
    }

    /// The same point in time, or so long from now if that is sooner.
    #[must_use]
    pub fn no_later_than(self, given: Duration) -> Self {
        let sooner = Self::after(given);
        if sooner.at < self.at { sooner } else { self }
    }

    /// For `tokio::time::timeout_at`.
    #[must_use]
    pub fn instant(self) -> Instant {
        self.at
    }

    /// What the call was given in all.
    #[must_use]
    pub fn given(self) -> Duration {
        self.given
    }

    /// What is left; zero when it has passed.
    #[must_use]
    pub fn left(self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Has it passed?
    #[must_use]
    pub fn has_passed(self) -> bool {
        self.left().is_zero()
    }

    /// What is left in milliseconds, for the timeout field of a request: at least 1.
    pub(crate) fn left_ms(self) -> i32 {
        i32::try_from(self.left().as_millis()).unwrap_or(i32::MAX).max(1)
    }
}
