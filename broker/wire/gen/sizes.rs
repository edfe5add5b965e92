//! The least number of bytes a struct can have on the wire. The decoder compares claimed counts with it.

use super::ast::{Api, Field, Struct, Type};

/// The least size of `st` in any version in which it is used. Messages are used in all of theirs.
pub(crate) fn min_size(api: &Api, st: &Struct) -> usize {
    let range = api.versions.min..=api.versions.max;
    range.filter(|v| is_used(api, st, *v)).map(|v| struct_size(api, st, v)).min().unwrap_or(0)
}

fn is_used(api: &Api, st: &Struct, version: i16) -> bool {
    if api.find(&st.name).is_none() {
        return true;
    }
    let all = [&api.request, &api.response].into_iter().chain(&api.structs);
    let mut fields = all.flat_map(|s| &s.fields);
    fields.any(|f| f.ty.struct_name() == Some(&st.name) && f.versions.contains(version))
}

fn struct_size(api: &Api, st: &Struct, version: i16) -> usize {
    let there = st.fields.iter().filter(|f| f.tag.is_none() && f.versions.contains(version));
    let fields: usize = there.map(|f| field_size(api, f, version)).sum();
    fields + usize::from(api.is_flexible(version))
}

fn field_size(api: &Api, field: &Field, version: i16) -> usize {
    let compact = api.is_flexible(version);
    match &field.ty {
        Type::Bool | Type::I8 => 1,
        Type::I16 | Type::U16 => 2,
        Type::I32 => 4,
        Type::I64 | Type::F64 => 8,
        Type::Uuid => 16,
        Type::Str if !compact => 2,
        Type::Bytes | Type::Records | Type::Array(_) if !compact => 4,
        Type::Struct(name) if field.nullable.is_none() => {
            api.find(name).map_or(0, |inner| struct_size(api, inner, version))
        }
        Type::Str | Type::Bytes | Type::Records | Type::Array(_) | Type::Struct(_) => 1,
    }
}
