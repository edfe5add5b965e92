//! Objects of Kubernetes as the plan hands them on: a kind out of a short list, a name and a manifest. Decides when a
//! live object is as desired.

mod covers;

use serde_json::Value;
use weir_operator_api::annotation;

pub use covers::covers;

use crate::hash;

/// The kinds of children, in the order in which they are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `v1`
    ServiceAccount,
    /// `v1`
    ConfigMap,
    /// `v1`
    Service,
    /// `networking.k8s.io/v1`
    NetworkPolicy,
    /// `policy/v1`
    PodDisruptionBudget,
    /// `apps/v1`
    StatefulSet,
}

impl Kind {
    /// Every kind, in the order in which they are applied.
    pub const ALL: [Self; 6] = [
        Self::ServiceAccount,
        Self::ConfigMap,
        Self::Service,
        Self::NetworkPolicy,
        Self::PodDisruptionBudget,
        Self::StatefulSet,
    ];

    /// The group, empty for the core one.
    #[must_use]
    pub fn group(self) -> &'static str {
        match self {
            Self::ServiceAccount | Self::ConfigMap | Self::Service => "",
            Self::NetworkPolicy => "networking.k8s.io",
            Self::PodDisruptionBudget => "policy",
            Self::StatefulSet => "apps",
        }
    }

    /// The version.
    #[must_use]
    pub fn version(self) -> &'static str {
        "v1"
    }

    /// The `apiVersion` of a manifest.
    #[must_use]
    pub fn api_version(self) -> &'static str {
        match self {
            Self::ServiceAccount | Self::ConfigMap | Self::Service => "v1",
            Self::NetworkPolicy => "networking.k8s.io/v1",
            Self::PodDisruptionBudget => "policy/v1",
            Self::StatefulSet => "apps/v1",
        }
    }

    /// The `kind` of a manifest.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::ConfigMap => "ConfigMap",
            Self::Service => "Service",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
            Self::StatefulSet => "StatefulSet",
        }
    }

    /// The word in URLs.
    #[must_use]
    pub fn plural(self) -> &'static str {
        match self {
            Self::ServiceAccount => "serviceaccounts",
            Self::ConfigMap => "configmaps",
            Self::Service => "services",
            Self::NetworkPolicy => "networkpolicies",
            Self::PodDisruptionBudget => "poddisruptionbudgets",
            Self::StatefulSet => "statefulsets",
        }
    }
}

/// One object that there is, for certain: a name is used again, a uid never is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectRef {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its uid: deletions carry it as a precondition.
    pub uid: String,
}

/// One object as it shall be: the whole of what is applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// The manifest, with `apiVersion`, `kind` and `metadata`; ready for server-side apply. With the uid and the version of
    /// the live object that was looked at, if there was one.
    pub manifest: Value,
}

impl Object {
    /// Of a manifest; adds the annotation with the hash of all of it.
    pub(crate) fn new(kind: Kind, name: &str, mut manifest: Value) -> Self {
        let annotations = entry(entry(&mut manifest, "metadata"), "annotations");
        if let Some(annotations) = annotations.as_object_mut() {
            annotations.remove(annotation::DESIRED_HASH);
        }
        let hash = hash::of(&manifest);
        manifest["metadata"]["annotations"][annotation::DESIRED_HASH] = Value::String(hash);
        Self { kind, name: name.to_owned(), manifest }
    }

    /// The same object with another value of one field of its spec.
    pub(crate) fn with(&self, field: &str, value: impl Into<Value>) -> Self {
        let mut manifest = self.manifest.clone();
        manifest["spec"][field] = value.into();
        Self::new(self.kind, &self.name, manifest)
    }

    /// The same object, to be written over exactly the live one that was looked at: the API server refuses it where that
    /// has changed since, or was made anew.
    pub(crate) fn over(mut self, live: &Value) -> Self {
        for field in ["uid", "resourceVersion"] {
            let seen = &live["metadata"][field];
            if seen.is_string() {
                self.manifest["metadata"][field] = seen.clone();
            }
        }
        self
    }

    /// Whether the live object is as this one: the same hash was applied, and nobody has changed what was applied.
    #[must_use]
    pub fn is_covered_by(&self, live: &Value) -> bool {
        covers(live, &self.manifest)
    }
}

/// The field of an object, made where it is not.
fn entry<'a>(object: &'a mut Value, name: &str) -> &'a mut Value {
    if !object[name].is_object() {
        object[name] = Value::Object(serde_json::Map::new());
    }
    &mut object[name]
}
