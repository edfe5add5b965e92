//! What flows through a replica: bytes since somebody last looked, and since when it leads. Whoever writes or sends adds a
//! number and goes on; from numbers to rates is somebody else's business. An idle partition pays for three numbers.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use weir_model::Millis;

/// Before the process began: it does not lead.
const NEVER: i64 = -1;

/// Counted where it happens.
#[derive(Debug)]
pub(crate) struct Traffic {
    produced: AtomicU64,
    sent: AtomicU64,
    /// By the steady clock.
    leads_since: AtomicI64,
}

/// Bytes that came and went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flowed {
    /// From producers.
    pub(crate) produced: u64,
    /// To consumers and to followers.
    pub(crate) sent: u64,
}

impl Default for Traffic {
    fn default() -> Self {
        Self { produced: AtomicU64::new(0), sent: AtomicU64::new(0), leads_since: AtomicI64::new(NEVER) }
    }
}

impl Traffic {
    pub(crate) fn produced(&self, bytes: u64) {
        add(&self.produced, bytes);
    }

    pub(crate) fn sent(&self, bytes: u64) {
        add(&self.sent, bytes);
    }

    /// Whether it leads from now on. What was counted before is no part of what it leads.
    pub(super) fn leads(&self, leads: bool, now: Millis) {
        let led = self.leads_since.load(Ordering::Relaxed) != NEVER;
        if led != leads {
            self.take();
            self.leads_since.store(if leads { now.0.max(0) } else { NEVER }, Ordering::Relaxed);
        }
    }

    /// Since when it leads, if it does.
    pub(crate) fn leads_since(&self) -> Option<Millis> {
        Some(self.leads_since.load(Ordering::Relaxed)).filter(|since| *since != NEVER).map(Millis)
    }

    /// What flowed since this was asked last.
    pub(crate) fn take(&self) -> Flowed {
        Flowed { produced: take(&self.produced), sent: take(&self.sent) }
    }
}

/// Nothing is not added: the memory of many that are idle stays unwritten.
fn add(to: &AtomicU64, bytes: u64) {
    if bytes > 0 {
        to.fetch_add(bytes, Ordering::Relaxed);
    }
}

fn take(from: &AtomicU64) -> u64 {
    if from.load(Ordering::Relaxed) == 0 { 0 } else { from.swap(0, Ordering::Relaxed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_flowed_is_told_once_and_what_flowed_before_it_led_never() {
        let traffic = Traffic::default();
        assert_eq!(traffic.leads_since(), None);
        traffic.sent(7);
        traffic.leads(true, Millis(100));
        traffic.leads(true, Millis(200));
        assert_eq!((traffic.leads_since(), traffic.take()), (Some(Millis(100)), Flowed::default()));
        traffic.produced(5);
        traffic.produced(6);
        traffic.sent(3);
        assert_eq!(traffic.take(), Flowed { produced: 11, sent: 3 });
        assert_eq!(traffic.take(), Flowed::default());
        traffic.produced(5);
        traffic.leads(false, Millis(300));
        assert_eq!((traffic.leads_since(), traffic.take()), (None, Flowed::default()));
    }
}
