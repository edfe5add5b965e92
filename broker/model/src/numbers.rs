//! Numbers that must not be mixed up: offsets, epochs, sequences, points in time and spans of it.

use std::fmt;
use std::ops::{Add, Sub};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A position in a partition's log.
    Offset(i64)
}
number! {
    /// The reign of one partition leader; it grows at every leader change.
    LeaderEpoch(i32)
}
number! {
    /// The version of a partition's replica set; it grows at every replica or ISR change.
    PartitionEpoch(i32)
}
number! {
    /// The reign of one producer instance under its id.
    ProducerEpoch(i16)
}
number! {
    /// The number of a record in a producer's stream to one partition. Wraps from `i32::MAX` to 0.
    Sequence(i32)
}
number! {
    /// A point in time, in milliseconds since the Unix epoch.
    Millis(i64)
}
number! {
    /// A span of time in milliseconds.
    DurationMs(i64)
}

impl Offset {
    /// The first offset of an empty log.
    pub const ZERO: Self = Self(0);

    /// The offset `count` records on.
    #[must_use]
    pub const fn plus(self, count: i64) -> Self {
        Self(self.0 + count)
    }

    /// The offset after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        self.plus(1)
    }
}

impl Sub for Offset {
    type Output = i64;
    fn sub(self, earlier: Self) -> i64 {
        self.0 - earlier.0
    }
}

impl LeaderEpoch {
    /// What the protocol sends for "not known".
    pub const NONE: Self = Self(-1);

    /// The epoch after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl ProducerEpoch {
    /// What the protocol sends for "not idempotent".
    pub const NONE: Self = Self(-1);
}

impl Sequence {
    /// What the protocol sends for "not idempotent".
    pub const NONE: Self = Self(-1);

    /// The sequence `count` records on, wrapping to 0 after `i32::MAX` as the protocol does.
    #[must_use]
    pub const fn plus(self, count: i32) -> Self {
        let sum = self.0 as i64 + count as i64;
        Self(if sum > i32::MAX as i64 { (sum - i32::MAX as i64 - 1) as i32 } else { sum as i32 })
    }
}

impl Millis {
    /// What the protocol sends for "no timestamp".
    pub const NONE: Self = Self(-1);

    /// The time that passed since `earlier`; negative when the clock went back.
    #[must_use]
    pub const fn since(self, earlier: Self) -> DurationMs {
        DurationMs(self.0.saturating_sub(earlier.0))
    }
}

impl Add<DurationMs> for Millis {
    type Output = Self;
    fn add(self, span: DurationMs) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<DurationMs> for Millis {
    type Output = Self;
    fn sub(self, span: DurationMs) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_wrap_to_zero_after_the_largest() {
        assert_eq!(Sequence(i32::MAX).plus(1), Sequence(0));
        assert_eq!(Sequence(i32::MAX - 1).plus(3), Sequence(1));
        assert_eq!(Sequence(5).plus(2), Sequence(7));
    }

    #[test]
    fn time_arithmetic_saturates_instead_of_wrapping() {
        assert_eq!(Millis(i64::MAX) + DurationMs(1), Millis(i64::MAX));
        assert_eq!(Millis(i64::MIN).since(Millis(1)), DurationMs(i64::MIN));
    }
}
