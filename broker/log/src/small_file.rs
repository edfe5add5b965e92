//! A file that is small enough to be replaced as a whole: what it is, its version and its checksum around a payload
//! that only its owner understands. Durable when a replacement returns; a crash leaves the old content or the new one.
//! A damaged file is an error, never "no file".

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{Disk, read_file, remove_if_there, replace_file};
use crate::error::{LogError, disk_error};
use crate::framing::{self, Kind};
use crate::home::Home;
use crate::log::create_dirs;

/// One such file. Blocking.
#[derive(Clone, Debug)]
pub struct SmallFile<D> {
    home: Home<D>,
    path: PathBuf,
    kind: Kind,
    most_bytes: u64,
}

impl<D: Disk> SmallFile<D> {
    /// The file of that path below the home's root. `magic` and `version` say what it holds; one that is longer than
    /// `most_bytes` is taken as damaged.
    pub fn new(home: &Home<D>, path: PathBuf, magic: [u8; 4], version: u16, most_bytes: u64) -> Self {
        Self { home: home.clone(), path, kind: Kind { magic, version }, most_bytes }
    }

    /// The payload; none when there is no file.
    pub fn read(&self) -> Result<Option<Vec<u8>>, LogError> {
        self.home.health().check()?;
        match read_file(self.home.disk(), &self.path, self.most_bytes) {
            Ok(bytes) => match framing::unwrap(self.kind, &bytes) {
                Ok(payload) => Ok(Some(payload.to_vec())),
                Err(why) => Err(LogError::BadFile { path: self.path.clone(), why }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(LogError::BadFile { path: self.path.clone(), why: "it is too long" })
            }
            Err(error) => Err(self.error(error)),
        }
    }

    /// Replaces the payload. On a full disk the old one stays; any other error fails the data directory.
    pub fn replace(&self, payload: &[u8]) -> Result<(), LogError> {
        self.home.health().check()?;
        let disk = self.home.disk();
        self.reach().map_err(|e| self.error(e))?;
        replace_file(disk, &self.path, &framing::wrap(self.kind, payload), true)
            .and_then(|()| self.dir().map_or(Ok(()), |dir| disk.sync_dir(dir)))
            .map_err(|e| self.error(e))
    }

    /// Removes the file, durably; a missing one is as good.
    pub fn remove(&self) -> Result<(), LogError> {
        self.home.health().check()?;
        let disk = self.home.disk();
        let removed = remove_if_there(disk, &self.path);
        removed.and_then(|()| self.dir().map_or(Ok(()), |dir| disk.sync_dir(dir))).map_err(|e| self.error(e))
    }

    /// Makes the directory, and every name that leads to it durable, once.
    fn reach(&self) -> io::Result<()> {
        let Some(dir) = self.dir() else { return Ok(()) };
        let disk = self.home.disk();
        create_dirs(disk, dir)?;
        for above in self.home.unsynced_above(&self.path) {
            disk.sync_dir(&above)?;
        }
        self.home.synced_above(&self.path);
        Ok(())
    }

    fn dir(&self) -> Option<&Path> {
        self.path.parent()
    }

    fn error(&self, source: io::Error) -> LogError {
        disk_error(self.home.health(), &self.path, source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{CrashStyle, MemoryDisk};

    fn file(disk: &MemoryDisk) -> SmallFile<MemoryDisk> {
        let home = Home::new(disk.clone(), Path::new("/"));
        SmallFile::new(&home, PathBuf::from("/a/b/file"), *b"TEST", 1, 1024)
    }

    #[test]
    fn a_crash_anywhere_in_a_replacement_leaves_the_old_payload_or_the_new_one() {
        let whole = MemoryDisk::new();
        file(&whole).replace(b"old").unwrap();
        let before = whole.changes();
        file(&whole).replace(b"new").unwrap();
        for cut in before..whole.changes() {
            for (seed, style) in [CrashStyle::LoseUnsynced, CrashStyle::Scatter].into_iter().enumerate() {
                let disk = MemoryDisk::new();
                file(&disk).replace(b"old").unwrap();
                disk.cut_at(cut + 1);
                assert!(file(&disk).replace(b"new").is_err());
                disk.crash(style, seed as u64);
                let left = file(&disk).read().unwrap().unwrap();
                assert!(left == b"old" || left == b"new", "cut at {cut}: {left:?}");
            }
        }
    }

    #[test]
    fn damage_is_not_taken_for_absence() {
        let disk = MemoryDisk::new();
        assert_eq!(file(&disk).read().unwrap(), None);
        file(&disk).replace(b"payload").unwrap();
        assert!(disk.flip_bit(Path::new("/a/b/file"), 16, 3));
        assert!(matches!(file(&disk).read(), Err(LogError::BadFile { .. })));
        file(&disk).remove().unwrap();
        assert_eq!(file(&disk).read().unwrap(), None);
    }
}
