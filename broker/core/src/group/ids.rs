//! The names of the group domain: groups, members, instances, generations, reply tokens, the two clocks.
//! Decides nothing. Ids are counted references, so clones are cheap and a frame is never pinned.

use std::fmt;
use std::sync::Arc;

use weir_model::Millis;

macro_rules! text_id {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether the id is the empty string, which the protocol uses for "none yet".
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )*};
}
text_id! {
    /// A consumer group's name.
    GroupId,
    /// The id the coordinator gave a member. Empty means "I have none yet".
    MemberId,
    /// The name a static member keeps over restarts (`group.instance.id`).
    InstanceId,
    /// A family of protocols, such as `consumer` or `connect`.
    ProtocolType,
    /// One way of assigning within the family, such as `range` or `cooperative-sticky`.
    ProtocolName,
}

/// The number of a rebalance that completed. Members of different generations never share an assignment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Generation(pub i32);

impl Generation {
    /// What the protocol sends for "I am in no generation".
    pub const NONE: Self = Self(-1);

    /// The generation after this one; after the largest it starts again at 0, for negative ones mean "none".
    #[must_use]
    pub const fn next(self) -> Self {
        match self.0.checked_add(1) {
            Some(next) => Self(next),
            None => Self(0),
        }
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The server's name for a waiting request. It is answered exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// The two clocks of a decision. Sessions and rebalances are measured by `steady`, so that a wall clock that jumps
/// expels nobody; what is written to the log carries `wall`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// A clock that never goes back, from any origin (the process's start will do).
    pub steady: Millis,
    /// Milliseconds since the Unix epoch, as good as the machine knows.
    pub wall: Millis,
}
