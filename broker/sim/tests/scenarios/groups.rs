//! Groups and their offsets. Three members work all the time, one of them static; they leave and die as they please, and what
//! each is told is judged: no task has two owners in a generation, no committed offset is lost, and in the end the log comes
//! to what the coordinator holds, on every replica.

use weir_log::CrashStyle;
use weir_sim::Report;
use weir_sim::script::{Scene, Telling};
use weir_sim::world::message::NewTopic;

use crate::{Story, holds, told};

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("coordinators", coordinators),
    ("just_committed", just_committed),
    ("groups_in_the_dark", groups_in_the_dark),
    ("rebalances", rebalances),
];

const OFFSETS: &str = "__consumer_offsets";

fn scene(telling: Telling) -> Scene {
    Scene::of(3).topic(NewTopic::on("orders", &[0, 1, 2], 2)).group().told(telling)
}

#[test]
fn scenario_26_committed_offsets_outlive_every_change_of_the_coordinator() {
    holds(coordinators);
}

/// Group offsets after coordinator change.
pub(crate) fn coordinators(telling: Telling) -> Report {
    told(scene(telling), async |s| {
        for _ in 0..4 {
            s.seconds(6).await;
            let Some(coordinator) = s.leader(OFFSETS) else { continue };
            s.kill(coordinator).await;
            s.until("another coordinates", |s| s.leader(OFFSETS).is_some_and(|id| id != coordinator)).await?;
            s.seconds(2).await;
            s.start(coordinator).await;
            s.until_in_sync(OFFSETS, &[0, 1, 2]).await?;
        }
        Ok(())
    })
}

#[test]
fn scenario_26_a_commit_that_was_just_answered_is_known_to_the_next_coordinator() {
    holds(just_committed);
}

/// The coordinator dies as soon as it has answered a commit: the next one may not have heard that it was committed.
pub(crate) fn just_committed(telling: Telling) -> Report {
    told(scene(telling), async |s| {
        for _ in 0..6 {
            s.seconds(3).await;
            let Some(coordinator) = s.leader(OFFSETS) else { continue };
            let before = s.commits();
            s.until("a commit is answered", |s| s.commits() > before).await?;
            s.kill(coordinator).await;
            s.until("another coordinates", |s| s.leader(OFFSETS).is_some_and(|id| id != coordinator)).await?;
            let next = s.leader(OFFSETS).unwrap_or(coordinator);
            s.expect_committed(next).await?;
            s.start(coordinator).await;
            s.until_in_sync(OFFSETS, &[0, 1, 2]).await?;
        }
        Ok(())
    })
}

#[test]
fn scenario_26_committed_offsets_outlive_a_restart_and_a_power_cut_of_everybody() {
    holds(groups_in_the_dark);
}

/// Group offsets after restart.
pub(crate) fn groups_in_the_dark(telling: Telling) -> Report {
    told(scene(telling), async |s| {
        for style in [CrashStyle::KeepAll, CrashStyle::LoseUnsynced] {
            s.seconds(8).await;
            s.lose_power(&[0, 1, 2], style).await;
            for id in 0..3 {
                s.start(id).await;
            }
            s.until_in_sync(OFFSETS, &[0, 1, 2]).await?;
        }
        s.seconds(5).await;
        Ok(())
    })
}

#[test]
fn scenario_28_members_that_crash_and_a_static_one_that_restarts_never_share_a_task() {
    holds(rebalances);
}

/// Static member restarts; rebalance with a crash, of members and of the coordinator in the middle of it.
pub(crate) fn rebalances(telling: Telling) -> Report {
    told(scene(telling), async |s| {
        s.seconds(25).await;
        let Some(coordinator) = s.leader(OFFSETS) else { return Ok(()) };
        s.pause(coordinator);
        s.seconds(8).await;
        s.resume(coordinator);
        s.seconds(15).await;
        Ok(())
    })
}
