//! Pieces of schema that derives can not say: bounds on maps (the API server estimates the cost of a rule by them),
//! quantities as text, lists that merge by a key, and fields whose content is not described.

use schemars::{Schema, SchemaGenerator, json_schema};

/// A quantity that is always text, so that rules can compare it.
pub(crate) fn quantity(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "maxLength": 32 })
}

/// Settings by name. The bounds keep rules cheap; nothing real comes near them.
pub(crate) fn settings(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 256,
        "additionalProperties": { "type": "string", "maxLength": 4096 },
    })
}

/// Annotations for objects that are made.
pub(crate) fn annotations(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": { "type": "string" },
    })
}

/// An object whose fields are checked elsewhere.
pub(crate) fn opaque(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}
