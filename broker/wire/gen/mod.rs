//! The generator: schema files in, Rust out. Run by `build.rs`; its tests run with the crate's.

pub(crate) mod ast;
pub(crate) mod check;
pub(crate) mod emit_codec;
pub(crate) mod emit_keys;
pub(crate) mod emit_types;
pub(crate) mod parse;
pub(crate) mod sizes;

use std::fmt::Write as _;

use ast::{Api, SchemaError};

/// Parses and checks schema files, given as (name, text); sorted by key.
pub(crate) fn load<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Vec<Api>, SchemaError> {
    let mut apis = Vec::new();
    for (name, text) in files {
        let api = parse::parse(name, text)?;
        check::check(&api)?;
        apis.push(api);
    }
    apis.sort_by_key(|api| api.key);
    check::check_all(&apis)?;
    Ok(apis)
}

/// The source of the `messages` module: one module for each API.
pub(crate) fn messages(apis: &[Api]) -> String {
    let mut out = String::new();
    for api in apis {
        let _ = writeln!(out, "/// {}\npub mod {} {{", api.doc, emit_keys::module(&api.name));
        out.push_str("use crate::codec::*;\n");
        for st in [&api.request, &api.response].into_iter().chain(&api.structs) {
            let doc = if api.find(&st.name).is_none() { api.doc.as_str() } else { "" };
            emit_types::emit_struct(&mut out, api, st, doc);
            emit_codec::emit_element(&mut out, api, st);
        }
        emit_keys::emit_messages(&mut out, api);
        out.push_str("}\n");
    }
    out
}

/// The source of the `ApiKey` enum.
pub(crate) fn api_keys(apis: &[Api]) -> String {
    let mut out = String::new();
    emit_keys::emit_api_key(&mut out, apis);
    out
}
