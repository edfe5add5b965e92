//! The time of day, for commands that speak of times. The only place that reads it.

use std::time::{SystemTime, UNIX_EPOCH};

use weir_model::Millis;

/// Now.
pub(super) fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    Millis(since.and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or(0))
}
