//! The names of the files in a log's directory. Twenty digits of offset, so that they sort.

use std::path::{Path, PathBuf};

use weir_model::Offset;

pub(crate) const CHECKPOINT: &str = "checkpoint";
pub(crate) const DAMAGE: &str = "damage";

/// What a name in a log's directory means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// Batches from this offset on.
    Segment(Offset),
    /// The index of a closed segment.
    Index(Offset),
    /// A compacted segment that is about to replace others.
    SwapSegment(Offset),
    /// Its index.
    SwapIndex(Offset),
    /// The log starts at this offset. The file is empty, so that a full disk does not stop a deletion.
    Start(Offset),
    /// Somebody's state as of this offset.
    Snapshot(Offset),
    /// Recovery point, epochs, index of the open segment.
    Checkpoint,
    /// What was found damaged.
    Damage,
    /// Half-written; worthless after a crash.
    Leftover,
    /// Not ours.
    Foreign,
}

impl Name {
    pub(crate) fn parse(name: &str) -> Self {
        if name == CHECKPOINT {
            return Self::Checkpoint;
        }
        if name == DAMAGE {
            return Self::Damage;
        }
        if name.ends_with(".tmp") || name.ends_with(".cleaned") {
            return Self::Leftover;
        }
        let Some((digits, kind)) = name.split_once('.') else { return Self::Foreign };
        if digits.len() != 20 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Self::Foreign;
        }
        let Ok(offset) = digits.parse().map(Offset) else { return Self::Foreign };
        match kind {
            "log" => Self::Segment(offset),
            "index" => Self::Index(offset),
            "log.swap" => Self::SwapSegment(offset),
            "index.swap" => Self::SwapIndex(offset),
            "start" => Self::Start(offset),
            "snapshot" => Self::Snapshot(offset),
            _ => Self::Foreign,
        }
    }
}

pub(crate) fn path(dir: &Path, offset: Offset, kind: &str) -> PathBuf {
    dir.join(format!("{:020}.{kind}", offset.0))
}

pub(crate) fn segment(dir: &Path, base: Offset) -> PathBuf {
    path(dir, base, "log")
}

pub(crate) fn index(dir: &Path, base: Offset) -> PathBuf {
    path(dir, base, "index")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_recognised_and_strange_ones_left_alone() {
        let cases = [
            ("00000000000000000042.log", Name::Segment(Offset(42))),
            ("00000000000000000042.index", Name::Index(Offset(42))),
            ("00000000000000000042.log.swap", Name::SwapSegment(Offset(42))),
            ("00000000000000000042.index.swap", Name::SwapIndex(Offset(42))),
            ("00000000000000000042.start", Name::Start(Offset(42))),
            ("00000000000000000042.snapshot", Name::Snapshot(Offset(42))),
            ("00000000000000000042.log.cleaned", Name::Leftover),
            ("checkpoint", Name::Checkpoint),
            ("checkpoint.tmp", Name::Leftover),
            ("damage", Name::Damage),
            ("damage.tmp", Name::Leftover),
            ("42.log", Name::Foreign),
            ("99999999999999999999.log", Name::Foreign),
            ("lost+found", Name::Foreign),
        ];
        for (name, meaning) in cases {
            assert_eq!(Name::parse(name), meaning, "{name}");
        }
        assert_eq!(segment(Path::new("/d"), Offset(7)), Path::new("/d/00000000000000000007.log"));
    }
}
