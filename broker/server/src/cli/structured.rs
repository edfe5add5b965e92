//! Results for programs: JSON and YAML. The only place that knows the YAML crate.

use serde::Serialize;

use super::failure::Failure;

/// Indented JSON with a line end.
pub(super) fn json(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|error| unwritable("JSON", &error))
}

/// JSON on one line.
pub(super) fn json_line(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(value);
    text.map(|text| text + "\n").map_err(|error| unwritable("JSON", &error))
}

/// YAML.
pub(super) fn yaml(value: &impl Serialize) -> Result<String, Failure> {
    serde_yaml::to_string(value).map_err(|error| unwritable("YAML", &error))
}

/// One of many YAML documents.
pub(super) fn yaml_document(value: &impl Serialize) -> Result<String, Failure> {
    Ok(format!("---\n{}", yaml(value)?))
}

fn unwritable(format: &'static str, error: &dyn std::error::Error) -> Failure {
    Failure::Unwritable { format, reason: error.to_string() }
}
