//! Writes the `ApiKey` enum with its tables, the messages' place in them, and the dispatch by key.

use std::fmt::Write as _;

use super::ast::Api;

/// The Rust module of an API: `ListOffsets` lives in `list_offsets`.
pub(crate) fn module(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// Writes `impl Message` and `impl Request` for the two messages of an API.
pub(crate) fn emit_messages(out: &mut String, api: &Api) {
    let name = &api.name;
    for side in ["Request", "Response"] {
        let _ = writeln!(
            out,
            "impl Message for {name}{side} {{\n    const KEY: ApiKey = ApiKey::{name};\n    \
             const NAME: &'static str = \"{name}{side}\";\n}}"
        );
    }
    let _ = writeln!(out, "impl Request for {name}Request {{\n    type Response = {name}Response;\n}}");
}

/// Writes the enum and its tables.
pub(crate) fn emit_api_key(out: &mut String, apis: &[Api]) {
    out.push_str(
        "/// What a request asks for.\n#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n",
    );
    out.push_str("#[repr(i16)]\npub enum ApiKey {\n");
    for api in apis {
        let _ = writeln!(out, "    /// {}\n    {} = {},", api.doc, api.name, api.key);
    }
    out.push_str("}\n\nimpl ApiKey {\n    /// All keys, ascending.\n");
    let _ = writeln!(out, "    pub const ALL: [ApiKey; {}] = [", apis.len());
    for api in apis {
        let _ = writeln!(out, "        ApiKey::{},", api.name);
    }
    out.push_str("    ];\n\n");
    table(out, apis, "The key with this number.", "from_code(code: i16) -> Option<Self>", "code", |api| {
        (api.key.to_string(), format!("Some(Self::{})", api.name))
    });
    table(out, apis, "Its name in the protocol.", "name(self) -> &'static str", "self", |api| {
        (format!("Self::{}", api.name), format!("\"{}\"", api.name))
    });
    let doc = "The versions that have types here.";
    table(out, apis, doc, "valid_versions(self) -> VersionRange", "self", |api| {
        let (min, max) = (api.versions.min, api.versions.max);
        (format!("Self::{}", api.name), format!("VersionRange {{ min: {min}, max: {max} }}"))
    });
    let doc = "The first version with compact lengths and tagged fields.";
    table(out, apis, doc, "first_flexible(self) -> Option<i16>", "self", |api| {
        (format!("Self::{}", api.name), format!("{:?}", api.flexible))
    });
    out.push_str("    /// Calls the visitor with the request type of this key.\n");
    table(out, apis, "", "visit<V: Visitor>(self, visitor: V) -> V::Out", "self", |api| {
        let path = format!("crate::messages::{}::{}Request", module(&api.name), api.name);
        (format!("Self::{}", api.name), format!("visitor.visit::<{path}>()"))
    });
    out.push_str("}\n");
}

fn table(
    out: &mut String,
    apis: &[Api],
    doc: &str,
    signature: &str,
    on: &str,
    row: impl Fn(&Api) -> (String, String),
) {
    if !doc.is_empty() {
        let _ = writeln!(out, "    /// {doc}");
    }
    let head = if signature.starts_with("visit") { "pub fn" } else { "#[must_use]\n    pub const fn" };
    out.push_str("    #[expect(clippy::too_many_lines, reason = \"a table\")]\n");
    let _ = writeln!(out, "    {head} {signature} {{\n        match {on} {{");
    for api in apis {
        let (pattern, value) = row(api);
        let _ = writeln!(out, "            {pattern} => {value},");
    }
    if on == "code" {
        out.push_str("            _ => None,\n");
    }
    out.push_str("        }\n    }\n\n");
}
