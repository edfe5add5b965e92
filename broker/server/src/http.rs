//! The HTTP side door: `/metrics` and `/metrics/detailed` for Prometheus, `/livez` and `/readyz` for whoever watches
//! the process. Reads state, changes none.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::exposition::Exposition;
use crate::health::Health;

/// What the side door shows.
#[derive(Clone, Debug)]
pub(crate) struct SideDoor {
    pub(crate) exposition: Arc<Exposition>,
    pub(crate) health: Arc<Health>,
}

/// Serves until `stop`.
pub(crate) async fn serve(
    listener: TcpListener,
    door: SideDoor,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let routes = Router::new()
        .route("/metrics", get(metrics))
        .route("/metrics/detailed", get(detailed))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .with_state(door);
    axum::serve(listener, routes).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn metrics(State(door): State<SideDoor>) -> Response {
    shown(door.exposition.summary().await)
}

async fn detailed(State(door): State<SideDoor>) -> Response {
    shown(door.exposition.detailed().await)
}

fn shown(metrics: Result<String, prometheus::Error>) -> Response {
    match metrics {
        Ok(text) => ([("content-type", "text/plain; version=0.0.4")], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn livez(State(door): State<SideDoor>) -> Response {
    answer(door.health.alive())
}

async fn readyz(State(door): State<SideDoor>) -> Response {
    answer(door.health.ready())
}

fn answer(verdict: Result<String, String>) -> Response {
    match verdict {
        Ok(text) => (StatusCode::OK, text + "\n").into_response(),
        Err(text) => (StatusCode::SERVICE_UNAVAILABLE, text + "\n").into_response(),
    }
}
