//! Disks that lose, tear, flip, fill up and fail.

use weir_core::partition::{ProduceError, StorageFailure};
use weir_log::CrashStyle;
use weir_sim::Report;
use weir_sim::script::{Answer, Scene, Telling, expect, expect_eq};
use weir_sim::world::message::{NewTopic, Refusal};

use crate::{Story, holds, told};

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("blackout", blackout),
    ("slow_disk", slow_disk),
    ("one_dark_one_still", one_dark_one_still),
    ("bit_in_the_tail", bit_in_the_tail),
    ("bit_in_an_index", bit_in_an_index),
    ("rot_in_a_leader", rot_in_a_leader),
    ("rot_alone", rot_alone),
    ("short_tail", short_tail),
    ("missing_middle", missing_middle),
    ("counted_on", counted_on),
    ("torn", torn),
    ("failed_sync", failed_sync),
    ("full", full),
];

const STYLES: [CrashStyle; 3] = [CrashStyle::LoseUnsynced, CrashStyle::Scatter, CrashStyle::KeepAll];

#[test]
fn scenario_8_nothing_acknowledged_is_lost_when_every_node_loses_power_at_once() {
    holds(blackout);
}

/// Every node loses power at once, unsynced pages dropped.
pub(crate) fn blackout(telling: Telling) -> Report {
    let scene = Scene::of(3).topic(NewTopic::on("orders", &[0, 1, 2], 2)).told(telling);
    told(scene, async |s| {
        s.keep_writing("orders");
        for style in STYLES {
            s.seconds(3).await;
            s.lose_power(&[0, 1, 2], style).await;
            s.millis(500).await;
            for id in [2, 0, 1] {
                s.start(id).await;
            }
            s.until_in_sync("orders", &[0, 1, 2]).await?;
        }
        Ok(())
    })
}

#[test]
fn scenario_8_nothing_is_acknowledged_that_a_follower_with_a_slow_disk_has_not_synced() {
    holds(slow_disk);
}

/// A follower loses power, which holds what its disk has not taken yet.
pub(crate) fn slow_disk(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3], 2)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write_batches(2).await?;
        s.until_settled().await?;
        s.slow_disk(3, 4000);
        let answer = writer.send(4, 3).await?;
        expect("nothing is acknowledged that 3 has not synced", !matches!(answer, Answer::Acknowledged(_)))?;
        s.lose_power(&[3], CrashStyle::LoseUnsynced).await;
        s.slow_disk(3, 0);
        s.start(3).await;
        writer.deliver().await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[3, 4])
    })
}

#[test]
fn scenario_9_nothing_acknowledged_is_lost_when_one_loses_power_while_another_is_away() {
    holds(one_dark_one_still);
}

/// One node loses power while another is paused or cut off.
pub(crate) fn one_dark_one_still(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[2, 3, 4], 2)).told(telling);
    told(scene, async |s| {
        s.keep_writing("orders");
        for (round, style) in (0..).zip(STYLES) {
            s.seconds(2).await;
            let still = 3 + round % 2;
            if round == 0 {
                s.isolate(still)
            } else {
                s.pause(still)
            }
            s.seconds(1).await;
            s.lose_power(&[2], style).await;
            s.seconds(4).await;
            s.start(2).await;
            s.seconds(2).await;
            if round == 0 {
                s.rejoin(still)
            } else {
                s.resume(still)
            }
            s.until_in_sync("orders", &[2, 3, 4]).await?;
        }
        Ok(())
    })
}

#[test]
fn scenario_10_a_bit_that_flips_in_a_followers_tail_is_cut_off_and_fetched_again() {
    holds(bit_in_the_tail);
}

/// One bit flips in a segment of a follower that was not closed.
pub(crate) fn bit_in_the_tail(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[2, 3, 4], 2)).told(telling);
    told(scene, async |s| {
        s.writer("orders")?.write_batches(5).await?;
        s.until_settled().await?;
        s.kill(4).await;
        s.until_in_sync("orders", &[2, 3]).await?;
        let segment = s.segments(4, "orders").pop().unwrap_or_default();
        s.flip_a_bit(4, &segment)?;
        s.start(4).await;
        s.until_in_sync("orders", &[2, 3, 4]).await?;
        s.writer("orders")?.write_batches(2).await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[2, 3, 4])
    })
}

#[test]
fn scenario_10_a_bit_that_flips_in_an_index_costs_nothing() {
    holds(bit_in_an_index);
}

/// One bit flips in every index of a replica that then leads.
pub(crate) fn bit_in_an_index(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[3, 4], 2)).told(telling);
    told(scene, async |s| {
        s.writer("orders")?.write_batches(120).await?;
        s.until_settled().await?;
        s.kill(4).await;
        s.until_in_sync("orders", &[3]).await?;
        let mut files = s.files(4, "orders");
        files.retain(|path| path.extension().is_some_and(|ending| ending == "index"));
        expect("there are closed segments", !files.is_empty())?;
        for file in &files {
            s.flip_a_bit(4, file)?;
        }
        s.start(4).await;
        // Alone it commits nothing: it shows what it has heard to be committed.
        s.until_settled().await?;
        s.kill(3).await;
        s.until_led_by("orders", Some(4)).await?;
        let read = s.read(4, "orders", 0).await;
        expect("4 serves from the beginning", matches!(read, Some(Ok(read)) if !read.bytes.is_empty()))?;
        s.start(3).await;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[3, 4])
    })
}

#[test]
fn scenario_11_a_last_segment_that_was_shortened_or_filled_with_zeros_is_cut_and_fetched_again() {
    holds(short_tail);
}

/// Last segment truncated; zero-filled tail.
pub(crate) fn short_tail(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[2, 3, 4], 2)).told(telling);
    told(scene, async |s| {
        for by in [-70, 700, -1] {
            s.writer("orders")?.write_batches(20).await?;
            s.until_settled().await?;
            s.kill(4).await;
            s.until_in_sync("orders", &[2, 3]).await?;
            s.resize_last_segment(4, "orders", by)?;
            s.start(4).await;
            s.until_in_sync("orders", &[2, 3, 4]).await?;
            s.until_settled().await?;
            s.expect_same_logs("orders", &[2, 3, 4])?;
        }
        Ok(())
    })
}

#[test]
fn scenario_11_a_replica_without_a_middle_segment_is_made_anew() {
    holds(missing_middle);
}

/// A middle segment is missing.
pub(crate) fn missing_middle(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[2, 3, 4], 2)).told(telling);
    told(scene, async |s| {
        s.writer("orders")?.write_batches(120).await?;
        s.until_settled().await?;
        s.kill(4).await;
        s.until_in_sync("orders", &[2, 3]).await?;
        let segments = s.segments(4, "orders");
        expect("there are several segments", segments.len() > 3)?;
        s.remove_file(4, &segments[1])?;
        s.start(4).await;
        s.until_in_sync("orders", &[2, 3, 4]).await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[2, 3, 4])
    })
}

#[test]
fn scenario_11_a_replica_that_others_count_on_is_never_made_anew() {
    holds(counted_on);
}

/// The only replica in sync lacks a middle segment: it is not served, and nobody leads with a hole.
pub(crate) fn counted_on(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3], 1)).told(telling);
    told(scene, async |s| {
        s.writer("orders")?.write_batches(100).await?;
        s.kill(3).await;
        s.until_in_sync("orders", &[4]).await?;
        s.writer("orders")?.write_batches(20).await?;
        s.kill(4).await;
        s.until_led_by("orders", None).await?;
        let segments = s.segments(4, "orders");
        expect("there are several segments", segments.len() > 3)?;
        s.remove_file(4, &segments[1])?;
        s.start(4).await;
        s.start(3).await;
        s.for_seconds(10, "nobody leads", |s| s.leader("orders").is_none()).await?;
        s.delete("orders").await
    })
}

#[test]
fn scenario_12_a_torn_log_recovers_to_a_prefix_that_holds_everything_acknowledged() {
    holds(torn);
}

/// Torn write inside a batch, lost directory entry, lost rename: again and again, on a leader under load.
pub(crate) fn torn(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3], 1)).told(telling);
    told(scene, async |s| {
        s.keep_writing("orders");
        for _ in 0..6 {
            s.millis(1700).await;
            let Some(leader) = s.leader("orders") else { continue };
            s.lose_power(&[leader], CrashStyle::Scatter).await;
            s.millis(300).await;
            s.start(leader).await;
            s.until_in_sync("orders", &[3, 4]).await?;
        }
        s.lose_power(&[3, 4], CrashStyle::Scatter).await;
        s.start(4).await;
        s.start(3).await;
        s.until_in_sync("orders", &[3, 4]).await
    })
}

#[test]
fn scenario_13_a_failed_sync_ends_the_broker_and_its_replicas_move_on() {
    holds(failed_sync);
}

/// fsync returns EIO.
pub(crate) fn failed_sync(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3, 2], 2)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write_batches(2).await?;
        s.fail_syncs(4);
        let answer = writer.send(4, 3).await?;
        expect(
            "nothing is acknowledged that could not be synced",
            !matches!(answer, Answer::Acknowledged(_)),
        )?;
        s.until("4 is gone", |s| !s.runs(4)).await?;
        s.until("another leads", |s| s.leader("orders").is_some_and(|leader| leader != 4)).await?;
        writer.deliver().await?;
        writer.write_batches(2).await?;
        s.wipe(4);
        s.start(4).await;
        s.until_in_sync("orders", &[2, 3, 4]).await
    })
}

#[test]
fn scenario_14_a_full_disk_refuses_writes_only_and_recovers_by_itself() {
    holds(full);
}

/// Disk full.
pub(crate) fn full(telling: Telling) -> Report {
    let topics = [NewTopic::on("orders", &[4, 3], 2), NewTopic::on("old", &[4, 3], 2)];
    let scene = topics.into_iter().fold(Scene::of(5), Scene::topic).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write_batches(2).await?;
        s.writer("old")?.write_batches(2).await?;
        s.until_settled().await?;
        s.fill_disk(4);
        let answer = writer.send(4, 3).await?;
        let full = Refusal::Produce(ProduceError::Storage(StorageFailure::Full));
        expect_eq("what a writer is told", answer, Answer::Refused(full))?;
        let read = s.read(4, "orders", 0).await;
        expect("reads go on", matches!(read, Some(Ok(read)) if !read.bytes.is_empty()))?;
        s.delete("old").await?;
        s.until("what was deleted is gone", |s| s.segments(4, "old").is_empty()).await?;
        expect_eq("the leader", s.leader("orders"), Some(4))?;
        s.make_room(4);
        writer.deliver().await?;
        writer.write_batches(2).await?;
        Ok(())
    })
}

#[test]
fn a_bit_that_flips_where_nobody_looks_is_noticed_by_the_checks_in_the_end() {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[2, 3, 4], 2));
    let report = told(scene, async |s| {
        s.writer("orders")?.write_batches(120).await?;
        s.until_settled().await?;
        let segments = s.segments(4, "orders");
        s.flip_a_bit(4, &segments[1])
    });
    let noticed = |violation: &String| violation.contains("differ") || violation.contains("can not be read");
    assert!(report.violations.iter().any(noticed), "{:#?}", report.violations);
}

#[test]
fn scenario_10_rot_in_a_closed_segment_of_a_leader_is_found_and_both_replicas_end_whole() {
    holds(rot_in_a_leader);
}

/// Bits flip in a closed segment of the leader, then in one of the follower. Each is found, given up and fetched again;
/// the broker restarts in between and does not forget.
pub(crate) fn rot_in_a_leader(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[2, 3, 4], 2)).told(telling);
    told(scene, async |s| {
        s.writer("orders")?.write_batches(120).await?;
        s.until_settled().await?;
        let leader = s.leader("orders").unwrap_or(2);
        let (reign, closed) = (s.reign("orders"), s.segments(leader, "orders"));
        expect("there are closed segments", closed.len() > 2)?;
        s.flip_a_bit(leader, &closed[0])?;
        expect("the check finds it", s.scrub(leader, "orders"))?;
        s.until("another broker leads", |s| s.leader("orders").is_some_and(|id| id != leader)).await?;
        expect("in a later reign", s.reign("orders") > reign)?;
        s.until_in_sync("orders", &[2, 3, 4]).await?;
        s.writer("orders")?.write_batches(2).await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[2, 3, 4])?;
        let leader = s.leader("orders").unwrap_or(2);
        let follower = if leader == 4 { 3 } else { 4 };
        s.flip_a_bit(follower, &s.segments(follower, "orders")[1])?;
        expect("the check finds it", s.scrub(follower, "orders"))?;
        s.kill(follower).await;
        s.start(follower).await;
        s.until_in_sync("orders", &[2, 3, 4]).await?;
        s.until_settled().await?;
        expect("nothing damaged is left", !s.scrub(follower, "orders"))?;
        s.expect_same_logs("orders", &[2, 3, 4])
    })
}

#[test]
fn scenario_10_rot_in_the_last_replica_standing_is_kept_until_somebody_is_back() {
    holds(rot_alone);
}

/// A bit flips in the only replica in sync, while the other is away.
pub(crate) fn rot_alone(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[3, 4], 1)).told(telling);
    told(scene, async |s| {
        s.writer("orders")?.write_batches(120).await?;
        s.until_settled().await?;
        s.kill(4).await;
        s.until_in_sync("orders", &[3]).await?;
        s.flip_a_bit(3, &s.segments(3, "orders")[0])?;
        expect("the check finds it", s.scrub(3, "orders"))?;
        s.writer("orders")?.write_batches(2).await?;
        s.for_seconds(5, "it leads on", |s| s.leader("orders") == Some(3)).await?;
        let read = s.read(3, "orders", 0).await;
        expect("what is good is served", matches!(read, Some(Ok(read)) if !read.bytes.is_empty()))?;
        s.start(4).await;
        s.until("the one that is whole leads", |s| s.leader("orders") == Some(4)).await?;
        s.until_in_sync("orders", &[3, 4]).await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[3, 4])
    })
}
