//! What goes wrong, and when: drawn from the seed. Faults overlap; none of them takes away what nobody could survive
//! (the only disk that holds a record, a majority of the quorum's disks).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::Instant;
use weir_core::controller::Image;
use weir_core::partition::others_hold;
use weir_log::{CrashStyle, Disk};
use weir_model::{BrokerId, TopicId};

use crate::client::elect_anybody;
use crate::node::Process;
use crate::world::World;

/// One kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Kill,
    Power,
    Blackout,
    Pause,
    CutBoth,
    CutOne,
    Isolate,
    Lose,
    Clock,
    Full,
    Wipe,
    Sync,
    Stop,
    Tear,
    Flip,
}

/// Lets faults happen until the busy time is over. What they do ends by itself, or by [`heal`].
pub(crate) async fn happen(world: &Arc<World>) {
    let until = Instant::now() + world.options.busy;
    let kinds = kinds(world);
    let mut running: Vec<JoinHandle<()>> = Vec::new();
    let watchdog = tokio::spawn(watch_over(Arc::clone(world)));
    while Instant::now() < until && !world.is_decided() {
        let (pause, kind, seed) = {
            let mut chance = world.chance();
            let pause = if chance.one_in(4) { chance.millis(1..80) } else { chance.millis(200..3000) };
            (pause, chance.pick(&kinds).copied(), chance.draw())
        };
        tokio::time::sleep(pause).await;
        let Some(kind) = kind else { continue };
        running.push(tokio::spawn(strike(Arc::clone(world), kind, crate::Chance::new(seed))));
    }
    for fault in running {
        let _ = fault.await;
    }
    watchdog.abort();
}

fn kinds(world: &World) -> Vec<Fault> {
    let on = world.options.faults;
    let all = [
        (on.kills, vec![Fault::Kill, Fault::Kill]),
        (on.power, vec![Fault::Power, Fault::Power, Fault::Blackout]),
        (on.pauses, vec![Fault::Pause]),
        (on.cuts, vec![Fault::CutBoth, Fault::CutOne, Fault::Isolate]),
        (on.losses, vec![Fault::Lose]),
        (on.clocks, vec![Fault::Clock]),
        (on.full, vec![Fault::Full]),
        (on.wipes, vec![Fault::Wipe]),
        (on.syncs, vec![Fault::Sync]),
        (on.stops, vec![Fault::Stop]),
        (on.tears, vec![Fault::Tear, Fault::Tear]),
        (on.flips, vec![Fault::Flip]),
    ];
    all.into_iter().filter(|(on, _)| *on).flat_map(|(_, kinds)| kinds).collect()
}

/// Nothing is wrong any more, and everybody runs.
pub(crate) async fn heal(world: &Arc<World>) {
    world.net.heal();
    for id in 0..world.options.brokers {
        world.net.pause(id, false);
        world.machine(id).disk.set_capacity(u64::MAX);
        start(world, id).await;
    }
    let (this, brokers) = (Arc::clone(world), world.options.brokers);
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            for id in 0..brokers {
                start(&this, id).await;
            }
            for (topic, id) in leaderless_in_memory(&this) {
                this.give_up(&topic, id);
                elect_anybody(&this, &topic).await;
            }
        }
    });
}

/// Topics that wait for no disk, and that nobody leads though everybody is back: each may have lost its end.
fn leaderless_in_memory(world: &World) -> Vec<(String, TopicId)> {
    let running = world.running();
    let Some(image) = running.first().map(|process| process.image()) else { return Vec::new() };
    if !(0..world.options.brokers).all(|id| image.is_active(BrokerId(id))) {
        return Vec::new();
    }
    let topics = image.leaderless().map(|(topic, _, _)| (topic.name.as_str().to_owned(), topic.id));
    topics.filter(|(name, _)| world.trusts_memory(name)).collect()
}

/// Starts what has died by itself: a supervisor does.
async fn watch_over(world: Arc<World>) {
    let mut missing: BTreeMap<i32, u32> = BTreeMap::new();
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        for id in 0..world.options.brokers {
            let down = world.net.at(id).is_none();
            let count = if down { missing.get(&id).copied().unwrap_or(0) + 1 } else { 0 };
            missing.insert(id, count);
            if count > 14 {
                start(&world, id).await;
            }
        }
    }
}

/// Starts a broker that does not run.
pub(crate) async fn start(world: &Arc<World>, id: i32) {
    if world.net.at(id).is_some() || !world.begin_start(id) {
        return;
    }
    if let Err(why) = Box::pin(Process::start(world, id)).await {
        world.trace.note(id, "no start", &why);
        world.machine(id).disk.kill();
    }
    world.end_start(id);
}

fn victim(world: &World, chance: &mut crate::Chance) -> Option<Arc<Process>> {
    chance.pick(&world.running()).cloned()
}

async fn strike(world: Arc<World>, kind: Fault, mut chance: crate::Chance) {
    let Some(victim) = victim(&world, &mut chance) else { return };
    let id = victim.id();
    world.trace.note(id, "fault", format_args!("{kind:?}"));
    let down = if chance.one_in(3) { chance.millis(2000..8000) } else { chance.millis(20..1500) };
    match kind {
        Fault::Kill => {
            victim.kill().await;
            tokio::time::sleep(down).await;
            start(&world, id).await;
        }
        Fault::Power => {
            lose_power(&world, &[victim], &mut chance).await;
            tokio::time::sleep(down).await;
            start(&world, id).await;
        }
        Fault::Blackout => {
            let all = world.running();
            lose_power(&world, &all, &mut chance).await;
            tokio::time::sleep(down).await;
            for process in all {
                let late = chance.millis(1..2000);
                tokio::time::sleep(late).await;
                start(&world, process.id()).await;
            }
        }
        Fault::Pause => {
            world.net.pause(id, true);
            tokio::time::sleep(down * 2).await;
            world.net.pause(id, false);
        }
        Fault::CutBoth | Fault::CutOne | Fault::Isolate => cut(&world, kind, id, down, &mut chance).await,
        Fault::Lose => {
            world.net.lose_one_in(chance.within(3..40));
            tokio::time::sleep(down).await;
            world.net.lose_one_in(0);
        }
        Fault::Clock => {
            let off = i64::try_from(chance.below(7_200_000)).unwrap_or(0) - 3_600_000;
            world.change_machine(id, |machine| machine.clock_off = off);
        }
        Fault::Full => {
            let disk = world.machine(id).disk;
            disk.set_capacity(chance.below(40_000));
            tokio::time::sleep(down).await;
            disk.set_capacity(u64::MAX);
        }
        Fault::Wipe => wipe(&world, &victim, down).await,
        Fault::Sync => fail_syncs(&world, &victim, down).await,
        Fault::Tear => {
            tear(&world, &victim, &mut chance).await;
            tokio::time::sleep(down).await;
            start(&world, id).await;
        }
        Fault::Flip => flip(&world, &victim, down, &mut chance).await,
        Fault::Stop => {
            let _ = victim.stop(Duration::from_secs(10)).await;
            tokio::time::sleep(down).await;
            start(&world, id).await;
        }
    }
}

async fn wipe(world: &Arc<World>, victim: &Arc<Process>, down: Duration) {
    if may_lose_a_disk(world) {
        victim.kill().await;
        new_disk(world, victim.id());
        tokio::time::sleep(down).await;
        start(world, victim.id()).await;
    }
}

async fn flip(world: &Arc<World>, victim: &Arc<Process>, down: Duration, chance: &mut crate::Chance) {
    victim.kill().await;
    if nobody_counts_on(world, victim.id()).await {
        flip_a_bit(world, victim.id(), chance);
    }
    tokio::time::sleep(down).await;
    start(world, victim.id()).await;
}

async fn fail_syncs(world: &Arc<World>, victim: &Arc<Process>, down: Duration) {
    let id = victim.id();
    // Until then nobody starts it, as others would who found it dead: the disk would go away under a broker that runs.
    if !may_lose_a_disk(world) || !world.begin_start(id) {
        return;
    }
    world.machine(id).disk.fail_syncs(true);
    tokio::time::sleep(Duration::from_millis(300)).await;
    // Nobody trusts the page cache after this: a new disk, or a reboot where it may hold what no other does.
    let replaceable = may_lose_a_disk(world);
    victim.kill().await;
    if replaceable {
        new_disk(world, id);
    } else {
        world.machine(id).disk.crash(CrashStyle::LoseUnsynced, 0);
    }
    world.end_start(id);
    tokio::time::sleep(down).await;
    start(world, id).await;
}

/// The power goes after a few more changes of the disk, wherever that is: between two renames, within a write.
async fn tear(world: &Arc<World>, victim: &Arc<Process>, chance: &mut crate::Chance) {
    let disk = world.machine(victim.id()).disk;
    disk.cut_at(disk.changes() + chance.within(1..60));
    for _ in 0..200 {
        if disk.is_cut() || victim.is_dead() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    lose_power(world, std::slice::from_ref(victim), chance).await;
}

/// Waits for a while until a dead broker is neither in sync nor eligible anywhere: a bit that flips in a replica that others
/// count on is what no disk may do.
async fn nobody_counts_on(world: &World, id: i32) -> bool {
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if world.net.at(id).is_some() {
            return false;
        }
        let newest =
            world.running().iter().map(|p| p.quorum.latest().borrow().clone()).max_by_key(|l| l.round);
        let holds = |image: &Image| {
            let mut mine = image.partitions_on(BrokerId(id));
            mine.all(|(_, _, p)| others_hold(p.leader, &p.isr, &p.elr, BrokerId(id)))
        };
        if newest.is_some_and(|newest| holds(&newest.image)) {
            return true;
        }
    }
    false
}

/// One bit of one file of a topic is another than was written. Not of a segment: what is below the recovery point is read
/// again only by who asks for it.
fn flip_a_bit(world: &World, id: i32, chance: &mut crate::Chance) {
    let disk = world.machine(id).disk;
    let mut files = Vec::new();
    let mut dirs = vec![PathBuf::from("/data/topics")];
    while let Some(dir) = dirs.pop() {
        for entry in disk.list(&dir).unwrap_or_default() {
            let path = dir.join(&entry.name);
            match entry.is_dir {
                true => dirs.push(path),
                false if path.extension().is_none_or(|ending| ending != "log") => files.push(path),
                false => {}
            }
        }
    }
    let Some(file) = chance.pick(&files) else { return };
    let at = chance.below(disk.file_len(file).unwrap_or(0));
    if disk.flip_bit(file, at, u8::try_from(chance.below(8)).unwrap_or(0)) {
        world.trace.note(id, "bit flips", format_args!("{} of {}", at, file.display()));
    }
}

async fn lose_power(world: &Arc<World>, of: &[Arc<Process>], chance: &mut crate::Chance) {
    // All at once, but for those that were dead already.
    let died: Vec<_> = of.iter().filter(|process| process.die()).collect();
    for process in died {
        process.bury().await;
        let styles = [CrashStyle::LoseUnsynced, CrashStyle::Scatter, CrashStyle::KeepAll];
        let style = chance.pick(&styles).copied().unwrap_or(CrashStyle::LoseUnsynced);
        world.machine(process.id()).disk.crash(style, chance.draw());
    }
}

async fn cut(world: &World, kind: Fault, id: i32, long: Duration, chance: &mut crate::Chance) {
    let others: Vec<i32> = (0..world.options.brokers).filter(|other| *other != id).collect();
    let mut links = Vec::new();
    match kind {
        Fault::Isolate => others.iter().for_each(|other| links.extend([(id, *other), (*other, id)])),
        _ => {
            let other = chance.pick(&others).copied().unwrap_or(id);
            links.push((id, other));
            if kind == Fault::CutBoth {
                links.push((other, id));
            }
        }
    }
    for (from, to) in &links {
        world.net.cut(*from, *to);
    }
    tokio::time::sleep(long * 2).await;
    for (from, to) in &links {
        world.net.mend(*from, *to);
    }
}

pub(crate) fn new_disk(world: &World, id: i32) {
    world.trace.note(id, "new disk", "");
    world.change_machine(id, |machine| {
        machine.disk = weir_log::MemoryDisk::new();
        machine.disks += 1;
    });
}

/// Whether everything on this disk is on another that nobody takes away: no cluster survives the loss of the last one. At
/// most one disk is lost in so long a time that its replicas are whole again.
fn may_lose_a_disk(world: &World) -> bool {
    // With one in sync a topic has no eligible replicas: one disk gone and a power cut of the others leave it offline.
    if world.options.least_in_sync < 2 {
        return false;
    }
    let running = world.running();
    if running.len() != usize::try_from(world.options.brokers).unwrap_or(0) {
        return false;
    }
    let newest = running.iter().map(|p| p.quorum.latest().borrow().clone()).max_by_key(|l| l.round);
    let Some(newest) = newest else { return false };
    let whole = all_in_sync(&newest.image, world.options.brokers);
    let members: Vec<_> = running.iter().map(|process| process.quorum.members()).collect();
    let nodes: Vec<_> = running.iter().map(|process| process.node).collect();
    let voters = members.iter().all(|m| {
        !m.changing && m.voters.len() == 3 && m.voters.iter().all(|v| nodes.contains(v)) && *m == members[0]
    });
    let caught_up = running.iter().all(|process| process.quorum.latest().borrow().round == newest.round);
    whole && voters && caught_up
}

fn all_in_sync(image: &Image, brokers: i32) -> bool {
    let present = (0..brokers).all(|id| image.is_active(BrokerId(id)));
    let mut partitions = image.topics().flat_map(|topic| topic.partitions.iter());
    present && partitions.all(|p| p.isr.len() >= 2 && p.leader.is_some())
}
