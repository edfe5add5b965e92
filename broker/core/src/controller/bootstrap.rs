//! The first records of a cluster: which rules the log follows, and the cluster's id.

use uuid::Uuid;

use super::image::Image;
use super::{Decision, METADATA_VERSION, METADATA_VERSION_SUPPORTED, Record};

/// Begins a cluster, unless the image already holds one. The reply is the cluster's id.
#[must_use]
pub fn decide(image: &Image, fresh_id: Uuid) -> Decision<Uuid> {
    if let Some(id) = image.cluster_id() {
        return Decision { records: Vec::new(), reply: id };
    }
    let records = vec![
        Record::FeatureLevelChanged { name: METADATA_VERSION.to_owned(), level: METADATA_VERSION_SUPPORTED },
        Record::ClusterCreated { id: fresh_id },
    ];
    Decision { records, reply: fresh_id }
}
