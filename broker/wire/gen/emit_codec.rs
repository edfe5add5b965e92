//! Writes how one struct is read and written. All decisions about versions end up as plain `if`s over `v`.

use std::fmt::Write as _;

use super::ast::{Api, Field, Struct, Type, Versions};
use super::emit_types::{default_value, ident, plain_type};
use super::sizes;

/// Writes `impl Element` for a struct.
pub(crate) fn emit_element(out: &mut String, api: &Api, st: &Struct) {
    let min = sizes::min_size(api, st);
    let _ = writeln!(out, "impl Element for {} {{\n    const MIN_SIZE: usize = {min};", st.name);
    emit_read(out, api, st);
    emit_write(out, api, st);
    out.push_str("}\n");
}

/// The condition under which `inner` holds, given that `v` is in the api's range; `None` where it always does.
fn condition(api: &Api, inner: Versions) -> Option<String> {
    let (low, high) = (inner.min > api.versions.min, inner.max < api.versions.max);
    match (low, high) {
        (false, false) => None,
        (true, false) => Some(format!("v >= {}", inner.min)),
        (false, true) => Some(format!("v <= {}", inner.max)),
        (true, true) => Some(format!("({}..={}).contains(&v)", inner.min, inner.max)),
    }
}

fn emit_read(out: &mut String, api: &Api, st: &Struct) {
    let tagged: Vec<&Field> = st.fields.iter().filter(|f| f.tag.is_some()).collect();
    out.push_str("    fn read(r: &mut Reader, v: i16) -> Result<Self, DecodeError> {\n");
    out.push_str("        let _ = v;\n");
    let _ = writeln!(out, "        let {}it = Self {{", if tagged.is_empty() { "" } else { "mut " });
    for field in st.fields.iter().filter(|f| f.tag.is_none()) {
        let read = read_value(api, field);
        let value = match condition(api, field.versions) {
            None => read,
            Some(when) => format!("if {when} {{ {read} }} else {{ {} }}", default_value(field)),
        };
        let _ = writeln!(out, "            {}: {value},", ident(&field.name));
    }
    for field in &tagged {
        let _ = writeln!(out, "            {}: {},", ident(&field.name), default_value(field));
    }
    out.push_str("        };\n");
    emit_read_tags(out, api, &tagged);
    out.push_str("        Ok(it)\n    }\n");
}

fn emit_read_tags(out: &mut String, api: &Api, tagged: &[&Field]) {
    if api.flexible.is_none() {
        return;
    }
    if tagged.is_empty() {
        out.push_str("        r.skip_tags()?;\n");
        return;
    }
    out.push_str("        r.tags(|r, tag| {\n            match tag {\n");
    for field in tagged {
        let guard = condition(api, field.versions).map(|when| format!(" if {when}")).unwrap_or_default();
        let (tag, name, read) = (field.tag.unwrap_or(0), ident(&field.name), read_value(api, field));
        let _ = writeln!(out, "                {tag}{guard} => it.{name} = {read},");
    }
    out.push_str(
        "                _ => return Ok(false),\n            }\n            Ok(true)\n        })?;\n",
    );
}

fn read_value(api: &Api, field: &Field) -> String {
    let Some(nullable) = field.nullable else {
        return match &field.ty {
            Type::Array(inner) => format!("r.array::<{}>(v)?", plain_type(inner)),
            Type::Struct(name) => format!("{name}::read(r, v)?"),
            ty => format!("r.{}()?", plain_type(ty).to_lowercase()),
        };
    };
    // Where null is allowed in all versions of the field, the reader need not ask.
    let may = condition(api, nullable).filter(|_| nullable != field.versions);
    let may = may.unwrap_or_else(|| "true".to_owned());
    match &field.ty {
        Type::Array(inner) => format!("r.opt_array::<{}>(v, {may})?", plain_type(inner)),
        Type::Struct(name) => format!("r.opt_struct::<{name}>(v)?"),
        ty => format!("r.opt_{}({may})?", plain_type(ty).to_lowercase()),
    }
}

fn emit_write(out: &mut String, api: &Api, st: &Struct) {
    out.push_str("    fn write(&self, e: &mut Encoder, v: i16) -> Result<(), EncodeError> {\n");
    out.push_str("        let _ = (v, &e);\n");
    for field in st.fields.iter().filter(|f| f.tag.is_none()) {
        emit_write_field(out, api, st, field);
    }
    if api.flexible.is_some() {
        emit_write_tags(out, api, st);
    }
    out.push_str("        Ok(())\n    }\n");
}

fn emit_write_field(out: &mut String, api: &Api, st: &Struct, field: &Field) {
    let mut write = write_value(field);
    if let Some(nullable) = field.nullable.filter(|nullable| *nullable != field.versions)
        && let Some(when) = condition(api, nullable)
    {
        let (name, full) = (ident(&field.name), full_name(st, field));
        let refuse =
            format!("if !({when}) && self.{name}.is_none() {{ return Err(EncodeError::null({full}, v)); }}");
        write = format!("{refuse} {write}");
    }
    match condition(api, field.versions) {
        None => {
            let _ = writeln!(out, "        {write}");
        }
        Some(when) => {
            let _ = writeln!(out, "        if {when} {{ {write} }}{}", refuse_absent(st, field));
        }
    }
}

/// What follows the `if` of a field in the versions that lack it: ignorable fields are dropped in silence.
fn refuse_absent(st: &Struct, field: &Field) -> String {
    if field.ignorable {
        return String::new();
    }
    let full = full_name(st, field);
    format!(" else if {} {{ return Err(EncodeError::absent({full}, v)); }}", is_set(field))
}

fn full_name(st: &Struct, field: &Field) -> String {
    format!("\"{}.{}\"", st.name, field.name)
}

fn emit_write_tags(out: &mut String, api: &Api, st: &Struct) {
    let tagged: Vec<&Field> = st.fields.iter().filter(|f| f.tag.is_some()).collect();
    if tagged.is_empty() {
        out.push_str("        e.no_tags();\n");
        return;
    }
    for field in &tagged {
        let name = &field.name;
        let set = is_set(field);
        match condition(api, field.versions) {
            None => {
                let _ = writeln!(out, "        let has_{name} = {set};");
            }
            Some(when) => {
                let _ = writeln!(out, "        let has_{name} = {set} && {when};");
                if !field.ignorable {
                    let full = full_name(st, field);
                    let refuse = format!("return Err(EncodeError::absent({full}, v));");
                    let _ = writeln!(out, "        if {set} && !({when}) {{ {refuse} }}");
                }
            }
        }
    }
    let count: Vec<String> = tagged.iter().map(|f| format!("u32::from(has_{})", f.name)).collect();
    let _ = writeln!(out, "        if e.flexible() {{\n            e.uvarint({});", count.join(" + "));
    let mut in_order = tagged;
    in_order.sort_by_key(|field| field.tag);
    for field in in_order {
        let (name, tag, write) = (&field.name, field.tag.unwrap_or(0), write_value(field));
        let _ = writeln!(
            out,
            "            if has_{name} {{ let at = e.begin_tag({tag}); {write} e.end_tag(at)?; }}"
        );
    }
    out.push_str("        }\n");
}

fn write_value(field: &Field) -> String {
    let name = ident(&field.name);
    let null = field.nullable.is_some();
    match &field.ty {
        Type::Array(_) if null => format!("e.opt_array(self.{name}.as_deref(), v)?;"),
        Type::Array(_) => format!("e.array(&self.{name}, v)?;"),
        Type::Struct(_) if null => format!("e.opt_struct(self.{name}.as_ref(), v)?;"),
        Type::Struct(_) => format!("self.{name}.write(e, v)?;"),
        ty @ (Type::Str | Type::Bytes | Type::Records) => {
            let call = plain_type(ty).to_lowercase();
            if null {
                format!("e.opt_{call}(self.{name}.as_ref())?;")
            } else {
                format!("e.{call}(&self.{name})?;")
            }
        }
        ty => format!("e.{}(self.{name});", plain_type(ty).to_lowercase()),
    }
}

/// Does the field differ from its default? As an expression.
fn is_set(field: &Field) -> String {
    let name = ident(&field.name);
    if field.nullable.is_some() {
        return match &field.default {
            Some(_) => format!("self.{name}.is_some()"),
            None => format!("self.{name}.as_ref().is_none_or(|it| !it.is_empty())"),
        };
    }
    match (&field.ty, &field.default) {
        (Type::Bool, None) => format!("self.{name}"),
        (Type::Bool, Some(_)) => format!("!self.{name}"),
        (Type::Uuid, _) => format!("!self.{name}.is_nil()"),
        (Type::Str | Type::Bytes | Type::Records | Type::Array(_), _) => format!("!self.{name}.is_empty()"),
        (Type::Struct(st), _) => format!("self.{name} != {st}::default()"),
        (Type::F64, _) => format!("self.{name} != 0.0"),
        (_, default) => format!("self.{name} != {}", default.as_deref().unwrap_or("0")),
    }
}
