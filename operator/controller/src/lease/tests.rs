//! The contender against a Lease that the test keeps: compare-and-set, loss, hand-over.

use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tower::service_fn;

use super::*;

/// A stand-in for the API server that knows one Lease.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lease: Option<Value>,
    version: u64,
    down: bool,
    /// Who writes first, the next time somebody reads.
    rival: Option<String>,
}

impl Server {
    fn contender(&self, identity: &str) -> Contender {
        let server = self.clone();
        let service = service_fn(move |request: Request<Body>| {
            let server = server.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect_bytes().await?;
                server.answer(&parts.method, &body)
            }
        });
        let api = Api::namespaced(Client::new(service, "weir"), "weir");
        Contender::new(api, "weir-operator".to_owned(), identity.to_owned(), Fence::closed())
    }

    fn answer(&self, method: &Method, body: &[u8]) -> Result<Response<Body>, kube::Error> {
        let mut state = self.0.lock().unwrap();
        if state.down {
            return Ok(refusal(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"));
        }
        if *method == Method::GET {
            let seen = state.lease.clone();
            if let Some(rival) = state.rival.take() {
                state.write(json!({"metadata": {"name": "weir-operator"},
                    "spec": {"holderIdentity": rival, "leaseDurationSeconds": 15}}));
            }
            return Ok(seen.map_or_else(|| refusal(StatusCode::NOT_FOUND, "NotFound"), |lease| found(&lease)));
        }
        let written: Value = serde_json::from_slice(body).unwrap();
        let stale = match &state.lease {
            None => false,
            Some(_) if *method == Method::POST => true,
            Some(lease) => written["metadata"]["resourceVersion"] != lease["metadata"]["resourceVersion"],
        };
        if stale {
            return Ok(refusal(StatusCode::CONFLICT, "Conflict"));
        }
        Ok(found(&state.write(written)))
    }

    fn holder(&self) -> Option<String> {
        let state = self.0.lock().unwrap();
        state.lease.as_ref()?["spec"]["holderIdentity"].as_str().map(str::to_owned)
    }

    fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap());
    }
}

impl State {
    fn write(&mut self, mut lease: Value) -> Value {
        self.version += 1;
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.lease = Some(lease.clone());
        lease
    }
}

fn found(lease: &Value) -> Response<Body> {
    Response::new(Body::from(lease.to_string().into_bytes()))
}

fn refusal(code: StatusCode, reason: &str) -> Response<Body> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": reason,
        "reason": reason, "code": code.as_u16()});
    let mut response = found(&status);
    *response.status_mut() = code;
    response
}

#[tokio::test(start_paused = true)]
async fn the_first_creates_the_lease_and_the_second_waits() {
    let server = Server::default();
    let (first, second) = (server.contender("first"), server.contender("second"));
    assert_eq!(first.turn(&mut Known::default()).await, RENEWAL);
    assert_eq!(second.turn(&mut Known::default()).await, LOOK);
    assert_eq!(server.holder().as_deref(), Some("first"));
    assert!(first.fence.check().is_ok() && second.fence.check().is_err());
}

#[tokio::test(start_paused = true)]
async fn of_two_that_take_it_at_once_one_is_refused() {
    let server = Server::default();
    let contender = server.contender("late");
    server.set(|state| state.rival = Some("early".to_owned()));
    assert_eq!(contender.turn(&mut Known::default()).await, RETRY);
    assert!(contender.fence.check().is_err());
    assert_eq!(server.holder().as_deref(), Some("early"));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_can_not_renew_stops_before_anybody_else_may_begin() {
    let server = Server::default();
    let (leader, next) = (server.contender("leader"), server.contender("next"));
    let (mut own, mut seen) = (Known::default(), Known::default());
    leader.turn(&mut own).await;
    next.turn(&mut seen).await;
    let written = Instant::now();
    server.set(|state| state.down = true);
    leader.turn(&mut own).await;
    assert!(leader.fence.check().is_ok(), "one failure is not a loss");
    leader.fence.lost().await;
    let closed = written.elapsed();
    server.set(|state| state.down = false);
    while next.fence.check().is_err() {
        let pause = next.turn(&mut seen).await;
        assert!(leader.fence.check().is_err());
        sleep(pause).await;
    }
    assert!(closed < DURATION && written.elapsed() >= DURATION);
    assert_eq!(leader.turn(&mut own).await, LOOK);
    assert_eq!(server.holder().as_deref(), Some("next"));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_is_told_to_stop_hands_over_at_once() {
    let server = Server::default();
    let (leader, next) = (server.contender("leader"), server.contender("next"));
    let stop = CancellationToken::new();
    let (fence, until) = (leader.fence.clone(), stop.clone());
    let contending = tokio::spawn(async move { leader.contend(until).await });
    sleep(Duration::from_secs(60)).await;
    assert!(fence.check().is_ok(), "it renews");
    stop.cancel();
    contending.await.unwrap();
    assert!(fence.check().is_err());
    assert_eq!(next.turn(&mut Known::default()).await, RENEWAL);
}
