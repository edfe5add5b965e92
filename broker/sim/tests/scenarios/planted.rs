//! Planted bugs, each with what catches it: proof that the checks bite. A bug that is not caught any more fails the test, and
//! so does one that is caught for another reason than it should be.

use weir_sim::planted::Bug;
use weir_sim::script::Telling;
use weir_sim::{Options, Report, run};

use crate::{Story, clients, groups, isolation, quorum, replication, storage};

/// What shows a bug.
#[derive(Clone, Copy)]
enum By {
    /// A story, told as always.
    Story(Story),
    /// A random run.
    Seed(u64),
}

/// A bug, what catches it, and a word of what is then said.
type Caught = (Bug, By, &'static str);

const CAUGHT: &[Caught] = &[
    (Bug::AcknowledgeOnAppend, By::Story(replication::lagging), "nothing is acknowledged without 4"),
    (Bug::LieAboutSync, By::Story(storage::blackout), "leader completeness"),
    (Bug::SyncNeverRuns, By::Story(replication::two_tails), "leader completeness"),
    (Bug::FailedSyncCounts, By::Story(storage::failed_sync), "could not be synced"),
    (Bug::NoLease, By::Story(isolation::cut_off), "what a writer is told"),
    (Bug::OldIncarnation, By::Story(quorum::wiped_voter), "nobody is the controller"),
    (Bug::AnyReign, By::Story(replication::stale_leader), "what 4 tells a newer follower"),
    (Bug::LeaderTruncates, By::Story(replication::ignorant), "leader completeness"),
    (Bug::NeverTruncate, By::Story(replication::quick_changes), "are in sync in orders"),
    (Bug::FollowerServesPastWatermark, By::Story(replication::lagging), "what 3 shows"),
    (Bug::ReadPastWatermark, By::Story(replication::stale_leader), "leader completeness"),
    (Bug::SkipProducerRebuild, By::Story(clients::retry_elsewhere), "is acknowledged at"),
    (Bug::SkipProducerRebuildOnCut, By::Story(clients::retry_after_a_cut), "can not be written"),
    (Bug::NoDeduplication, By::Story(clients::retry_elsewhere), "is acknowledged at"),
    (Bug::WrongOffsetForDuplicate, By::Story(clients::retry_elsewhere), "is acknowledged at"),
    (Bug::DirectoryByName, By::Story(clients::made_again), "duplicate"),
    (Bug::UncleanElection, By::Story(replication::last_wiped), "leader completeness"),
    (Bug::DropsOnFull, By::Story(storage::full), "what a writer is told"),
    (Bug::AlterWithoutCompare, By::Story(isolation::late_word), "what the controller says"),
    (Bug::IgnoreMinIsr, By::Story(replication::alone), "the answer to acks=all"),
    (Bug::TakesProposalForGranted, By::Story(isolation::granted), "acknowledges nothing without 3"),
    (Bug::WipedStaysInSync, By::Story(replication::last_wiped), "leader completeness"),
    (Bug::RenewsWhatCounts, By::Story(storage::counted_on), "leader completeness"),
    (Bug::QuorumNeverSyncs, By::Story(quorum::full_restart), "not settled"),
    (Bug::LeaseOutlivesSession, By::Story(isolation::cut_off), "it has no lease"),
    (Bug::EligibleWithoutProof, By::Story(replication::alone), "leader completeness"),
    (Bug::ReignDoesNotGrow, By::Story(replication::ignorant), "both acknowledge"),
    (Bug::FollowerLiesAboutSync, By::Story(storage::slow_disk), "that 3 has not synced"),
    (Bug::CountOnSend, By::Story(isolation::unheard), "that 3 does not hold"),
    (Bug::JoinsEarly, By::Story(replication::far_behind), "3 is not in sync"),
    (Bug::KeepsLeading, By::Story(replication::deposed), "4 has heard that it leads no more"),
    (Bug::SpeaksThoughFenced, By::Story(replication::stale_leader), "that has read further"),
    (Bug::ForgetDoubt, By::Story(isolation::in_doubt), "acknowledges nothing without 3"),
    (Bug::ServesBeforeItFollows, By::Story(isolation::old_view), "as long as it takes itself for the leader"),
    (Bug::LeaseByWallClock, By::Story(isolation::an_hour_back), "it has no lease"),
    (Bug::GroupLoadsToWatermark, By::Story(groups::just_committed), "is lost"),
    (Bug::GroupForgets, By::Story(groups::just_committed), "is lost"),
    (Bug::TruncateToWatermark, By::Seed(2), "leader completeness"),
    (Bug::LeaderTellsLogEnd, By::Seed(2), "leader completeness"),
    (Bug::VoteForgotten, By::Seed(1), "differs at"),
    (Bug::OpensBeforeRegistration, By::Seed(2), "leader completeness"),
    (Bug::SkipDivergence, By::Seed(4), "differ"),
    (Bug::StampsOldEpoch, By::Seed(4), "stuck: the ISR"),
    (Bug::RestartByWatermark, By::Seed(4), "leader completeness"),
];

fn shown(bug: Bug, by: By) -> Report {
    match by {
        By::Story(story) => story(Telling { seed: 1, bug: Some(bug) }),
        By::Seed(seed) => run(Options::of(seed).with(bug)).expect("the world runs"),
    }
}

fn all_are_caught(bugs: &[Caught]) {
    let (first, second) = bugs.split_at(bugs.len() / 2);
    let missed: Vec<String> = std::thread::scope(|scope| {
        let parts =
            [first, second].map(|part| scope.spawn(|| part.iter().filter_map(missed).collect::<Vec<_>>()));
        parts.into_iter().flat_map(|part| part.join().expect("no run panics")).collect()
    });
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

fn missed((bug, by, word): &Caught) -> Option<String> {
    let report = shown(*bug, *by);
    let caught = report.violations.iter().any(|violation| violation.contains(word));
    (!caught).then(|| format!("{bug:?} is not caught by {word:?}: {:#?}", report.violations))
}

#[test]
fn some_planted_bugs_are_caught() {
    let quick = |caught: &&Caught| matches!(caught.1, By::Story(_));
    let some: Vec<Caught> = CAUGHT.iter().filter(quick).step_by(5).copied().collect();
    all_are_caught(&some);
}

#[test]
#[ignore = "takes minutes without optimisation: make sim-planted"]
fn all_planted_bugs_are_caught() {
    assert!(CAUGHT.len() >= 25);
    all_are_caught(CAUGHT);
}

#[test]
#[ignore = "takes minutes without optimisation: make sim-planted"]
fn what_catches_a_bug_passes_without_one() {
    for (bug, by, _) in CAUGHT {
        if let By::Seed(seed) = by {
            let report = run(Options::of(*seed)).expect("the world runs");
            assert!(report.violations.is_empty(), "seed {seed}, of {bug:?}: {:#?}", report.violations);
        }
    }
}
