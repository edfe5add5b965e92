//! How far ahead of a segment's end room is kept on the disk. A file system that is told how far a file will grow finds
//! that room once; otherwise it looks for each block when it is written to, which is a third of what a write costs. What is kept and not
//! used is given back when the segment is durable and closed, or rests.

use std::ops::Range;

use crate::config::LogConfig;

/// What to keep before a write that makes a segment of `len` bytes `end` bytes long, when room is kept up to `reserved`.
pub(crate) fn ahead(config: &LogConfig, len: u64, end: u64, reserved: u64) -> Option<Range<u64>> {
    if end < config.reserve_from || end <= reserved {
        return None;
    }
    let range = len.max(reserved)..next_stop(config, end).min(config.segment_bytes);
    (range.end > end).then_some(range)
}

/// How far a process that is gone may have kept room for a segment of `len` bytes.
pub(crate) fn left_behind(config: &LogConfig, len: u64) -> u64 {
    if len < config.reserve_from { len } else { next_stop(config, len) }
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
    fn whoever_was_killed_left_at_most_one_piece() {
        let config = LogConfig { reserve_from: 320, reserve_bytes: 80, ..LogConfig::default() };
        for (len, expected) in [(0, 0), (319, 319), (320, 400), (399, 400), (400, 480)] {
            assert_eq!(left_behind(&config, len), expected, "{len} bytes");
        }
    }
}
