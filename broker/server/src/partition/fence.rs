//! Whether this broker may still promise anything. It may as long as the controller has heard of it lately: after that
//! another broker may lead, so a leader here acknowledges nothing. Looked at right before every acknowledgement, so that a
//! process that stood still can not answer before it knows that it is late.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

/// Never.
const NEVER: i64 = i64::MAX;

/// Shared by all partitions.
#[derive(Debug)]
pub(crate) struct Fence {
    started: Instant,
    /// Milliseconds from `started`; after that the broker is fenced.
    up_from: AtomicI64,
}

impl Default for Fence {
    /// A broker alone is never fenced.
    fn default() -> Self {
        Self { started: Instant::now(), up_from: AtomicI64::new(NEVER) }
    }
}

impl Fence {
    /// Nothing may be promised from then on; `None`: always.
    pub(crate) fn goes_up_at(&self, then: Option<Instant>) {
        let since = then.map(|then| then.saturating_duration_since(self.started).as_millis());
        let at = since.map_or(NEVER, |ms| i64::try_from(ms).unwrap_or(NEVER));
        self.up_from.store(at, Ordering::Release);
    }

    pub(crate) fn is_up(&self) -> bool {
        let at = self.up_from.load(Ordering::Acquire);
        at != NEVER && self.started.elapsed().as_millis() >= u128::from(at.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_fence_goes_up_by_itself_when_nobody_extends_the_time() {
        let fence = Fence::default();
        assert!(!fence.is_up());
        fence.goes_up_at(Some(Instant::now() + Duration::from_secs(3_600)));
        assert!(!fence.is_up());
        fence.goes_up_at(Some(Instant::now()));
        assert!(fence.is_up());
        fence.goes_up_at(Some(fence.started));
        assert!(fence.is_up());
        fence.goes_up_at(None);
        assert!(!fence.is_up());
    }
}
