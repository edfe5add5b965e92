//! `spec.podTemplate`: an object that leaves alone what the operator finds pods by and what brokers need to keep their
//! records.

use serde_json::Value;
use weir_operator_api::{annotation, label};

use super::Invalid;
use crate::names::{CONTAINER, VOLUME};

/// Labels that Services and the StatefulSet select by.
const LABELS: [&str; 5] = [label::CLUSTER, label::NAME, label::INSTANCE, label::MANAGED_BY, label::COMPONENT];
/// Fields of the pod that are the operator's.
const POD_FIELDS: [&str; 5] = ["hostname", "subdomain", "restartPolicy", "nodeName", "serviceAccountName"];
/// Fields of the broker's container that are the operator's.
const CONTAINER_FIELDS: [&str; 3] = ["command", "args", "ports"];

pub(super) fn check(overlay: Option<&Value>, wrong: &mut Vec<Invalid>) {
    let Some(overlay) = overlay else { return };
    let mut refuse = |path: String, message: &str| wrong.push(Invalid::at(path, message));
    let Some(fields) = overlay.as_object() else {
        return refuse("spec.podTemplate".to_owned(), "it must be an object with metadata and spec");
    };
    for name in fields.keys().filter(|name| !matches!(name.as_str(), "metadata" | "spec")) {
        refuse(format!("spec.podTemplate.{name}"), "a pod template has only metadata and spec");
    }
    for label in LABELS.iter().filter(|label| overlay["metadata"]["labels"].get(**label).is_some()) {
        refuse(format!("spec.podTemplate.metadata.labels[{label}]"), "pods are selected by it: take it out");
    }
    if overlay["metadata"]["annotations"].get(annotation::CONTENT_HASH).is_some() {
        let path = format!("spec.podTemplate.metadata.annotations[{}]", annotation::CONTENT_HASH);
        refuse(path, "the operator writes it: take it out");
    }
    for field in POD_FIELDS.iter().filter(|field| overlay["spec"].get(**field).is_some()) {
        refuse(format!("spec.podTemplate.spec.{field}"), "the operator sets it: take it out");
    }
    check_lists(&overlay["spec"], &mut refuse);
}

fn check_lists(spec: &Value, refuse: &mut impl FnMut(String, &str)) {
    for list in ["containers", "initContainers", "volumes"] {
        for (at, item) in spec[list].as_array().into_iter().flatten().enumerate() {
            let path = format!("spec.podTemplate.spec.{list}[{at}]");
            match item["name"].as_str() {
                None => refuse(path, "it needs a name, by which it is merged"),
                Some(VOLUME | "config") if list == "volumes" => {
                    refuse(path, "this volume is the operator's: choose another name");
                }
                Some(CONTAINER) if list == "containers" => check_broker(&path, item, refuse),
                Some(_) => {}
            }
        }
    }
}

fn check_broker(path: &str, container: &Value, refuse: &mut impl FnMut(String, &str)) {
    for field in CONTAINER_FIELDS.iter().filter(|field| container.get(**field).is_some()) {
        refuse(format!("{path}.{field}"), "the operator sets it: use spec.config and spec.listeners");
    }
    if container.get("image").is_some() {
        refuse(format!("{path}.image"), "use spec.image");
    }
    if container.get("resources").is_some() {
        refuse(format!("{path}.resources"), "use spec.resources");
    }
}
