//! A volume claim, as far as decisions look at it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use weir_model::BrokerId;
use weir_operator_api::{annotation, label};

use crate::names::Names;
use crate::quantity::Bytes;

/// A volume claim of a broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumeSeen {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its version: a deletion carries it, so that nothing is deleted that has changed since.
    pub resource_version: String,
    /// The broker whose volume it is, by its name.
    pub broker: Option<BrokerId>,
    /// The Cluster that it belongs to, by its label.
    pub cluster: Option<String>,
    /// What it asks for.
    pub requested: Option<Bytes>,
    /// What it has.
    pub capacity: Option<Bytes>,
    /// Its StorageClass.
    pub storage_class: Option<String>,
    /// The volume behind it, which is of no namespace.
    pub volume: Option<String>,
    /// Whether there is a volume behind it.
    pub bound: bool,
    /// Somebody has deleted it, and it is not gone yet.
    pub deleting: bool,
    /// What becomes of it when its Cluster is deleted, if that was written down.
    pub when_deleted: Option<String>,
    /// The uid of the Cluster that used it last, if that was written down.
    pub cluster_uid: Option<String>,
    /// Why it does not grow, if it was told to and something is in the way.
    pub resize_trouble: Option<String>,
}

impl VolumeSeen {
    /// What is seen of a claim.
    #[must_use]
    pub fn new(claim: &PersistentVolumeClaim) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let found = |map: &Option<BTreeMap<String, String>>, name: &str| {
            map.as_ref().and_then(|map| map.get(name)).cloned()
        };
        let (metadata, spec, status) = (&claim.metadata, claim.spec.as_ref(), claim.status.as_ref());
        let cluster = found(&metadata.labels, label::CLUSTER);
        let namespace = text(&metadata.namespace);
        let name = text(&metadata.name);
        let requests = spec.and_then(|spec| spec.resources.as_ref()?.requests.as_ref());
        let capacity = status.and_then(|status| status.capacity.as_ref());
        let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let trouble = conditions.iter().find(|c| c.type_.ends_with("ResizeError") && c.status == "True");
        Self {
            broker: cluster.as_ref().and_then(|of| Names::new(of, &namespace).broker_of_volume(&name)),
            name,
            uid: text(&metadata.uid),
            resource_version: text(&metadata.resource_version),
            cluster,
            requested: requests.and_then(|amounts| Bytes::parse(amounts.get("storage")?)),
            capacity: capacity.and_then(|amounts| Bytes::parse(amounts.get("storage")?)),
            storage_class: spec.and_then(|spec| spec.storage_class_name.clone()),
            volume: spec.and_then(|spec| spec.volume_name.clone()).filter(|name| !name.is_empty()),
            bound: status.and_then(|status| status.phase.as_deref()) == Some("Bound"),
            deleting: metadata.deletion_timestamp.is_some(),
            when_deleted: found(&metadata.annotations, annotation::WHEN_DELETED),
            cluster_uid: found(&metadata.annotations, annotation::CLUSTER_UID),
            resize_trouble: trouble.and_then(|condition| condition.message.clone()),
        }
    }
}
