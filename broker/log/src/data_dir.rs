//! The data directory of one broker: who uses it, whose it is, whether it was left cleanly, and which partitions it
//! holds.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use uuid::Uuid;
use weir_model::{BrokerId, Incarnation, PartitionIndex, TopicId};

use crate::disk::{Disk, Space, list_if_there, read_file, remove_if_there, replace_file};
use crate::error::{LogError, disk_error};
use crate::framing::{self, Fields, Kind};
use crate::home::Home;
use crate::log::create_dirs;

const IDENTITY: Kind = Kind { magic: *b"WRID", version: 1 };
const CLEAN: Kind = Kind { magic: *b"WRCS", version: 1 };
const IDENTITY_FILE: &str = "identity";
const CLEAN_FILE: &str = "clean-shutdown";
const TOPICS: &str = "topics";
const DELETED: &str = ".deleted";
const MOST_BYTES: u64 = 4096;

/// An open data directory, locked while this lives.
#[derive(Debug)]
pub struct DataDir<D: Disk> {
    home: Home<D>,
    incarnation: Incarnation,
    broker: BrokerId,
    volume: Option<Arc<D::Volume>>,
    _lock: D::Lock,
}

/// What opening a data directory found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenedDataDir {
    /// The directory was new, and got the identity that was offered.
    pub created: bool,
    /// The last user left it cleanly: no log has lost its tail.
    pub clean_shutdown: bool,
}

impl<D: Disk> DataDir<D> {
    /// Opens the directory, creating it when it is not there, and takes its lock. A new one gets `fresh` as its
    /// incarnation, durably, before this returns. The clean-shutdown marker is consumed.
    pub fn open(
        disk: D,
        root: &Path,
        broker: BrokerId,
        fresh: Incarnation,
    ) -> Result<(Self, OpenedDataDir), LogError> {
        let home = Home::new(disk, root);
        let disk = &home.disk;
        let error = |path: &Path, source| disk_error(&home.health, path, source);
        create_dirs(disk, root).map_err(|e| error(root, e))?;
        let lock_path = root.join("lock");
        let lock = match disk.lock(&lock_path) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                return Err(LogError::Locked { path: lock_path });
            }
            other => other.map_err(|e| error(&lock_path, e))?,
        };
        let topics = root.join(TOPICS);
        create_dirs(disk, &topics).map_err(|e| error(&topics, e))?;
        // Before anything is written to logs: what fails from then on is told to its syncs.
        let volume = disk.volume(&lock_path).ok().map(Arc::new);
        let (incarnation, owner, created) = Self::identity(&home, broker, fresh)?;
        let clean_path = root.join(CLEAN_FILE);
        let marker = read_file(disk, &clean_path, MOST_BYTES);
        let clean_shutdown = marker.is_ok_and(|bytes| framing::unwrap(CLEAN, &bytes).is_ok());
        remove_if_there(disk, &clean_path).map_err(|e| error(&clean_path, e))?;
        disk.sync_dir(root).map_err(|e| error(root, e))?;
        let dir = Self { home, incarnation, broker: owner, volume, _lock: lock };
        dir.finish_deletions()?;
        Ok((dir, OpenedDataDir { created, clean_shutdown }))
    }

    /// What logs in this directory are opened with.
    #[must_use]
    pub fn home(&self) -> Home<D> {
        self.home.clone()
    }

    /// The file system of the directory, where a sync of all of it can be relied on.
    #[must_use]
    pub fn volume(&self) -> Option<Arc<D::Volume>> {
        self.volume.clone()
    }

    /// The identity of this disk's content.
    #[must_use]
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// The broker that the directory was created for.
    #[must_use]
    pub fn broker(&self) -> BrokerId {
        self.broker
    }

    /// Where a partition's log is.
    #[must_use]
    pub fn partition_dir(&self, topic: TopicId, partition: PartitionIndex) -> PathBuf {
        self.topic_dir(topic).join(partition.to_string())
    }

    /// Where the metadata log is.
    #[must_use]
    pub fn metadata_dir(&self) -> PathBuf {
        self.home.root.join("metadata")
    }

    /// The partitions that have a directory, in order. Names that are not ours are left alone.
    pub fn partitions(&self) -> Result<Vec<(TopicId, PartitionIndex)>, LogError> {
        let topics = self.home.root.join(TOPICS);
        let mut found = Vec::new();
        for topic in self.list(&topics)? {
            let Ok(id) = Uuid::try_parse(&topic) else { continue };
            for partition in self.list(&topics.join(&topic))? {
                if let Ok(index) = partition.parse() {
                    found.push((TopicId(id), PartitionIndex(index)));
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Deletes a topic's logs. After this returns they will not come back, whatever happens. Open logs of the topic
    /// must not be used any more.
    pub fn delete_topic(&self, topic: TopicId) -> Result<(), LogError> {
        let dir = self.topic_dir(topic);
        let doomed = dir.with_file_name(format!("{topic}{DELETED}"));
        self.home.forget(&dir);
        match self.home.disk.rename(&dir, &doomed) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(|e| self.error(&dir, e))?,
        }
        let topics = self.home.root.join(TOPICS);
        self.home.disk.sync_dir(&topics).map_err(|e| self.error(&topics, e))?;
        self.remove(&doomed)
    }

    /// Deletes one partition's log, as [`Self::delete_topic`] does all of a topic.
    pub fn delete_partition(&self, topic: TopicId, partition: PartitionIndex) -> Result<(), LogError> {
        let (above, dir) = (self.topic_dir(topic), self.partition_dir(topic, partition));
        let doomed = above.join(format!("{partition}{DELETED}"));
        self.home.forget(&dir);
        match self.home.disk.rename(&dir, &doomed) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(|e| self.error(&dir, e))?,
        }
        self.home.disk.sync_dir(&above).map_err(|e| self.error(&above, e))?;
        self.remove(&doomed)
    }

    /// Room on the disk.
    pub fn space(&self) -> Result<Space, LogError> {
        self.home.disk.space(&self.home.root).map_err(|e| self.error(&self.home.root, e))
    }

    /// Leaves the directory cleanly. All logs must have been closed without error. A failed directory is never clean.
    pub fn close(self) -> Result<(), LogError> {
        self.home.health.check()?;
        let path = self.home.root.join(CLEAN_FILE);
        replace_file(&self.home.disk, &path, &framing::wrap(CLEAN, &[]), true)
            .map_err(|e| self.error(&path, e))?;
        self.home.disk.sync_dir(&self.home.root).map_err(|e| self.error(&path, e))
    }

    fn identity(
        home: &Home<D>,
        broker: BrokerId,
        fresh: Incarnation,
    ) -> Result<(Incarnation, BrokerId, bool), LogError> {
        let path = home.root.join(IDENTITY_FILE);
        match read_file(&home.disk, &path, MOST_BYTES) {
            Ok(bytes) => {
                let bad = |why| LogError::BadFile { path: path.clone(), why };
                let mut fields = Fields(framing::unwrap(IDENTITY, &bytes).map_err(bad)?);
                let id = fields.take().map(Uuid::from_bytes).ok_or(bad("a field is missing"))?;
                let owner = fields.i32().ok_or(bad("a field is missing"))?;
                Ok((Incarnation(id), BrokerId(owner), false))
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let mut payload = fresh.0.as_bytes().to_vec();
                payload.extend_from_slice(&broker.0.to_be_bytes());
                replace_file(&home.disk, &path, &framing::wrap(IDENTITY, &payload), true)
                    .and_then(|()| home.disk.sync_dir(&home.root))
                    .and_then(|()| home.root.parent().map_or(Ok(()), |above| sync_if_ours(&home.disk, above)))
                    .map_err(|e| disk_error(&home.health, &path, e))?;
                Ok((fresh, broker, true))
            }
            Err(e) => Err(disk_error(&home.health, &path, e)),
        }
    }

    fn finish_deletions(&self) -> Result<(), LogError> {
        let topics = self.home.root.join(TOPICS);
        for name in self.list(&topics)? {
            let path = topics.join(&name);
            if name.ends_with(DELETED) {
                self.remove(&path)?;
                continue;
            }
            for partition in self.list(&path)?.iter().filter(|n| n.ends_with(DELETED)) {
                self.remove(&path.join(partition))?;
            }
        }
        Ok(())
    }

    fn remove(&self, doomed: &Path) -> Result<(), LogError> {
        self.home.disk.remove_tree(doomed).map_err(|e| self.error(doomed, e))
    }

    fn topic_dir(&self, topic: TopicId) -> PathBuf {
        self.home.root.join(TOPICS).join(topic.to_string())
    }

    /// The directories in a directory.
    fn list(&self, dir: &Path) -> Result<Vec<String>, LogError> {
        let entries = list_if_there(&self.home.disk, dir).map_err(|e| self.error(dir, e))?;
        Ok(entries.into_iter().filter(|e| e.is_dir).map(|e| e.name).collect())
    }

    fn error(&self, path: &Path, source: io::Error) -> LogError {
        disk_error(&self.home.health, path, source)
    }
}

/// The directory above the root may belong to somebody else; then whoever made it sees to it.
fn sync_if_ours<D: Disk>(disk: &D, dir: &Path) -> io::Result<()> {
    match disk.sync_dir(dir) {
        Err(e) if matches!(e.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotFound) => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
