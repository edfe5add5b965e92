//! What stands between an operator and the API server: it counts what goes through, and can be shut, or shut itself after
//! so many writes, so that an operator can be stopped between any two of its steps.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use kube::Client;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::world::PATIENCE;

/// Larger than any manifest.
const BODY_MAX: usize = 16 << 20;
/// How long nothing is written when nothing is left to write.
const QUIET: Duration = Duration::from_secs(5);
/// Writes without an end.
const ALL: i64 = i64::MAX;

/// The door of one operator.
pub(crate) struct Door {
    pub(crate) address: String,
    passing: Arc<Passing>,
    serving: JoinHandle<()>,
}

struct Passing {
    client: Client,
    writes_left: AtomicI64,
    shut: AtomicI64,
    /// Whether requests about leases are not answered.
    lease_shut: AtomicBool,
    writes: Mutex<Vec<String>>,
    requests: AtomicU64,
}

impl Door {
    /// Opens it.
    pub(crate) async fn open(client: Client) -> Self {
        let passing = Arc::new(Passing {
            client,
            writes_left: AtomicI64::new(ALL),
            shut: AtomicI64::new(0),
            lease_shut: AtomicBool::new(false),
            writes: Mutex::default(),
            requests: AtomicU64::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let routes = Router::new().fallback(pass).with_state(Arc::clone(&passing));
        let serving = tokio::spawn(async move {
            axum::serve(listener, routes).await.expect("serves");
        });
        Self { address, passing, serving }
    }

    /// Lets so many more writes through and then nothing at all.
    pub(crate) fn allow_writes(&self, count: i64) {
        self.passing.writes_left.store(count, Ordering::SeqCst);
    }

    /// Answers nothing any more, or again.
    pub(crate) fn shut(&self, shut: bool) {
        self.passing.shut.store(i64::from(shut), Ordering::SeqCst);
    }

    /// Answers nothing about leases any more, or again; everything else goes through.
    pub(crate) fn shut_lease(&self, shut: bool) {
        self.passing.lease_shut.store(shut, Ordering::SeqCst);
    }

    /// The writes so far, as `PATCH /apis/…`, but those of leases.
    pub(crate) fn writes(&self) -> Vec<String> {
        let writes = self.passing.writes.lock().expect("not poisoned");
        writes.iter().filter(|write| !write.contains("/leases")).cloned().collect()
    }

    /// Requests of every kind so far, those of leases too.
    pub(crate) fn requests(&self) -> u64 {
        self.passing.requests.load(Ordering::SeqCst)
    }

    /// Returns when nothing was written for a while.
    pub(crate) async fn until_quiet(&self) {
        let began = Instant::now();
        loop {
            self.forget_writes();
            tokio::time::sleep(QUIET).await;
            let writes = self.writes();
            if writes.is_empty() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "it goes on writing: {writes:#?}");
        }
    }

    /// Forgets them.
    pub(crate) fn forget_writes(&self) {
        self.passing.writes.lock().expect("not poisoned").clear();
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn pass(State(passing): State<Arc<Passing>>, request: Request) -> Response {
    passing.requests.fetch_add(1, Ordering::SeqCst);
    let writes = *request.method() != Method::GET;
    let is_lease = request.uri().path().contains("/leases");
    if passing.shut.load(Ordering::SeqCst) != 0 {
        std::future::pending::<()>().await;
    }
    if is_lease && passing.lease_shut.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
    if writes && !is_lease && passing.writes_left.fetch_sub(1, Ordering::SeqCst) <= 0 {
        passing.shut.store(1, Ordering::SeqCst);
        std::future::pending::<()>().await;
    }
    if writes {
        let line = format!("{} {}", request.method(), request.uri().path());
        passing.writes.lock().expect("not poisoned").push(line);
    }
    forward(&passing.client, request).await.unwrap_or_else(|error| {
        (StatusCode::BAD_GATEWAY, format!("the API server is away: {error}")).into_response()
    })
}

async fn forward(client: &Client, request: Request) -> Result<Response, tower::BoxError> {
    let (mut parts, body) = request.into_parts();
    parts.uri = parts.uri.path_and_query().ok_or("no path")?.as_str().parse()?;
    parts.headers.remove("authorization");
    parts.headers.remove("host");
    let body = to_bytes(body, BODY_MAX).await?;
    let answer = client.send(http::Request::from_parts(parts, body.to_vec().into())).await?;
    Ok(answer.map(Body::new))
}
