//! What a scenario has at hand: a namespace, the stand-ins, and words to say what it expects.

use std::fmt::Debug;
use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, ObjectList, Patch, PatchParams, PostParams};
use kube::discovery::ApiResource;
use kube::{Client, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::brokers::Brokers;
use crate::control_plane::ControlPlane;
use crate::door::Door;
use crate::kubelet::Kubelet;
use crate::operator::Operator;
use crate::waiting::eventually;

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// One scenario's world.
pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    pub(crate) brokers: Brokers,
    pub(crate) kubelet: Kubelet,
    directory: PathBuf,
}

impl World {
    pub(crate) async fn new(plane: &ControlPlane, namespace: &str) -> Self {
        let client = plane.client.clone();
        let namespaces: Api<Namespace> = Api::all(client.clone());
        let made: Namespace =
            serde_json::from_value(json!({"metadata": {"name": namespace}})).expect("a namespace");
        namespaces.create(&PostParams::default(), &made).await.expect("a namespace");
        install_crds(&client).await;
        let directory = plane.directory().join(namespace);
        std::fs::create_dir(&directory).expect("a directory");
        Self {
            kubelet: Kubelet::start(client.clone()).await,
            brokers: Brokers::start().await,
            client,
            namespace: namespace.to_owned(),
            directory,
        }
    }

    /// A door, and an operator that goes through it.
    pub(crate) async fn operator(&self, identity: &str) -> (Door, Operator) {
        let door = Door::open(self.client.clone()).await;
        let operator = self.behind(&door, identity);
        (door, operator)
    }

    /// An operator that goes through that door.
    pub(crate) fn behind(&self, door: &Door, identity: &str) -> Operator {
        Operator::start(&self.directory, identity, &door.address, &self.namespace)
    }

    pub(crate) fn api<K>(&self) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The operator's resources, as people see them.
    pub(crate) fn own(&self, kind: &str) -> Api<DynamicObject> {
        let gvk = kube::core::GroupVersionKind::gvk("weir.dev", "v1alpha1", kind);
        Api::namespaced_with(self.client.clone(), &self.namespace, &ApiResource::from_gvk(&gvk))
    }

    /// As `kubectl apply`.
    pub(crate) async fn apply(&self, kind: &str, name: &str, spec: Value) -> kube::Result<DynamicObject> {
        let object = json!({"apiVersion": "weir.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        self.own(kind).patch(name, &PatchParams::apply("kubectl").force(), &Patch::Apply(&object)).await
    }

    /// Three brokers called logs.
    pub(crate) async fn apply_cluster(&self, changes: Value) {
        // The brokers that are stood in place everything on the first ones: nobody is to even that out here.
        let never = json!({"mode": "Never"});
        let mut spec =
            json!({"replicas": 3, "storage": {"size": "1Gi"}, "image": "weir:1", "rebalance": never});
        for (name, value) in changes.as_object().cloned().unwrap_or_default() {
            spec[name] = value;
        }
        self.apply("Cluster", "logs", spec).await.expect("the cluster is accepted");
    }

    /// The status that the object has.
    pub(crate) async fn status(&self, kind: &str, name: &str) -> Value {
        let object = self.own(kind).get_opt(name).await.ok().flatten();
        object.map(|object| object.data["status"].clone()).unwrap_or_default()
    }

    /// Waits until the status is as it should be.
    pub(crate) async fn until(
        &self,
        what: &str,
        kind: &str,
        name: &str,
        holds: impl Fn(&Value) -> bool,
    ) -> Value {
        eventually(what, PATIENCE, || async {
            let status = self.status(kind, name).await;
            holds(&status).then_some(status)
        })
        .await
    }

    /// Waits until all three brokers are there and nothing is going on.
    pub(crate) async fn until_settled(&self) -> Value {
        self.until("the cluster is settled", "Cluster", "logs", |status| {
            status["ready"] == "3/3" && condition(status, "Progressing") == "False"
        })
        .await
    }

    pub(crate) async fn list<K>(&self) -> ObjectList<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        self.api::<K>().list(&ListParams::default()).await.expect("a list")
    }

    /// The images of the pods, by name.
    pub(crate) async fn images(&self) -> Vec<String> {
        let pods = self.list::<Pod>().await;
        let image = |pod: &Pod| pod.spec.as_ref().and_then(|spec| spec.containers.first()?.image.clone());
        pods.iter().filter_map(image).collect()
    }

    /// What an operator logged.
    pub(crate) fn log(&self, identity: &str) -> String {
        std::fs::read_to_string(self.directory.join(format!("{identity}.log"))).unwrap_or_default()
    }

    /// What a reader of a failure wants to know.
    pub(crate) async fn tell(&self) {
        for kind in ["Cluster", "Topic"] {
            for object in self.own(kind).list(&ListParams::default()).await.into_iter().flatten() {
                eprintln!("---- {kind} {:?}\n{:#}", object.metadata.name, object.data);
            }
        }
        for entry in std::fs::read_dir(&self.directory).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|end| end == "log") {
                let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
                let lines: Vec<_> = text.lines().collect();
                let last = &lines[lines.len().saturating_sub(60)..];
                eprintln!("---- {}\n{}", entry.path().display(), last.join("\n"));
            }
        }
    }

    /// Takes everything away.
    pub(crate) async fn end(self) {
        for kind in ["Topic", "Cluster"] {
            let _ = self.own(kind).delete_collection(&DeleteParams::default(), &ListParams::default()).await;
        }
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let _ = namespaces.delete(&self.namespace, &DeleteParams::default()).await;
    }
}

/// The status of a condition.
pub(crate) fn condition(status: &Value, kind: &str) -> String {
    field(status, kind, "status")
}

/// The reason of a condition.
pub(crate) fn reason(status: &Value, kind: &str) -> String {
    field(status, kind, "reason")
}

fn field(status: &Value, kind: &str, name: &str) -> String {
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    let found = conditions.into_iter().find(|condition| condition["type"] == kind).unwrap_or_default();
    found[name].as_str().unwrap_or_default().to_owned()
}

/// What `weir-operator crds` prints, as `kubectl apply` would.
async fn install_crds(client: &Client) {
    let printed =
        tokio::process::Command::new(env!("CARGO_BIN_EXE_weir-operator")).arg("crds").output().await;
    let printed = String::from_utf8(printed.expect("the operator runs").stdout).expect("text");
    let gvk = kube::core::GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition");
    let crds: Api<DynamicObject> = Api::all_with(client.clone(), &ApiResource::from_gvk(&gvk));
    for document in serde_yaml::Deserializer::from_str(&printed) {
        let crd: Value = serde::Deserialize::deserialize(document).expect("a CRD");
        if crd.is_null() {
            continue;
        }
        let name = crd["metadata"]["name"].as_str().expect("a name").to_owned();
        crds.patch(&name, &PatchParams::apply("kubectl").force(), &Patch::Apply(&crd))
            .await
            .expect("the CRD is accepted");
        eventually("the CRD is served", PATIENCE, || async {
            let crd = crds.get(&name).await.ok()?;
            let conditions = crd.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
            conditions.iter().any(|c| c["type"] == "Established" && c["status"] == "True").then_some(())
        })
        .await;
    }
}
