//! What people see of a pass: the status, written only when it says something new, and the metrics. Changes nothing else.

use kube::api::{Api, Patch, PatchParams};
use kube::{Client, Resource};
use serde_json::json;
use tracing::debug;
use weir_operator_api::{Cluster, ClusterStatus, label};
use weir_operator_plan::{Event, EventLevel};

use super::Context;
use super::pass::Pass;
use crate::error::{Error, Trying};
use crate::key::ClusterKey;

/// The Cluster as the API server has it; none: it is gone or going.
pub(crate) async fn read(client: &Client, key: &ClusterKey) -> Result<Option<Cluster>, Error> {
    let clusters: Api<Cluster> = Api::namespaced(client.clone(), &key.namespace);
    let cluster = clusters.get_opt(&key.name).await.trying(|| format!("read Cluster {key}"))?;
    Ok(cluster.filter(|cluster| cluster.metadata.deletion_timestamp.is_none()))
}

/// Writes the status if it is another than before. `failed` is why the pass did not get to its end.
pub(crate) async fn status(
    context: &Context,
    key: &ClusterKey,
    pass: &Pass,
    failed: Option<&Error>,
) -> Result<(), Error> {
    let (before, status) = (pass.cluster.status.as_ref(), pass.status());
    let about = pass.cluster.object_ref(&());
    context.metrics.cluster(key, &pass.cluster.spec, &status);
    if let Some(plan) = pass.plan() {
        context.metrics.judged(key, plan.judgement.as_ref(), plan.moving);
    }
    if let Some(wrong) = failed.and_then(Error::wrong) {
        let event =
            Event { level: EventLevel::Warning, reason: "ApplyRefused", action: "Reconcile", note: wrong };
        context.events.publish(&event, &about).await;
    }
    if before == Some(&status) {
        return Ok(());
    }
    debug!(cluster = %key, "the status has changed");
    let version = pass.cluster.metadata.resource_version.as_deref();
    write(&context.client, key, &status, version).await?;
    // Told once the status remembers them, so that each is told once.
    for event in weir_operator_plan::events(before, &status) {
        context.events.publish(&event, &about).await;
    }
    Ok(())
}

/// By server-side apply: fields that are not in it any more are taken away. Over nothing but the Cluster that was looked at:
/// what a status remembers is read, decided about and written, and must not be lost to somebody who has an older one.
async fn write(
    client: &Client,
    key: &ClusterKey,
    status: &ClusterStatus,
    version: Option<&str>,
) -> Result<(), Error> {
    let clusters: Api<Cluster> = Api::namespaced(client.clone(), &key.namespace);
    let mut patch = json!({"apiVersion": "weir.dev/v1alpha1", "kind": "Cluster", "status": status});
    if let Some(version) = version {
        patch["metadata"] = json!({ "resourceVersion": version });
    }
    let parameters = PatchParams::apply(label::OPERATOR).force();
    let written = clusters.patch_status(&key.name, &parameters, &Patch::Apply(&patch)).await;
    match written {
        // It was deleted meanwhile.
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        written => written.map(drop).trying(|| format!("write the status of Cluster {key}")),
    }
}
