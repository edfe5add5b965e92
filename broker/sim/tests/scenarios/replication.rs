//! Leaders that go, followers that lag, and what of a log survives them.

use weir_core::partition::ProduceError;
use weir_log::CrashStyle;
use weir_sim::Report;
use weir_sim::planted::Bug;
use weir_sim::script::{Answer, Scene, expect, expect_eq};
use weir_sim::world::message::{NewTopic, Refusal};

use crate::{holds, told};

#[test]
fn scenario_1_a_leader_that_is_alone_refuses_acks_all_and_nobody_who_may_miss_records_is_elected() {
    holds(alone);
}

/// The ISR shrinks to a leader that is then isolated.
pub(crate) fn alone(bug: Option<Bug>) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3, 2], 2)).with(bug);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write(3).await?;
        s.kill(3).await;
        s.until_in_sync("orders", &[2, 4]).await?;
        writer.write(3).await?;
        s.kill(2).await;
        s.until_in_sync("orders", &[4]).await?;
        let answer = writer.send(4, 3).await?;
        let too_few = Refusal::Produce(ProduceError::NotEnoughReplicas { isr: 1, min: 2 });
        expect_eq("the answer to acks=all", answer, Answer::Refused(too_few))?;

        s.isolate(4);
        s.until_led_by("orders", None).await?;
        s.start(3).await;
        s.for_seconds(20, "3 does not lead: it misses what was committed without it", |s| {
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
pub(crate) fn ignorant(bug: Option<Bug>) -> Report {
    let scene = Scene::of(3).topic(NewTopic::on("orders", &[0, 1], 1)).with(bug);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write(3).await?;
        s.stop(1).await?;
        s.until_in_sync("orders", &[0]).await?;
        s.start(1).await;
        s.until_in_sync("orders", &[0, 1]).await?;
        let end = 3 + writer.write(3).await?;
        // It has the records, and nobody told it yet that they are committed.
        expect("1 does not know the watermark", s.watermark(1, "orders") < Some(end))?;
        s.lose_power(&[0], CrashStyle::LoseUnsynced).await;
        s.until_led_by("orders", Some(1)).await?;
        expect_eq("the end of 1's log", s.log_end(1, "orders"), Some(end))?;
        s.start(0).await;
        s.until_in_sync("orders", &[0, 1]).await?;
        writer.write(3).await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[0, 1])
    })
}

#[test]
fn scenario_3_logs_whose_ends_were_lost_in_two_ways_converge() {
    holds(two_tails);
}

/// Both replicas lose power with different unsynced tails, then more is written.
pub(crate) fn two_tails(bug: Option<Bug>) -> Report {
    let scene = Scene::of(3).topic(NewTopic::on("orders", &[0, 1], 2)).with(bug);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write_batches(4).await?;
        s.until_settled().await?;
        // The leader takes what the follower never gets.
        s.cut(0, 1);
        for _ in 0..3 {
            let _ = writer.send(0, 2).await?;
        }
        expect("the logs have different ends", s.log_end(0, "orders") > s.log_end(1, "orders"))?;
        s.lose_power(&[0, 1], CrashStyle::Scatter).await;
        s.mend(0, 1);
        s.start(1).await;
        s.until_led_by("orders", Some(1)).await?;
        s.start(0).await;
        let mut other = s.writer("orders")?;
        other.write_batches(3).await?;
        writer.deliver().await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[0, 1])
    })
}
