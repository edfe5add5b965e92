//! Whose sync is done next, and how. Pure.
//!
//! A file's own sync is the quickest for one log, and costs the same again for the next: a write, the file system's own
//! blocks, a flush of the device. Where several logs wait, one sync of the whole file system does these once for all.

/// Jobs that want a sync of their own and run at the same time. With those of all others they leave threads for whoever
/// else needs the disk.
const OWN_MOST: usize = 16;
/// Others that run for themselves while they can be done together: more of them only fight for the processor.
const ANY_MOST: usize = 4;
/// The same beside a sync of everything. Whoever waits for that is in the next one, for a third of what its own would cost; one is
/// let through at a time, lest a log that is alone waits for all the others.
const ANY_BESIDE_MOST: usize = 1;
/// The same where each has to be done for itself. A device takes many at the same time, and most of the time is its own.
const ANY_ONLY_MOST: usize = 32;
/// With fewer than this, a sync of everything is hardly cheaper.
const TOGETHER_LEAST: usize = 8;
/// What others may have left to be written, beside as much again as is ours: it is waited for, too, once; after that the
/// machine has little left to write.
const FOREIGN_BYTES: u64 = 64 << 20;

/// How jobs are done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// For itself, which it wants.
    Own,
    /// For itself, though it might be done with others.
    Any,
    /// All that may be, with each other.
    Together,
}

/// What runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Running {
    pub(super) own: usize,
    pub(super) any: usize,
    pub(super) together: bool,
}

impl Running {
    pub(super) fn begin(&mut self, kind: Kind) {
        match kind {
            Kind::Own => self.own += 1,
            Kind::Any => self.any += 1,
            Kind::Together => self.together = true,
        }
    }

    pub(super) fn end(&mut self, kind: Kind) {
        match kind {
            Kind::Own => self.own -= 1,
            Kind::Any => self.any -= 1,
            Kind::Together => self.together = false,
        }
    }
}

/// What waits and what runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// Jobs that wait and want a sync of their own.
    pub(super) own: usize,
    /// Jobs that wait and may be done either way.
    pub(super) any: usize,
    pub(super) running: Running,
    /// The file system can be synced as a whole, and it was not too much a moment ago.
    pub(super) may_together: bool,
}

/// What to begin: the first of those that want their own, the first of the others, or all of the others; or nothing.
pub(super) fn next(load: Load) -> Option<Kind> {
    let Load { own, any, running, may_together } = load;
    if own > 0 && running.own < OWN_MOST {
        return Some(Kind::Own);
    }
    if may_together && any >= TOGETHER_LEAST {
        // Who comes while one runs is in the next one: that is what makes it worth it.
        return (!running.together).then_some(Kind::Together);
    }
    let most = match (may_together, running.together) {
        (false, _) => ANY_ONLY_MOST,
        (true, false) => ANY_MOST,
        (true, true) => ANY_BESIDE_MOST,
    };
    (any > 0 && running.any < most).then_some(Kind::Any)
}

/// Whether a sync of everything would mostly write what others have written: neighbours on the same disk, or logs that
/// need no sync.
pub(super) fn is_mostly_foreign(own_bytes: u64, dirty_bytes: u64) -> bool {
    dirty_bytes > own_bytes.saturating_mul(2).saturating_add(FOREIGN_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_are_synced_for_themselves_and_many_together() {
        let waits = |own, any, running| next(Load { own, any, running, may_together: true });
        let runs = |own, any, together| Running { own, any, together };
        let idle = Running::default();
        let table = [
            ("nothing waits", waits(0, 0, idle), None),
            ("one", waits(0, 1, idle), Some(Kind::Any)),
            ("a few beside others", waits(0, 7, runs(0, 3, false)), Some(Kind::Any)),
            ("as many as may run", waits(0, 7, runs(0, 4, false)), None),
            ("many", waits(0, 8, runs(0, 4, false)), Some(Kind::Together)),
            ("many, and nothing runs", waits(0, 8, idle), Some(Kind::Together)),
            ("many that come meanwhile wait", waits(0, 500, runs(0, 0, true)), None),
            ("one that comes meanwhile does not", waits(0, 1, runs(0, 0, true)), Some(Kind::Any)),
            ("the second one does", waits(0, 1, runs(0, 1, true)), None),
            ("its own first", waits(1, 500, idle), Some(Kind::Own)),
            ("its own beside all others", waits(1, 0, runs(0, 0, true)), Some(Kind::Own)),
            ("many of their own leave the others room", waits(9, 1, runs(16, 0, false)), Some(Kind::Any)),
            ("and what they do together", waits(9, 8, runs(16, 0, false)), Some(Kind::Together)),
            ("nothing is free", waits(9, 3, runs(16, 4, false)), None),
        ];
        for (what, found, expected) in table {
            assert_eq!(found, expected, "{what}");
        }
    }

    #[test]
    fn what_began_and_ended_does_not_run() {
        let mut running = Running::default();
        for kind in [Kind::Own, Kind::Any, Kind::Together] {
            running.begin(kind);
            assert_ne!(running, Running::default(), "{kind:?}");
            running.end(kind);
            assert_eq!(running, Running::default(), "{kind:?}");
        }
    }

    #[test]
    fn where_nothing_can_be_done_together_more_run_side_by_side() {
        let load =
            |any| Load { any: 500, running: Running { any, own: 16, together: false }, ..Load::default() };
        assert_eq!(next(load(31)), Some(Kind::Any));
        assert_eq!(next(load(32)), None);
    }

    #[test]
    fn what_others_left_to_be_written_is_not_waited_for() {
        let mib = |many: u64| many << 20;
        let table = [
            (mib(5), mib(5), false),
            (mib(5), mib(74), false),
            (mib(5), mib(75), true),
            (0, mib(64), false),
            (0, mib(65), true),
            (u64::MAX, u64::MAX, false),
        ];
        for (own, dirty, expected) in table {
            assert_eq!(is_mostly_foreign(own, dirty), expected, "{own} of {dirty}");
        }
    }
}
