//! `spec.config`: settings that the brokers know, with values that they take, and none that the operator writes itself.

use std::collections::BTreeMap;

use weir_model::config::validate_broker_file;
use weir_operator_api::owned_setting;

use super::Invalid;

pub(super) fn check(config: &BTreeMap<String, String>, wrong: &mut Vec<Invalid>) {
    let before = wrong.len();
    for (name, value) in config {
        let path = format!("spec.config[{name}]");
        if let Some(instead) = owned_setting(name) {
            wrong.push(Invalid::at(path, format!("the operator sets it, by {instead}: take it out")));
        } else if value.contains(['\n', '\r']) {
            wrong.push(Invalid::at(path, "a value is one line"));
        } else if !value.contains("${env:") {
            let alone = BTreeMap::from([(name.clone(), value.clone())]);
            if let Err(error) = validate_broker_file(&alone) {
                wrong.push(Invalid::at(path, error.to_string()));
            }
        }
    }
    // Two settings may be right alone and wrong together.
    if wrong.len() == before
        && !config.values().any(|value| value.contains("${env:"))
        && let Err(error) = validate_broker_file(config)
    {
        wrong.push(Invalid::at("spec.config", error.to_string()));
    }
}
