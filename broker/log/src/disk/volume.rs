//! A file system of the machine as a whole: whether its syncs can be relied on (`reporting` decides), and what it takes
//! that they tell of all that could not be written.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::reporting::{EXT4, FileSystem, Kernel, tells_of_failures};
use super::{RealFile, Volume};

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

impl RealVolume {
    pub(super) fn of(file: &Path) -> io::Result<Self> {
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
        Ok(Self { file, device, counted })
    }
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

impl Volume<RealFile> for RealVolume {
    fn holds(&self, file: &RealFile) -> bool {
        file.file().metadata().is_ok_and(|about| about.dev() == self.device)
    }

    fn sync(&self) -> io::Result<()> {
        rustix::fs::syncfs(&self.file)?;
        // Some file systems write their own blocks after they have flushed the device's cache, or see no need to flush
        // it. To sync a file that has not changed does nothing but that.
        self.file.sync_data()?;
        self.counted.as_ref().map_or(Ok(()), Counted::check)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Disk, RealDisk};
    use super::*;

    #[test]
    fn a_volume_holds_its_own_files_and_no_others() {
        let here = tempfile::tempdir().unwrap();
        let file = RealDisk.create(&here.path().join("f")).unwrap();
        let device = file.file().metadata().unwrap().dev();
        let unrelated = File::open("/proc/self/stat").unwrap();
        let elsewhere = unrelated.metadata().unwrap().dev();
        let mut volume = RealVolume { file: unrelated, device, counted: None };
        assert!(volume.holds(&file));
        volume.device = elsewhere;
        assert!(!volume.holds(&file));
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
