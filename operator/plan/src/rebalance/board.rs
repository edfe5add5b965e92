//! The planner's working table: who holds what, in dense numbers, with the sums that decisions look at. Moves a replica
//! and keeps every sum true; decides nothing.

use std::collections::BTreeMap;

use weir_model::BrokerId;

use super::model::{Layout, Settings, Standing};

/// The place of a broker in the layout.
pub(super) type Slot = usize;
/// The place of a partition in the layout.
pub(super) type Part = u32;

/// The cluster while it is being planned.
pub(super) struct Board {
    pub(super) ids: Vec<BrokerId>,
    pub(super) standing: Vec<Standing>,
    /// The rack of each broker, and how many brokers that stay each rack has.
    pub(super) rack: Vec<usize>,
    pub(super) rack_sizes: Vec<usize>,
    /// Bytes that each broker may hold.
    pub(super) limit: Vec<u64>,
    /// The replicas of each partition, the preferred leader first.
    pub(super) replicas: Vec<Vec<Slot>>,
    /// The replicas of each partition before anything was moved.
    home: Vec<Vec<Slot>>,
    pub(super) size: Vec<u64>,
    pub(super) pinned: Vec<bool>,
    /// What each broker holds, sorted by weight.
    held: Vec<Vec<Part>>,
    /// What `held` is sorted by: bytes, or a rate.
    weight: Vec<u64>,
    /// The sum of the weights on each broker.
    pub(super) load: Vec<u64>,
    /// The sum of the sizes on each broker.
    pub(super) bytes: Vec<u64>,
    pub(super) work: u64,
}

impl Board {
    /// Replicas on brokers that nobody knows are replicas on a broker that leaves: one is made up for each.
    pub(super) fn new(layout: &Layout, settings: Settings) -> Self {
        let mut board = Self {
            ids: Vec::new(),
            standing: Vec::new(),
            rack: Vec::new(),
            rack_sizes: Vec::new(),
            limit: Vec::new(),
            replicas: Vec::with_capacity(layout.partitions.len()),
            home: Vec::new(),
            size: layout.partitions.iter().map(|partition| partition.bytes).collect(),
            pinned: layout.partitions.iter().map(|partition| partition.pinned).collect(),
            held: Vec::new(),
            weight: Vec::new(),
            load: Vec::new(),
            bytes: Vec::new(),
            work: 0,
        };
        let mut racks = BTreeMap::new();
        let mut slots = BTreeMap::new();
        for broker in &layout.brokers {
            let next = racks.len();
            let rack = *racks.entry(broker.rack.as_deref()).or_insert(next);
            let free = 100_u64.saturating_sub(settings.headroom_percent);
            let limit = broker.capacity_bytes.map_or(u64::MAX, |bytes| bytes / 100 * free);
            slots.insert(broker.id, board.seat(broker.id, broker.standing, rack, limit));
        }
        for partition in &layout.partitions {
            let seat = |id: &BrokerId| {
                *slots.entry(*id).or_insert_with(|| board.seat(*id, Standing::Leaves, 0, u64::MAX))
            };
            let replicas = partition.replicas.iter().map(seat).collect();
            board.replicas.push(replicas);
        }
        board.home.clone_from(&board.replicas);
        board.weigh(board.size.clone());
        board
    }

    fn seat(&mut self, id: BrokerId, standing: Standing, rack: usize, limit: u64) -> Slot {
        if self.rack_sizes.len() <= rack {
            self.rack_sizes.resize(rack + 1, 0);
        }
        self.rack_sizes[rack] += usize::from(standing != Standing::Leaves);
        self.ids.push(id);
        self.standing.push(standing);
        self.rack.push(rack);
        self.limit.push(limit);
        self.ids.len() - 1
    }

    /// Sorts what brokers hold by another weight.
    pub(super) fn weigh(&mut self, weight: Vec<u64>) {
        let brokers = self.ids.len();
        self.weight = weight;
        self.held = vec![Vec::new(); brokers];
        self.load = vec![0; brokers];
        self.bytes = vec![0; brokers];
        for (at, replicas) in self.replicas.iter().enumerate() {
            for slot in replicas {
                self.held[*slot].push(part(at));
                self.load[*slot] += self.weight[at];
                self.bytes[*slot] += self.size[at];
            }
        }
        let weight = &self.weight;
        for held in &mut self.held {
            held.sort_unstable_by_key(|part| (weight[*part as usize], *part));
        }
    }

    pub(super) fn brokers(&self) -> std::ops::Range<Slot> {
        0..self.ids.len()
    }

    pub(super) fn stays(&self, slot: Slot) -> bool {
        self.standing[slot] != Standing::Leaves
    }

    pub(super) fn takes(&self, slot: Slot) -> bool {
        self.standing[slot] == Standing::Takes
    }

    /// Where all partitions were before anything was moved.
    pub(super) fn homes(&self) -> Vec<Vec<Slot>> {
        self.home.clone()
    }

    /// From here on partitions count as moved when they are not there.
    pub(super) fn call_home(&mut self, home: Vec<Vec<Slot>>) {
        self.home = home;
    }

    /// Where a partition was before anything was moved.
    pub(super) fn home(&self, part: Part) -> &[Slot] {
        &self.home[part as usize]
    }

    /// Replicas on a broker.
    pub(super) fn count(&self, slot: Slot) -> usize {
        self.held[slot].len()
    }

    /// What a broker holds, the lightest first.
    pub(super) fn held(&self, slot: Slot) -> &[Part] {
        &self.held[slot]
    }

    pub(super) fn weight(&self, part: Part) -> u64 {
        self.weight[part as usize]
    }

    /// Where on a broker the first replica of at least that weight is.
    pub(super) fn place_of(&self, slot: Slot, weight: u64) -> usize {
        self.held[slot].partition_point(|part| self.weight[*part as usize] < weight)
    }

    /// Replicas of a partition in a rack, on brokers that stay.
    pub(super) fn in_rack(&self, part: Part, rack: usize) -> usize {
        let here = |slot: &&Slot| self.rack[**slot] == rack && self.stays(**slot);
        self.replicas[part as usize].iter().filter(here).count()
    }

    /// Puts a replica on another broker, in the same place of the order.
    pub(super) fn shift(&mut self, part: Part, from: Slot, to: Slot) {
        let Some(place) = self.replicas[part as usize].iter().position(|slot| *slot == from) else { return };
        self.replicas[part as usize][place] = to;
        let weight = &self.weight;
        let key = |other: &Part| (weight[*other as usize], *other);
        let own = key(&part);
        if let Ok(at) = self.held[from].binary_search_by_key(&own, key) {
            self.held[from].remove(at);
        }
        let at = self.held[to].partition_point(|other| key(other) < own);
        self.held[to].insert(at, part);
        let (weight, size) = (self.weight[part as usize], self.size[part as usize]);
        self.load[from] = self.load[from].saturating_sub(weight);
        self.load[to] = self.load[to].saturating_add(weight);
        self.bytes[from] = self.bytes[from].saturating_sub(size);
        self.bytes[to] = self.bytes[to].saturating_add(size);
    }
}

/// More partitions than fit can not be described either.
pub(super) fn part(at: usize) -> Part {
    Part::try_from(at).unwrap_or(Part::MAX)
}
