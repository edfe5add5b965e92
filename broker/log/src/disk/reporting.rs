//! Where a sync of a whole file system may be relied on. Pure.

/// What `statfs` calls a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileSystem(pub(super) u64);

pub(super) const EXT4: FileSystem = FileSystem(0xef53);
const XFS: FileSystem = FileSystem(0x5846_5342);

/// A kernel's version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kernel {
    major: u32,
    minor: u32,
}

/// Before 5.8 `syncfs` did not tell of pages that could not be written, before 5.17 not of what else went wrong in the
/// file system.
const TOLD_SINCE: Kernel = Kernel { major: 5, minor: 17 };

impl Kernel {
    /// From what `uname` calls its release. What can not be read is taken for the oldest.
    pub(super) fn of(release: &str) -> Self {
        let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => Self { major, minor },
            _ => Self::default(),
        }
    }
}

/// Only file systems whose own files carry the errors to the whole: a layered one may keep them to the layer below.
pub(super) fn tells_of_failures(system: FileSystem, kernel: Kernel) -> bool {
    kernel >= TOLD_SINCE && [EXT4, XFS].contains(&system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_distributions_write_them() {
        let table = [
            ("6.18.44-fc-v669", (6, 18)),
            ("5.8.0-63-generic", (5, 8)),
            ("5.8-rc1", (5, 8)),
            ("5.10.223+", (5, 10)),
            ("4.18.0-553.el8_10.x86_64", (4, 18)),
            ("10", (0, 0)),
            ("", (0, 0)),
            ("v6.1", (0, 0)),
            ("99999999999.1", (0, 0)),
        ];
        for (release, (major, minor)) in table {
            assert_eq!(Kernel::of(release), Kernel { major, minor }, "{release}");
        }
    }

    #[test]
    fn a_whole_sync_is_relied_on_only_where_it_tells_what_failed() {
        const OVERLAY: FileSystem = FileSystem(0x794c_7630);
        const TMPFS: FileSystem = FileSystem(0x0102_1994);
        const NFS: FileSystem = FileSystem(0x6969);
        let table = [
            (EXT4, "6.1.0", true),
            (XFS, "5.17.0", true),
            (EXT4, "5.16.20", false),
            (XFS, "4.18.0-553.el8", false),
            (EXT4, "unknown", false),
            (OVERLAY, "6.1.0", false),
            (TMPFS, "6.1.0", false),
            (NFS, "6.1.0", false),
        ];
        for (system, release, relied_on) in table {
            assert_eq!(tells_of_failures(system, Kernel::of(release)), relied_on, "{system:?} {release}");
        }
    }
}
