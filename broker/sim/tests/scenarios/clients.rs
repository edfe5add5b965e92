//! What clients are told, and what they may rely on.

use weir_sim::Report;
use weir_sim::script::{Answer, Scene, Telling, expect, expect_eq};
use weir_sim::world::message::{NewTopic, Refusal};

use crate::{Story, holds, told};

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("retry_elsewhere", retry_elsewhere),
    ("retry_after_a_cut", retry_after_a_cut),
    ("read_back", read_back),
    ("healthy", healthy),
    ("made_again", made_again),
];

#[test]
fn scenario_22_a_batch_that_is_sent_again_to_the_next_leader_is_there_once_and_where_it_was() {
    holds(retry_elsewhere);
}

/// An idempotent retry after leader change or restart.
pub(crate) fn retry_elsewhere(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3, 2], 2)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write(3).await?;
        for _ in 0..3 {
            let Some(leader) = s.leader("orders") else { continue };
            let end = s.log_end(leader, "orders").unwrap_or(0);
            s.cut(leader, writer.place());
            expect_eq("what the writer hears", writer.send(leader, 2).await?, Answer::Silence)?;
            s.mend(leader, writer.place());
            s.kill(leader).await;
            s.until("another leads", |s| s.leader("orders").is_some_and(|id| id != leader)).await?;
            // The next leader restarts as well: it knows of the batch from its log only.
            s.start(leader).await;
            s.until_in_sync("orders", &[2, 3, 4]).await?;
            let next = s.leader("orders").unwrap_or(leader);
            s.kill(next).await;
            s.start(next).await;
            s.until_in_sync("orders", &[2, 3, 4]).await?;
            expect_eq("where the batch is", writer.deliver().await?, end)?;
            let now = s.leader("orders").unwrap_or(leader);
            expect_eq("the end of the log", s.log_end(now, "orders"), Some(end + 2))?;
            writer.write(1).await?;
        }
        Ok(())
    })
}

#[test]
fn scenario_22_a_batch_that_was_cut_off_is_taken_when_it_is_sent_again() {
    holds(retry_after_a_cut);
}

/// A batch is written to a leader that nobody follows, and cut off there: who sends it again is not told that it is known.
pub(crate) fn retry_after_a_cut(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3], 2)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write_batches(2).await?;
        s.isolate(4);
        let answer = writer.send(4, 2).await?;
        expect("4 acknowledges nothing alone", !matches!(answer, Answer::Acknowledged(_)))?;
        s.until_led_by("orders", Some(3)).await?;
        s.rejoin(4);
        s.until_in_sync("orders", &[3, 4]).await?;
        s.elect_preferred().await;
        s.until_led_by("orders", Some(4)).await?;
        s.until_settled().await?;
        writer.deliver().await?;
        writer.write(1).await?;
        s.until_settled().await?;
        expect_eq("how many values there are", s.log_values(4, "orders").len(), 9)?;
        s.expect_same_logs("orders", &[3, 4])
    })
}

#[test]
fn scenario_23_every_offset_that_a_writer_is_told_holds_what_it_wrote() {
    holds(read_back);
}

/// Every produce response's offset is read back.
pub(crate) fn read_back(telling: Telling) -> Report {
    let scene = Scene::of(3).topic(NewTopic::on("orders", &[0, 1, 2], 2)).told(telling);
    told(scene, async |s| {
        s.keep_writing("orders");
        let mut writer = s.writer("orders")?;
        for count in [1, 2, 3, 4, 3, 2, 1] {
            let first = writer.next_value();
            let base = writer.write(count).await?;
            let wrote: Vec<_> = (base..).zip(first..first + count).collect();
            let leader = s.leader("orders").unwrap_or(0);
            let there = s.log_values(leader, "orders");
            expect(format_args!("{wrote:?} are there"), wrote.iter().all(|value| there.contains(value)))?;
            let read = s.read(leader, "orders", base).await;
            expect("it can be read", matches!(read, Some(Ok(read)) if read.high_watermark.0 > base))?;
        }
        Ok(())
    })
}

#[test]
fn scenario_24_in_a_long_healthy_run_nothing_is_lost_stuck_or_even_changed() {
    holds(healthy);
}

/// A long healthy run.
pub(crate) fn healthy(telling: Telling) -> Report {
    let scene = Scene::of(3).topic(NewTopic::on("orders", &[0, 1, 2], 2)).told(telling);
    told(scene, async |s| {
        s.keep_writing("orders");
        let (before, controller) = (s.partition("orders"), s.controller());
        s.for_seconds(90, "leader, ISR and controller stay as they are", |s| {
            s.partition("orders") == before && s.controller() == controller
        })
        .await
    })
}

#[test]
fn scenario_31_a_topic_that_is_made_again_under_its_name_holds_nothing_of_the_old_one() {
    holds(made_again);
}

/// Topic deleted and re-created under the same name mid-produce.
pub(crate) fn made_again(telling: Telling) -> Report {
    let topic = NewTopic::on("orders", &[0, 1, 2], 2);
    told(Scene::of(3).topic(topic.clone()).told(telling), async |s| {
        s.keep_writing("orders");
        for _ in 0..2 {
            let mut old = s.writer("orders")?;
            old.write_batches(2).await?;
            let key = s.key("orders");
            // One broker hears of it late.
            s.kill(2).await;
            s.delete("orders").await?;
            s.create(topic.clone()).await?;
            s.until("it has another id", |s| s.key("orders").is_some() && s.key("orders") != key).await?;
            s.start(2).await;
            let mut new = s.writer("orders")?;
            new.write_batches(2).await?;
            let leader = s.leader("orders").unwrap_or(0);
            let answer = old.send(leader, 1).await?;
            expect_eq("what a writer of the old one is told", answer, Answer::Refused(Refusal::Unknown))?;
        }
        Ok(())
    })
}
