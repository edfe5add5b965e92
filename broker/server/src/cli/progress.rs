//! Progress for a person who waits: on stderr, and only when that is a terminal.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

const REDRAW: Duration = Duration::from_millis(100);

/// A bar towards a known number of bytes or records, or a count where the end is not known.
pub(super) fn bar(total: Option<u64>, unit: Unit) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let amounts = match (unit, total) {
        (Unit::Bytes, Some(_)) => "{bytes}/{total_bytes} {bytes_per_sec} {eta}",
        (Unit::Replicas, Some(_)) => "{human_pos}/{human_len} replicas moved {eta}",
        (Unit::Replicas, None) => "{human_pos} replicas moved",
        (Unit::Records, Some(_)) => "{human_pos}/{human_len} records {per_sec:0} {eta}",
        (Unit::Bytes, None) => "{bytes} {bytes_per_sec}",
        (Unit::Records, None) => "{human_pos} records {per_sec:0}",
    };
    let (bar, template) = match total {
        Some(total) => (ProgressBar::new(total), format!("{{bar:30}} {amounts}  {{msg}}")),
        None => (ProgressBar::new_spinner(), format!("{{spinner}} {amounts}  {{msg}}")),
    };
    let style = ProgressStyle::with_template(&template);
    let bar = style.map_or_else(|_| ProgressBar::hidden(), |style| bar.with_style(style));
    bar.enable_steady_tick(REDRAW);
    bar
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Bytes,
    Records,
    Replicas,
}
