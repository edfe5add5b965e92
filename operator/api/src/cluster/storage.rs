//! `spec.storage`: the volume of each broker.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The volume of each broker.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("isQuantity(self.size) && quantity(self.size).isGreaterThan(quantity('0'))")
        .message("storage.size must be a size such as 10Gi")
        .field_path(".size"),
    validation = Rule::new(
        "!isQuantity(self.size) || !isQuantity(oldSelf.size) || \
         quantity(self.size).compareTo(quantity(oldSelf.size)) >= 0"
    )
        .message("storage.size can only grow: volumes can not be made smaller")
        .field_path(".size"),
    validation = Rule::new(
        "has(self.storageClassName) == has(oldSelf.storageClassName) && \
         (!has(self.storageClassName) || self.storageClassName == oldSelf.storageClassName)"
    )
        .message("storage.storageClassName can not be changed: volumes stay in the class that they were made in")
)]
pub struct Storage {
    /// The size of each broker's volume, such as `10Gi`. It can grow, if the StorageClass allows it, and never shrink.
    #[schemars(schema_with = "crate::schema::quantity")]
    pub size: Quantity,

    /// The StorageClass of the volumes; the cluster's default class when not set. Can not be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_class_name: Option<String>,

    /// What becomes of the volumes when the Cluster is deleted. Retain: they stay, and a Cluster of the same name takes
    /// its data back. Default: Retain.
    #[serde(default)]
    pub when_deleted: VolumePolicy,

    /// What becomes of a volume when its broker is scaled away. Default: Retain.
    #[serde(default)]
    pub when_scaled: VolumePolicy,
}

/// What becomes of a volume that is no longer used.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VolumePolicy {
    /// It stays.
    #[default]
    Retain,
    /// It is deleted, with everything on it.
    Delete,
}

impl VolumePolicy {
    /// The word in the spec.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Retain => "Retain",
            Self::Delete => "Delete",
        }
    }
}
