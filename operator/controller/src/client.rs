//! The clients of the API server: every call has a deadline and is counted by verb, and no write leaves this process while
//! it does not hold the lease. Knows nothing of what the calls are about.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::BoxFuture;
use http::{Method, Request, Response};
use kube::client::{Body, ClientBuilder};
use kube::{Client, Config};
use tower::{BoxError, Layer, Service};

use crate::lease::{Fence, NotLeading};
use crate::metrics::{Metrics, Outcome};

/// How long a call may take; a watch is no call but a stream, with a limit of its own at the server.
const CALL_MAX: Duration = Duration::from_secs(30);
/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// The two clients.
#[derive(Clone)]
pub(crate) struct Clients {
    /// For everything: its writes stop with the lease.
    pub(crate) fenced: Client,
    /// For the Lease itself, which has to be written to get it.
    pub(crate) lease: Client,
    /// The namespace that the configuration names: the pod's own.
    pub(crate) namespace: String,
}

impl Clients {
    /// By the pod's service account, or a kubeconfig.
    pub(crate) async fn connect(fence: &Fence, metrics: &Arc<Metrics>) -> anyhow::Result<Self> {
        let mut config = Config::infer().await.context(
            "no API server is configured: run inside a cluster, or set KUBECONFIG to a kubeconfig file",
        )?;
        config.connect_timeout = Some(CONNECT_MAX);
        let namespace = config.default_namespace.clone();
        let calls = |fence: Option<Fence>| Calls { fence, metrics: Arc::clone(metrics) };
        let build = |calls: &Calls| -> kube::Result<Client> {
            Ok(ClientBuilder::try_from(config.clone())?.with_layer(calls).build())
        };
        let fenced = build(&calls(Some(fence.clone()))).context("the API client can not be made")?;
        let lease = build(&calls(None)).context("the API client can not be made")?;
        Ok(Self { fenced, lease, namespace })
    }
}

/// Lays the rules around a client.
#[derive(Clone)]
struct Calls {
    fence: Option<Fence>,
    metrics: Arc<Metrics>,
}

impl<S> Layer<S> for Calls {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { inner, calls: self.clone() }
    }
}

/// A client under the rules.
#[derive(Clone)]
struct Guarded<S> {
    inner: S,
    calls: Calls,
}

impl<S, B> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
    B: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<B>, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let verb = Verb::of(&request);
        let fence = self.calls.fence.clone().filter(|_| verb.writes());
        let metrics = Arc::clone(&self.calls.metrics);
        if let Some(Err(refused)) = fence.as_ref().map(Fence::check) {
            metrics.api_call(verb, Outcome::Fenced);
            return Box::pin(async move { Err(refused.into()) });
        }
        let call = self.inner.call(request);
        Box::pin(async move {
            let answer = tokio::select! {
                answer = within(verb, call) => answer,
                () = lost(fence.as_ref()) => Err(NotLeading.into()),
            };
            metrics.api_call(verb, Outcome::of(answer.as_ref().ok().map(Response::status)));
            answer
        })
    }
}

/// The answer, in time. What is late is an error that is worth another try.
async fn within<B, E: Into<BoxError>>(
    verb: Verb,
    call: impl Future<Output = Result<Response<B>, E>>,
) -> Result<Response<B>, BoxError> {
    if verb == Verb::Watch {
        return call.await.map_err(Into::into);
    }
    match tokio::time::timeout(CALL_MAX, call).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(format!("the API server did not answer within {} s", CALL_MAX.as_secs()).into()),
    }
}

/// When a write that is under way may no longer count on being allowed; never for reads.
async fn lost(fence: Option<&Fence>) {
    match fence {
        Some(fence) => fence.lost().await,
        None => std::future::pending().await,
    }
}

/// What a call does; a label of `weir_operator_api_calls_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Read,
    Watch,
    Create,
    Replace,
    Patch,
    Delete,
}

impl Verb {
    /// All of them.
    pub(crate) const ALL: [Self; 6] =
        [Self::Read, Self::Watch, Self::Create, Self::Replace, Self::Patch, Self::Delete];

    fn of(request: &Request<Body>) -> Self {
        match *request.method() {
            Method::POST => Self::Create,
            Method::PUT => Self::Replace,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            _ if request.uri().query().is_some_and(|query| query.contains("watch=true")) => Self::Watch,
            _ => Self::Read,
        }
    }

    const fn writes(self) -> bool {
        !matches!(self, Self::Read | Self::Watch)
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Watch => "watch",
            Self::Create => "create",
            Self::Replace => "replace",
            Self::Patch => "patch",
            Self::Delete => "delete",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::StatusCode;
    use tokio::time::Instant;
    use tower::{ServiceExt, service_fn};

    use super::*;

    fn request(method: Method, path: &str) -> Request<Body> {
        Request::builder().method(method).uri(path).body(Body::empty()).unwrap()
    }

    fn guarded(
        fence: &Fence,
        sent: &Arc<AtomicUsize>,
        takes: Duration,
    ) -> impl Service<Request<Body>, Response = Response<Body>, Error = BoxError> + Clone {
        let sent = Arc::clone(sent);
        let metrics = Arc::new(Metrics::register().unwrap());
        Calls { fence: Some(fence.clone()), metrics }.layer(service_fn(move |_request| {
            sent.fetch_add(1, Ordering::Relaxed);
            async move {
                tokio::time::sleep(takes).await;
                Ok::<_, BoxError>(Response::new(Body::empty()))
            }
        }))
    }

    #[tokio::test(start_paused = true)]
    async fn without_the_lease_reads_pass_and_writes_never_leave() {
        let (fence, sent) = (Fence::closed(), Arc::new(AtomicUsize::new(0)));
        let client = guarded(&fence, &sent, Duration::ZERO);
        for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
            let refused = client.clone().oneshot(request(method, "/api/v1/pods")).await.unwrap_err();
            assert!(refused.is::<NotLeading>());
        }
        assert_eq!(sent.load(Ordering::Relaxed), 0);
        let read = client.clone().oneshot(request(Method::GET, "/api/v1/pods")).await.unwrap();
        assert_eq!((read.status(), sent.load(Ordering::Relaxed)), (StatusCode::OK, 1));
        fence.open_until(Instant::now() + Duration::from_secs(1));
        client.clone().oneshot(request(Method::POST, "/api/v1/pods")).await.unwrap();
        tokio::time::advance(Duration::from_secs(2)).await;
        client.oneshot(request(Method::POST, "/api/v1/pods")).await.unwrap_err();
        assert_eq!(sent.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_under_way_ends_with_the_lease_and_every_call_ends() {
        let (fence, sent) = (Fence::closed(), Arc::new(AtomicUsize::new(0)));
        let client = guarded(&fence, &sent, Duration::from_secs(3600));
        let before = Instant::now();
        fence.open_until(before + Duration::from_secs(5));
        let refused = client.clone().oneshot(request(Method::PATCH, "/x")).await.unwrap_err();
        assert!(refused.is::<NotLeading>() && before.elapsed().as_secs() == 5);
        let late = client.oneshot(request(Method::GET, "/x")).await.unwrap_err();
        assert!(late.to_string().contains("30 s"), "{late}");
    }

    #[test]
    fn a_watch_is_told_from_a_read() {
        assert_eq!(Verb::of(&request(Method::GET, "/api/v1/pods?&watch=true&x=y")), Verb::Watch);
        assert_eq!(Verb::of(&request(Method::GET, "/api/v1/pods?limit=5")), Verb::Read);
    }
}
