//! Bugs that are planted to prove that the checks bite. Each is one thing a node does wrong; none is in a run unless it is
//! asked for.

/// What a node does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A leader acknowledges as soon as it has appended.
    AcknowledgeOnAppend,
    /// A leader takes what it has written for synced.
    LieAboutSync,
    /// A follower fetches on before its sync is done.
    FollowerLiesAboutSync,
    /// A leader that has lost its lease goes on to acknowledge.
    NoLease,
    /// A broker whose disk was replaced comes back as the old one.
    OldIncarnation,
    /// A follower's fetch of another reign is taken.
    AnyReign,
}
