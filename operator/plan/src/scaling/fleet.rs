//! What brokers bear and may bear. Decides how many brokers a load needs: one that spreads is divided among them, and what
//! one partition alone brings can not be.

use std::fmt;

use weir_model::BrokerId;

use super::{Borne, percent};

/// What brokers run out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Processor time.
    Cpu,
    /// Room for logs.
    Disk,
    /// Bytes that come in or go out.
    Network,
}

impl Resource {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Disk, Self::Network];

    /// The word for labels and sentences.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Disk => "disk",
            Self::Network => "network",
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What each broker may bear: its target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Thousandths of a core.
    pub cpu_millicores: Option<u64>,
    /// Bytes of logs.
    pub disk_bytes: Option<u64>,
    /// Bytes a second, in or out.
    pub network_bytes: Option<u64>,
}

impl Limits {
    const fn of(self, resource: Resource) -> Option<u64> {
        match resource {
            Resource::Cpu => self.cpu_millicores,
            Resource::Disk => self.disk_bytes,
            Resource::Network => self.network_bytes,
        }
    }
}

/// What a broker bears of one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// All of it.
    pub load: u64,
    /// What the partition brings that brings most: nobody can take a part of that. 0 where it is not known.
    pub lump: u64,
}

/// A broker that bears load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bearer {
    /// Which one.
    pub id: BrokerId,
    /// Where it stands.
    pub rack: Option<String>,
    /// Thousandths of a core.
    pub cpu: Part,
    /// Bytes of logs.
    pub disk: Part,
    /// Bytes a second, in or out, whichever is more.
    pub network: Part,
}

impl Bearer {
    pub(super) const fn of(&self, resource: Resource) -> Part {
        match resource {
            Resource::Cpu => self.cpu,
            Resource::Disk => self.disk,
            Resource::Network => self.network,
        }
    }
}

/// A cluster as it bears its load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fleet {
    /// How many brokers there shall be now.
    pub brokers: u32,
    /// Those of them that bear load and said how much.
    pub bearers: Vec<Bearer>,
    /// Those that should bear load and did not say how much.
    pub unmeasured: Vec<BrokerId>,
    /// Those that a person has drained: they bear nothing, and are counted.
    pub idle: u32,
    /// What each may bear.
    pub limits: Limits,
    /// Partitions that there are.
    pub partitions: u64,
    /// A topic that has more replicas than any other, and how many.
    pub largest: Option<(String, u32)>,
}

impl Fleet {
    /// The resources whose target is known, with that.
    pub(super) fn targets(&self) -> impl Iterator<Item = (Resource, u64)> + use<> {
        let limits = self.limits;
        Resource::ALL.into_iter().filter_map(move |resource| Some((resource, limits.of(resource)?.max(1))))
    }

    /// How many brokers each resource needs when they bear that share of their target. More than there are partitions are
    /// not: they would bear nothing.
    pub(super) fn needs(&self, share_percent: u64) -> impl Iterator<Item = (Resource, u32)> + '_ {
        self.targets().map(move |(resource, target)| {
            let each = (u128::from(target) * u128::from(share_percent) / 100).max(1);
            let needed = u32::try_from(self.spreads(resource, target).div_ceil(each)).unwrap_or(u32::MAX);
            let useful = u32::try_from(self.partitions).unwrap_or(u32::MAX).max(self.bearing());
            (resource, needed.min(useful).saturating_add(self.idle))
        })
    }

    /// What is borne, without what one partition brings beyond the target of a whole broker.
    fn spreads(&self, resource: Resource, target: u64) -> u128 {
        let part = |bearer: &Bearer| {
            let Part { load, lump } = bearer.of(resource);
            u128::from(load - lump.min(load).saturating_sub(target))
        };
        self.bearers.iter().map(part).sum()
    }

    pub(super) fn load(&self, resource: Resource) -> u64 {
        self.bearers.iter().map(|bearer| bearer.of(resource).load).fold(0, u64::saturating_add)
    }

    /// What is borne, in percent of what all may bear.
    pub(super) fn percent(&self, resource: Resource) -> u64 {
        self.borne().iter().find(|borne| borne.resource == resource).map_or(0, Borne::percent)
    }

    pub(super) fn borne(&self) -> Vec<Borne> {
        if !self.unmeasured.is_empty() {
            return Vec::new();
        }
        let all = |target: u64| target.saturating_mul(self.bearers.len() as u64);
        let of = |(resource, target)| Borne { resource, load: self.load(resource), target: all(target) };
        self.targets().map(of).collect()
    }

    /// The broker that bears most of something, measured by its target.
    pub(super) fn hottest(&self) -> Option<(BrokerId, Resource, Part, u64)> {
        let each = self.targets().flat_map(|(resource, target)| {
            self.bearers.iter().map(move |bearer| (bearer.id, resource, bearer.of(resource), target))
        });
        each.max_by_key(|(id, _, part, target)| (percent(part.load, *target), std::cmp::Reverse(*id)))
    }

    pub(super) fn bearing(&self) -> u32 {
        u32::try_from(self.bearers.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn largest_factor(&self) -> u32 {
        self.largest.as_ref().map_or(0, |(_, factor)| *factor)
    }
}
