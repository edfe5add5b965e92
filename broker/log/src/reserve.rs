//! How far ahead of a segment's end room is kept on the disk. A file system that is told how far a file will grow finds
//! that room once; otherwise it looks for each block when it is written to, a quarter of what it costs to write. What is kept and not
//! used is given back when the segment is durable and closed, or rests. Where the disk is nearly full none is kept: what
//! was kept before is then used up by those who write.

use std::ops::Range;

use crate::config::LogConfig;
use crate::disk::Space;

/// Room is kept while at least so much of the disk is free: one part in so many.
const FREE_PART: u64 = 16;

/// What to keep before a write that makes a segment of `len` bytes `end` bytes long, when room is kept up to `reserved`.
pub(crate) fn ahead(config: &LogConfig, len: u64, end: u64, reserved: u64) -> Option<Range<u64>> {
    if end < config.reserve_from || end <= reserved {
        return None;
    }
    let range = len.max(reserved)..next_stop(config, end).min(config.segment_bytes);
    (range.end > end).then_some(range)
}

/// Whether there is room enough to keep some for one log.
pub(crate) fn is_roomy(space: Space) -> bool {
    space.free >= space.total / FREE_PART
}

/// How far a process that is gone kept room for a segment of `len` bytes that takes so many of the disk. A little more than
/// its length it always takes.
pub(crate) fn left_behind(config: &LogConfig, len: u64, taken: u64) -> u64 {
    let little = config.reserve_bytes / 8;
    if taken > len.saturating_add(little) { taken } else { len }
}

/// Room is kept up to multiples, so that pieces of it lie side by side.
fn next_stop(config: &LogConfig, end: u64) -> u64 {
    (end / config.reserve_bytes + 1).saturating_mul(config.reserve_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_kept_for_what_has_shown_that_it_grows() {
        let config =
            LogConfig { reserve_from: 320, reserve_bytes: 80, segment_bytes: 1000, ..LogConfig::default() };
        let table = [
            ("small", 0, 10, 0, None),
            ("not yet large enough", 300, 319, 0, None),
            ("large enough by this write", 300, 320, 0, Some(300..400)),
            ("enough is kept", 380, 400, 400, None),
            ("more than is kept", 390, 410, 400, Some(400..480)),
            ("a write that is larger than a piece", 400, 730, 400, Some(400..800)),
            ("what is kept is behind the end", 350, 360, 100, Some(350..400)),
            ("no more than a segment holds", 950, 970, 960, Some(960..1000)),
            ("up to the last byte", 950, 1000, 960, None),
            ("a single batch that is larger than a segment", 0, 1200, 0, None),
        ];
        for (what, len, end, reserved, expected) in table {
            assert_eq!(ahead(&config, len, end, reserved), expected, "{what}");
        }
    }

    #[test]
    fn what_was_left_behind_is_more_than_a_segment_takes_by_itself() {
        let config = LogConfig { reserve_bytes: 80, ..LogConfig::default() };
        let table =
            [(0, 0, 0), (1000, 400, 1000), (1000, 1010, 1000), (1000, 1011, 1011), (1000, 1080, 1080)];
        for (len, taken, expected) in table {
            assert_eq!(left_behind(&config, len, taken), expected, "{len} bytes that take {taken}");
        }
    }

    #[test]
    fn a_disk_that_is_nearly_full_is_left_to_those_who_write() {
        for (free, roomy) in [(0, false), (99, false), (100, true), (1600, true)] {
            assert_eq!(is_roomy(Space { free, total: 1600 }), roomy, "{free} of 1600");
        }
    }
}
