//! Stands in for scheduler, kubelets and volumes: pods are put on a node and become ready, claims are bound, what is deleted
//! goes. A test can keep pods from becoming ready.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, PersistentVolumeClaim, Pod};
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::json;
use tokio::task::JoinHandle;

const PACE: Duration = Duration::from_millis(100);
const ZONES: [&str; 3] = ["a", "b", "c"];

/// The stand-in.
pub(crate) struct Kubelet {
    broken: Arc<Mutex<BTreeSet<String>>>,
    working: JoinHandle<()>,
}

impl Kubelet {
    /// Three nodes in three zones.
    pub(crate) async fn start(client: Client) -> Self {
        let nodes: Api<Node> = Api::all(client.clone());
        for zone in ZONES {
            let node: Node = serde_json::from_value(json!({
                "metadata": {"name": format!("node-{zone}"), "labels": {"topology.kubernetes.io/zone": zone}},
                "spec": {},
            }))
            .expect("a node");
            // The next test finds them there.
            let _ = nodes.create(&PostParams::default(), &node).await;
            let status = json!({"status": {
                "addresses": [{"type": "InternalIP", "address": "172.18.0.2"}],
                "conditions": [{"type": "Ready", "status": "True", "reason": "Up", "message": "",
                    "lastHeartbeatTime": null, "lastTransitionTime": null}],
            }});
            let _ = nodes
                .patch_status(&format!("node-{zone}"), &PatchParams::default(), &Patch::Merge(&status))
                .await;
        }
        let broken = Arc::<Mutex<BTreeSet<String>>>::default();
        let kept = Arc::clone(&broken);
        let working = tokio::spawn(async move {
            loop {
                // An API server that is busy is asked again.
                let _ = turn(&client, &kept).await;
                tokio::time::sleep(PACE).await;
            }
        });
        Self { broken, working }
    }

    /// Pods with this image can not pull it.
    pub(crate) fn break_image(&self, image: &str) {
        self.broken.lock().expect("not poisoned").insert(image.to_owned());
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.working.abort();
    }
}

async fn turn(client: &Client, broken: &Mutex<BTreeSet<String>>) -> kube::Result<()> {
    let pods: Api<Pod> = Api::all(client.clone());
    for pod in pods.list(&ListParams::default()).await? {
        let own: Api<Pod> = Api::namespaced(client.clone(), &pod.namespace().unwrap_or_default());
        if pod.metadata.deletion_timestamp.is_some() {
            own.delete(&pod.name_any(), &DeleteParams::default().grace_period(0)).await?;
        } else if pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_none()) {
            bind(client, &pod).await?;
        } else {
            let image = pod.spec.as_ref().and_then(|spec| spec.containers.first()?.image.clone());
            let is_broken = broken.lock().expect("not poisoned").contains(&image.unwrap_or_default());
            report(&own, &pod, is_broken).await?;
        }
    }
    let claims: Api<PersistentVolumeClaim> = Api::all(client.clone());
    for claim in claims.list(&ListParams::default()).await? {
        let own: Api<PersistentVolumeClaim> =
            Api::namespaced(client.clone(), &claim.namespace().unwrap_or_default());
        provide(&own, &claim).await?;
    }
    Ok(())
}

async fn bind(client: &Client, pod: &Pod) -> kube::Result<()> {
    let (namespace, name) = (pod.namespace().unwrap_or_default(), pod.name_any());
    let ordinal: usize = name.rsplit('-').next().and_then(|text| text.parse().ok()).unwrap_or(0);
    let node = format!("node-{}", ZONES[ordinal % ZONES.len()]);
    let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
        "target": {"kind": "Node", "name": node}});
    let path = format!("/api/v1/namespaces/{namespace}/pods/{name}/binding");
    let request = http::Request::post(path)
        .header("content-type", "application/json")
        .body(binding.to_string().into_bytes())
        .expect("a request");
    client.request_text(request).await.map(drop)
}

async fn report(pods: &Api<Pod>, pod: &Pod, is_broken: bool) -> kube::Result<()> {
    let ready = if is_broken { "False" } else { "True" };
    let state = if is_broken {
        json!({"waiting": {"reason": "ErrImagePull", "message": "no such image"}})
    } else {
        json!({"running": {}})
    };
    let reported =
        pod.status.as_ref().and_then(|status| status.conditions.as_ref()).is_some_and(|conditions| {
            conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == ready)
        });
    if reported {
        return Ok(());
    }
    let status = json!({"status": {
        "phase": if is_broken { "Pending" } else { "Running" },
        "hostIP": "172.18.0.2",
        "conditions": [{"type": "Ready", "status": ready}],
        "containerStatuses": [{"name": "weir", "image": "i", "imageID": "", "ready": !is_broken,
            "restartCount": 0, "state": state}],
    }});
    pods.patch_status(&pod.name_any(), &PatchParams::default(), &Patch::Strategic(&status)).await.map(drop)
}

async fn provide(claims: &Api<PersistentVolumeClaim>, claim: &PersistentVolumeClaim) -> kube::Result<()> {
    if claim.metadata.deletion_timestamp.is_some() {
        let bare = json!({"metadata": {"finalizers": null}});
        return claims
            .patch(&claim.name_any(), &PatchParams::default(), &Patch::Merge(&bare))
            .await
            .map(drop);
    }
    let asked =
        claim.spec.as_ref().and_then(|spec| spec.resources.as_ref()?.requests.as_ref()?.get("storage"));
    let has = claim.status.as_ref().and_then(|status| status.capacity.as_ref()?.get("storage"));
    if asked.is_none() || asked == has {
        return Ok(());
    }
    let status = json!({"status": {"phase": "Bound", "capacity": {"storage": asked}}});
    claims.patch_status(&claim.name_any(), &PatchParams::default(), &Patch::Merge(&status)).await.map(drop)
}
