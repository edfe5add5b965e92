//! Does what the plan says, step by step, in order. Knows how each step is written to the API server or the brokers, and
//! nothing of why. The first failure ends the pass.

use k8s_openapi::api::core::v1::{ObjectReference, PersistentVolumeClaim, Pod};
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions, PropagationPolicy,
};
use kube::core::GroupVersionKind;
use kube::{Client, Resource};
use tracing::info;
use weir_operator_api::{Cluster, label};
use weir_operator_plan::{Kind, Object, ObjectRef, Step};

use super::events::Events;
use crate::brokers::Session;
use crate::error::{Error, Trying};

/// What one pass writes to.
pub(crate) struct Target<'a> {
    client: &'a Client,
    events: &'a Events,
    session: &'a Session,
    namespace: String,
    cluster: ObjectReference,
    cluster_id: &'a str,
}

impl<'a> Target<'a> {
    pub(crate) fn new(
        client: &'a Client,
        events: &'a Events,
        session: &'a Session,
        cluster: &Cluster,
        cluster_id: &'a str,
    ) -> Self {
        let reference = cluster.object_ref(&());
        let namespace = reference.namespace.clone().unwrap_or_default();
        Self { client, events, session, namespace, cluster: reference, cluster_id }
    }

    /// Executes the steps.
    pub(crate) async fn apply(&self, steps: &[Step]) -> Result<(), Error> {
        for step in steps {
            self.execute(step).await?;
        }
        Ok(())
    }

    async fn execute(&self, step: &Step) -> Result<(), Error> {
        match step {
            Step::Apply(object) => self.write(object).await,
            Step::Orphan(object) => self.remove(object, PropagationPolicy::Orphan).await,
            Step::Prune(object) => self.remove(object, PropagationPolicy::Background).await,
            Step::DeletePod { name, uid, broker } => {
                info!(cluster = self.cluster.name, pod = name, %broker, "deletes a pod");
                self.delete_pod(name, uid).await
            }
            Step::PatchVolume { name, patch } => self.patch_volume(name, patch).await,
            Step::DeleteVolume { name, uid, resource_version } => {
                info!(cluster = self.cluster.name, volume = name, "deletes a volume");
                delete_volume(self.client, &self.namespace, name, uid, resource_version).await
            }
            Step::Drain(broker) => {
                let drained = self.session.drain(self.cluster_id, *broker).await;
                drained.trying(|| format!("drain broker {}", broker.id))
            }
            Step::Undrain(broker) => {
                let taken_back = self.session.undrain(self.cluster_id, *broker).await;
                taken_back.trying(|| format!("let broker {} have replicas again", broker.id))
            }
            Step::Move(moves) => {
                info!(cluster = self.cluster.name, partitions = moves.len(), "moves partitions");
                self.session.begin_moves(moves).await.trying(|| "move partitions".to_owned())
            }
            Step::CancelMoves(partitions) => {
                info!(cluster = self.cluster.name, partitions = partitions.len(), "ends moves");
                self.session.cancel_moves(partitions).await.trying(|| "end moves".to_owned())
            }
            Step::ElectPreferred(partitions) => {
                let elected = self.session.elect_preferred(partitions).await;
                elected.trying(|| "elect preferred leaders".to_owned())
            }
            Step::Unregister(broker) => {
                let forgotten = self.session.unregister(self.cluster_id, *broker).await;
                forgotten.trying(|| format!("unregister broker {}", broker.id))
            }
            Step::Event(event) => {
                self.events.publish(event, &self.cluster).await;
                Ok(())
            }
        }
    }

    async fn write(&self, object: &Object) -> Result<(), Error> {
        info!(cluster = self.cluster.name, kind = object.kind.kind(), name = object.name, "applies");
        let written = self
            .api(object.kind)
            .patch(
                &object.name,
                &PatchParams::apply(label::OPERATOR).force(),
                &Patch::Apply(&object.manifest),
            )
            .await;
        written.map(drop).trying(|| format!("apply {} {}", object.kind.kind(), object.name))
    }

    async fn remove(&self, object: &ObjectRef, propagation: PropagationPolicy) -> Result<(), Error> {
        info!(cluster = self.cluster.name, kind = object.kind.kind(), name = object.name, "deletes");
        let parameters = DeleteParams {
            preconditions: Some(Preconditions { uid: Some(object.uid.clone()), resource_version: None }),
            propagation_policy: Some(propagation),
            ..DeleteParams::default()
        };
        let deleted = self.api(object.kind).delete(&object.name, &parameters).await;
        gone(deleted.map(drop)).trying(|| format!("delete {} {}", object.kind.kind(), object.name))
    }

    async fn delete_pod(&self, name: &str, uid: &str) -> Result<(), Error> {
        let parameters = DeleteParams {
            preconditions: Some(Preconditions { uid: Some(uid.to_owned()), resource_version: None }),
            ..DeleteParams::default()
        };
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), &self.namespace);
        gone(pods.delete(name, &parameters).await.map(drop)).trying(|| format!("delete pod {name}"))
    }

    async fn patch_volume(&self, name: &str, patch: &serde_json::Value) -> Result<(), Error> {
        info!(cluster = self.cluster.name, volume = name, %patch, "patches a volume");
        let volumes: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), &self.namespace);
        let parameters =
            PatchParams { field_manager: Some(label::OPERATOR.to_owned()), ..PatchParams::default() };
        let patched = volumes.patch(name, &parameters, &Patch::Merge(patch)).await;
        patched.map(drop).trying(|| format!("patch volume {name}"))
    }

    fn api(&self, kind: Kind) -> Api<DynamicObject> {
        dynamic(self.client, &self.namespace, kind)
    }
}

/// Where children of that kind are read and written.
pub(super) fn dynamic(client: &Client, namespace: &str, kind: Kind) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk(kind.group(), kind.version(), kind.kind());
    let resource = ApiResource::from_gvk_with_plural(&gvk, kind.plural());
    Api::namespaced_with(client.clone(), namespace, &resource)
}

/// Deletes a volume that is exactly the one that was looked at.
pub(crate) async fn delete_volume(
    client: &Client,
    namespace: &str,
    name: &str,
    uid: &str,
    version: &str,
) -> Result<(), Error> {
    let volumes: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
    let (uid, resource_version) = (Some(uid.to_owned()), Some(version.to_owned()));
    let preconditions = Some(Preconditions { uid, resource_version });
    let parameters = DeleteParams { preconditions, ..DeleteParams::default() };
    gone(volumes.delete(name, &parameters).await.map(drop)).trying(|| format!("delete volume {name}"))
}

/// Deleting what is not there is done.
fn gone(deleted: kube::Result<()>) -> kube::Result<()> {
    match deleted {
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        deleted => deleted,
    }
}

#[cfg(test)]
mod tests;
