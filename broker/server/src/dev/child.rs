//! The child's side: a broker that was started by `weir dev` says when it serves, and ends when its parent does, however
//! that ended.

use std::io::Write;

use anyhow::{Context, bail};
use clap::Args;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// What a child writes to its standard output once it serves.
pub(super) const SERVES: &str = "serves";

/// Whose child this process is, if it is one of `weir dev`.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct ChildOf {
    /// Stop when this process ends, and say on standard output when the broker serves
    #[arg(long = "child-of", value_name = "PID", hide = true)]
    parent: Option<i32>,
}

impl ChildOf {
    /// The words that make a process one.
    pub(super) fn arguments(parent: u32) -> [String; 2] {
        ["--child-of".to_owned(), parent.to_string()]
    }

    /// Binds this process's life to its parent's. The kernel then sends SIGTERM, which is a clean stop.
    pub(crate) fn bind(self) -> anyhow::Result<()> {
        let Some(parent) = self.parent else { return Ok(()) };
        set_parent_process_death_signal(Some(Signal::TERM))
            .context("the end of the parent can not be noticed")?;
        // It may have ended before the kernel was asked.
        if getppid().map(Pid::as_raw_pid) != Some(parent) {
            bail!("process {parent}, which started this broker, has ended");
        }
        Ok(())
    }

    /// Tells the parent that the broker serves.
    pub(crate) fn announce(self) {
        if self.parent.is_some() {
            let mut out = std::io::stdout().lock();
            // A parent that is gone has no use for it, and its end arrives as a signal.
            let _ = writeln!(out, "{SERVES}").and_then(|()| out.flush());
        }
    }
}
