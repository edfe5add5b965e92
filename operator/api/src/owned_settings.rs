//! The broker settings that the operator writes itself. A user who sets one of them would cut brokers off from each other
//! or from their volumes, so `spec.config` refuses them at apply time, and `plan::validate` once more.

use kube::core::Rule;

/// The settings that the operator owns, and where the user says the same instead.
pub const OWNED_SETTINGS: &[(&str, &str)] = &[
    ("advertised.listeners", "spec.listeners"),
    ("broker.id", "the ordinal of the pod"),
    ("broker.rack", "spec.topology.key"),
    ("controller.quorum.voters", "spec.replicas"),
    ("inter.broker.listener.name", "spec.listeners"),
    ("listeners", "spec.listeners"),
    ("log.dir", "spec.storage"),
    ("log.dirs", "spec.storage"),
    ("node.id", "the ordinal of the pod"),
    ("weir.admin.listener", "the operator's own port"),
    ("weir.http.listener", "the operator's own port"),
    ("weir.peer.advertised", "the pod's name"),
    ("weir.peer.listener", "the brokers' own port"),
];

/// Where a user says what this setting would say, if the operator owns it.
#[must_use]
pub fn owned_setting(name: &str) -> Option<&'static str> {
    OWNED_SETTINGS.iter().find(|(owned, _)| *owned == name).map(|(_, instead)| *instead)
}

/// The rule on `spec.config`.
pub(crate) fn rule() -> Rule {
    let names: Vec<_> = OWNED_SETTINGS.iter().map(|(name, _)| *name).collect();
    let message = format!(
        "these settings are the operator's: {}; say what you mean by spec.listeners, spec.storage, spec.replicas and \
         spec.topology",
        names.join(", ")
    );
    Rule::new(format!("!self.exists(name, name in ['{}'])", names.join("', '"))).message(message.as_str())
}
