//! What the operating system says of this process: resident memory and CPU time, read when metrics are asked for.

use crate::metrics::Metrics;

/// Clock ticks a second in `/proc/self/stat`; the kernel fixes it at 100 for user space on Linux.
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE: i64 = 4096;

/// Brings the metric of memory up to date. Where `/proc` is absent it keeps its last value.
pub(crate) fn observe(metrics: &Metrics) {
    if let Some(pages) = read("/proc/self/statm").and_then(|text| text.split(' ').nth(1)?.parse::<i64>().ok())
    {
        metrics.resident_bytes.set(pages * PAGE);
    }
}

/// User and system time spent since the process began; nothing where `/proc` is absent.
pub(crate) fn cpu_seconds() -> Option<f64> {
    Some(cpu_ticks(&read("/proc/self/stat")?)? / TICKS_PER_SECOND)
}

fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// User and system time: fields 14 and 15, counted after the command name, which may itself hold spaces.
fn cpu_ticks(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_found_behind_a_command_name_with_spaces() {
        let stat = "1 (a b) c) S 1 1 1 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 100 1 1";
        assert_eq!(cpu_ticks(stat), Some(300.0));
        assert_eq!(cpu_ticks("nonsense"), None);
    }
}
