//! The hard rules: racks as even as they and the replication factor allow, no replica twice on a broker, disks with room
//! left. Decides whether one replica may go from one broker to another; balance is nobody's business here.

use super::board::{Board, Part, Slot};

/// How many replicas of a partition each rack has: at least and at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) least: usize,
    pub(super) most: usize,
}

/// The bounds for every replication factor and rack.
pub(super) struct Racks {
    /// By factor, then by rack.
    by_factor: Vec<Vec<Bounds>>,
}

impl Racks {
    pub(super) fn new(board: &Board) -> Self {
        let most = board.replicas.iter().map(Vec::len).max().unwrap_or(0);
        Self { by_factor: (0..=most).map(|factor| bounds(&board.rack_sizes, factor)).collect() }
    }

    pub(super) fn of(&self, board: &Board, part: Part, rack: usize) -> Bounds {
        self.by_factor[board.replicas[part as usize].len()][rack]
    }

    /// Whether a partition may give a replica from one rack to another.
    fn allow(&self, board: &Board, part: Part, from: usize, to: usize) -> bool {
        from == to
            || (board.in_rack(part, from) > self.of(board, part, from).least
                && board.in_rack(part, to) < self.of(board, part, to).most)
    }

    /// Whether a replica may go from one broker to another for the sake of balance.
    pub(super) fn permit(&self, board: &mut Board, part: Part, from: Slot, to: Slot) -> bool {
        board.work += 1;
        !board.pinned[part as usize]
            && has_room(board, part, to)
            && !board.replicas[part as usize].contains(&to)
            && self.allow(board, part, board.rack[from], board.rack[to])
    }

    /// Whether one replica may go there and another one come back.
    pub(super) fn permit_swap(
        &self,
        board: &mut Board,
        there: Part,
        back: Part,
        from: Slot,
        to: Slot,
    ) -> bool {
        board.work += 1;
        let (there_size, back_size) = (board.size[there as usize], board.size[back as usize]);
        let fits = |slot: Slot, gets: u64, gives: u64| {
            gets <= gives || board.bytes[slot].saturating_add(gets - gives) <= board.limit[slot]
        };
        !board.pinned[there as usize]
            && !board.pinned[back as usize]
            && fits(to, there_size, back_size)
            && fits(from, back_size, there_size)
            && !board.replicas[there as usize].contains(&to)
            && !board.replicas[back as usize].contains(&from)
            && self.allow(board, there, board.rack[from], board.rack[to])
            && self.allow(board, back, board.rack[to], board.rack[from])
    }
}

pub(super) fn has_room(board: &Board, part: Part, to: Slot) -> bool {
    board.bytes[to].saturating_add(board.size[part as usize]) <= board.limit[to]
}

/// Racks fill evenly: a level that every rack reaches which has the brokers, and one more for some of them where the level
/// does not use up all replicas.
fn bounds(rack_sizes: &[usize], factor: usize) -> Vec<Bounds> {
    let filled = |level: usize| rack_sizes.iter().map(|size| level.min(*size)).sum::<usize>();
    let level = (0..=factor).rev().find(|level| filled(*level) <= factor).unwrap_or(0);
    let extra = usize::from(filled(level) < factor);
    let of = |size: &usize| Bounds { least: level.min(*size), most: (level + extra).min(*size) };
    rack_sizes.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(sizes: &[usize], factor: usize) -> Vec<(usize, usize)> {
        bounds(sizes, factor).into_iter().map(|bounds| (bounds.least, bounds.most)).collect()
    }

    #[test]
    fn racks_are_as_even_as_their_brokers_allow() {
        assert_eq!(told(&[2, 2, 2], 3), [(1, 1), (1, 1), (1, 1)]);
        assert_eq!(told(&[2, 2, 2], 2), [(0, 1), (0, 1), (0, 1)]);
        assert_eq!(told(&[2, 2, 2], 4), [(1, 2), (1, 2), (1, 2)]);
        assert_eq!(told(&[3, 1], 3), [(2, 2), (1, 1)], "a small rack is full, the others bear the rest");
        assert_eq!(told(&[5], 3), [(3, 3)]);
        assert_eq!(told(&[1, 1], 3), [(1, 1), (1, 1)], "more replicas than brokers");
        assert_eq!(told(&[0, 3], 2), [(0, 0), (2, 2)], "a rack whose brokers all leave");
    }
}
