//! What each broker should hold: an equal share, as far as racks allow. A rack with fewer brokers than others may have to
//! hold as many replicas, and then each of its brokers holds more. Decides also what is so far from its share that
//! something should be done.

use super::board::{Board, Slot, part};
use super::model::Settings;
use super::rules::Racks;

/// The shares of all brokers.
pub(super) struct Shares {
    /// Replicas each broker should hold: a fraction.
    pub(super) replicas: Vec<f64>,
    total: f64,
}

/// What floating point may add or lose.
const DUST: f64 = 1e-6;

impl Shares {
    pub(super) fn new(board: &Board, racks: &Racks) -> Self {
        let sizes = &board.rack_sizes;
        let (mut least, mut most) = (vec![0.0; sizes.len()], vec![0.0; sizes.len()]);
        let mut total = 0.0;
        for at in 0..board.replicas.len() {
            for rack in 0..sizes.len() {
                let bounds = racks.of(board, part(at), rack);
                least[rack] += count(bounds.least);
                most[rack] += count(bounds.most);
            }
            total += count(board.replicas[at].len());
        }
        let level = level(sizes, &least, &most, total);
        let of = |slot: Slot| {
            let rack = board.rack[slot];
            let size = count(sizes[rack]);
            if board.stays(slot) { (size * level).clamp(least[rack], most[rack]) / size } else { 0.0 }
        };
        Self { replicas: board.brokers().map(of).collect(), total }
    }

    /// The fewest and the most replicas of a broker that has its share.
    pub(super) fn range(&self, slot: Slot) -> (usize, usize) {
        let share = self.replicas[slot];
        (whole((share + DUST).floor()), whole((share - DUST).ceil()))
    }

    /// The share of something else that lies on replicas, such as bytes.
    pub(super) fn of(&self, slot: Slot, sum: u64) -> u64 {
        if self.total < 1.0 {
            return 0;
        }
        #[expect(clippy::cast_precision_loss, reason = "shares are compared with tolerances of percents")]
        let share = sum as f64 * (self.replicas[slot] / self.total);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a u64 is one"
        )]
        let share = share as u64;
        share
    }

    /// Whether the numbers of replicas are so uneven that something should be done about it.
    pub(super) fn skewed(&self, board: &Board, settings: Settings) -> bool {
        let uneven = |slot: Slot| {
            let (least, most) = self.range(slot);
            is_far(board.count(slot), least, most, settings)
        };
        board.brokers().any(|slot| board.stays(slot) && uneven(slot))
    }
}

/// Whether a count is far outside its range. A broker that has nothing of what it should is a newcomer, always far.
pub(super) fn is_far(count: usize, least: usize, most: usize, settings: Settings) -> bool {
    let slack = |bound: usize| bound * usize::try_from(settings.begin_percent).unwrap_or(100) / 100;
    (count == 0 && least > 0) || count > most + slack(most).max(1) || count + slack(least).max(1) < least
}

/// How many replicas a broker holds where racks leave it free: found by halving, for the sum grows with the level.
fn level(sizes: &[usize], least: &[f64], most: &[f64], total: f64) -> f64 {
    let filled = |level: f64| {
        let of = |rack: usize| (count(sizes[rack]) * level).clamp(least[rack], most[rack]);
        (0..sizes.len()).map(of).sum::<f64>()
    };
    let (mut low, mut high) = (0.0, total.max(1.0));
    for _ in 0..100 {
        let middle = f64::midpoint(low, high);
        if filled(middle) < total { low = middle } else { high = middle }
    }
    high
}

/// Counts are far below what a double holds exactly.
fn count(things: usize) -> f64 {
    f64::from(u32::try_from(things).unwrap_or(u32::MAX))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a count of replicas, never negative"
)]
fn whole(share: f64) -> usize {
    share as usize
}

/// Whether a load is further from its share than so many percent.
pub(super) fn is_off(load: u64, share: u64, percent: u64) -> bool {
    u128::from(load.abs_diff(share)) * 100 > u128::from(share) * u128::from(percent)
}

/// Every partition's weight on every replica.
pub(super) fn sum(board: &Board) -> u64 {
    let of = |at: usize| board.weight(part(at)).saturating_mul(board.replicas[at].len() as u64);
    (0..board.replicas.len()).map(of).fold(0, u64::saturating_add)
}
