//! Leaders that go, followers that lag, and what of a log survives them.

use weir_core::partition::{FenceError, ProduceError, ReadError};
use weir_log::CrashStyle;
use weir_sim::Report;
use weir_sim::script::{Answer, Scene, Telling, expect, expect_eq};
use weir_sim::world::message::{NewTopic, Refusal};

use crate::{Story, holds, told};

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("alone", alone),
    ("ignorant", ignorant),
    ("two_tails", two_tails),
    ("quick_changes", quick_changes),
    ("stale_leader", stale_leader),
    ("lagging", lagging),
    ("last_standing", last_standing),
    ("last_in_memory", last_in_memory),
    ("last_wiped", last_wiped),
    ("moves", moves),
    ("far_behind", far_behind),
    ("deposed", deposed),
];

#[test]
fn scenario_1_a_leader_that_is_alone_refuses_acks_all_and_nobody_who_may_miss_records_is_elected() {
    holds(alone);
}

/// The ISR shrinks to a leader that is then isolated.
pub(crate) fn alone(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3, 2], 2)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write(3).await?;
        s.kill(3).await;
        s.until_in_sync("orders", &[2, 4]).await?;
        writer.write(3).await?;
        s.kill(2).await;
        s.until_known_in_sync(4, "orders", &[4]).await?;
        let answer = writer.send(4, 3).await?;
        let too_few = Refusal::Produce(ProduceError::NotEnoughReplicas { isr: 1, min: 2 });
        expect_eq("the answer to acks=all", answer, Answer::Refused(too_few))?;

        s.isolate(4);
        s.until_led_by("orders", None).await?;
        s.start(3).await;
        s.for_seconds(15, "3 does not lead: it misses what was committed without it", |s| {
            s.leader("orders").is_none()
        })
        .await?;
        s.rejoin(4);
        s.until_led_by("orders", Some(4)).await?;
        writer.deliver().await?;
        Ok(())
    })
}

#[test]
fn scenario_2_a_follower_that_leads_before_it_knows_the_watermark_keeps_what_was_acknowledged() {
    holds(ignorant);
}

/// A follower restarts and leads before it learns the watermark (KIP-101).
pub(crate) fn ignorant(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[3, 4], 1)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write(3).await?;
        s.stop(4).await?;
        s.until_in_sync("orders", &[3]).await?;
        s.start(4).await;
        s.until_in_sync("orders", &[3, 4]).await?;
        // The leader is told what the follower holds, and the follower not that it is committed.
        let end = 3 + writer.write(3).await?;
        s.cut(3, 4);
        expect_eq("the end of 4's log", s.log_end(4, "orders"), Some(end))?;
        expect("4 does not know the watermark", s.watermark(4, "orders") < Some(end))?;
        s.lose_power(&[3], CrashStyle::LoseUnsynced).await;
        s.until_led_by("orders", Some(4)).await?;
        expect_eq("the end of 4's log", s.log_end(4, "orders"), Some(end))?;
        s.mend(3, 4);
        s.start(3).await;
        s.until_in_sync("orders", &[3, 4]).await?;
        writer.write(3).await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[3, 4])
    })
}

#[test]
fn scenario_3_logs_whose_ends_were_lost_in_two_ways_converge() {
    holds(two_tails);
}

/// Both replicas lose power with different unsynced tails, then more is written.
pub(crate) fn two_tails(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[3, 4], 2)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write_batches(4).await?;
        s.until_settled().await?;
        for _ in 0..3 {
            // The leader takes what the follower never gets.
            let (leader, follower) = if s.leader("orders") == Some(3) { (3, 4) } else { (4, 3) };
            s.cut(leader, follower);
            let _ = writer.send(leader, 2).await?;
            expect(
                "the logs have different ends",
                s.log_end(leader, "orders") > s.log_end(follower, "orders"),
            )?;
            s.lose_power(&[3, 4], CrashStyle::Scatter).await;
            s.mend(leader, follower);
            s.start(follower).await;
            s.until_led_by("orders", Some(follower)).await?;
            s.start(leader).await;
            s.writer("orders")?.write_batches(2).await?;
            writer.deliver().await?;
        }
        s.until_settled().await?;
        s.expect_same_logs("orders", &[3, 4])
    })
}

#[test]
fn scenario_4_after_quick_changes_of_leaders_with_empty_reigns_the_logs_are_the_same() {
    holds(quick_changes);
}

/// Several quick leader changes, with reigns that wrote nothing (KIP-279).
pub(crate) fn quick_changes(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[2, 3, 4], 2)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write_batches(2).await?;
        for round in 0..3 {
            let Some(first) = s.leader("orders") else { continue };
            let others: Vec<i32> = [2, 3, 4].into_iter().filter(|id| *id != first).collect();
            others.iter().for_each(|other| s.cut(first, *other));
            // Nobody else ever holds this.
            let _ = writer.send(first, 1 + round).await?;
            s.kill(first).await;
            others.iter().for_each(|other| s.mend(first, *other));
            s.until("another leads", |s| s.leader("orders").is_some_and(|leader| leader != first)).await?;
            let second = s.leader("orders").unwrap_or(first);
            s.kill(second).await;
            s.until("a third leads", |s| s.leader("orders").is_some_and(|leader| leader != second)).await?;
            s.start(first).await;
            s.start(second).await;
            s.until_in_sync("orders", &[2, 3, 4]).await?;
            writer.deliver().await?;
        }
        writer.write_batches(2).await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[2, 3, 4])
    })
}

#[test]
fn scenario_5_a_stale_leader_is_fenced_by_everybody_who_knows_of_a_later_reign() {
    holds(stale_leader);
}

/// A stale leader serves consumers and followers (KIP-320).
pub(crate) fn stale_leader(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3, 2], 2)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write_batches(2).await?;
        let old = s.reign("orders");
        s.isolate(4);
        let answer = writer.send(4, 2).await?;
        expect(
            "a leader without followers acknowledges nothing",
            !matches!(answer, Answer::Acknowledged(_)),
        )?;
        s.until("another leads", |s| s.leader("orders").is_some_and(|leader| leader != 4)).await?;
        let leader = s.leader("orders").unwrap_or(4);
        let new = s.reign("orders");
        let mut other = s.writer("orders")?;
        other.write_batches(3).await?;

        let unknown = FenceError::Unknown { asked: new, current: old };
        let answer = s.read_in(4, "orders", 0, Some(new)).await.map(|answer| answer.map(|_| ()));
        expect_eq("what 4 tells a newer consumer", answer, Some(Err(Refusal::Read(unknown.into()))))?;
        let answer = s.fetch_as(3, 4, "orders", (new, 0)).await.map(|answer| answer.map(|_| ()));
        expect_eq("what 4 tells a newer follower", answer, Some(Err(Refusal::Read(unknown.into()))))?;
        let end = s.log_end(leader, "orders").unwrap_or(0);
        let answer = s.read(4, "orders", end).await.map(|answer| answer.map(|_| ()));
        expect_eq(
            "what 4 tells a consumer that has read further than its log goes",
            answer,
            Some(Err(Refusal::Read(FenceError::NotLeader.into()))),
        )?;
        let fenced = FenceError::Fenced { asked: old, current: new };
        let answer = s.read_in(leader, "orders", 0, Some(old)).await.map(|answer| answer.map(|_| ()));
        expect_eq(
            "what the leader tells an older consumer",
            answer,
            Some(Err(Refusal::Read(fenced.into()))),
        )?;
        let answer = s.fetch_as(4, leader, "orders", (old, 8)).await.map(|answer| answer.map(|_| ()));
        expect_eq(
            "what the leader tells an older follower",
            answer,
            Some(Err(Refusal::Read(fenced.into()))),
        )?;

        s.rejoin(4);
        s.until_in_sync("orders", &[2, 3, 4]).await?;
        writer.deliver().await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[2, 3, 4])
    })
}

#[test]
fn scenario_5_a_leader_that_another_takes_over_from_hears_of_it_and_takes_nothing_in() {
    holds(deposed);
}

/// Leadership moves while both are well.
pub(crate) fn deposed(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[3, 4], 1)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write(3).await?;
        s.stop(3).await?;
        s.until_led_by("orders", Some(4)).await?;
        s.start(3).await;
        s.until_in_sync("orders", &[3, 4]).await?;
        s.elect_preferred().await;
        s.until_led_by("orders", Some(3)).await?;
        s.until("4 has heard that it leads no more", |s| !s.takes_itself_for_leader(4, "orders")).await?;
        let answer = writer.send(4, 2).await?;
        let fenced = Refusal::Produce(ProduceError::Fence(FenceError::NotLeader));
        expect_eq("what 4 tells a writer", answer, Answer::Refused(fenced))?;
        writer.deliver().await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[3, 4])
    })
}

#[test]
fn scenario_6_a_follower_is_in_sync_when_it_holds_what_is_committed_and_not_when_it_asks_for_it() {
    holds(far_behind);
}

/// A follower that was away asks for what it missed, and no answer reaches it.
pub(crate) fn far_behind(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3], 1)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write(3).await?;
        s.kill(3).await;
        s.until_in_sync("orders", &[4]).await?;
        writer.write_batches(4).await?;
        s.cut(4, 3);
        s.start(3).await;
        s.until("4 knows that 3 is back", |s| s.knows_of(4, 3)).await?;
        s.for_seconds(6, "3 is not in sync: it holds nothing new", |s| s.in_sync("orders") == [4]).await?;
        s.mend(4, 3);
        s.until_in_sync("orders", &[3, 4]).await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[3, 4])
    })
}

#[test]
fn scenario_6_a_lagging_follower_shows_no_more_than_it_knows_to_be_committed_and_sends_nobody_back() {
    holds(lagging);
}

/// Fetch from a lagging follower (KIP-392).
pub(crate) fn lagging(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[2, 3, 4], 2)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write_batches(2).await?;
        s.until_settled().await?;
        let committed = s.watermark(3, "orders").unwrap_or(0);
        // As long as 4 is in sync nothing is committed without it.
        s.cut(4, 2);
        let answer = writer.send(2, 3).await?;
        expect("nothing is acknowledged without 4", !matches!(answer, Answer::Acknowledged(_)))?;
        expect("3 holds more than is committed", s.log_end(3, "orders") > Some(committed))?;
        let told = s.read(3, "orders", committed).await;
        let seen = told.map(|answer| answer.map(|read| (read.bytes.len(), read.high_watermark.0)));
        expect_eq("what 3 shows", seen, Some(Ok((0, committed))))?;
        let told = s.read(3, "orders", committed + 1).await.map(|answer| answer.map(|_| ()));
        let unknown = Refusal::Read(ReadError::NotYetKnown);
        expect_eq("what 3 says of what is beyond", told, Some(Err(unknown)))?;
        s.mend(4, 2);
        writer.deliver().await?;
        s.until("3 shows it", |s| s.watermark(3, "orders") > Some(committed)).await
    })
}

#[test]
fn scenario_7_the_last_replica_standing_leads_again_with_all_that_it_synced() {
    holds(last_standing);
}

/// The last replica standing loses its unsynced tail, where an acknowledgement means that it was synced.
pub(crate) fn last_standing(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3], 1)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write(3).await?;
        s.kill(3).await;
        s.until_in_sync("orders", &[4]).await?;
        let end = 3 + writer.write(3).await?;
        s.lose_power(&[4], CrashStyle::LoseUnsynced).await;
        s.until_led_by("orders", None).await?;
        s.start(3).await;
        s.for_seconds(10, "3 does not lead", |s| s.leader("orders").is_none()).await?;
        s.start(4).await;
        s.until_led_by("orders", Some(4)).await?;
        expect("4 holds everything", s.log_end(4, "orders") >= Some(end))?;
        writer.write(3).await?;
        Ok(())
    })
}

#[test]
fn scenario_7_the_last_replica_standing_is_not_elected_when_memory_was_all_it_had() {
    holds(last_in_memory);
}

/// The same, where the topic does not wait for disks: nobody knows what it had (KIP-966).
pub(crate) fn last_in_memory(telling: Telling) -> Report {
    let topic = NewTopic::on("orders", &[4, 3], 1).setting("weir.durability", "replicated");
    told(Scene::of(5).topic(topic).told(telling), async |s| {
        let mut writer = s.writer("orders")?;
        writer.write(3).await?;
        s.kill(3).await;
        s.until_in_sync("orders", &[4]).await?;
        writer.write(3).await?;
        s.lose_power(&[4], CrashStyle::LoseUnsynced).await;
        s.until_led_by("orders", None).await?;
        s.start(3).await;
        s.start(4).await;
        s.for_seconds(10, "nobody leads", |s| s.leader("orders").is_none()).await?;
        // An operator has to accept the loss; this one has had enough of the topic.
        s.delete("orders").await
    })
}

#[test]
fn scenario_7_an_empty_disk_is_not_elected_even_as_the_last_one() {
    holds(last_wiped);
}

/// The last replica standing comes back with another disk.
pub(crate) fn last_wiped(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3], 1)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write(3).await?;
        s.kill(3).await;
        s.until_in_sync("orders", &[4]).await?;
        writer.write(3).await?;
        s.kill(4).await;
        s.until_led_by("orders", None).await?;
        s.wipe(4);
        s.start(4).await;
        s.start(3).await;
        s.for_seconds(10, "nobody leads", |s| s.leader("orders").is_none()).await?;
        s.delete("orders").await
    })
}

#[test]
fn scenario_29_a_reassignment_ends_whoever_is_killed_meanwhile_and_can_be_taken_back() {
    holds(moves);
}

/// Reassignment with a kill at each step.
pub(crate) fn moves(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[0, 1, 2], 2)).told(telling);
    told(scene, async |s| {
        s.keep_writing("orders");
        let targets = [[3, 4, 0], [1, 2, 3], [4, 0, 1], [2, 3, 4]];
        for (step, target) in (0_u64..).zip(targets) {
            s.reassign("orders", Some(&target)).await?;
            s.millis(step * 15).await;
            let victim = match step {
                0 => s.leader("orders"),
                1 => s.controller(),
                2 => Some(target[0]),
                _ => Some(target[2]),
            };
            let victim = victim.unwrap_or(0);
            s.kill(victim).await;
            s.seconds(1).await;
            s.start(victim).await;
            s.until(format_args!("the replicas are {target:?}"), |s| {
                s.partition("orders").is_some_and(|p| {
                    !p.is_moving() && p.replicas.iter().map(|id| id.0).collect::<Vec<_>>() == target
                })
            })
            .await?;
        }
        // One that is not there takes no part, so that the move waits for it and can be cancelled.
        s.kill(0).await;
        s.reassign("orders", Some(&[2, 3, 0])).await?;
        s.for_seconds(3, "the move waits", |s| s.partition("orders").is_some_and(|p| p.is_moving())).await?;
        s.reassign("orders", None).await?;
        s.until_in_sync("orders", &[2, 3, 4]).await
    })
}
