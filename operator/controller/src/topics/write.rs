//! Writes what concerns Topics themselves to the API server, several at a time: finalizers and statuses. What is gone or
//! was changed meanwhile is left to the next pass, which the watch brings about.

use futures_util::{StreamExt, TryStreamExt, stream};
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use serde_json::json;
use weir_operator_api::{TOPIC_FINALIZER, Topic, label};
use weir_operator_plan::topics::{FinalizerChange, StatusChange};

use crate::error::{Error, Trying};

/// Writes under way at once.
const AT_ONCE: usize = 16;
/// Who owns the finalizer: it is taken off by applying without it, and others' finalizers stay.
const FINALIZERS: &str = "weir-operator-finalizers";

/// Puts finalizers on and takes them off.
pub(super) async fn finalizers(
    client: &Client,
    namespace: &str,
    changes: &[FinalizerChange],
) -> Result<(), Error> {
    let topics: Api<Topic> = Api::namespaced(client.clone(), namespace);
    let writes = changes.iter().cloned().map(|change| finalizer(topics.clone(), change));
    stream::iter(writes).buffer_unordered(AT_ONCE).try_collect::<()>().await
}

async fn finalizer(topics: Api<Topic>, change: FinalizerChange) -> Result<(), Error> {
    let owner = change.owner;
    let finalizers = if change.present { vec![TOPIC_FINALIZER] } else { Vec::new() };
    // With the uid, or a Topic that is gone would be made again.
    let metadata = json!({"name": owner.name, "uid": owner.uid, "finalizers": finalizers});
    let patch = json!({"apiVersion": "weir.dev/v1alpha1", "kind": "Topic", "metadata": metadata});
    let parameters = PatchParams::apply(FINALIZERS).force();
    let written = topics.patch_metadata(&owner.name, &parameters, &Patch::Apply(&patch)).await;
    settled(written.map(drop)).trying(|| format!("write the finalizer of Topic {}", owner.name))
}

/// Writes statuses.
pub(super) async fn statuses(
    client: &Client,
    namespace: &str,
    changes: &[StatusChange],
) -> Result<(), Error> {
    let topics: Api<Topic> = Api::namespaced(client.clone(), namespace);
    let writes = changes.iter().cloned().map(|change| status(topics.clone(), change));
    stream::iter(writes).buffer_unordered(AT_ONCE).try_collect::<()>().await
}

async fn status(topics: Api<Topic>, change: StatusChange) -> Result<(), Error> {
    let (name, uid) = (&change.owner.name, &change.owner.uid);
    let patch = json!({"apiVersion": "weir.dev/v1alpha1", "kind": "Topic", "metadata": {"name": name, "uid": uid},
        "status": change.status});
    let parameters = PatchParams::apply(label::OPERATOR).force();
    let written = topics.patch_status(name, &parameters, &Patch::Apply(&patch)).await;
    settled(written.map(drop)).trying(|| format!("write the status of Topic {name}"))
}

/// A Topic that is gone, or is another one by now, needs nothing written.
fn settled(written: kube::Result<()>) -> kube::Result<()> {
    match written {
        Err(kube::Error::Api(status)) if status.code == 404 || status.code == 409 => Ok(()),
        written => written,
    }
}
