//! What a run is like, apart from its seed.

use std::time::Duration;

use super::Promise;
use crate::planted::Bug;

/// A minute of faults, what of them ends later, two minutes to heal and what clients wait for: less than half of this.
const LIFETIME: Duration = Duration::from_secs(900);
/// A run draws some hundred thousand times.
pub(crate) const MOST_DRAWS: u64 = 20_000_000;

/// A run's shape.
#[derive(Clone, Debug)]
pub struct Options {
    /// The seed of all chance.
    pub seed: u64,
    /// How many brokers.
    pub brokers: i32,
    /// What the second topic asks for with `min.insync.replicas`; the first asks for two.
    pub least_in_sync: u32,
    /// What the third topic promises.
    pub promise: Promise,
    /// How long faults and load go on, in the cluster's time.
    pub busy: Duration,
    /// How much of the cluster's time the whole run may take, and how often chance may be asked: one that goes on is ended,
    /// and has failed.
    pub lifetime: Duration,
    pub most_draws: u64,
    /// Which faults may happen.
    pub faults: Faults,
    /// A bug that is planted.
    pub bug: Option<Bug>,
    /// Print what happens.
    pub trace: bool,
}

/// Which kinds of faults a run has. Each seed draws its own few: a run with all of them hides what two alone would show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// Processes die.
    pub kills: bool,
    /// Machines lose power, one or all.
    pub power: bool,
    /// Processes stand still for a while.
    pub pauses: bool,
    /// Links are cut, both ways or one.
    pub cuts: bool,
    /// Messages are lost.
    pub losses: bool,
    /// Wall clocks jump.
    pub clocks: bool,
    /// Disks are full for a while.
    pub full: bool,
    /// Disks are replaced by empty ones.
    pub wipes: bool,
    /// A sync fails.
    pub syncs: bool,
    /// Bits flip on a follower's disk.
    pub flips: bool,
    /// Brokers are stopped in order.
    pub stops: bool,
    /// Replicas are moved, leaders elected.
    pub moves: bool,
    /// Topics are deleted and made again.
    pub topics: bool,
    /// The power goes in the middle of a few writes.
    pub tears: bool,
}

impl Faults {
    /// Some of them, by chance.
    #[must_use]
    pub fn drawn(chance: &mut crate::Chance) -> Self {
        let mut some = || chance.below(100) < 45;
        Self {
            kills: some(),
            power: some(),
            pauses: some(),
            cuts: some(),
            losses: some(),
            clocks: some(),
            full: some(),
            wipes: some(),
            syncs: some(),
            flips: some(),
            stops: some(),
            moves: some(),
            topics: some(),
            tears: some(),
        }
    }
}

impl Options {
    /// What the seed says.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut chance = crate::Chance::new(seed.rotate_left(17));
        let brokers = if chance.one_in(3) { 5 } else { 3 };
        let busy = Duration::from_secs(chance.within(20..60));
        let least_in_sync = 1 + u32::from(!seed.is_multiple_of(2));
        let faults = Faults::drawn(&mut chance);
        let promise = chance.pick(&Promise::ALL).copied().unwrap_or_default();
        let (lifetime, most_draws) = (LIFETIME, MOST_DRAWS);
        Self {
            seed,
            brokers,
            least_in_sync,
            promise,
            busy,
            lifetime,
            most_draws,
            faults,
            bug: None,
            trace: false,
        }
    }

    /// With no faults at all.
    #[must_use]
    pub fn calm(seed: u64) -> Self {
        Self { faults: Faults::default(), ..Self::of(seed) }
    }

    /// Whether a topic that does not wait for disks keeps its promise all the same: nobody loses what was not synced.
    #[must_use]
    pub const fn power_lasts(&self) -> bool {
        !self.faults.power && !self.faults.syncs && !self.faults.tears
    }

    /// With a bug.
    #[must_use]
    pub fn with(self, bug: Bug) -> Self {
        Self { bug: Some(bug), ..self }
    }
}
