//! Bytes: heavy replicas are changed for light ones between brokers that have too much and brokers that have too little,
//! until each is near its share. The numbers of replicas stay as they are.

use super::board::{Board, Part, Slot};
use super::model::Settings;
use super::rules::Racks;
use super::shares::{Shares, is_off, sum};

/// Differences of fewer bytes are nobody's concern.
const NEGLIGIBLE: u64 = 1 << 20;
/// How many brokers on each side are tried, and how many light replicas of each.
const BROKERS_TRIED: usize = 8;
const LIGHT_TRIED: usize = 8;
/// How many replicas around the wanted weight are tried.
const NEAR_TRIED: usize = 32;
/// An exchange that brings less than this part of what is wanted is not worth its bytes, unless the broker has so many
/// replicas that each is next to nothing: then half of what one of them weighs will do.
const WORTH_IT: u64 = 64;

/// Whether some broker is further from its share than so many percent.
pub(super) fn skewed(board: &Board, shares: &Shares, percent: u64) -> bool {
    let sum = sum(board);
    board.brokers().any(|slot| board.takes(slot) && off(board, shares, slot, sum, percent))
}

fn off(board: &Board, shares: &Shares, slot: Slot, sum: u64, percent: u64) -> bool {
    let (load, share) = (board.load[slot], shares.of(slot, sum));
    load.abs_diff(share) > NEGLIGIBLE && is_off(load, share, percent)
}

/// Evens out what the board is weighed by, if that is so uneven that it is worth it. Each exchange makes the sum of squared
/// differences smaller; their number is bounded.
pub(super) fn even(board: &mut Board, racks: &Racks, shares: &Shares, settings: Settings) {
    if !skewed(board, shares, settings.begin_percent) {
        return;
    }
    let sum = sum(board);
    let bound = board.replicas.len().max(board.ids.len());
    for _ in 0..bound {
        if !skewed(board, shares, settings.keep_percent)
            || !exchange(board, racks, shares, sum, settings.keep_percent)
        {
            return;
        }
    }
}

/// One exchange between a heavy and a light broker. Two that are near enough to their shares are left as they are, though
/// nothing helps a third one.
fn exchange(board: &mut Board, racks: &Racks, shares: &Shares, sum: u64, percent: u64) -> bool {
    let over = |slot: Slot| i128::from(board.load[slot]) - i128::from(shares.of(slot, sum));
    let mut order: Vec<_> =
        board.brokers().filter(|slot| board.takes(*slot)).map(|slot| (over(slot), slot)).collect();
    order.sort_unstable();
    let light: Vec<_> = order.iter().copied().take(BROKERS_TRIED).filter(|(over, _)| *over < 0).collect();
    let heavy: Vec<_> =
        order.iter().rev().copied().take(BROKERS_TRIED).filter(|(over, _)| *over > 0).collect();
    for (too_much, from) in &heavy {
        for (too_little, to) in &light {
            let wanted = u64::try_from((*too_much).min(-*too_little)).unwrap_or(u64::MAX);
            let near = |slot: Slot| !off(board, shares, slot, sum, percent);
            if wanted <= NEGLIGIBLE / 2 || (near(*from) && near(*to)) {
                continue;
            }
            if let Some((there, back)) = pair(board, racks, *from, *to, wanted) {
                board.shift(there, *from, *to);
                board.shift(back, *to, *from);
                return true;
            }
        }
    }
    false
}

/// A replica that goes there and a light one that comes back, whose weights differ by what is wanted, or by as much as there is.
fn pair(board: &mut Board, racks: &Racks, from: Slot, to: Slot, wanted: u64) -> Option<(Part, Part)> {
    let each = board.load[from] / (board.count(from).max(1) as u64);
    let least = (wanted / WORTH_IT).min(each / 2);
    for light in 0..LIGHT_TRIED.min(board.count(to)) {
        let back = board.held(to)[light];
        let weight = board.weight(back);
        let upper = board.place_of(from, weight.saturating_add(wanted).saturating_add(1));
        for at in (0..upper).rev().take(NEAR_TRIED) {
            let there = board.held(from)[at];
            if board.weight(there) <= weight.saturating_add(least) {
                break;
            }
            if racks.permit_swap(board, there, back, from, to) {
                return Some((there, back));
            }
        }
    }
    None
}
