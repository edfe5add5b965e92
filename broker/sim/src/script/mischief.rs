//! What a story does to machines, disks and links, and what an operator does to topics.

use std::path::{Path, PathBuf};
use std::time::Duration;

use weir_core::controller::elect_leaders::{ElectLeaders, ElectionKind};
use weir_core::controller::reassign::{Move, Reassign};
use weir_log::{CrashStyle, Disk, DiskFile};
use weir_model::{BrokerId, PartitionIndex};

use super::{Script, Told, Unexpected};
use crate::client::{ask, create};
use crate::faults;
use crate::world::message::{NewTopic, Request};

/// How long a broker may take to stop in order.
const STOPPING: Duration = Duration::from_secs(20);

impl Script {
    /// The process dies; what it wrote stays in the page cache.
    pub async fn kill(&self, id: i32) {
        if let Some(process) = self.world.net.at(id) {
            process.kill().await;
        }
    }

    /// A broker starts on its machine.
    pub async fn start(&self, id: i32) {
        faults::start(&self.world, id).await;
    }

    /// The process stops in order.
    pub async fn stop(&self, id: i32) -> Told {
        let Some(process) = self.world.net.at(id) else { return Ok(()) };
        if process.stop(STOPPING).await { Ok(()) } else { Err(Unexpected(format!("{id} can not stop"))) }
    }

    /// The machines lose power in the same moment, and what was not synced suffers.
    pub async fn lose_power(&self, ids: &[i32], style: CrashStyle) {
        let all: Vec<_> = ids.iter().filter_map(|id| self.world.net.at(*id)).collect();
        let died: Vec<_> = all.iter().filter(|process| process.die()).collect();
        for process in died {
            process.bury().await;
            let seed = self.world.chance().draw();
            self.world.machine(process.id()).disk.crash(style, seed);
        }
    }

    /// The disk of a broker that does not run is replaced by an empty one.
    pub fn wipe(&self, id: i32) {
        faults::new_disk(&self.world, id);
    }

    /// The process stands still.
    pub fn pause(&self, id: i32) {
        self.world.trace.note(id, "stands still", "");
        self.world.net.pause(id, true);
    }

    /// It goes on.
    pub fn resume(&self, id: i32) {
        self.world.trace.note(id, "goes on", "");
        self.world.net.pause(id, false);
    }

    /// Messages from the first to the second are lost.
    pub fn cut(&self, from: i32, to: i32) {
        self.world.trace.note(from, "cut", to);
        self.world.net.cut(from, to);
    }

    /// They arrive again.
    pub fn mend(&self, from: i32, to: i32) {
        self.world.trace.note(from, "mended", to);
        self.world.net.mend(from, to);
    }

    /// No other broker hears of this one, nor it of them. Clients do.
    pub fn isolate(&self, id: i32) {
        for other in self.others(id) {
            self.cut(id, other);
            self.cut(other, id);
        }
    }

    /// It is one of them again.
    pub fn rejoin(&self, id: i32) {
        for other in self.others(id) {
            self.mend(id, other);
            self.mend(other, id);
        }
    }

    fn others(&self, id: i32) -> Vec<i32> {
        (0..self.world.options.brokers).filter(|other| *other != id).collect()
    }

    /// Nothing more fits on the disk.
    pub fn fill_disk(&self, id: i32) {
        self.world.machine(id).disk.set_capacity(0);
    }

    /// There is room again.
    pub fn make_room(&self, id: i32) {
        self.world.machine(id).disk.set_capacity(u64::MAX);
    }

    /// Every sync of the disk fails.
    pub fn fail_syncs(&self, id: i32) {
        self.world.machine(id).disk.fail_syncs(true);
    }

    /// Every sync of a partition takes that much longer.
    pub fn slow_disk(&self, id: i32, millis: u64) {
        self.world.change_machine(id, |machine| machine.slow_disk = Duration::from_millis(millis));
    }

    /// The broker hears that much later of what was decided.
    pub fn hear_late(&self, id: i32, millis: u64) {
        self.world.change_machine(id, |machine| machine.late = Duration::from_millis(millis));
    }

    /// The wall clock is off by this much from now on.
    pub fn set_clock_off(&self, id: i32, millis: i64) {
        self.world.change_machine(id, |machine| machine.clock_off = millis);
    }

    /// The files of the topic's first partition on a machine, by name.
    pub fn files(&self, id: i32, topic: &str) -> Vec<PathBuf> {
        let Some(key) = self.key(topic) else { return Vec::new() };
        let dir = PathBuf::from(format!("/data/topics/{}/{}", key.0, key.1));
        let listed = self.world.machine(id).disk.list(&dir).unwrap_or_default();
        let mut names: Vec<_> = listed.into_iter().map(|entry| dir.join(entry.name)).collect();
        names.sort();
        names
    }

    /// The segments among them.
    pub fn segments(&self, id: i32, topic: &str) -> Vec<PathBuf> {
        let mut files = self.files(id, topic);
        files.retain(|path| path.extension().is_some_and(|ending| ending == "log"));
        files
    }

    /// One bit flips in the middle of a file.
    pub fn flip_a_bit(&self, id: i32, file: &Path) -> Told {
        let disk = self.world.machine(id).disk;
        let middle = disk.file_len(file).unwrap_or(0) / 2;
        let flipped = disk.flip_bit(file, middle, 3);
        self.world.trace.note(id, "bit flips", file.display());
        super::expect(format_args!("{} is there to be damaged", file.display()), flipped)
    }

    /// A broker checks its closed segments of a topic's first partition; whether something is damaged that was not known.
    pub fn scrub(&self, id: i32, topic: &str) -> bool {
        let Some(key) = self.key(topic) else { return false };
        self.world.net.at(id).and_then(|p| p.with(key, |partition, cx| partition.scrub(cx))).unwrap_or(false)
    }

    /// A file is gone.
    pub fn remove_file(&self, id: i32, file: &Path) -> Told {
        let removed = self.world.machine(id).disk.remove(file);
        removed.map_err(|error| Unexpected(format!("{} can not be removed: {error}", file.display())))
    }

    /// A file is shorter, or longer by zeros.
    pub fn resize_file(&self, id: i32, file: &Path, by: i64) -> Told {
        let disk = self.world.machine(id).disk;
        let resized = disk.open(file).and_then(|opened| {
            let len = opened.len()?.saturating_add_signed(by);
            opened.set_len(len)?;
            opened.sync_data()
        });
        resized.map_err(|error| Unexpected(format!("{} can not be resized: {error}", file.display())))
    }

    /// The newest segment of a replica ends that many bytes earlier, or that many zeros later.
    pub fn resize_last_segment(&self, id: i32, topic: &str, by: i64) -> Told {
        let segments = self.segments(id, topic);
        let last = segments.last().ok_or_else(|| Unexpected(format!("{topic} has no segments on {id}")))?;
        self.resize_file(id, last, by)
    }

    /// An operator makes a topic, and somebody reads it.
    pub async fn create(&self, topic: NewTopic) -> Told {
        let name = topic.name.clone();
        self.world.declare(&topic);
        super::expect(format_args!("{name} can be created"), create(&self.world, topic).await)?;
        self.read_everything(&name);
        Ok(())
    }

    /// An operator deletes a topic.
    pub async fn delete(&self, topic: &str) -> Told {
        let asked = Request::Delete(topic.to_owned());
        super::expect(
            format_args!("{topic} can be deleted"),
            matches!(ask(&self.world, &asked).await, Some(Ok(()))),
        )
    }

    /// An operator moves the topic's first partition to these brokers, or, with none, cancels a move.
    pub async fn reassign(&self, topic: &str, to: Option<&[i32]>) -> Told {
        let target = to.map(|ids| ids.iter().copied().map(BrokerId).collect());
        let one = Move { topic: topic.to_owned(), index: PartitionIndex(0), target, throttle: None };
        let asked = Request::Reassign(Reassign { moves: vec![one], allow_replication_factor_change: false });
        super::expect(
            format_args!("{topic} can be moved to {to:?}"),
            matches!(ask(&self.world, &asked).await, Some(Ok(()))),
        )
    }

    /// An operator has the preferred leaders lead again.
    pub async fn elect_preferred(&self) {
        let command = ElectLeaders { kind: ElectionKind::Preferred, partitions: None };
        let _ = ask(&self.world, &Request::Elect(command)).await;
    }
}
