//! What the machine has yet to write to its disks, by `/proc/meminfo`.

use std::fs;

/// Of all processes, this one's included. None where the system does not say.
pub(super) fn dirty_bytes() -> Option<u64> {
    parse(&fs::read_to_string("/proc/meminfo").ok()?)
}

fn parse(told: &str) -> Option<u64> {
    let kib = |name: &str| {
        let value = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        value.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    };
    Some((kib("Dirty")? + kib("Writeback")?) * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_and_what_is_on_its_way_count() {
        let told = "MemTotal:       24684084 kB\nDirty:               120 kB\nWriteback:             8 kB\nWritebackTmp:          5 kB\n";
        assert_eq!(parse(told), Some(128 * 1024));
    }

    #[test]
    fn a_system_that_does_not_say_is_not_guessed_at() {
        for told in ["", "Dirty: 1 kB\n", "Dirty: 1 MB\nWriteback: 0 kB\n", "Dirty: x kB\nWriteback: 0 kB\n"]
        {
            assert_eq!(parse(told), None, "{told:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_system_says() {
        assert!(dirty_bytes().is_some());
    }
}
