//! A StorageClass, as far as volumes depend on it.

use k8s_openapi::api::storage::v1::StorageClass;

/// A kind of volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageClassSeen {
    /// Its name.
    pub name: String,
    /// Whether its volumes can grow.
    pub expandable: bool,
    /// Whether it is the one for claims that name none.
    pub default: bool,
}

impl From<&StorageClass> for StorageClassSeen {
    fn from(class: &StorageClass) -> Self {
        let annotations = class.metadata.annotations.as_ref();
        let default = annotations
            .and_then(|annotations| annotations.get("storageclass.kubernetes.io/is-default-class"))
            .is_some_and(|value| value == "true");
        Self {
            name: class.metadata.name.clone().unwrap_or_default(),
            expandable: class.allow_volume_expansion.unwrap_or(false),
            default,
        }
    }
}
