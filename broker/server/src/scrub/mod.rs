//! Reads all closed segments of this broker again, a little at a time, so that rot is found while other replicas are
//! whole. Goes through the partitions in order and asks each one's owner, who reads and judges; keeps the pace, and
//! writes down how far it has come.

mod pass;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{debug, warn};
use weir_log::{RealDisk, SmallFile};
use weir_model::{DurationMs, Offset};

use self::pass::{Pass, Place, bytes_per_second};
use crate::broker::Broker;
use crate::clock;
use crate::partition::{Command, PartitionHandle};

/// How often it is seen whether a pass is due: settings change while the broker runs.
const LOOK_EVERY: Duration = Duration::from_secs(10);
const LOOK_LEAST: Duration = Duration::from_millis(100);
/// How often the place is written down. After a crash so much is read twice.
const NOTE_EVERY: Duration = Duration::from_secs(60);
/// An owner that is busy with another check is asked again after this.
const BUSY: Duration = Duration::from_secs(1);

const FILE: &str = "scrub";
const MAGIC: [u8; 4] = *b"WRSB";
const MOST_BYTES: u64 = 256;

/// Runs until the broker stops.
pub(crate) async fn run(broker: Arc<Broker>) {
    let stop = broker.stop.clone();
    tokio::select! {
        () = stop.cancelled() => {}
        () = passes(&broker) => {}
    }
}

async fn passes(broker: &Broker) {
    let notes = Notes::of(broker);
    let mut pass = notes.read().await;
    loop {
        let interval = broker.config().scrub_interval;
        let on = interval.0 >= 0;
        match &mut pass {
            Some(pass) if on && pass.next.is_some() => go_through(broker, pass, &notes).await,
            Some(pass) if on && pass.due(interval, clock::now()) => *pass = Pass::beginning(clock::now()),
            // A new broker has nothing to check: its first pass begins when the first interval is over.
            None if on => pass = Some(Pass { began: clock::now(), next: None }),
            Some(_) | None => sleep(look_after(interval)).await,
        }
    }
}

fn look_after(interval: DurationMs) -> Duration {
    let whole = Duration::from_millis(u64::try_from(interval.0).unwrap_or(u64::MAX));
    (whole / 10).clamp(LOOK_LEAST, LOOK_EVERY)
}

/// What is left of a pass.
async fn go_through(broker: &Broker, pass: &mut Pass, notes: &Notes) {
    let mut partitions = broker.partitions.running();
    partitions.sort_by_key(|p| (p.topic, p.partition));
    let mut noted = Instant::now();
    for partition in partitions {
        let Some(next) = pass.next else { break };
        let here = (partition.topic, partition.partition);
        if here < (next.topic, next.partition) || partition.bytes() == 0 {
            continue;
        }
        let mut from = if here == (next.topic, next.partition) { next.from } else { Offset::ZERO };
        while let Some(after) = check(broker, &partition, from).await {
            if after == from {
                sleep(BUSY).await;
            }
            from = after;
            pass.next = Some(Place { topic: here.0, partition: here.1, from });
            if noted.elapsed() >= NOTE_EVERY {
                notes.write(pass).await;
                noted = Instant::now();
            }
            if broker.config().scrub_interval.0 < 0 {
                return;
            }
        }
    }
    pass.next = None;
    notes.write(pass).await;
    debug!(took_ms = clock::now().since(pass.began).0, "all closed segments were checked");
}

/// One segment; where to go on, if there is more in this partition.
async fn check(broker: &Broker, partition: &PartitionHandle, from: Offset) -> Option<Offset> {
    let config = broker.config();
    let all = u64::try_from(broker.metrics.log_bytes.get()).unwrap_or(0);
    let bytes_per_second = bytes_per_second(all, config.scrub_interval, config.scrub_bytes_per_second);
    // A partition that is gone or failed has nothing more to check.
    partition.ask(|answer| Command::Scrub { from, bytes_per_second, answer }).await.ok().flatten()
}

/// Where the pass is written down. Without it everything is read anew: a cache.
struct Notes(SmallFile<RealDisk>);

impl Notes {
    fn of(broker: &Broker) -> Self {
        let home = broker.data.home();
        let path = home.root().join(FILE);
        Self(SmallFile::new(&home, path, MAGIC, 1, MOST_BYTES))
    }

    async fn read(&self) -> Option<Pass> {
        let file = self.0.clone();
        let read = tokio::task::spawn_blocking(move || file.read()).await.ok()?;
        Pass::decode(&read.ok()??)
    }

    async fn write(&self, pass: &Pass) {
        let (file, bytes) = (self.0.clone(), pass.encode());
        let written = tokio::task::spawn_blocking(move || file.replace(&bytes)).await;
        if let Ok(Err(error)) = written {
            warn!(%error, "how far the checks of closed segments have come is not written down");
        }
    }
}
