//! What the hard rules demand: replicas leave brokers that leave, racks are made even, full disks give something away. Each
//! replica goes to the legal broker that is furthest below its share, so that mending balances as well as it can.

use std::cmp::Ordering;

use super::board::{Board, Part, Slot, part};
use super::model::{Stuck, Why};
use super::rules::{Racks, has_room};
use super::shares::Shares;

/// Empties the brokers that leave; what can not be is stuck.
pub(super) fn evacuate(board: &mut Board, racks: &Racks, shares: &Shares) -> Vec<Stuck> {
    let brokers = board.brokers().filter(|slot| board.stays(*slot)).count();
    let mut stuck = Vec::new();
    for at in 0..board.replicas.len() {
        let part = part(at);
        let leaving: Vec<_> = board.replicas[at].iter().copied().filter(|slot| !board.stays(*slot)).collect();
        if leaving.is_empty() || board.pinned[at] {
            continue;
        }
        let replicas = board.replicas[at].len();
        if replicas > brokers {
            stuck.push(Stuck { partition: at, why: Why::TooFewBrokers { replicas, brokers } });
            continue;
        }
        for from in leaving {
            match best(board, racks, shares, part, None) {
                Some(to) => board.shift(part, from, to),
                None => {
                    let why = Why::NoRoom { leaves: board.ids[from] };
                    stuck.push(Stuck { partition: at, why });
                    break;
                }
            }
        }
    }
    stuck
}

/// Makes the replicas of every partition as even over the racks as they can be.
pub(super) fn spread(board: &mut Board, racks: &Racks, shares: &Shares) {
    for at in 0..board.replicas.len() {
        if board.pinned[at] {
            continue;
        }
        let part = part(at);
        for _ in 0..board.replicas[at].len() {
            let Some(from) = misplaced(board, racks, shares, part) else { break };
            let Some(to) = best(board, racks, shares, part, Some(board.rack[from])) else { break };
            board.shift(part, from, to);
        }
    }
}

/// The replica that should go to another rack: its rack has too many, or another one has too few.
fn misplaced(board: &Board, racks: &Racks, shares: &Shares, part: Part) -> Option<Slot> {
    let lacks = |rack: usize| board.in_rack(part, rack) < racks.of(board, part, rack).least;
    let lacking = (0..board.rack_sizes.len()).any(lacks);
    let spare = |slot: &Slot| {
        let (has, bounds) =
            (board.in_rack(part, board.rack[*slot]), racks.of(board, part, board.rack[*slot]));
        board.stays(*slot) && (has > bounds.most || (lacking && has > bounds.least))
    };
    let crowded = |slot: &Slot| board.in_rack(part, board.rack[*slot]);
    let replicas = board.replicas[part as usize].iter().copied();
    replicas.filter(spare).max_by(|a, b| {
        crowded(a).cmp(&crowded(b)).then(excess(board, shares, *a).total_cmp(&excess(board, shares, *b)))
    })
}

/// Brings brokers below the limits of their disks, by the fewest bytes that do it.
pub(super) fn relieve(board: &mut Board, racks: &Racks, shares: &Shares) {
    for from in board.brokers() {
        for _ in 0..board.count(from) {
            let excess = board.bytes[from].saturating_sub(board.limit[from]);
            if excess == 0 || !board.stays(from) {
                break;
            }
            let enough = board.place_of(from, excess);
            let held = board.held(from);
            // The lightest that is enough, then heavier ones; then the ones below it, the heaviest first.
            let order: Vec<_> = held[enough..].iter().chain(held[..enough].iter().rev()).copied().collect();
            let found = order.into_iter().find_map(|part| {
                let to = lowest(board, shares, |board, to| racks.permit(board, part, from, to))?;
                Some((part, to))
            });
            let Some((part, to)) = found else { break };
            board.shift(part, from, to);
        }
    }
}

/// The broker that a partition's replica goes to: in a rack that lacks one, if there is such; never back to `not`.
fn best(board: &mut Board, racks: &Racks, shares: &Shares, part: Part, not: Option<usize>) -> Option<Slot> {
    let fits = |board: &mut Board, to: Slot, lacking: bool| {
        board.work += 1;
        let (rack, replicas) = (board.rack[to], &board.replicas[part as usize]);
        let bounds = racks.of(board, part, rack);
        let bound = if lacking { bounds.least } else { bounds.most };
        Some(rack) != not
            && !replicas.contains(&to)
            && board.in_rack(part, rack) < bound
            && has_room(board, part, to)
    };
    lowest(board, shares, |board, to| fits(board, to, true))
        .or_else(|| lowest(board, shares, |board, to| fits(board, to, false)))
}

/// Of the brokers that take replicas and fit, the one that is furthest below its share.
fn lowest(board: &mut Board, shares: &Shares, fits: impl Fn(&mut Board, Slot) -> bool) -> Option<Slot> {
    let takers = board.brokers().filter(|slot| board.takes(*slot)).collect::<Vec<_>>();
    let fitting: Vec<_> = takers.into_iter().filter(|slot| fits(board, *slot)).collect();
    let below = |a: &Slot, b: &Slot| -> Ordering {
        let by_count = excess(board, shares, *a).total_cmp(&excess(board, shares, *b));
        by_count.then(board.bytes[*a].cmp(&board.bytes[*b])).then(a.cmp(b))
    };
    fitting.into_iter().min_by(below)
}

/// Replicas above the share; below zero under it.
fn excess(board: &Board, shares: &Shares, slot: Slot) -> f64 {
    f64::from(u32::try_from(board.count(slot)).unwrap_or(u32::MAX)) - shares.replicas[slot]
}
