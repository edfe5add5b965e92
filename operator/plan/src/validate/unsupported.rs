//! Fields that the API has and this version does not carry out. Refused, because nothing that a user says may be ignored
//! in silence.

use weir_operator_api::ClusterSpec;

use super::Invalid;

pub(super) fn check(spec: &ClusterSpec, wrong: &mut Vec<Invalid>) {
    let mut refuse = |set: bool, path: &str, message: &str| {
        if set {
            wrong.push(Invalid::at(path, message));
        }
    };
    let later = "this version does not carry it out yet: take it out";
    refuse(spec.rollout.max_unavailable < 1, "spec.rollout.maxUnavailable", "it must be 1 or more");
    refuse(spec.metadata_version.is_some(), "spec.metadataVersion", later);
    for (at, listener) in spec.listeners.iter().enumerate() {
        refuse(listener.tls.is_some(), &format!("spec.listeners[{at}].tls"), later);
        refuse(listener.authentication.is_some(), &format!("spec.listeners[{at}].authentication"), later);
    }
}
