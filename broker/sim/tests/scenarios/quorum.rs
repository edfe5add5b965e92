//! The cluster's metadata: it never goes back, and nobody votes who has forgotten.

use weir_log::CrashStyle;
use weir_sim::Report;
use weir_sim::script::{Scene, Script, Telling, Told, Unexpected, expect, expect_eq};
use weir_sim::world::message::NewTopic;

use crate::{Story, holds, told};

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("controller_killed", controller_killed),
    ("voters_lost", voters_lost),
    ("wiped_voter", wiped_voter),
    ("damaged_voter", damaged_voter),
    ("full_restart", full_restart),
];

fn controller(s: &Script) -> Result<i32, Unexpected> {
    s.controller().ok_or_else(|| Unexpected("nobody is the controller".to_owned()))
}

/// The topics that there are, on every broker.
async fn all_know(s: &Script, topics: &[&str]) -> Told {
    s.until_settled().await?;
    for topic in topics {
        expect(format_args!("{topic} is known"), s.image().topic(topic).is_some())?;
    }
    Ok(())
}

#[test]
fn scenario_30_what_a_killed_controller_decided_stands_and_another_goes_on() {
    holds(controller_killed);
}

/// Leader killed.
pub(crate) fn controller_killed(telling: Telling) -> Report {
    let scene = Scene::of(3).topic(NewTopic::on("orders", &[0, 1, 2], 2)).told(telling);
    told(scene, async |s| {
        s.keep_writing("orders");
        for round in 0..3 {
            let first = controller(s)?;
            s.create(NewTopic::anywhere(&format!("before-{round}"), 1, 2)).await?;
            s.kill(first).await;
            s.until("another is the controller", |s| s.controller().is_some_and(|id| id != first)).await?;
            s.start(first).await;
            s.create(NewTopic::anywhere(&format!("after-{round}"), 1, 2)).await?;
            all_know(s, &[&format!("before-{round}"), &format!("after-{round}")]).await?;
        }
        Ok(())
    })
}

#[test]
fn scenario_30_a_minority_is_not_missed_and_a_majority_stops_everything_but_loses_nothing() {
    holds(voters_lost);
}

/// Minority lost; then the majority, for a while.
pub(crate) fn voters_lost(telling: Telling) -> Report {
    let scene = Scene::of(3).topic(NewTopic::on("orders", &[0, 1, 2], 2)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write(3).await?;
        let first = controller(s)?;
        let (second, third) = ((first + 1) % 3, (first + 2) % 3);
        s.kill(second).await;
        s.create(NewTopic::on("minority", &[first, third], 2)).await?;
        writer.write(3).await?;
        s.kill(first).await;
        s.until("nobody is the controller", |s| s.controller().is_none()).await?;
        s.for_seconds(10, "one of three decides nothing", |s| s.controller().is_none()).await?;
        expect("one that hears no majority has no lease", !s.has_lease(third))?;
        s.start(first).await;
        s.start(second).await;
        writer.write(3).await?;
        all_know(s, &["orders", "minority"]).await
    })
}

#[test]
fn scenario_30_a_voter_whose_disk_was_wiped_does_not_vote_as_if_it_were_whole() {
    holds(wiped_voter);
}

/// One voter's disk wiped: with it and one that was cut off there is a majority, and neither knows what was decided.
pub(crate) fn wiped_voter(telling: Telling) -> Report {
    let scene = Scene::of(3).topic(NewTopic::on("orders", &[0, 1, 2], 2)).told(telling);
    told(scene, async |s| {
        s.writer("orders")?.write(3).await?;
        let first = controller(s)?;
        let (wiped, behind) = ((first + 1) % 3, (first + 2) % 3);
        s.isolate(behind);
        s.create(NewTopic::on("late", &[first, wiped], 2)).await?;
        s.kill(first).await;
        s.kill(wiped).await;
        s.wipe(wiped);
        s.start(wiped).await;
        s.rejoin(behind);
        s.for_seconds(15, "nobody is the controller", |s| s.controller().is_none()).await?;
        s.start(first).await;
        all_know(s, &["orders", "late"]).await?;
        s.until("the new disk votes in the end", |s| s.voters(behind).contains(&wiped)).await
    })
}

#[test]
fn scenario_10_a_voter_whose_vote_is_damaged_does_not_start_and_a_new_disk_takes_its_place() {
    holds(damaged_voter);
}

/// One bit flips in what a voter must not forget.
pub(crate) fn damaged_voter(telling: Telling) -> Report {
    let scene = Scene::of(3).topic(NewTopic::on("orders", &[0, 1, 2], 2)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write(3).await?;
        let bad = (controller(s)? + 1) % 3;
        s.kill(bad).await;
        s.flip_a_bit(bad, "/data/quorum/vote".as_ref())?;
        s.start(bad).await;
        expect(format_args!("{bad} does not start"), !s.runs(bad))?;
        let others = [(bad + 1) % 3, (bad + 2) % 3];
        s.create(NewTopic::on("meanwhile", &others, 1)).await?;
        writer.write(3).await?;
        s.wipe(bad);
        s.start(bad).await;
        s.until_in_sync("orders", &[0, 1, 2]).await?;
        let other = controller(s)?;
        s.until("the new disk votes", |s| s.voters(other).contains(&bad)).await
    })
}

#[test]
fn scenario_30_everything_that_was_decided_is_there_after_everybody_restarts() {
    holds(full_restart);
}

/// Full restart: by kill, in order, and by a power cut right after a decision.
pub(crate) fn full_restart(telling: Telling) -> Report {
    let scene = Scene::of(3).topic(NewTopic::on("orders", &[0, 1, 2], 2)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write(3).await?;
        s.create(NewTopic::anywhere("killed", 1, 2)).await?;
        for id in 0..3 {
            s.kill(id).await;
        }
        for id in 0..3 {
            s.start(id).await;
        }
        all_know(s, &["orders", "killed"]).await?;
        s.create(NewTopic::anywhere("dark", 1, 2)).await?;
        s.lose_power(&[0, 1, 2], CrashStyle::LoseUnsynced).await;
        for id in 0..3 {
            s.start(id).await;
        }
        all_know(s, &["orders", "killed", "dark"]).await?;
        expect_eq("the value's place", writer.write(3).await?, 3)
    })
}
