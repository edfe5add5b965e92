//! The HTTP side door: `/metrics` for Prometheus, `/livez` and `/readyz` for the kubelet. Reads state, changes none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::lease::Fence;
use crate::metrics::Metrics;

/// What the side door shows.
#[derive(Clone)]
pub(crate) struct SideDoor {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) fence: Fence,
    /// Set once the API server has answered for the first time.
    pub(crate) connected: Arc<AtomicBool>,
}

/// Serves until `stop`.
pub(crate) async fn serve(
    listener: TcpListener,
    door: SideDoor,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .with_state(door);
    axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn metrics(State(door): State<SideDoor>) -> Response {
    door.metrics.leader.set(i64::from(door.fence.check().is_ok()));
    if let Some((resident, cpu)) = usage() {
        door.metrics.observe_process(resident, cpu);
    }
    match door.metrics.render() {
        Ok(text) => ([("content-type", "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The process answers: that the API server is away is no reason to start anew.
async fn livez() -> Response {
    (StatusCode::OK, "alive\n").into_response()
}

async fn readyz(State(door): State<SideDoor>) -> Response {
    if !door.connected.load(Ordering::Relaxed) {
        let text = "the API server has not answered yet\n";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    let text = if door.fence.check().is_ok() { "ready, leads\n" } else { "ready, another operator leads\n" };
    (StatusCode::OK, text).into_response()
}

/// Kernel pages are 4 KiB and ticks 10 ms on every platform the image is built for.
const PAGE: i64 = 4096;
const TICK: Duration = Duration::from_millis(10);

/// Memory that the process holds, and processor time it has used.
fn usage() -> Option<(i64, Duration)> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = statm.split(' ').nth(1)?.parse().ok()?;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    Some((pages.saturating_mul(PAGE), TICK.checked_mul(ticks(&stat)?)?))
}

/// User and system time: fields 14 and 15, counted after the command name, which may itself hold spaces.
fn ticks(stat: &str) -> Option<u32> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    user.checked_add(system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_found_behind_a_command_name_with_spaces() {
        let stat = "1 (a b) c) S 1 1 1 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 4 0 100 1 1";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("nonsense"), None);
        assert!(usage().is_some());
    }
}
