//! Bugs that are planted to prove that the checks bite. Each is one thing that a node does wrong; none is in a run unless it
//! is asked for.

pub(crate) mod rules;
#[cfg(test)]
mod tests;

/// Lists the bugs once: as variants, by name, and all of them.
macro_rules! bugs {
    ($($(#[$about:meta])* $name:ident),* $(,)?) => {
        /// What a node does wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug {
            $($(#[$about])* $name),*
        }

        impl Bug {
            /// Every one.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The one of that name.
            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

bugs! {
    /// A leader acknowledges as soon as it has appended.
    AcknowledgeOnAppend,
    /// A leader takes what it has written for synced.
    LieAboutSync,
    /// A follower fetches on before its sync is done.
    FollowerLiesAboutSync,
    /// Syncs are reported, but not done.
    SyncNeverRuns,
    /// A sync that failed counts as done.
    FailedSyncCounts,
    /// A leader that has lost its lease goes on to acknowledge.
    NoLease,
    /// A broker that was fenced serves again before it knows what was decided meanwhile.
    ServesBeforeItFollows,
    /// A broker that has fenced itself tells consumers where its own log ends.
    SpeaksThoughFenced,
    /// A broker whose disk was replaced comes back as the old one.
    OldIncarnation,
    /// A restarted node has forgotten how it voted.
    VoteForgotten,
    /// A follower's fetch of another reign is taken.
    AnyReign,
    /// A follower cuts its log at its watermark when the leader changes.
    TruncateToWatermark,
    /// A leader cuts its log at its watermark when its reign begins.
    LeaderTruncates,
    /// A follower does not cut its log where it parts from the leader's.
    NeverTruncate,
    /// A leader does not look whether a follower's log parts from its own.
    SkipDivergence,
    /// Records bear an old reign.
    StampsOldEpoch,
    /// What a restart finds is taken for committed.
    RestartByWatermark,
    /// Consumers are given all of the leader's log.
    ReadPastWatermark,
    /// Consumers are given all of a follower's log.
    FollowerServesPastWatermark,
    /// Followers are told that the log's end is the watermark.
    LeaderTellsLogEnd,
    /// A restart does not read what producers wrote.
    SkipProducerRebuild,
    /// After a cut the producers' state stays as it was.
    SkipProducerRebuildOnCut,
    /// Nobody looks for duplicates.
    NoDeduplication,
    /// A duplicate is answered with the end of the log.
    WrongOffsetForDuplicate,
    /// A leader does not hear that it is deposed.
    KeepsLeading,
    /// Partitions are taken up as the old metadata says, before the registration is applied.
    OpensBeforeRegistration,
    /// A topic's directory is found by its name.
    DirectoryByName,
    /// ISR changes are made whatever the partition's epoch.
    AlterWithoutCompare,
    /// What was sent to a follower counts as held by it.
    CountOnSend,
    /// A follower counts as holding what is committed, whatever it says.
    JoinsEarly,
    /// Writes are acknowledged with fewer in sync than the topic asks for.
    IgnoreMinIsr,
    /// An ISR change of which nobody knows counts as refused.
    ForgetDoubt,
    /// Anybody is elected where nobody leads.
    UncleanElection,
    /// A write that did not fit on the disk counts as written.
    DropsOnFull,
    /// A coordinator answers before what it answers is committed.
    GroupAnswersEarly,
    /// A new coordinator reads only what it knows to be committed when it begins.
    GroupLoadsToWatermark,
    /// A new coordinator of groups reads nothing.
    GroupForgets,
    /// Core's rules, bent: what was on a disk that is gone still counts as in sync.
    WipedStaysInSync,
    /// Core's rules, bent: a new leader has the reign of the one before.
    ReignDoesNotGrow,
    /// Core's rules, bent: where somebody is eligible, every replica is.
    EligibleWithoutProof,
    /// A leader takes the ISR it proposed for the one that is.
    TakesProposalForGranted,
    /// A lease lasts longer than the session that it is about.
    LeaseOutlivesSession,
    /// A lease is measured by the wall clock.
    LeaseByWallClock,
    /// The quorum's log and votes are reported as synced, and are not.
    QuorumNeverSyncs,
    /// A damaged log is made anew although others count on it.
    RenewsWhatCounts,
}
