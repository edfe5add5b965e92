//! The planner: which replicas go where, so that the hard rules hold and every broker bears its share, for as few bytes as
//! that takes. Pure and deterministic; the plan of a cluster that was planned is empty.
//!
//! Hard: brokers that leave end empty, no replica is twice on a broker, racks are as even as they and the replication factor
//! allow, disks keep room. Soft, in this order: replicas, bytes, bytes written, leaders, bytes read. It works from the
//! cluster as it is, without any history; sizes and rates that nobody knows are taken for nothing.

mod board;
mod counts;
mod leaders;
mod mend;
mod model;
mod rates;
mod rules;
mod shares;
mod weights;

#[cfg(test)]
mod tests;

pub use self::model::{
    Account, Broker, Change, Effort, Holding, Layout, Partition, Proposal, Settings, Standing, Stuck, Why,
};

use self::board::{Board, Part, part};
use self::counts::Counts;
use self::rules::Racks;
use self::shares::Shares;

/// What should be otherwise.
#[must_use]
pub fn propose(layout: &Layout, settings: Settings) -> Proposal {
    let mut board = Board::new(layout, settings);
    let before: Vec<_> = board.brokers().map(|slot| holding(&board, slot)).collect();
    let mut stuck = pass(&mut board, layout, settings);
    // What a pass leaves behind may be where the next one finds something better, if seldom. Whoever carries the plan out
    // must not find a second one behind it.
    let home = board.homes();
    for _ in 1..PASSES_MAX {
        let planned = board.replicas.clone();
        board.call_home(planned.clone());
        stuck = pass(&mut board, layout, settings);
        if board.replicas == planned {
            break;
        }
    }
    board.call_home(home);
    report(&board, layout, &before, stuck)
}

/// How often it is gone over. The second time hardly ever finds anything.
const PASSES_MAX: usize = 8;

/// From the board as it is to one that is as it should be, or nearly; gives what can not be mended.
fn pass(board: &mut Board, layout: &Layout, settings: Settings) -> Vec<Stuck> {
    let racks = Racks::new(board);
    let shares = Shares::new(board, &racks);
    let stuck = mend::evacuate(board, &racks, &shares);
    if settings.effort == Effort::Evacuate {
        Counts::new(board, &racks, &shares, true).even(board);
        leaders::even(board, settings, true, is_moved);
    } else {
        balance(board, layout, &racks, &shares, settings);
    }
    stuck
}

fn balance(board: &mut Board, layout: &Layout, racks: &Racks, shares: &Shares, settings: Settings) {
    mend::spread(board, racks, shares);
    mend::relieve(board, racks, shares);
    let whole = settings.effort == Effort::Whole;
    if whole || shares.skewed(board, settings) {
        Counts::new(board, racks, shares, false).even(board);
    } else {
        // What is mended anyway may as well go where it is missing.
        Counts::new(board, racks, shares, true).even(board);
    }
    weights::even(board, racks, shares, settings);
    if let Some(written) = rates::known(layout.partitions.iter().map(|partition| partition.bytes_in)) {
        rates::even_written(board, racks, shares, settings, written);
    }
    leaders::even(board, settings, whole, |_, _| true);
    if let Some(read) = rates::known(layout.partitions.iter().map(|partition| partition.bytes_out)) {
        rates::even_read(board, &read, settings);
    }
}

fn is_moved(board: &Board, part: Part) -> bool {
    let home = board.home(part);
    board.replicas[part as usize].iter().any(|slot| !home.contains(slot))
}

/// What has become of each partition, in the order in which it should be done.
fn report(board: &Board, layout: &Layout, before: &[Holding], stuck: Vec<Stuck>) -> Proposal {
    let (mut leaderships, mut moves) = (Vec::new(), Vec::new());
    for at in 0..board.replicas.len() {
        let (now, home) = (&board.replicas[at], board.home(part(at)));
        if now == home {
            continue;
        }
        let copies = now.iter().filter(|slot| !home.contains(slot)).count() as u64;
        let change = Change {
            partition: at,
            replicas: now.iter().map(|slot| board.ids[*slot]).collect(),
            bytes: board.size[at].saturating_mul(copies),
            mends: home.iter().any(|slot| !board.stays(*slot)),
        };
        if copies == 0 { leaderships.push(change) } else { moves.push(change) }
    }
    moves.sort_by_key(|change| (!change.mends, change.bytes, change.partition));
    let account = |(slot, broker): (usize, &Broker)| Account {
        id: broker.id,
        before: before[slot],
        after: holding(board, slot),
    };
    Proposal {
        bytes: moves.iter().map(|change| change.bytes).fold(0, u64::saturating_add),
        brokers: layout.brokers.iter().enumerate().map(account).collect(),
        leaderships,
        moves,
        stuck,
        work: board.work,
    }
}

fn holding(board: &Board, slot: usize) -> Holding {
    let leads = board.held(slot).iter().filter(|part| board.replicas[**part as usize].first() == Some(&slot));
    Holding { replicas: board.count(slot) as u64, leaders: leads.count() as u64, bytes: board.bytes[slot] }
}
