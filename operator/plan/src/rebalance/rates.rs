//! Rates: what is written to the replicas of brokers, and what is read from their leaders. Nobody knows them exactly, and in
//! a minute they are others. So the rule is not the one for bytes: only brokers that bear too much count, nothing begins
//! that is not far from even, and a plan is dropped unless it takes a good part off the worst of the brokers it touches.
//!
//! Told a tenth too high or too low, what a plan that begins something makes less is less in truth. So plans end, however
//! often somebody looks.
//!
//! What is read goes with the leader, which is free to change. Replicas move for what is written alone, since nothing else
//! helps, and never so that bytes are less even than they may be.

use super::board::{Board, Part, Slot, part};
use super::model::Settings;
use super::rules::Racks;
use super::shares::{Shares, is_off, sum};

/// Too much by less than this is nobody's concern: bytes a second, or bytes where a disk is meant.
const NEGLIGIBLE: u64 = 1 << 20;
/// What seems so much of another one, in percent, is more than that one, though each may be told a tenth wrong.
const MORE_PERCENT: u128 = 125;
/// How many brokers of the same rack and of others are tried, how many light replicas of each, and how many replicas around
/// the wanted rate.
const BROKERS_TRIED: usize = 8;
const LIGHT_TRIED: usize = 8;
const NEAR_TRIED: usize = 32;
/// What takes less than this part of what is too much is not worth it, unless a broker has so many partitions that each is
/// next to nothing: then half of what one of them brings will do.
const WORTH_IT: u64 = 16;
/// How often each broker is relieved of leaders, on average: a bound that only odd rates reach.
const RELIEVED_MAX: usize = 4;

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
        let mut hopeless = vec![false; board.ids.len()];
        for _ in 0..board.replicas.len() + board.ids.len() {
            let Some(heavy) = heaviest(board, &even, &hopeless) else { break };
            hopeless[heavy] = !exchange(board, racks, &even, heavy);
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

    /// Whether of those brokers that bear something else than before the worst one bears as much less as it would if it had
    /// been just bad enough to begin with and were well now. Where something is begun that is a fifth: less for certain.
    fn is_worth_it(&self, before: &[u64], after: &[u64]) -> bool {
        let touched: Vec<_> = (0..before.len()).filter(|slot| before[*slot] != after[*slot]).collect();
        let worst = |loads: &[u64]| {
            let part =
                |slot: &Slot| u128::from(loads[*slot]) * 1_000_000 / u128::from(self.share[*slot].max(1));
            touched.iter().map(part).max().unwrap_or(0)
        };
        let (begin, keep) = (self.settings.rates_begin_percent, self.settings.keep_percent);
        worst(after) * u128::from(100 + begin) <= worst(before) * u128::from(101 + keep)
    }

    /// Whether a disk that holds so many bytes in place of others is as even as it may be, or no less than it was.
    fn keeps_bytes(&self, slot: Slot, holds: u64, held: u64) -> bool {
        let share = self.bytes[slot];
        let off = holds.abs_diff(share);
        off <= NEGLIGIBLE || off <= held.abs_diff(share) || !is_off(holds, share, self.settings.keep_percent)
    }
}

/// The least that a change should take off a broker that bears so much, on so many partitions.
fn worth(load: u64, share: u64, partitions: usize) -> u64 {
    let each = load / (partitions.max(1) as u64);
    (load.saturating_sub(share) / WORTH_IT).min(each / 2).max(1)
}

/// Whether one is more than the other, though neither is known exactly.
fn is_more(rate: u64, than: u64) -> bool {
    u128::from(rate) * 100 > u128::from(than) * MORE_PERCENT
}

fn all_bytes(board: &Board) -> u64 {
    board.bytes.iter().copied().fold(0, u64::saturating_add)
}

/// The broker that bears most beyond its share, and too much.
fn heaviest(board: &Board, even: &Even, hopeless: &[bool]) -> Option<Slot> {
    let above =
        |slot: &Slot| board.takes(*slot) && !hopeless[*slot] && even.is_above(*slot, board.load[*slot]);
    board.brokers().filter(above).max_by_key(|slot| board.load[*slot].saturating_sub(even.share[*slot]))
}

/// One exchange between a broker that bears too much and one that bears less than its share: rather one of its own rack,
/// where every replica may go.
fn exchange(board: &mut Board, racks: &Racks, even: &Even, heavy: Slot) -> bool {
    let (load, share) = (board.load[heavy], even.share[heavy]);
    let least = worth(load, share, board.count(heavy));
    let room = |slot: Slot| even.share[slot].saturating_sub(board.load[slot]);
    let mut light: Vec<_> =
        board.brokers().filter(|slot| board.takes(*slot)).map(|slot| (room(slot), slot)).collect();
    light.retain(|(room, _)| *room >= least);
    light.sort_unstable_by_key(|(room, slot)| (std::cmp::Reverse(*room), *slot));
    let here = |(_, slot): &&(u64, Slot)| board.rack[*slot] == board.rack[heavy];
    let near = light.iter().filter(here).take(BROKERS_TRIED);
    let far = light.iter().filter(|one| !here(one)).take(BROKERS_TRIED);
    let order: Vec<_> = near.chain(far).copied().collect();
    for (room, to) in order {
        let wanted = Wanted { most: load.saturating_sub(share).min(room), least };
        if let Some((there, back)) = pair(board, racks, even, (heavy, to), wanted) {
            board.shift(there, heavy, to);
            board.shift(back, to, heavy);
            return true;
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
            if gain < wanted.least || gain < most / 2 || !is_more(board.weight(there), rate) {
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
    for _ in 0..takers.len() * RELIEVED_MAX {
        let above = |slot: &Slot| !hopeless[*slot] && even.is_above(*slot, load[*slot]);
        let heavy = takers.iter().copied().filter(above).max_by_key(|slot| load[*slot]);
        let Some(heavy) = heavy else { break };
        hopeless[heavy] = !Trades::of(board, rates, heavy).relieve(board, &mut load, &even);
    }
    if !even.is_worth_it(&before, &load) {
        board.replicas = home;
    }
}

/// The leaderships that one broker could give away, and what it could get for them, by the other broker.
struct Trades<'a> {
    rates: &'a [u64],
    heavy: Slot,
    led: usize,
    /// The heaviest last.
    there: Vec<Vec<Part>>,
    /// The lightest last.
    back: Vec<Vec<Part>>,
}

/// Two partitions that change leaders.
struct Trade {
    with: Slot,
    there: Part,
    back: Part,
    given: u64,
}

impl<'a> Trades<'a> {
    fn of(board: &mut Board, rates: &'a [u64], heavy: Slot) -> Self {
        let brokers = board.ids.len();
        let (there, back) = (vec![Vec::new(); brokers], vec![Vec::new(); brokers]);
        let mut trades = Self { rates, heavy, led: 0, there, back };
        for (at, replicas) in board.replicas.iter().enumerate() {
            board.work += 1;
            let Some((leader, followers)) = replicas.split_first() else { continue };
            if *leader == heavy {
                trades.led += 1;
                let others = followers.iter().filter(|slot| board.takes(**slot) && !board.pinned[at]);
                others.for_each(|slot| trades.there[*slot].push(part(at)));
            } else if followers.contains(&heavy) && !board.pinned[at] {
                trades.back[*leader].push(part(at));
            }
        }
        let rate = |part: &Part| (rates[*part as usize], *part);
        trades.there.iter_mut().for_each(|parts| parts.sort_unstable_by_key(rate));
        trades
            .back
            .iter_mut()
            .for_each(|parts| parts.sort_unstable_by_key(|part| std::cmp::Reverse(rate(part))));
        trades
    }

    /// Trades until the broker bears no more than it may; whether there was anything to trade.
    fn relieve(mut self, board: &mut Board, load: &mut [u64], even: &Even) -> bool {
        let (heavy, mut any) = (self.heavy, false);
        while even.is_above(heavy, load[heavy])
            && let Some(Trade { with, there, back, given }) = self.best(board, load, even)
        {
            for (part, to) in [(there, with), (back, heavy)] {
                let replicas = &mut board.replicas[part as usize];
                if let Some(at) = replicas.iter().position(|slot| *slot == to) {
                    replicas.swap(0, at);
                }
            }
            load[heavy] = load[heavy].saturating_sub(given);
            load[with] = load[with].saturating_add(given);
            self.there[with].pop();
            self.back[with].pop();
            any = true;
        }
        any
    }

    /// The trade that takes most.
    fn best(&mut self, board: &mut Board, load: &[u64], even: &Even) -> Option<Trade> {
        let least = worth(load[self.heavy], even.share[self.heavy], self.led);
        let mut best: Option<Trade> = None;
        for with in board.brokers() {
            board.work += 1;
            let Some(trade) = self.with(board, load, with) else { continue };
            if trade.given >= least && best.as_ref().is_none_or(|best| best.given < trade.given) {
                best = Some(trade);
            }
        }
        best
    }

    /// The trade with one broker that takes most and leaves the worse of both with a good deal less. What is too heavy for
    /// it now will be so later too, since they only come nearer to each other.
    fn with(&mut self, board: &Board, load: &[u64], with: Slot) -> Option<Trade> {
        let back = *self.back[with].last()?;
        let apart = load[self.heavy].checked_sub(load[with])?;
        while let Some(there) = self.there[with].last().copied() {
            let (goes, comes) = (self.rates[there as usize], self.rates[back as usize]);
            let given = goes.saturating_sub(comes);
            let is_led = board.replicas[there as usize].first() == Some(&self.heavy);
            if is_led && given <= apart / 4 * 3 {
                return is_more(goes, comes).then_some(Trade { with, there, back, given });
            }
            self.there[with].pop();
        }
        None
    }
}
