//! Is the broker alive, is it ready, and if not, how far is it? Written by start-up and the data directory's
//! owner, read by `/livez` and `/readyz`.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

/// The broker's life, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Phase {
    Starting = 0,
    Recovering = 1,
    Serving = 2,
    Stopping = 3,
}

/// Shared by all who report and all who ask.
#[derive(Debug, Default)]
pub(crate) struct Health {
    phase: AtomicU8,
    logs_total: AtomicUsize,
    logs_opened: AtomicUsize,
    disk_failed: AtomicBool,
    unclean: AtomicBool,
    fenced: AtomicBool,
}

impl Health {
    pub(crate) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Release);
    }

    pub(crate) fn recovering(&self, logs: usize) {
        self.logs_total.store(logs, Ordering::Release);
        self.enter(Phase::Recovering);
    }

    pub(crate) fn log_opened(&self) {
        self.logs_opened.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn disk_failed(&self) {
        self.disk_failed.store(true, Ordering::Release);
    }

    pub(crate) fn is_disk_failed(&self) -> bool {
        self.disk_failed.load(Ordering::Acquire)
    }

    /// A log could not be closed: whatever else goes well, the data directory is not left cleanly.
    pub(crate) fn left_unclean(&self) {
        self.unclean.store(true, Ordering::Release);
    }

    pub(crate) fn is_left_unclean(&self) -> bool {
        self.unclean.load(Ordering::Acquire)
    }

    /// The controller does not count on this broker, or this broker can not reach it.
    pub(crate) fn set_fenced(&self, fenced: bool) {
        self.fenced.store(fenced, Ordering::Release);
    }

    /// Logs that are open, and logs that there are.
    pub(crate) fn logs(&self) -> (usize, usize) {
        (self.logs_opened.load(Ordering::Acquire), self.logs_total.load(Ordering::Acquire))
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Recovering,
            2 => Phase::Serving,
            _ => Phase::Stopping,
        }
    }

    /// Alive unless the data directory failed: only a restart mends that, and the replicas must move.
    pub(crate) fn alive(&self) -> Result<String, String> {
        if self.is_disk_failed() {
            return Err("the data directory failed: see the log for the I/O error".to_owned());
        }
        Ok("alive".to_owned())
    }

    /// Ready when clients are served and the cluster counts on this broker.
    pub(crate) fn ready(&self) -> Result<String, String> {
        self.alive()?;
        let opened = self.logs_opened.load(Ordering::Acquire);
        let total = self.logs_total.load(Ordering::Acquire);
        match self.phase() {
            Phase::Serving if self.fenced.load(Ordering::Acquire) => {
                Err("fenced: the controller can not be reached, or does not count on this broker".to_owned())
            }
            Phase::Serving => Ok("ready".to_owned()),
            Phase::Starting => Err("starting".to_owned()),
            Phase::Recovering => Err(format!("recovering: {opened} of {total} logs open")),
            Phase::Stopping => Err("stopping".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readiness_tells_how_far_recovery_is() {
        let health = Health::default();
        assert_eq!(health.ready(), Err("starting".to_owned()));
        health.recovering(2);
        health.log_opened();
        assert_eq!(health.ready(), Err("recovering: 1 of 2 logs open".to_owned()));
        health.enter(Phase::Serving);
        assert_eq!(health.ready(), Ok("ready".to_owned()));
        health.set_fenced(true);
        assert!(health.ready().unwrap_err().starts_with("fenced") && health.alive().is_ok());
        health.set_fenced(false);
        health.enter(Phase::Stopping);
        assert!(health.ready().is_err() && health.alive().is_ok());
    }

    #[test]
    fn a_failed_disk_is_neither_alive_nor_ready() {
        let health = Health::default();
        health.enter(Phase::Serving);
        health.disk_failed();
        assert!(health.alive().is_err() && health.ready().is_err());
    }
}
