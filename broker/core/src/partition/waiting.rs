//! Writes that wait for the log or the watermark to pass an offset, in the order of that offset.

use std::collections::VecDeque;

use weir_model::{Millis, Offset};

use super::{Effect, ProduceError, Produced, Token};

/// More than any honest set of connections keeps in flight on one partition.
pub(super) const MOST_WAITING: usize = 65_536;

/// One write that is not answered yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiter {
    pub(super) token: Token,
    /// Answered once this offset is passed.
    pub(super) end: Offset,
    pub(super) base_offset: Offset,
    pub(super) append_time: Millis,
    pub(super) deadline: Millis,
}

/// Waiters sorted by the offset they wait for; those for one offset in the order they came.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    queue: VecDeque<Waiter>,
    /// No waiter's deadline is earlier. Kept lazily: it may be earlier than all of them.
    earliest: Option<Millis>,
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= MOST_WAITING
    }

    pub(super) fn push(&mut self, waiter: Waiter) {
        self.earliest = Some(self.earliest.map_or(waiter.deadline, |e| e.min(waiter.deadline)));
        let at = self.queue.partition_point(|w| w.end <= waiter.end);
        self.queue.insert(at, waiter);
    }

    /// Answers everything that waits for `passed` or less.
    pub(super) fn release(&mut self, passed: Offset, log_start: Offset, effects: &mut Vec<Effect>) {
        while self.queue.front().is_some_and(|w| w.end <= passed) {
            if let Some(Waiter { token, base_offset, append_time, .. }) = self.queue.pop_front() {
                let outcome = Ok(Produced { base_offset, append_time, log_start });
                effects.push(Effect::Reply { token, outcome });
            }
        }
        self.shrink();
    }

    /// Refuses everything that waits for more than `kept`.
    pub(super) fn fail_beyond(&mut self, kept: Offset, why: ProduceError, effects: &mut Vec<Effect>) {
        let from = self.queue.partition_point(|w| w.end <= kept);
        for Waiter { token, .. } in self.queue.drain(from..) {
            effects.push(Effect::Reply { token, outcome: Err(why) });
        }
        self.shrink();
    }

    /// Gives up on everything whose time has come.
    pub(super) fn expire(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        if self.earliest.is_none_or(|earliest| earliest > now) {
            return;
        }
        self.queue.retain(|w| {
            let over = w.deadline <= now;
            if over {
                effects.push(Effect::Reply { token: w.token, outcome: Err(ProduceError::TimedOut) });
            }
            !over
        });
        self.earliest = self.queue.iter().map(|w| w.deadline).min();
        self.shrink();
    }

    pub(super) fn next_deadline(&self) -> Option<Millis> {
        self.earliest
    }

    /// An idle partition holds no memory for waiters.
    fn shrink(&mut self) {
        if self.queue.is_empty() {
            self.earliest = None;
            if self.queue.capacity() > 64 {
                self.queue = VecDeque::new();
            }
        }
    }
}
