//! Brokers that stand still, or hear only some of the others: at most one leader acknowledges.

use weir_core::controller::alter_partitions::IsrError;
use weir_core::partition::{FenceError, ProduceError};
use weir_log::CrashStyle;
use weir_sim::Report;
use weir_sim::script::{Answer, Scene, Script, Telling, Told, Unexpected, Writer, expect, expect_eq};
use weir_sim::world::message::{NewTopic, Refusal};

use crate::{Story, holds, told};

pub(crate) const STORIES: &[(&str, Story)] = &[
    ("stopped", stopped),
    ("cut_off", cut_off),
    ("deaf", deaf),
    ("deaf_controller", deaf_controller),
    ("unheard", unheard),
    ("an_hour_back", an_hour_back),
    ("old_view", old_view),
    ("deaf_both", deaf_both),
    ("in_doubt", in_doubt),
    ("granted", granted),
    ("late_word", late_word),
];

const VOTERS: [i32; 3] = [0, 1, 2];

#[test]
fn scenario_34_a_leader_that_stood_still_for_a_minute_acknowledges_nothing() {
    holds(stopped);
}

/// SIGSTOP of a leader for a minute, then CONT.
pub(crate) fn stopped(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3, 2], 2)).told(telling);
    told(scene, async |s| {
        let (mut writer, mut other) = (s.writer("orders")?, s.writer("orders")?);
        writer.write_batches(2).await?;
        s.pause(4);
        s.until("another leads", |s| s.leader("orders").is_some_and(|leader| leader != 4)).await?;
        other.write_batches(3).await?;
        s.seconds(60).await;
        expect("4 has no lease any more", !s.has_lease(4))?;
        s.resume(4);
        let answer = writer.send(4, 2).await?;
        expect("4 acknowledges nothing", !matches!(answer, Answer::Acknowledged(_)))?;
        s.until_in_sync("orders", &[2, 3, 4]).await?;
        writer.deliver().await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[2, 3, 4])
    })
}

/// Whoever can not acknowledge any more takes nothing in either.
async fn takes_nothing(s: &Script, id: i32, writer: &mut Writer<'_>) -> Told {
    expect("it has no lease", !s.has_lease(id))?;
    s.millis(60).await;
    let end = s.log_end(id, "orders");
    let answer = writer.send(id, 2).await?;
    let fenced = Refusal::Produce(ProduceError::Fence(FenceError::NotLeader));
    expect_eq("what a writer is told", answer, Answer::Refused(fenced))?;
    expect_eq("the end of its log", s.log_end(id, "orders"), end)
}

/// Voters and the broker hear nothing of each other, whoever of them is the controller.
fn cut_from_controller(s: &Script, id: i32) {
    for voter in VOTERS {
        s.cut(id, voter);
        s.cut(voter, id);
    }
}

fn mend_to_controller(s: &Script, id: i32) {
    for voter in VOTERS {
        s.mend(id, voter);
        s.mend(voter, id);
    }
}

async fn until_another_leads(s: &Script, than: i32) -> Told {
    s.until("another leads", |s| s.leader("orders").is_some_and(|leader| leader != than)).await
}

#[test]
fn scenario_35_a_leader_that_is_cut_off_from_the_controller_only_fences_itself_first() {
    holds(cut_off);
}

/// Cut off from the controller only.
pub(crate) fn cut_off(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3], 2)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write_batches(2).await?;
        cut_from_controller(s, 4);
        until_another_leads(s, 4).await?;
        takes_nothing(s, 4, &mut writer).await?;
        mend_to_controller(s, 4);
        writer.deliver().await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[3, 4])
    })
}

#[test]
fn scenario_35_a_leader_that_is_heard_and_hears_nobody_fences_itself() {
    holds(deaf);
}

/// Asymmetric partition: what the leader sends arrives, what is sent to it does not. It stops, says so in its beats, and another
/// one leads; it is counted on again only when it hears what it is told.
pub(crate) fn deaf(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3], 1)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write_batches(2).await?;
        (0..4).for_each(|other| s.cut(other, 4));
        s.until("4 has fenced itself", |s| !s.has_lease(4)).await?;
        takes_nothing(s, 4, &mut writer).await?;
        s.until_led_by("orders", Some(3)).await?;
        s.for_seconds(5, "3 leads on, whatever beats 4 sends", |s| s.leader("orders") == Some(3)).await?;
        (0..4).for_each(|other| s.mend(other, 4));
        writer.deliver().await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[3, 4])
    })
}

#[test]
fn scenario_35_a_controller_that_is_cut_off_keeps_itself_no_longer_than_anybody() {
    holds(deaf_controller);
}

/// The leader is the controller itself, is heard by all, and hears nobody.
pub(crate) fn deaf_both(telling: Telling) -> Report {
    told(Scene::of(3).told(telling), async |s| {
        let first = s.controller().ok_or_else(|| Unexpected("nobody is the controller".to_owned()))?;
        let others = [(first + 1) % 3, (first + 2) % 3];
        s.create(NewTopic::on("orders", &[first, others[0], others[1]], 2)).await?;
        s.until_settled().await?;
        let mut writer = s.writer("orders")?;
        writer.write_batches(2).await?;
        others.iter().for_each(|other| s.cut(*other, first));
        until_another_leads(s, first).await?;
        takes_nothing(s, first, &mut writer).await?;
        others.iter().for_each(|other| s.mend(*other, first));
        writer.deliver().await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &VOTERS)
    })
}

#[test]
fn scenario_35_a_controller_that_is_heard_and_hears_nobody_is_followed_by_another() {
    holds(deaf_both);
}

/// The leader is the controller itself, and is isolated.
pub(crate) fn deaf_controller(telling: Telling) -> Report {
    told(Scene::of(3).told(telling), async |s| {
        let first = s.controller().ok_or_else(|| Unexpected("nobody is the controller".to_owned()))?;
        let on = [first, (first + 1) % 3, (first + 2) % 3];
        s.create(NewTopic::on("orders", &on, 2)).await?;
        s.until_settled().await?;
        let mut writer = s.writer("orders")?;
        writer.write_batches(2).await?;
        s.isolate(first);
        until_another_leads(s, first).await?;
        takes_nothing(s, first, &mut writer).await?;
        s.rejoin(first);
        writer.deliver().await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &VOTERS)
    })
}

#[test]
fn scenario_33_a_lease_ends_in_its_time_on_a_machine_whose_clock_was_put_back() {
    holds(an_hour_back);
}

/// The leader's clock jumps back by an hour, and then it is cut off from the controller.
pub(crate) fn an_hour_back(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3], 2)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write_batches(2).await?;
        s.set_clock_off(4, -3_600_000);
        cut_from_controller(s, 4);
        until_another_leads(s, 4).await?;
        takes_nothing(s, 4, &mut writer).await?;
        s.set_clock_off(4, 3_600_000);
        mend_to_controller(s, 4);
        writer.deliver().await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[3, 4])
    })
}

#[test]
fn scenario_35_what_was_sent_to_a_follower_and_never_came_is_not_acknowledged() {
    holds(unheard);
}

/// Asymmetric partition: the follower's fetches come, and what they are answered is lost.
pub(crate) fn unheard(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3], 2)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write_batches(2).await?;
        s.until_settled().await?;
        s.cut(4, 3);
        let answer = writer.send(4, 3).await?;
        expect("nothing is acknowledged that 3 does not hold", !matches!(answer, Answer::Acknowledged(_)))?;
        s.mend(4, 3);
        writer.deliver().await?;
        s.until_settled().await?;
        s.expect_same_logs("orders", &[3, 4])
    })
}

#[test]
fn scenario_35_a_leader_that_comes_back_does_not_serve_before_it_knows_what_was_decided() {
    holds(old_view);
}

/// A leader that was isolated hears that it is not fenced any more before it hears that it is deposed.
pub(crate) fn old_view(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3], 1)).told(telling);
    told(scene, async |s| {
        s.writer("orders")?.write_batches(2).await?;
        s.until_settled().await?;
        s.isolate(4);
        s.until_led_by("orders", Some(3)).await?;
        s.writer("orders")?.write_batches(2).await?;
        s.hear_late(4, 1500);
        s.rejoin(4);
        s.for_seconds(5, "4 has no lease as long as it takes itself for the leader", |s| {
            !s.has_lease(4) || !s.takes_itself_for_leader(4, "orders")
        })
        .await?;
        s.hear_late(4, 0);
        s.until_settled().await?;
        s.expect_same_logs("orders", &[3, 4])
    })
}

#[test]
fn scenario_35_nothing_is_acknowledged_without_one_who_may_have_joined() {
    holds(in_doubt);
}

/// The leader proposes to take a follower in and never hears what became of it. It has become the ISR, and counts.
pub(crate) fn in_doubt(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3], 1)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write_batches(2).await?;
        s.kill(3).await;
        s.until_in_sync("orders", &[4]).await?;
        writer.write_batches(2).await?;
        // It asks for more, and shows that it has everything, only once it has synced what it was given.
        let end = s.log_end(4, "orders");
        s.slow_disk(3, 1000);
        s.start(3).await;
        s.until("3 is given what it missed", |s| s.log_end(3, "orders") == end).await?;
        s.until("4 knows that 3 is back", |s| s.knows_of(4, 3)).await?;
        s.millis(800).await;
        // From here on the leader hears nobody but its follower.
        VOTERS.iter().for_each(|voter| s.cut(*voter, 4));
        s.until_in_sync("orders", &[3, 4]).await?;
        s.cut(3, 4);
        // The proposal is given up after two seconds, the lease lasts for a little longer.
        s.millis(2060).await;
        expect("4 has its lease", s.has_lease(4))?;
        let answer = writer.send(4, 2).await?;
        expect("4 acknowledges nothing without 3", !matches!(answer, Answer::Acknowledged(_)))?;
        s.lose_power(&[4], CrashStyle::KeepAll).await;
        s.until_led_by("orders", Some(3)).await?;
        writer.deliver().await?;
        VOTERS.iter().for_each(|voter| s.mend(*voter, 4));
        s.mend(3, 4);
        Ok(())
    })
}

#[test]
fn scenario_35_nothing_is_acknowledged_without_one_who_was_only_proposed_to_leave() {
    holds(granted);
}

/// The leader proposes to put a follower out, and nobody hears it: the follower still counts, and is elected.
pub(crate) fn granted(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[4, 3], 1)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write_batches(2).await?;
        s.until_settled().await?;
        // The follower is put out three seconds after its last fetch.
        s.cut(3, 4);
        let _ = writer.send(4, 2).await?;
        VOTERS.iter().for_each(|voter| s.cut(4, *voter));
        s.seconds(1).await;
        expect_eq("who is in sync", s.in_sync("orders"), vec![3, 4])?;
        let answer = writer.send(4, 2).await?;
        expect("4 acknowledges nothing without 3", !matches!(answer, Answer::Acknowledged(_)))?;
        s.until_led_by("orders", Some(3)).await?;
        writer.deliver().await?;
        VOTERS.iter().for_each(|voter| s.mend(4, *voter));
        s.mend(3, 4);
        Ok(())
    })
}

#[test]
fn scenario_35_a_leaders_word_that_comes_late_changes_nothing() {
    holds(late_word);
}

/// A change of the ISR was long under way: the partition has changed since.
pub(crate) fn late_word(telling: Telling) -> Report {
    let scene = Scene::of(5).topic(NewTopic::on("orders", &[2, 3, 4], 2)).told(telling);
    told(scene, async |s| {
        let mut writer = s.writer("orders")?;
        writer.write(3).await?;
        let then = s.partition("orders").ok_or_else(|| Unexpected("there are no orders".to_owned()))?;
        s.kill(4).await;
        s.until_in_sync("orders", &[2, 3]).await?;
        writer.write(3).await?;
        s.start(4).await;
        s.until_in_sync("orders", &[2, 3, 4]).await?;
        let now = s.partition("orders").map(|p| p.partition_epoch);
        let answer = s.propose("orders", &then, &[2, 4]).await;
        let changed = now.map(|now| Err(IsrError::InvalidUpdateVersion(now)));
        expect_eq("what the controller says", answer, changed)?;
        expect_eq("who is in sync", s.in_sync("orders"), vec![2, 3, 4])
    })
}
