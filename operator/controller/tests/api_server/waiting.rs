//! Waiting for something to become true, with a deadline and a name.

use std::time::{Duration, Instant};

/// How often to look.
const PACE: Duration = Duration::from_millis(50);

/// What `look` finds, as soon as it finds something; a failure with the name when it does not in time.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> F,
) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(began.elapsed() < within, "not within {} s: {what}", within.as_secs());
        tokio::time::sleep(PACE).await;
    }
}
