//! The file system of the machine. Thin: every call is one system call, repeated when a signal interrupts it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice};
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, FlockOperation};

use super::reporting::{EXT4, FileSystem, Kernel, tells_of_failures};
use super::{DirEntry, Disk, DiskFile, Space, Volume};

/// More buffers than this in one call are refused by Linux.
const MOST_BUFFERS: usize = 1024;

/// The machine's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

/// A file of the machine; [`Self::file`] gives it to `sendfile`.
#[derive(Debug)]
pub struct RealFile(File);

/// A lock file, locked while this lives.
#[derive(Debug)]
pub struct RealLock {
    _file: File,
}

/// A file system of the machine, by a regular file on it.
#[derive(Debug)]
pub struct RealVolume {
    file: File,
    device: u64,
    counted: Option<Counted>,
}

/// How many errors ext4 has counted on one file system. What it finds no place for while it writes back is lost, and
/// told nobody in particular.
#[derive(Debug)]
struct Counted {
    at: PathBuf,
    when_opened: u64,
}

impl Counted {
    fn on(device: u64) -> io::Result<Self> {
        let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
        let link = fs::read_link(format!("/sys/dev/block/{major}:{minor}"))?;
        let name = link.file_name().ok_or(io::ErrorKind::NotFound)?;
        let at = Path::new("/sys/fs/ext4").join(name).join("errors_count");
        let when_opened = Self::read(&at)?;
        Ok(Self { at, when_opened })
    }

    fn read(at: &Path) -> io::Result<u64> {
        fs::read_to_string(at)?.trim().parse().map_err(io::Error::other)
    }

    fn check(&self) -> io::Result<()> {
        if Self::read(&self.at)? == self.when_opened {
            return Ok(());
        }
        Err(io::Error::other("the file system has found errors in itself"))
    }
}

impl RealFile {
    /// The file itself.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.0
    }
}

impl Disk for RealDisk {
    type File = RealFile;
    type Lock = RealLock;
    type Volume = RealVolume;

    fn create(&self, path: &Path) -> io::Result<RealFile> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path).map(RealFile)
    }

    fn open(&self, path: &Path) -> io::Result<RealFile> {
        OpenOptions::new().read(true).write(true).open(path).map(RealFile)
    }

    fn file_len(&self, path: &Path) -> io::Result<u64> {
        fs::metadata(path).map(|m| m.len())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_tree(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(DirEntry { name, is_dir: entry.file_type()?.is_dir() });
            }
        }
        entries.sort();
        Ok(entries)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(Space {
            free: stat.f_bavail.saturating_mul(stat.f_frsize),
            total: stat.f_blocks.saturating_mul(stat.f_frsize),
        })
    }

    fn lock(&self, path: &Path) -> io::Result<RealLock> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(RealLock { _file: file })
    }

    fn volume(&self, file: &Path) -> io::Result<RealVolume> {
        let file = File::open(file)?;
        let about = file.metadata()?;
        let system = FileSystem(u64::try_from(rustix::fs::fstatfs(&file)?.f_type).unwrap_or(0));
        let kernel = Kernel::of(&rustix::system::uname().release().to_string_lossy());
        if !about.is_file() || !tells_of_failures(system, kernel) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let device = about.dev();
        let counted = (system == EXT4).then(|| Counted::on(device)).transpose();
        let counted = counted.map_err(|_| io::ErrorKind::Unsupported)?;
        Ok(RealVolume { file, device, counted })
    }
}

impl Volume<RealFile> for RealVolume {
    fn holds(&self, file: &RealFile) -> bool {
        file.0.metadata().is_ok_and(|about| about.dev() == self.device)
    }

    fn sync(&self) -> io::Result<()> {
        rustix::fs::syncfs(&self.file)?;
        // Some file systems write their own blocks after they have flushed the device's cache, or see no need to flush
        // it. To sync a file that has not changed does nothing but that.
        self.file.sync_data()?;
        self.counted.as_ref().map_or(Ok(()), Counted::check)
    }
}

impl DiskFile for RealFile {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        let mut done = 0;
        while done < buf.len() {
            match self.0.read_at(&mut buf[done..], position + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, bufs: &[IoSlice<'_>], position: u64) -> io::Result<usize> {
        let bufs = &bufs[..bufs.len().min(MOST_BUFFERS)];
        loop {
            match rustix::io::pwritev(&self.0, bufs, position) {
                Err(rustix::io::Errno::INTR) => {}
                other => return Ok(other?),
            }
        }
    }

    fn len(&self) -> io::Result<u64> {
        self.0.metadata().map(|m| m.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn forget_cached(&self, position: u64, len: u64) {
        // The kernel keeps what is dirty or only partly covered: nothing is lost by asking.
        let _ = rustix::fs::fadvise(&self.0, position, NonZeroU64::new(len), Advice::DontNeed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_holds_its_own_files_and_no_others() {
        let here = tempfile::tempdir().unwrap();
        let file = RealDisk.create(&here.path().join("f")).unwrap();
        let device = file.0.metadata().unwrap().dev();
        let other = File::open("/proc/self/stat").unwrap();
        let volume = RealVolume { file: other.try_clone().unwrap(), device, counted: None };
        assert!(volume.holds(&file));
        assert!(!volume.holds(&RealFile(other)));
    }

    #[test]
    fn errors_that_a_file_system_counts_fail_its_syncs_from_then_on() {
        let here = tempfile::tempdir().unwrap();
        let at = here.path().join("errors_count");
        fs::write(&at, "3\n").unwrap();
        let counted = Counted { at: at.clone(), when_opened: 3 };
        counted.check().unwrap();
        for told in ["4\n", "0\n", "none\n"] {
            fs::write(&at, told).unwrap();
            assert!(counted.check().is_err(), "{told}");
        }
        fs::remove_file(&at).unwrap();
        assert!(counted.check().is_err());
    }
}
