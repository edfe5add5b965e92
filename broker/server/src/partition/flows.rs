//! How much flows through the partitions that are led here: looks at all of them from time to time and keeps an average for
//! those through which anything flows. Decides what is said of each, and that nothing is said too early.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use weir_model::{DurationMs, Millis, PartitionIndex, TopicId};

use super::PartitionHandle;
use super::average::{Faded, YOUNG};
use super::traffic::{Flowed, Traffic};

type Key = (TopicId, PartitionIndex);

/// The averages as of the last look.
#[derive(Debug, Default)]
pub(crate) struct Flows {
    kept: Mutex<Kept>,
}

/// What is known of a partition's rates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    /// It is not led here: whoever leads it says.
    Elsewhere,
    /// It is led here, and was not for long enough.
    Young,
    /// Bytes a second, over minutes.
    Known(Flowed),
}

#[derive(Debug)]
pub(crate) struct Kept {
    looked: Millis,
    /// All others are idle.
    busy: HashMap<Key, Average>,
}

#[derive(Clone, Copy, Debug)]
struct Average {
    /// Since when the partition is led here: what another reign brought does not count.
    since: Millis,
    produced: Faded,
    sent: Faded,
}

impl Default for Kept {
    fn default() -> Self {
        Self { looked: Millis(0), busy: HashMap::new() }
    }
}

impl Flows {
    /// Looks at every partition that runs.
    pub(crate) fn look<'a>(&self, now: Millis, running: impl Iterator<Item = &'a PartitionHandle>) {
        let traffic = running.map(|partition| ((partition.topic, partition.partition), partition.traffic()));
        self.kept().look(now, traffic);
    }

    /// As of the last look.
    pub(crate) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn look<'a>(&mut self, now: Millis, running: impl Iterator<Item = (Key, &'a Traffic)>) {
        let now = now.max(self.looked);
        let passed = now.since(self.looked);
        let mut before = std::mem::take(&mut self.busy);
        for (key, traffic) in running {
            let Some(since) = traffic.leads_since() else { continue };
            let flowed = traffic.take();
            let known = before.remove(&key).filter(|average| average.since == since);
            if known.is_none() && flowed == Flowed::default() {
                continue;
            }
            let average = known.unwrap_or(Average::beginning(since));
            let average = average.after(passed.min(now.since(since)), flowed);
            if average.rates(now) != Flowed::default() {
                self.busy.insert(key, average);
            }
        }
        self.looked = now;
    }

    pub(crate) fn of(&self, partition: &PartitionHandle) -> Flow {
        self.said((partition.topic, partition.partition), partition.traffic())
    }

    fn said(&self, key: Key, traffic: &Traffic) -> Flow {
        let Some(since) = traffic.leads_since() else { return Flow::Elsewhere };
        if self.looked.since(since) < YOUNG {
            return Flow::Young;
        }
        let average = self.busy.get(&key).filter(|average| average.since == since);
        Flow::Known(average.map(|average| average.rates(self.looked)).unwrap_or_default())
    }
}

impl Average {
    fn beginning(since: Millis) -> Self {
        Self { since, produced: Faded::default(), sent: Faded::default() }
    }

    fn after(self, passed: DurationMs, flowed: Flowed) -> Self {
        Self {
            since: self.since,
            produced: self.produced.after(passed, flowed.produced),
            sent: self.sent.after(passed, flowed.sent),
        }
    }

    fn rates(&self, now: Millis) -> Flowed {
        let age = now.since(self.since);
        Flowed { produced: self.produced.per_second(age), sent: self.sent.per_second(age) }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const HOUR: i64 = 3_600_000;
    const IDLE: Key = (TopicId(Uuid::from_u128(1)), PartitionIndex(0));
    const BUSY: Key = (TopicId(Uuid::from_u128(1)), PartitionIndex(1));

    fn led_since(ms: i64) -> Traffic {
        let traffic = Traffic::default();
        traffic.leads(true, Millis(ms));
        traffic
    }

    fn known(produced: u64, sent: u64) -> Flow {
        Flow::Known(Flowed { produced, sent })
    }

    /// Looks every ten seconds, in each of which so much was produced; twice as much was sent.
    fn watch(kept: &mut Kept, from: i64, to: i64, traffic: &Traffic, produced: u64) {
        for ms in (from..to).step_by(10_000) {
            traffic.produced(produced);
            traffic.sent(2 * produced);
            kept.look(Millis(ms + 10_000), std::iter::once((BUSY, traffic)));
        }
    }

    #[test]
    fn a_leader_says_nothing_at_first_then_its_rates_and_what_is_idle_is_not_kept() {
        let (mut kept, idle, busy) = (Kept::default(), led_since(0), led_since(0));
        let follower = Traffic::default();
        watch(&mut kept, 0, 100_000, &busy, 50_000);
        assert_eq!(kept.said(BUSY, &busy), Flow::Young);
        assert_eq!(kept.said(IDLE, &follower), Flow::Elsewhere);
        watch(&mut kept, 100_000, 200_000, &busy, 50_000);
        assert_eq!(kept.said(BUSY, &busy), known(5_000, 10_000));
        assert_eq!(kept.said(IDLE, &idle), known(0, 0));
        assert_eq!(kept.busy.len(), 1);
        watch(&mut kept, HOUR, 4 * HOUR, &busy, 0);
        assert_eq!((kept.said(BUSY, &busy), kept.busy.len()), (known(0, 0), 0), "hours later");
    }

    #[test]
    fn who_leads_again_begins_anew() {
        let (mut kept, traffic) = (Kept::default(), led_since(0));
        watch(&mut kept, 0, HOUR, &traffic, 50_000);
        assert_eq!(kept.said(BUSY, &traffic), known(5_000, 10_000));
        traffic.leads(false, Millis(HOUR));
        assert_eq!(kept.said(BUSY, &traffic), Flow::Elsewhere);
        traffic.leads(true, Millis(HOUR + 5_000));
        assert_eq!(kept.said(BUSY, &traffic), Flow::Young, "the rates of the reign before are not its own");
        watch(&mut kept, HOUR, HOUR + 600_000, &traffic, 10_000);
        let Flow::Known(Flowed { produced, .. }) = kept.said(BUSY, &traffic) else { panic!("it is known") };
        assert!((1_000..1_020).contains(&produced), "{produced}");
    }

    #[test]
    fn partitions_that_are_gone_are_forgotten_and_a_clock_that_goes_back_is_not_followed() {
        let (mut kept, traffic) = (Kept::default(), led_since(0));
        watch(&mut kept, 0, HOUR, &traffic, 50_000);
        kept.look(Millis(5), std::iter::once((BUSY, &traffic)));
        assert_eq!(kept.said(BUSY, &traffic), known(5_000, 10_000));
        kept.look(Millis(HOUR + 10_000), std::iter::empty());
        assert!(kept.busy.is_empty());
    }
}
