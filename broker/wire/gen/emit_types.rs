//! Writes the Rust structs of one API, with the schema's defaults.

use std::fmt::Write as _;

use super::ast::{Api, Field, Struct, Type};

/// The name of a struct or field as Rust takes it.
pub(crate) fn ident(name: &str) -> String {
    const KEYWORDS: [&str; 6] = ["type", "match", "ref", "move", "use", "where"];
    if KEYWORDS.contains(&name) { format!("r#{name}") } else { name.to_owned() }
}

/// The Rust type of a field.
pub(crate) fn field_type(field: &Field) -> String {
    let plain = plain_type(&field.ty);
    if field.nullable.is_some() { format!("Option<{plain}>") } else { plain }
}

/// The Rust type of a value that is there.
pub(crate) fn plain_type(ty: &Type) -> String {
    match ty {
        Type::Bool => "bool".to_owned(),
        Type::I8 => "i8".to_owned(),
        Type::I16 => "i16".to_owned(),
        Type::U16 => "u16".to_owned(),
        Type::I32 => "i32".to_owned(),
        Type::I64 => "i64".to_owned(),
        Type::F64 => "f64".to_owned(),
        Type::Uuid => "Uuid".to_owned(),
        Type::Str => "Str".to_owned(),
        Type::Bytes => "Bytes".to_owned(),
        Type::Records => "Records".to_owned(),
        Type::Struct(name) => name.clone(),
        Type::Array(inner) => format!("Vec<{}>", plain_type(inner)),
    }
}

/// The default of a field, as an expression.
pub(crate) fn default_value(field: &Field) -> String {
    match &field.default {
        Some(null) if null == "null" => "None".to_owned(),
        Some(value) => value.clone(),
        None if field.nullable.is_some() => "Some(Default::default())".to_owned(),
        None => "Default::default()".to_owned(),
    }
}

/// Is the type's own default the schema's?
fn defaults_to_zero(field: &Field) -> bool {
    match &field.default {
        Some(value) => value == "null",
        None => field.nullable.is_none(),
    }
}

/// Writes the struct and its `Default`.
pub(crate) fn emit_struct(out: &mut String, api: &Api, st: &Struct, doc: &str) {
    let zero = st.fields.iter().all(defaults_to_zero);
    let derive = if zero { ", Default" } else { "" };
    if !doc.is_empty() {
        let _ = writeln!(out, "/// {doc}");
    }
    let _ = writeln!(out, "#[derive(Clone, Debug, PartialEq{derive})]\npub struct {} {{", st.name);
    for field in &st.fields {
        emit_doc(out, api, field);
        let _ = writeln!(out, "    pub {}: {},", ident(&field.name), field_type(field));
    }
    out.push_str("}\n");
    if zero {
        return;
    }
    let _ = writeln!(out, "impl Default for {} {{\n    fn default() -> Self {{\n        Self {{", st.name);
    for field in &st.fields {
        let _ = writeln!(out, "            {}: {},", ident(&field.name), default_value(field));
    }
    out.push_str("        }\n    }\n}\n");
}

fn emit_doc(out: &mut String, api: &Api, field: &Field) {
    let mut parts = Vec::new();
    if !field.note.is_empty() {
        parts.push(field.note.clone());
    }
    let (own, all) = (field.versions, api.versions);
    match (own.min > all.min, own.max < all.max) {
        (false, false) => {}
        (true, false) => parts.push(format!("since version {}", own.min)),
        (false, true) => parts.push(format!("up to version {}", own.max)),
        (true, true) => parts.push(format!("versions {} to {}", own.min, own.max)),
    }
    if !parts.is_empty() {
        let _ = writeln!(out, "    /// {}.", parts.join("; "));
    }
}
