//! From judgements to a number that changes seldom. A judgement counts once it has stood for a while without a break, out
//! sooner than in; meanwhile the smallest step of what was recommended is remembered. In goes one broker at a time. All that
//! is remembered is a [`Course`], which status holds: whoever comes next goes on from there.

use std::cmp::Ordering;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::Judgement;

/// How long a judgement must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Before brokers are added.
    pub scale_out: Duration,
    /// Before one is taken away.
    pub scale_in: Duration,
}

/// Whether the number may change now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// Nothing else is going on.
    Calm,
    /// Brokers are being taken away: that may be ended, and nothing else.
    ScalingIn,
    /// Something is going on that would be disturbed, or that disturbs what is measured.
    Busy {
        /// A stable CamelCase word.
        reason: &'static str,
        /// The sentence.
        why: String,
    },
}

/// Where the number of brokers is going.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Brokers are added once this has stood long enough.
    Out,
    /// One is taken away once this has stood long enough.
    In,
    /// It stays.
    Stay,
}

/// The number of brokers, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Course {
    /// How many brokers there shall be.
    pub replicas: u32,
    /// How many are recommended.
    pub recommended: u32,
    /// Why, as a stable CamelCase word.
    pub reason: String,
    /// Why, as a sentence.
    pub message: String,
    /// Since when that is so, without a break.
    pub since: Timestamp,
}

impl Course {
    /// Nothing is known yet but the number.
    #[must_use]
    pub fn beginning(replicas: u32) -> Self {
        Self {
            replicas,
            recommended: replicas,
            reason: "Beginning".to_owned(),
            message: "nothing was measured yet".to_owned(),
            since: Timestamp::UNIX_EPOCH,
        }
    }

    /// Nothing changes while that is waited for.
    #[must_use]
    pub fn waits(&self, reason: &str, message: String, now: Timestamp) -> Self {
        stay(self, reason, message, now)
    }

    /// Where it is going.
    #[must_use]
    pub fn direction(&self) -> Direction {
        match self.recommended.cmp(&self.replicas) {
            Ordering::Greater => Direction::Out,
            Ordering::Less => Direction::In,
            Ordering::Equal => Direction::Stay,
        }
    }
}

/// What comes next. `fits` is asked before a broker is taken away: whether all that it holds could go elsewhere; else why not.
#[must_use]
pub fn steer(
    before: &Course,
    judgement: &Judgement,
    quiet: &Quiet,
    windows: Windows,
    now: Timestamp,
    fits: impl FnOnce() -> Result<(), String>,
) -> Course {
    let next = heading(before, judgement, quiet, now);
    let stood = u64::try_from(now.as_second() - next.since.as_second()).unwrap_or(0);
    match next.direction() {
        Direction::Out if stood >= windows.scale_out.as_secs() => {
            Course { replicas: next.recommended, since: now, ..next }
        }
        Direction::In if stood >= windows.scale_in.as_secs() => match fits() {
            Ok(()) => {
                let replicas = next.replicas.saturating_sub(1);
                Course { replicas, recommended: replicas, since: now, ..next }
            }
            Err(why) => {
                let message = super::Unsafe::NoRoom(why).to_string();
                stay(before, "OneFewerNotSafe", message, now)
            }
        },
        Direction::Out | Direction::In | Direction::Stay => next,
    }
}

/// Where it is going, and since when.
fn heading(before: &Course, judgement: &Judgement, quiet: &Quiet, now: Timestamp) -> Course {
    let wanted = judgement.recommended.cmp(&before.replicas);
    match (wanted, quiet) {
        (Ordering::Equal, _) => stay(before, judgement.because.reason(), judgement.because.to_string(), now),
        (Ordering::Greater, Quiet::Calm | Quiet::ScalingIn) | (Ordering::Less, Quiet::Calm) => {
            going(before, judgement, now)
        }
        (Ordering::Less, Quiet::ScalingIn) => {
            stay(before, "ScalingIn", "a broker is being taken away".to_owned(), now)
        }
        (_, Quiet::Busy { reason, why }) => stay(before, reason, why.clone(), now),
    }
}

/// Nothing is to change. That it is so for another number's sake is told in another sentence, and only then: numbers in
/// sentences change all the time, and a status that did would be written all the time.
fn stay(before: &Course, reason: &str, message: String, now: Timestamp) -> Course {
    if before.direction() == Direction::Stay && before.reason == reason {
        return before.clone();
    }
    Course { recommended: before.replicas, reason: reason.to_owned(), message, since: now, ..before.clone() }
}

/// Of all that was recommended since it goes this way, what is nearest to what there is.
fn going(before: &Course, judgement: &Judgement, now: Timestamp) -> Course {
    let fresh = Course {
        replicas: before.replicas,
        recommended: judgement.recommended,
        reason: judgement.because.reason().to_owned(),
        message: judgement.because.to_string(),
        since: now,
    };
    if fresh.direction() != before.direction() {
        return fresh;
    }
    let nearest = match fresh.direction() {
        Direction::Out => before.recommended.min(fresh.recommended),
        Direction::In | Direction::Stay => before.recommended.max(fresh.recommended),
    };
    if nearest == before.recommended && before.reason == fresh.reason {
        return before.clone();
    }
    Course { recommended: nearest, since: before.since, ..fresh }
}
