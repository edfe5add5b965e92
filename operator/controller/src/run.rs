//! The operator as a whole: the side door and the lease for as long as the process lives, everything else for as long as it
//! leads. Wires; decides nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::join_all;
use kube::Api;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};
use uuid::Uuid;
use weir_operator_plan::observed::Defaults;

use crate::brokers::AddressPattern;
use crate::cli::Run;
use crate::client::Clients;
use crate::cluster;
use crate::http::{self, SideDoor};
use crate::lease::{Contender, Fence};
use crate::metrics::Metrics;
use crate::mirror::Scope;

/// How long what is under way may take to end.
const GRACE: Duration = Duration::from_secs(5);

/// Runs until `stop`.
pub(crate) async fn run(arguments: Run, stop: CancellationToken) -> anyhow::Result<()> {
    let metrics = Arc::new(Metrics::register().context("the metrics can not be registered")?);
    let fence = Fence::closed();
    let clients = Clients::connect(&fence, &metrics).await?;
    let connected = Arc::new(AtomicBool::new(false));
    let door =
        SideDoor { metrics: Arc::clone(&metrics), fence: fence.clone(), connected: Arc::clone(&connected) };
    let listener = TcpListener::bind(arguments.http)
        .await
        .with_context(|| format!("--http {} can not be listened on", arguments.http))?;
    let tasks = TaskTracker::new();
    tasks.spawn(http::serve(listener, door, stop.clone()));
    tasks.spawn(note_first_answer(clients.lease.clone(), connected, stop.clone()));

    let identity = arguments.identity.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let namespace = arguments.lease_namespace.clone().unwrap_or_else(|| clients.namespace.clone());
    let leases = Api::namespaced(clients.lease.clone(), &namespace);
    let contender = Contender::new(leases, arguments.lease_name.clone(), identity.clone(), fence.clone());
    let contending = stop.clone();
    tasks.spawn(async move { contender.contend(contending).await });

    let shared = Shared { arguments, clients, fence: fence.clone(), metrics, identity, namespace };
    while let Some(reign) = reign(&fence, &stop).await {
        info!("begins to watch");
        shared.lead(reign.clone()).await;
        warn!("does not lead any more");
    }
    tasks.close();
    if tokio::time::timeout(GRACE, tasks.wait()).await.is_err() {
        warn!("not everything ended within {} s", GRACE.as_secs());
    }
    Ok(())
}

/// Waits until the lease is ours. The token that it gives ends with the lease, or with everything; none: everything ends.
async fn reign(fence: &Fence, stop: &CancellationToken) -> Option<CancellationToken> {
    stop.run_until_cancelled(fence.gained()).await?;
    let (reign, fence) = (stop.child_token(), fence.clone());
    let ended = reign.clone();
    tokio::spawn(async move {
        fence.lost().await;
        ended.cancel();
    });
    Some(reign)
}

/// Notes when the API server has answered.
async fn note_first_answer(client: kube::Client, connected: Arc<AtomicBool>, stop: CancellationToken) {
    while client.apiserver_version().await.is_err() {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(1)) => {}
        }
    }
    connected.store(true, Ordering::Relaxed);
}

/// What every reign begins with.
struct Shared {
    arguments: Run,
    clients: Clients,
    fence: Fence,
    metrics: Arc<Metrics>,
    identity: String,
    namespace: String,
}

impl Shared {
    /// Works until the lease is lost.
    async fn lead(&self, reign: CancellationToken) {
        let scopes = Scope::of(&self.arguments.namespaces);
        join_all(scopes.into_iter().map(|scope| {
            let office = cluster::Office {
                client: self.clients.fenced.clone(),
                fence: self.fence.clone(),
                scope,
                metrics: Arc::clone(&self.metrics),
                identity: self.identity.clone(),
                addresses: AddressPattern::new(self.arguments.admin_address.clone()),
                defaults: Defaults {
                    image: self.arguments.broker_image.clone(),
                    operator_namespace: self.namespace.clone(),
                },
            };
            office.work(reign.clone())
        }))
        .await;
    }
}
