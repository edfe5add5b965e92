//! Rates: what is written to the replicas of brokers, and what is read from their leaders. Nobody knows them exactly, and in
//! a minute they are others. So the rule is not the one for bytes: only brokers that bear too much count, nothing begins
//! that is not far from even, and a plan is dropped unless it takes a good part off the worst of the brokers it touches.
//!
//! Told a tenth too high or too low, what a plan makes less is less in truth. So plans end, however often somebody looks.
//!
//! What is read goes with the leader, which is free to change. Replicas move for what is written alone, since nothing else
//! helps, and never so that bytes are less even than they may be.

use super::board::{Board, Part, Slot, part};
use super::model::Settings;
use super::rules::Racks;
use super::shares::{Shares, is_off, sum};

/// Too much by less than this is nobody's concern: bytes a second, or bytes where a disk is meant.
const NEGLIGIBLE: u64 = 1 << 20;
/// What seems so much of another one, in percent, is more than that one.
const MORE_PERCENT: u128 = 125;
/// And what seems so much of what it was is less.
const LESS_PERCENT: u128 = 80;
/// How many brokers on each side are tried, how many light replicas of each, and how many replicas around the wanted rate.
const BROKERS_TRIED: usize = 8;
const LIGHT_TRIED: usize = 8;
const NEAR_TRIED: usize = 32;
/// An exchange or a trade that takes less than this part of what is too much off the worse of both is not worth it.
const WORTH_IT: u64 = 16;
/// How many trades each broker can be in, on average: a bound that only odd rates reach.
const TRADES_EACH: usize = 64;

/// The rates, if anybody knows one.
pub(super) fn known(rates: impl Iterator<Item = u64>) -> Option<Vec<u64>> {
    let rates: Vec<_> = rates.collect();
    rates.iter().any(|rate| *rate > 0).then_some(rates)
}

/// Evens out what is written, by exchanges of replicas: their numbers stay as they are.
pub(super) fn even_written(
    board: &mut Board,
    racks: &Racks,
    shares: &Shares,
    settings: Settings,
    rates: Vec<u64>,
) {
    board.weigh(rates);
    let (total, bytes) = (sum(board), all_bytes(board));
    let of = |all: u64| board.brokers().map(|slot| shares.of(slot, all)).collect();
    let even = Even { share: of(total), bytes: of(bytes), settings };
    let begun = board.brokers().any(|slot| board.takes(slot) && even.is_far(slot, board.load[slot]));
    if begun {
        let (home, before) = (board.replicas.clone(), board.load.clone());
        let bound = board.replicas.len().max(board.ids.len());
        for _ in 0..bound {
            if !exchange(board, racks, &even) {
                break;
            }
        }
        if !even.is_worth_it(&before, &board.load) {
            board.replicas = home;
        }
    }
    board.weigh(board.size.clone());
}

/// What each broker should bear, and what is too much.
struct Even {
    /// Bytes a second.
    share: Vec<u64>,
    /// Bytes on its disk.
    bytes: Vec<u64>,
    settings: Settings,
}

impl Even {
    /// Whether something should be begun for it.
    fn is_far(&self, slot: Slot, load: u64) -> bool {
        self.is_over(slot, load, self.settings.rates_begin_percent)
    }

    /// Whether what was begun is not done yet.
    fn is_above(&self, slot: Slot, load: u64) -> bool {
        self.is_over(slot, load, self.settings.keep_percent)
    }

    fn is_over(&self, slot: Slot, load: u64, percent: u64) -> bool {
        let share = self.share[slot];
        load > share.saturating_add(NEGLIGIBLE) && is_off(load, share, percent)
    }

    /// Whether of those brokers that bear something else than before the worst one bears so much less that it is less for
    /// certain.
    fn is_worth_it(&self, before: &[u64], after: &[u64]) -> bool {
        let touched: Vec<_> = (0..before.len()).filter(|slot| before[*slot] != after[*slot]).collect();
        let worst = |loads: &[u64]| {
            let part =
                |slot: &Slot| u128::from(loads[*slot]) * 1_000_000 / u128::from(self.share[*slot].max(1));
            touched.iter().map(part).max().unwrap_or(0)
        };
        worst(after) * 100 < worst(before) * LESS_PERCENT
    }

    /// Whether a disk that holds so many bytes in place of others is as even as it may be, or no less than it was.
    fn keeps_bytes(&self, slot: Slot, holds: u64, held: u64) -> bool {
        let share = self.bytes[slot];
        let off = holds.abs_diff(share);
        off <= NEGLIGIBLE || off <= held.abs_diff(share) || !is_off(holds, share, self.settings.keep_percent)
    }
}

/// Whether one is more than the other, though neither is known exactly.
fn is_more(rate: u64, than: u64) -> bool {
    u128::from(rate) * 100 > u128::from(than) * MORE_PERCENT
}

fn all_bytes(board: &Board) -> u64 {
    board.bytes.iter().copied().fold(0, u64::saturating_add)
}

/// One exchange between a broker that bears too much and one that bears less than its share.
fn exchange(board: &mut Board, racks: &Racks, even: &Even) -> bool {
    let over = |slot: &Slot| i128::from(board.load[*slot]) - i128::from(even.share[*slot]);
    let mut takers: Vec<_> = board.brokers().filter(|slot| board.takes(*slot)).collect();
    takers.sort_by_key(over);
    let light = takers.iter().copied().filter(|slot| board.load[*slot] < even.share[*slot]);
    let light: Vec<_> = light.take(BROKERS_TRIED).collect();
    let heavy = takers.iter().rev().copied().filter(|slot| even.is_above(*slot, board.load[*slot]));
    let heavy: Vec<_> = heavy.take(BROKERS_TRIED).collect();
    for from in &heavy {
        let too_much = board.load[*from].saturating_sub(even.share[*from]);
        for to in &light {
            let room = even.share[*to].saturating_sub(board.load[*to]);
            let wanted = Wanted { most: too_much.min(room), least: too_much / WORTH_IT };
            if let Some((there, back)) = pair(board, racks, even, (*from, *to), wanted) {
                board.shift(there, *from, *to);
                board.shift(back, *to, *from);
                return true;
            }
        }
    }
    false
}

/// What an exchange should take, in bytes a second.
#[derive(Clone, Copy)]
struct Wanted {
    most: u64,
    least: u64,
}

/// A replica that goes there and a light one that comes back: of those that bring nearly as much as any, the one with the
/// fewest bytes.
fn pair(
    board: &mut Board,
    racks: &Racks,
    even: &Even,
    (from, to): (Slot, Slot),
    wanted: Wanted,
) -> Option<(Part, Part)> {
    for light in 0..LIGHT_TRIED.min(board.count(to)) {
        let back = board.held(to)[light];
        let rate = board.weight(back);
        let upper = board.place_of(from, rate.saturating_add(wanted.most).saturating_add(1));
        let (mut most, mut found) = (0, None);
        for at in (0..upper).rev().take(NEAR_TRIED) {
            let there = board.held(from)[at];
            let gain = board.weight(there).saturating_sub(rate);
            if gain < wanted.least.max(1) || gain < most / 2 || !is_more(board.weight(there), rate) {
                break;
            }
            let bytes = board.size[there as usize];
            let cheaper = found.is_none_or(|(least, _)| bytes < least);
            if cheaper
                && keeps_bytes(board, even, (there, from), (back, to))
                && racks.permit_swap(board, there, back, from, to)
            {
                most = most.max(gain);
                found = Some((bytes, there));
            }
        }
        if let Some((_, there)) = found {
            return Some((there, back));
        }
    }
    None
}

fn keeps_bytes(board: &Board, even: &Even, (there, from): (Part, Slot), (back, to): (Part, Slot)) -> bool {
    let (goes, comes) = (board.size[there as usize], board.size[back as usize]);
    let then = |slot: Slot, gives: u64, gets: u64| {
        let held = board.bytes[slot];
        even.keeps_bytes(slot, held.saturating_sub(gives).saturating_add(gets), held)
    };
    then(from, goes, comes) && then(to, comes, goes)
}

/// Evens out what is read: heavy leaderships are changed for light ones between two brokers that hold both partitions, while
/// the numbers stay as they are.
pub(super) fn even_read(board: &mut Board, rates: &[u64], settings: Settings) {
    let mut load = vec![0_u64; board.ids.len()];
    for (at, replicas) in board.replicas.iter().enumerate() {
        if let Some(leader) = replicas.first() {
            load[*leader] = load[*leader].saturating_add(rates[at]);
        }
    }
    let takers: Vec<_> = board.brokers().filter(|slot| board.takes(*slot)).collect();
    let share = load.iter().copied().fold(0, u64::saturating_add) / (takers.len().max(1) as u64);
    let even = Even { share: vec![share; load.len()], bytes: Vec::new(), settings };
    if !takers.iter().any(|slot| even.is_far(*slot, load[*slot])) {
        return;
    }
    let (home, before) = (board.replicas.clone(), load.clone());
    let mut hopeless = vec![false; load.len()];
    for _ in 0..takers.len() * TRADES_EACH {
        let above = |slot: &Slot| !hopeless[*slot] && even.is_above(*slot, load[*slot]);
        let heavy = takers.iter().copied().filter(above).max_by_key(|slot| load[*slot]);
        let Some(heavy) = heavy else { break };
        let least = load[heavy].saturating_sub(share) / WORTH_IT;
        let Some((light, there, back)) = trade(board, rates, &load, heavy, least) else {
            hopeless[heavy] = true;
            continue;
        };
        for (part, from, to) in [(there, heavy, light), (back, light, heavy)] {
            let replicas = &mut board.replicas[part as usize];
            if let Some(at) = replicas.iter().position(|slot| *slot == to) {
                replicas.swap(0, at);
            }
            load[from] = load[from].saturating_sub(rates[part as usize]);
            load[to] = load[to].saturating_add(rates[part as usize]);
        }
    }
    if !even.is_worth_it(&before, &load) {
        board.replicas = home;
    }
}

/// The trade that takes most from the heavy broker, so that the worse of both bears at least so much less.
fn trade(
    board: &mut Board,
    rates: &[u64],
    load: &[u64],
    heavy: Slot,
    least: u64,
) -> Option<(Slot, Part, Part)> {
    let mut heaviest: Vec<Option<Part>> = vec![None; load.len()];
    let mut lightest: Vec<Option<Part>> = vec![None; load.len()];
    for at in 0..board.replicas.len() {
        board.work += 1;
        let Some((leader, followers)) = board.replicas[at].split_first() else { continue };
        if board.pinned[at] {
            continue;
        }
        if *leader == heavy {
            for follower in followers {
                let best = &mut heaviest[*follower];
                if best.is_none_or(|best| rates[best as usize] < rates[at]) {
                    *best = Some(part(at));
                }
            }
        } else if followers.contains(&heavy) {
            let best = &mut lightest[*leader];
            if best.is_none_or(|best| rates[best as usize] > rates[at]) {
                *best = Some(part(at));
            }
        }
    }
    let gain = |other: &Slot| {
        let (there, back) = (heaviest[*other]?, lightest[*other]?);
        let (goes, comes) = (rates[there as usize], rates[back as usize]);
        let given = goes.checked_sub(comes).filter(|_| is_more(goes, comes))?;
        let then = load[*other].saturating_add(given).saturating_add(least);
        (given >= least && then <= load[heavy]).then_some((given, *other, there, back))
    };
    let others: Vec<_> = board.brokers().filter(|slot| board.takes(*slot) && *slot != heavy).collect();
    let best =
        others.iter().filter_map(gain).max_by_key(|(given, other, ..)| (*given, std::cmp::Reverse(*other)));
    best.map(|(_, other, there, back)| (other, there, back))
}
