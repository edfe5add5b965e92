//! An object that the operator made, as it is now.

use serde::Serialize;
use serde_json::Value;
use weir_operator_api::label;

use crate::object::{Kind, ObjectRef};

/// A child of the Cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Somebody has deleted it, and it is not gone yet.
    pub deleting: bool,
    /// All of it. What the operator does not look at may be left out: `status` but a Service's, `managedFields`.
    pub manifest: Value,
}

impl Child {
    /// Of an object of k8s-openapi.
    pub fn new(kind: Kind, object: &impl Serialize) -> Result<Self, serde_json::Error> {
        serde_json::to_value(object).map(|manifest| Self::of_manifest(kind, manifest))
    }

    /// Of a manifest.
    #[must_use]
    pub fn of_manifest(kind: Kind, manifest: Value) -> Self {
        let metadata = &manifest["metadata"];
        let text = |name: &str| metadata[name].as_str().unwrap_or_default().to_owned();
        Self {
            kind,
            name: text("name"),
            uid: text("uid"),
            deleting: metadata.get("deletionTimestamp").is_some_and(|at| !at.is_null()),
            manifest,
        }
    }

    /// Which object it is.
    #[must_use]
    pub fn reference(&self) -> ObjectRef {
        ObjectRef { kind: self.kind, name: self.name.clone(), uid: self.uid.clone() }
    }

    /// Whether it is not the Cluster's to write: somebody else is its controller, or nobody is and it does not carry the
    /// Cluster's label, so that it was made by hand or by another program. One that lost its controller is taken back.
    #[must_use]
    pub fn is_somebody_elses(&self, cluster: &str, uid: &str) -> bool {
        let owners = self.manifest["metadata"]["ownerReferences"].as_array();
        let controlled = owners.into_iter().flatten().any(|owner| owner["controller"] == true);
        let labelled = self.manifest["metadata"]["labels"][label::CLUSTER] == cluster;
        !self.is_controlled_by(uid) && (controlled || !labelled)
    }

    /// Whether the Cluster of that uid is its controller.
    #[must_use]
    pub fn is_controlled_by(&self, uid: &str) -> bool {
        let owners = self.manifest["metadata"]["ownerReferences"].as_array();
        owners.into_iter().flatten().any(|owner| owner["uid"] == uid && owner["controller"] == true)
    }
}
