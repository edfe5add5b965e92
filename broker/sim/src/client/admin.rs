//! An operator: creates and deletes topics, moves replicas, elects the preferred leaders.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use weir_core::controller::elect_leaders::{ElectLeaders, ElectionKind};
use weir_core::controller::reassign::{Move, Reassign};
use weir_model::{BrokerId, PartitionIndex};

use crate::world::World;
use crate::world::message::{NewTopic, NotDone, Reply, Request};

/// Where the operator is on the network.
const PLACE: i32 = -1;
const LIMIT: Duration = Duration::from_secs(3);

/// Asks the controller, whoever that is; gives up after some tries. Gives what a controller said.
pub(crate) async fn ask(world: &Arc<World>, request: &Request) -> Option<Result<(), NotDone>> {
    let brokers = u64::from(world.options.brokers.unsigned_abs());
    let mut to = i32::try_from(world.chance().below(brokers)).unwrap_or(0);
    for _ in 0..50 {
        match world.net.call(world, PLACE, to, request.clone(), LIMIT).await {
            Ok(Reply::Done(Err(NotDone::Elsewhere(Some(other))))) if other.0 != to => to = other.0,
            Ok(Reply::Done(done)) if !matches!(done, Err(NotDone::Elsewhere(_))) => return Some(done),
            _ => to = i32::try_from(world.chance().below(brokers)).unwrap_or(0),
        }
        let pause = world.chance().millis(10..80);
        tokio::time::sleep(pause).await;
    }
    None
}

/// Creates a topic; tries until it is there.
pub async fn create(world: &Arc<World>, topic: NewTopic) -> bool {
    for _ in 0..200 {
        match ask(world, &Request::Create(topic.clone())).await {
            Some(Ok(())) => return true,
            Some(Err(NotDone::Refused(why))) if why.contains("exists") => return true,
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

/// Works until told to stop. `topics` are those there are; the last one comes and goes.
pub async fn administrate(world: Arc<World>, topics: Vec<NewTopic>, stop: watch::Receiver<bool>) {
    let faults = world.options.faults;
    while !*stop.borrow() {
        let (pause, what) = {
            let mut chance = world.chance();
            (chance.millis(500..4000), chance.below(3))
        };
        tokio::time::sleep(pause).await;
        match what {
            0 if faults.moves => move_one(&world, &topics).await,
            1 if faults.moves => {
                let command = ElectLeaders { kind: ElectionKind::Preferred, partitions: None };
                let _ = ask(&world, &Request::Elect(command)).await;
            }
            2 if faults.topics => {
                if let Some(last) = topics.last() {
                    world.trace.note(PLACE, "deletes", &last.name);
                    let _ = ask(&world, &Request::Delete(last.name.clone())).await;
                    create(&world, last.clone()).await;
                }
            }
            _ => {}
        }
    }
    // What a stop has cut short.
    if let Some(last) = topics.last() {
        create(&world, last.clone()).await;
    }
}

async fn move_one(world: &Arc<World>, topics: &[NewTopic]) {
    let request = {
        let mut chance = world.chance();
        let Some(topic) = chance.pick(topics) else { return };
        let partitions = u64::from(topic.partitions.unsigned_abs());
        let index = PartitionIndex(i32::try_from(chance.below(partitions)).unwrap_or(0));
        let mut brokers: Vec<i32> = (0..world.options.brokers).collect();
        for last in (1..brokers.len()).rev() {
            let other = usize::try_from(chance.below(last as u64 + 1)).unwrap_or(0);
            brokers.swap(last, other);
        }
        let replicas = usize::try_from(topic.replicas).unwrap_or(1);
        let target: Vec<_> = brokers.into_iter().take(replicas).map(BrokerId).collect();
        let target = if chance.one_in(5) { None } else { Some(target) };
        world.trace.note(PLACE, "moves", format_args!("{}-{index} to {target:?}", topic.name));
        let one = Move { topic: topic.name.clone(), index, target, throttle: None };
        Request::Reassign(Reassign { moves: vec![one], allow_replication_factor_change: false })
    };
    let _ = ask(world, &request).await;
}

/// Elects whoever is left where a topic has no leader: what an operator does once it is clear that nobody else comes back.
pub(crate) async fn elect_anybody(world: &Arc<World>, topic: &str) {
    let partitions = Some(vec![(topic.to_owned(), PartitionIndex(0))]);
    let command = ElectLeaders { kind: ElectionKind::Unclean, partitions };
    let _ = ask(world, &Request::Elect(command)).await;
}
