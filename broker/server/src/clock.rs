//! The one place where the broker reads the wall clock; `core` and `log` are told the time.

use std::time::{SystemTime, UNIX_EPOCH};

use weir_model::Millis;

/// Now, in milliseconds since the Unix epoch.
pub(crate) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
