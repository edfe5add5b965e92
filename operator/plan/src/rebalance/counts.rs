//! The numbers of replicas: every broker gets its share, give or take the fraction, by as few moves as that takes. A replica
//! goes straight from a broker that has too many to one that has too few; where racks do not let it, over others in between.

use std::collections::VecDeque;

use super::board::{Board, Part, Slot};
use super::rules::Racks;
use super::shares::{Shares, sum};

/// What the search goes by.
pub(super) struct Counts<'a> {
    racks: &'a Racks,
    shares: &'a Shares,
    /// Only replicas move that were moved before: the rest of the cluster stays as it is.
    only_moved: bool,
    /// All bytes of all replicas.
    sum: u64,
    /// How often what each broker holds has changed.
    changes: Vec<u64>,
    /// For each two brokers: the changes of both when nothing could go from one to the other.
    barren: Vec<Option<u64>>,
}

/// A broker that has too many, or one that has too few.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Many,
    Few,
}

impl<'a> Counts<'a> {
    pub(super) fn new(board: &Board, racks: &'a Racks, shares: &'a Shares, only_moved: bool) -> Self {
        let brokers = board.ids.len();
        let (changes, barren) = (vec![0; brokers], vec![None; brokers * brokers]);
        Self { racks, shares, only_moved, sum: sum(board), changes, barren }
    }

    /// Evens the numbers out.
    pub(super) fn even(mut self, board: &mut Board) {
        for wrong in [Wrong::Many, Wrong::Few] {
            let mut hopeless = vec![false; board.ids.len()];
            while let Some(slot) = self.worst(board, wrong, &hopeless) {
                // What can not be helped once can not be helped later: the others only come nearer to their shares.
                hopeless[slot] = !self.help(board, slot, wrong);
            }
        }
    }

    /// The broker that is furthest from its share, and how far from it.
    fn worst(&self, board: &Board, wrong: Wrong, hopeless: &[bool]) -> Option<Slot> {
        let far = |slot: Slot| {
            let (least, most) = self.shares.range(slot);
            match wrong {
                Wrong::Many => board.count(slot).saturating_sub(most),
                Wrong::Few => least.saturating_sub(board.count(slot)),
            }
        };
        let candidates = board.brokers().filter(|slot| board.takes(*slot) && !hopeless[*slot]);
        candidates
            .map(|slot| (far(slot), slot))
            .filter(|(far, _)| *far > 0)
            .max_by_key(|(far, slot)| (*far, std::cmp::Reverse(*slot)))
            .map(|(_, slot)| slot)
    }

    /// Takes one replica from it, or gives it one.
    fn help(&mut self, board: &mut Board, slot: Slot, wrong: Wrong) -> bool {
        let others = self.in_order(board, slot, wrong);
        for other in &others {
            let (from, to) = if wrong == Wrong::Many { (slot, *other) } else { (*other, slot) };
            if self.can_help(board, *other, wrong) && self.pass_on(board, from, to) {
                return true;
            }
        }
        self.path(board, slot, wrong, &others).is_some_and(|path| self.along(board, &path))
    }

    /// The others, those first that can help best: of the same rack, and furthest on the other side of their share.
    fn in_order(&self, board: &Board, slot: Slot, wrong: Wrong) -> Vec<Slot> {
        let mut others: Vec<_> =
            board.brokers().filter(|other| *other != slot && board.takes(*other)).collect();
        let above = |slot: Slot| {
            f64::from(u32::try_from(board.count(slot)).unwrap_or(u32::MAX)) - self.shares.replicas[slot]
        };
        others.sort_by(|a, b| {
            let elsewhere = |other: Slot| board.rack[other] != board.rack[slot];
            let (a_above, b_above) = (above(*a), above(*b));
            let side =
                if wrong == Wrong::Many { a_above.total_cmp(&b_above) } else { b_above.total_cmp(&a_above) };
            elsewhere(*a).cmp(&elsewhere(*b)).then(side).then(a.cmp(b))
        });
        others
    }

    /// Whether a broker can take one more, or do without one, and be within its share.
    fn can_help(&self, board: &Board, slot: Slot, wrong: Wrong) -> bool {
        let (least, most) = self.shares.range(slot);
        match wrong {
            Wrong::Many => board.count(slot) < most,
            Wrong::Few => board.count(slot) > least,
        }
    }

    /// The shortest way over others to a broker that can help, in the direction in which replicas go.
    fn path(&mut self, board: &mut Board, slot: Slot, wrong: Wrong, others: &[Slot]) -> Option<Vec<Slot>> {
        let mut came_from = vec![None; board.ids.len()];
        let mut queue = VecDeque::from([slot]);
        while let Some(here) = queue.pop_front() {
            for next in others {
                if came_from[*next].is_some() || *next == slot {
                    continue;
                }
                let (from, to) = if wrong == Wrong::Many { (here, *next) } else { (*next, here) };
                if self.candidate(board, from, to).is_none() {
                    continue;
                }
                came_from[*next] = Some(here);
                if self.can_help(board, *next, wrong) {
                    return Some(way(&came_from, slot, *next, wrong));
                }
                queue.push_back(*next);
            }
        }
        None
    }

    /// Moves a replica along each part of the way, the last part first: in between nobody has more than before.
    fn along(&mut self, board: &mut Board, path: &[Slot]) -> bool {
        path.windows(2).rev().all(|hop| self.pass_on(board, hop[0], hop[1]))
    }

    fn pass_on(&mut self, board: &mut Board, from: Slot, to: Slot) -> bool {
        let Some(part) = self.candidate(board, from, to) else { return false };
        board.shift(part, from, to);
        self.changes[from] += 1;
        self.changes[to] += 1;
        true
    }

    /// The replica that may go from one broker to the other, of the size that suits both best.
    fn candidate(&mut self, board: &mut Board, from: Slot, to: Slot) -> Option<Part> {
        let (pair, state) = (from * board.ids.len() + to, self.changes[from] + self.changes[to]);
        if self.barren[pair] == Some(state) {
            return None;
        }
        let wish = self.wish(board, from, to);
        let middle = board.place_of(from, wish);
        let count = board.count(from);
        let mut found = None;
        for distance in 0..=count {
            let below = middle.checked_sub(distance + 1).filter(|at| *at < count);
            let above = Some(middle + distance).filter(|at| *at < count);
            for at in [below, above].into_iter().flatten() {
                let part = board.held(from)[at];
                let free = !self.only_moved || !board.home(part).contains(&from);
                if free && self.racks.permit(board, part, from, to) {
                    found = found.or(Some(part));
                }
            }
            if found.is_some() {
                return found;
            }
        }
        self.barren[pair] = Some(state);
        None
    }

    /// The size that brings both nearer to their bytes: what is missing there, and too much here, for each replica that is
    /// missing or too many. The smaller of both: fewer bytes are moved.
    fn wish(&self, board: &Board, from: Slot, to: Slot) -> u64 {
        let each = |bytes: u64, replicas: usize| bytes / (replicas.max(1) as u64);
        let (most_there, least_here) = (self.shares.range(to).1, self.shares.range(from).0);
        let missing = self.shares.of(to, self.sum).saturating_sub(board.load[to]);
        let spare = board.load[from].saturating_sub(self.shares.of(from, self.sum));
        let wants = each(missing, most_there.saturating_sub(board.count(to)));
        wants.min(each(spare, board.count(from).saturating_sub(least_here)))
    }
}

/// From where the search began to where it ended, turned into the direction in which replicas go.
fn way(came_from: &[Option<Slot>], begin: Slot, end: Slot, wrong: Wrong) -> Vec<Slot> {
    let mut way = vec![end];
    let mut here = end;
    while let Some(before) = came_from[here] {
        way.push(before);
        if before == begin {
            break;
        }
        here = before;
    }
    if wrong == Wrong::Many {
        way.reverse();
    }
    way
}
