//! The way of a Cluster, as a table of contents: observe, think, apply, publish.

use kube::runtime::controller::Action;
use weir_operator_api::Cluster;

use super::Context;
use super::apply::Target;
use super::observe::{Freshness, observe};
use super::pass::Pass;
use super::publish;
use crate::error::Error;
use crate::key::ClusterKey;

/// One pass over one Cluster. It may end anywhere: the next one goes on from what it observes.
pub(crate) async fn reconcile(
    cluster: &Cluster,
    key: &ClusterKey,
    context: &Context,
) -> Result<Action, Error> {
    if cluster.metadata.deletion_timestamp.is_some() {
        return Ok(Action::await_change());
    }
    let session = context.session(key, cluster);
    let observed = observe(context, &session, key, Freshness::Mirrored).await?;
    let mut pass = Pass::think(cluster.clone(), observed, &session, &context.client).await?;
    if pass.is_irrevocable() {
        let Some(cluster) = publish::read(&context.client, key).await? else {
            return Ok(Action::await_change());
        };
        let observed = observe(context, &session, key, Freshness::Fresh).await?;
        pass = Pass::think(cluster, observed, &session, &context.client).await?;
    }
    let target = Target::new(&context.client, &context.events, &session, &pass.cluster, pass.cluster_id());
    let applied = target.apply(pass.steps()).await;
    publish::status(context, key, &pass, applied.as_ref().err()).await?;
    applied?;
    Ok(pass.next())
}
