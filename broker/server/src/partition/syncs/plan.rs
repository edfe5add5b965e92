//! Whose sync is done next, and how. Pure.
//!
//! A file's own sync is the quickest for one log, and costs the same again for the next: a write, the file system's own
//! blocks, a flush of the device. Where several logs wait, one sync of the whole file system does these once for all.

/// Jobs that want a sync of their own and run at the same time. With those of all others they leave threads for whoever
/// else needs the disk.
const OWN_MOST: usize = 16;
/// Others that run for themselves while they can be done together: more of them only fight for the processor.
const ANY_MOST: usize = 4;
/// The same where each has to be done for itself. A device takes many at the same time, and most of the time is its own.
const ANY_ONLY_MOST: usize = 32;
/// With fewer than this, a sync of everything is hardly cheaper.
const TOGETHER_LEAST: usize = 8;
/// What others may have left to be written, beside as much again as is ours: it is waited for, too, once; after that the
/// machine has little left to write.
const FOREIGN_BYTES: u64 = 64 << 20;

/// What waits and what runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// Jobs that wait and want a sync of their own.
    pub(super) own: usize,
    /// Jobs that wait and may be done either way.
    pub(super) any: usize,
    pub(super) running_own: usize,
    pub(super) running_any: usize,
    pub(super) running_together: bool,
    /// The file system can be synced as a whole, and it was not too much a moment ago.
    pub(super) may_together: bool,
}

/// What to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Rest,
    /// The first of those that want their own.
    Own,
    /// The first of the others, for itself.
    Any,
    /// All of the others.
    Together,
}

pub(super) fn next(load: Load) -> Next {
    if load.own > 0 && load.running_own < OWN_MOST {
        return Next::Own;
    }
    if load.may_together && load.any >= TOGETHER_LEAST {
        // Who comes while one runs is in the next one: that is what makes it worth it.
        return if load.running_together { Next::Rest } else { Next::Together };
    }
    let most = if load.may_together { ANY_MOST } else { ANY_ONLY_MOST };
    if load.any > 0 && load.running_any < most { Next::Any } else { Next::Rest }
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
        let idle = Load { may_together: true, ..Load::default() };
        let table = [
            ("nothing waits", idle, Next::Rest),
            ("one", Load { any: 1, ..idle }, Next::Any),
            ("a few beside others", Load { any: 7, running_any: 3, ..idle }, Next::Any),
            ("as many as may run", Load { any: 7, running_any: 4, ..idle }, Next::Rest),
            ("many", Load { any: 8, running_any: 4, ..idle }, Next::Together),
            ("many, and nothing runs", Load { any: 8, ..idle }, Next::Together),
            ("many that come meanwhile wait", Load { any: 500, running_together: true, ..idle }, Next::Rest),
            ("one that comes meanwhile does not", Load { any: 1, running_together: true, ..idle }, Next::Any),
            ("its own first", Load { own: 1, any: 500, ..idle }, Next::Own),
            ("its own beside all others", Load { own: 1, running_together: true, ..idle }, Next::Own),
            (
                "many of their own leave the others room",
                Load { own: 9, any: 1, running_own: 16, ..idle },
                Next::Any,
            ),
            ("and what they do together", Load { own: 9, any: 8, running_own: 16, ..idle }, Next::Together),
            ("nothing is free", Load { own: 9, any: 3, running_own: 16, running_any: 4, ..idle }, Next::Rest),
        ];
        for (what, load, expected) in table {
            assert_eq!(next(load), expected, "{what}");
        }
    }

    #[test]
    fn where_nothing_can_be_done_together_more_run_side_by_side() {
        let load = Load { any: 500, running_any: 31, running_own: 16, ..Load::default() };
        assert_eq!(next(load), Next::Any);
        assert_eq!(next(Load { running_any: 32, ..load }), Next::Rest);
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
