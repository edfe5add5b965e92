//! The one place where the broker reads clocks; `core` and `log` are told the time. Records are stamped, kept and
//! forgotten by the wall clock. Whatever waits, lags or expires goes by the steady one: a wall clock that jumps by an hour
//! must not put a replica out of sync or give up on a write.

use std::sync::LazyLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use weir_model::Millis;

/// Now, in milliseconds since the Unix epoch.
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// Milliseconds since the process began; never goes back and never jumps.
pub(crate) fn steady() -> Millis {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    Millis(i64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(i64::MAX))
}
