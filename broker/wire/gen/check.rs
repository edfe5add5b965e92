//! Refuses schemas that can not be encoded and decoded unambiguously. Reads an [`Api`]; changes nothing.

use super::ast::{Api, Field, SchemaError, Struct, Type};

/// Structs nest no deeper than this, which bounds the decoder's recursion.
pub(crate) const MAX_DEPTH: usize = 8;

/// Checks one file.
pub(crate) fn check(api: &Api) -> Result<(), SchemaError> {
    for message in [&api.request, &api.response] {
        check_depth(api, message, 0)?;
    }
    for (index, st) in api.structs.iter().enumerate() {
        if api.structs[..index].iter().any(|other| other.name == st.name) {
            return fail(api, st.line, format!("struct {} is defined twice", st.name));
        }
    }
    for st in [&api.request, &api.response].into_iter().chain(&api.structs) {
        check_struct(api, st)?;
    }
    Ok(())
}

/// Checks what only all files together can show.
pub(crate) fn check_all(apis: &[Api]) -> Result<(), SchemaError> {
    for (index, api) in apis.iter().enumerate() {
        if apis[..index].iter().any(|other| other.key == api.key || other.name == api.name) {
            return fail(api, 1, format!("api {} {} exists already", api.key, api.name));
        }
    }
    Ok(())
}

fn fail<T>(api: &Api, line: usize, what: String) -> Result<T, SchemaError> {
    Err(SchemaError { file: api.file.clone(), line, what })
}

fn check_depth(api: &Api, st: &Struct, depth: usize) -> Result<(), SchemaError> {
    if depth > MAX_DEPTH {
        return fail(api, st.line, format!("{} nests deeper than {MAX_DEPTH}: a cycle?", st.name));
    }
    for field in &st.fields {
        let Some(name) = field.ty.struct_name() else { continue };
        match api.find(name) {
            Some(inner) => check_depth(api, inner, depth + 1)?,
            None => return fail(api, field.line, format!("struct {name} is not defined")),
        }
    }
    Ok(())
}

fn check_struct(api: &Api, st: &Struct) -> Result<(), SchemaError> {
    for (index, field) in st.fields.iter().enumerate() {
        let before = &st.fields[..index];
        if before.iter().any(|other| other.name == field.name) {
            return fail(api, field.line, format!("field {} is there twice", field.name));
        }
        if field.tag.is_some() && before.iter().any(|other| other.tag == field.tag) {
            return fail(api, field.line, format!("tag of {} is there twice", field.name));
        }
        check_field(api, field).or_else(|what| fail(api, field.line, format!("{}: {what}", field.name)))?;
    }
    Ok(())
}

fn check_field(api: &Api, field: &Field) -> Result<(), String> {
    if !field.versions.within(api.versions) {
        return Err("versions outside of the api's".to_owned());
    }
    if let Some(nullable) = field.nullable {
        if !nullable.within(field.versions) {
            return Err("nullable where it does not exist".to_owned());
        }
        if !field.ty.can_be_null() {
            return Err("this type can not be null".to_owned());
        }
    }
    if let Type::Array(inner) = &field.ty
        && matches!(
            **inner,
            Type::Array(_) | Type::Records | Type::Bytes | Type::Bool | Type::F64 | Type::U16
        )
    {
        return Err("arrays of this type are not used by the protocol".to_owned());
    }
    if field.tag.is_some() {
        if !api.is_flexible(field.versions.min) {
            return Err("a tag needs flexible versions".to_owned());
        }
        // A tag's size is written before its value, so a value that is spliced in later can not be inside one.
        if field.ty == Type::Records || contains_records(api, &field.ty) {
            return Err("records can not be tagged".to_owned());
        }
        if field.nullable.is_some() && !matches!(field.ty, Type::Str) {
            return Err("of the nullable types only str may be tagged".to_owned());
        }
    }
    check_default(field)
}

fn contains_records(api: &Api, ty: &Type) -> bool {
    let Some(st) = ty.struct_name().and_then(|name| api.find(name)) else { return false };
    st.fields.iter().any(|field| field.ty == Type::Records || contains_records(api, &field.ty))
}

fn check_default(field: &Field) -> Result<(), String> {
    let Some(default) = &field.default else { return Ok(()) };
    let fits = match &field.ty {
        _ if default == "null" => field.nullable.is_some(),
        Type::Bool => default == "true",
        Type::I8 => default.parse::<i8>().is_ok(),
        Type::I16 => default.parse::<i16>().is_ok(),
        Type::U16 => default.parse::<u16>().is_ok(),
        Type::I32 => default.parse::<i32>().is_ok(),
        Type::I64 => default.parse::<i64>().is_ok(),
        _ => false,
    };
    if fits { Ok(()) } else { Err(format!("{default} is not a default of this type")) }
}
