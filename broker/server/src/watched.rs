//! What becomes of the broker when one who owns a part of it panics: the process ends.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tracing::error;

/// An owner that panicked broke one of its own promises. Nothing it would do next can be trusted, and the broker is
/// none without it, so the process ends; the logs recover at the next start.
///
/// A combinator, not an async block: that would keep room for the owner twice, and there is one for each partition.
pub(crate) fn watch(
    who: &'static str,
    owner: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    AssertUnwindSafe(owner).catch_unwind().map(move |ended| {
        if ended.is_err() {
            error!("{who} panicked: the broker stops to recover from its logs");
            std::process::abort();
        }
    })
}
