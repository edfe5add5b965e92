//! `spec.storage`: a size that is one.

use weir_operator_api::Storage;

use super::Invalid;
use crate::quantity::Bytes;
use crate::valid::ValidStorage;

/// Below this a broker can not even hold one segment of its own topics.
const SIZE_MIN: Bytes = Bytes(64 << 20);

pub(super) fn read(storage: &Storage, wrong: &mut Vec<Invalid>) -> Option<ValidStorage> {
    let text = &storage.size.0;
    let size = match Bytes::parse(&storage.size) {
        Some(size) if size >= SIZE_MIN => size,
        Some(_) => {
            wrong.push(Invalid::at("spec.storage.size", format!("{text} is too small: say 64Mi or more")));
            return None;
        }
        None => {
            wrong.push(Invalid::at(
                "spec.storage.size",
                format!("{text:?} is no size: write one such as 10Gi"),
            ));
            return None;
        }
    };
    if storage.storage_class_name.as_deref() == Some("") {
        let message = "an empty name is no StorageClass: name one, or leave it out for the default";
        wrong.push(Invalid::at("spec.storage.storageClassName", message));
    }
    Some(ValidStorage {
        size,
        size_text: text.clone(),
        class: storage.storage_class_name.clone(),
        when_deleted: storage.when_deleted,
        when_scaled: storage.when_scaled,
    })
}
