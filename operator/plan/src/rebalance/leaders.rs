//! Preferred leaders: every broker gets its share of them by another order of replicas, which costs no bytes. Decides the
//! order; who leads at the moment is the brokers' business.

use std::collections::VecDeque;

use super::board::{Board, Part, Slot, part};
use super::model::Settings;
use super::shares::is_far;

/// Who is to lead what.
struct Leads {
    count: Vec<usize>,
    /// By leader and follower: the partitions that could change hands. What is out of date in it is skipped.
    could: Vec<Vec<Part>>,
    brokers: usize,
}

/// Evens the numbers of leaders out if they are skewed or `always`; only partitions that `may` are touched.
pub(super) fn even(board: &mut Board, settings: Settings, always: bool, may: impl Fn(&Board, Part) -> bool) {
    let takers = board.brokers().filter(|slot| board.takes(*slot)).count();
    if takers == 0 {
        return;
    }
    let (least, most) = (board.replicas.len() / takers, board.replicas.len().div_ceil(takers));
    let mut leads = Leads::new(board, may);
    let far = |slot: Slot| board.takes(slot) && is_far(leads.count[slot], least, most, settings);
    if !always && !board.brokers().any(far) {
        return;
    }
    // Those above give to those below the most; then those below the least take from those above it.
    for (ceiling, floor) in [(most, most), (least, least)] {
        for from in board.brokers() {
            while leads.count[from] > ceiling && leads.give(board, from, floor) {}
        }
    }
    // Where replicas do not let everybody come to his share, whoever can still gives to one that has two less. Each time
    // the counts come nearer to each other, so this ends.
    let mut given = true;
    while given {
        given = false;
        for from in board.brokers() {
            while leads.count[from] > 1 && leads.give(board, from, leads.count[from] - 1) {
                given = true;
            }
        }
    }
}

impl Leads {
    fn new(board: &Board, may: impl Fn(&Board, Part) -> bool) -> Self {
        let brokers = board.ids.len();
        let mut leads = Self { count: vec![0; brokers], could: vec![Vec::new(); brokers * brokers], brokers };
        for at in 0..board.replicas.len() {
            let Some(leader) = board.replicas[at].first() else { continue };
            leads.count[*leader] += 1;
            if !board.pinned[at] && may(board, part(at)) {
                leads.offer(board, part(at));
            }
        }
        leads
    }

    /// Notes to whom a partition could go from its leader.
    fn offer(&mut self, board: &Board, part: Part) {
        if let Some((leader, followers)) = board.replicas[part as usize].split_first() {
            for follower in followers.iter().filter(|follower| board.takes(**follower)) {
                self.could[leader * self.brokers + follower].push(part);
            }
        }
    }

    /// Gives away leaderships of a broker, over others where need be, to one that has fewer than `floor`. As many at once
    /// as the way bears.
    fn give(&mut self, board: &mut Board, from: Slot, floor: usize) -> bool {
        let Some(way) = self.way(board, from, floor) else { return false };
        let Some(to) = way.last().copied() else { return false };
        let wanted = self.count[from].saturating_sub(floor).min(floor - self.count[to]).max(1);
        for _ in 0..wanted {
            let hops: Option<Vec<_>> = way.windows(2).map(|hop| self.ready(board, hop[0], hop[1])).collect();
            let Some(parts) = hops else { break };
            for (part, hop) in parts.into_iter().zip(way.windows(2)) {
                self.hand_over(board, part, hop[0], hop[1]);
            }
        }
        true
    }

    /// The shortest way to a broker that has fewer than `floor`.
    fn way(&mut self, board: &mut Board, from: Slot, floor: usize) -> Option<Vec<Slot>> {
        let mut came_from: Vec<Option<Slot>> = vec![None; self.brokers];
        came_from[from] = Some(from);
        let mut queue = VecDeque::from([from]);
        while let Some(here) = queue.pop_front() {
            for next in 0..self.brokers {
                board.work += 1;
                if came_from[next].is_some() || self.ready(board, here, next).is_none() {
                    continue;
                }
                came_from[next] = Some(here);
                if self.count[next] < floor {
                    return Some(back(&came_from, from, next));
                }
                queue.push_back(next);
            }
        }
        None
    }

    /// A partition that one leads and the other could.
    fn ready(&mut self, board: &Board, from: Slot, to: Slot) -> Option<Part> {
        let could = &mut self.could[from * self.brokers + to];
        while let Some(part) = could.last() {
            if board.replicas[*part as usize].first() == Some(&from) {
                return Some(*part);
            }
            could.pop();
        }
        None
    }

    fn hand_over(&mut self, board: &mut Board, part: Part, from: Slot, to: Slot) {
        let replicas = &mut board.replicas[part as usize];
        if let Some(at) = replicas.iter().position(|slot| *slot == to) {
            replicas.swap(0, at);
            self.count[from] -= 1;
            self.count[to] += 1;
            self.offer(board, part);
        }
    }
}

fn back(came_from: &[Option<Slot>], from: Slot, to: Slot) -> Vec<Slot> {
    let mut way = vec![to];
    let mut here = to;
    while here != from {
        match came_from[here] {
            Some(before) => here = before,
            None => break,
        }
        way.push(here);
    }
    way.reverse();
    way
}

#[cfg(test)]
mod tests {
    use super::super::Effort;
    use super::super::model::Layout;
    use super::super::tests::{brokers, partition};
    use super::*;

    /// Six partitions of brokers 0 and 1, led by 0; four that only 1 has, and two that only 2 has. A share is four.
    #[test]
    fn who_can_not_come_to_his_share_still_gives_to_whoever_has_less() {
        let homes = [&[0, 1][..]; 6].into_iter().chain([&[1][..]; 4]).chain([&[2][..]; 2]);
        let layout = Layout {
            brokers: brokers("aaa"),
            partitions: homes.enumerate().map(|(number, home)| partition(number, home, 1)).collect(),
        };
        let settings = Settings::of(Effort::Whole);
        let mut board = Board::new(&layout, settings);
        even(&mut board, settings, true, |_, _| true);
        let leads =
            |slot: Slot| board.replicas.iter().filter(|replicas| replicas.first() == Some(&slot)).count();
        assert_eq!([0, 1, 2].map(leads), [5, 5, 2]);
    }
}
