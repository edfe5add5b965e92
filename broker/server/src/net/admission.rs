//! Decides whether a new connection may come in: total, per address, and how many a second.
//! Pure; the listener holds it behind a lock that is never held across an await.

use std::collections::HashMap;
use std::net::IpAddr;

use weir_model::config::BrokerConfig;
use weir_model::{DurationMs, Millis};

/// The limits, as configured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// `max.connections`.
    pub(crate) total: usize,
    /// What the limit of open files leaves for connections.
    pub(crate) descriptors: usize,
    /// `max.connections.per.ip`.
    pub(crate) per_address: usize,
    /// `max.connection.creation.rate`, connections a second.
    pub(crate) rate: u32,
}

impl Limits {
    /// The limits as they are now: they can be changed while the broker runs.
    pub(crate) fn of(config: &BrokerConfig, descriptors: usize) -> Self {
        let wide = |value: u32| usize::try_from(value).unwrap_or(usize::MAX);
        Self {
            total: wide(config.max_connections),
            descriptors,
            per_address: wide(config.max_connections_per_ip),
            rate: config.max_connection_creation_rate,
        }
    }
}

/// Why a connection is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Total,
    Descriptors,
    PerAddress,
    Rate,
}

impl Refusal {
    pub(crate) const ALL: [Self; 4] = [Self::Total, Self::Descriptors, Self::PerAddress, Self::Rate];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Total => "max.connections",
            Self::Descriptors => "open files (ulimit -n)",
            Self::PerAddress => "max.connections.per.ip",
            Self::Rate => "max.connection.creation.rate",
        }
    }
}

/// Who is connected now, and how fast they came.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    open: usize,
    by_address: HashMap<IpAddr, usize>,
    second_started: Millis,
    in_second: u32,
}

impl Admission {
    /// Admits or refuses a connection from `address`; an admitted one must be given back by [`Self::left`].
    pub(crate) fn arrive(&mut self, address: IpAddr, limits: Limits, now: Millis) -> Result<(), Refusal> {
        if self.open >= limits.total {
            return Err(Refusal::Total);
        }
        if self.open >= limits.descriptors {
            return Err(Refusal::Descriptors);
        }
        if self.by_address.get(&address).copied().unwrap_or(0) >= limits.per_address {
            return Err(Refusal::PerAddress);
        }
        let DurationMs(elapsed) = now.since(self.second_started);
        if !(0..1000).contains(&elapsed) {
            self.second_started = now;
            self.in_second = 0;
        }
        if self.in_second >= limits.rate {
            return Err(Refusal::Rate);
        }
        self.in_second += 1;
        self.open += 1;
        *self.by_address.entry(address).or_default() += 1;
        Ok(())
    }

    /// A connection that was admitted has gone.
    pub(crate) fn left(&mut self, address: IpAddr) {
        self.open = self.open.saturating_sub(1);
        if let Some(count) = self.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    const WIDE: Limits = Limits { total: 99, descriptors: 99, per_address: 99, rate: 99 };

    #[test]
    fn the_total_is_a_limit_and_a_leaver_makes_room() {
        let (mut door, limits) = (Admission::default(), Limits { total: 2, ..WIDE });
        assert_eq!(door.arrive(A, limits, Millis(0)), Ok(()));
        assert_eq!(door.arrive(B, limits, Millis(0)), Ok(()));
        assert_eq!(door.arrive(B, limits, Millis(0)), Err(Refusal::Total));
        door.left(A);
        assert_eq!(door.arrive(B, limits, Millis(0)), Ok(()));
        assert_eq!(door.open, 2);
    }

    #[test]
    fn connections_leave_files_for_the_logs() {
        let (mut door, limits) = (Admission::default(), Limits { descriptors: 1, ..WIDE });
        assert_eq!(door.arrive(A, limits, Millis(0)), Ok(()));
        assert_eq!(door.arrive(B, limits, Millis(0)), Err(Refusal::Descriptors));
    }

    #[test]
    fn one_address_can_not_take_every_place() {
        let (mut door, limits) = (Admission::default(), Limits { per_address: 1, ..WIDE });
        assert_eq!(door.arrive(A, limits, Millis(0)), Ok(()));
        assert_eq!(door.arrive(A, limits, Millis(0)), Err(Refusal::PerAddress));
        assert_eq!(door.arrive(B, limits, Millis(0)), Ok(()));
        door.left(A);
        assert_eq!(door.arrive(A, limits, Millis(0)), Ok(()));
    }

    #[test]
    fn the_rate_is_counted_anew_each_second_even_when_the_clock_goes_back() {
        let (mut door, limits) = (Admission::default(), Limits { rate: 1, ..WIDE });
        assert_eq!(door.arrive(A, limits, Millis(5_000)), Ok(()));
        assert_eq!(door.arrive(A, limits, Millis(5_999)), Err(Refusal::Rate));
        assert_eq!(door.arrive(A, limits, Millis(6_000)), Ok(()));
        assert_eq!(door.arrive(A, limits, Millis(1_000)), Ok(()));
    }
}
