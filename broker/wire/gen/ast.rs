//! What a schema file says, as values. Decides nothing.

use std::fmt;

/// An inclusive range of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Versions {
    pub(crate) min: i16,
    pub(crate) max: i16,
}

impl Versions {
    pub(crate) fn contains(self, version: i16) -> bool {
        self.min <= version && version <= self.max
    }

    pub(crate) fn within(self, outer: Self) -> bool {
        outer.min <= self.min && self.max <= outer.max
    }
}

/// The type of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    I8,
    I16,
    U16,
    I32,
    I64,
    F64,
    Uuid,
    Str,
    Bytes,
    Records,
    Struct(String),
    Array(Box<Type>),
}

impl Type {
    /// The name of the struct at the bottom of this type, if there is one.
    pub(crate) fn struct_name(&self) -> Option<&str> {
        match self {
            Type::Struct(name) => Some(name),
            Type::Array(inner) => inner.struct_name(),
            _ => None,
        }
    }

    /// May a field of this type be null?
    pub(crate) fn can_be_null(&self) -> bool {
        matches!(self, Type::Str | Type::Bytes | Type::Records | Type::Struct(_) | Type::Array(_))
    }
}

/// One line of a struct.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) versions: Versions,
    /// The versions in which it may be null.
    pub(crate) nullable: Option<Versions>,
    /// The default where it is not zero, empty or false.
    pub(crate) default: Option<String>,
    pub(crate) tag: Option<u32>,
    pub(crate) ignorable: bool,
    pub(crate) note: String,
    pub(crate) line: usize,
}

/// A request, a response, or a struct inside them.
#[derive(Clone, Debug)]
pub(crate) struct Struct {
    pub(crate) name: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) line: usize,
}

/// One schema file.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    pub(crate) file: String,
    pub(crate) doc: String,
    pub(crate) key: i16,
    pub(crate) name: String,
    pub(crate) versions: Versions,
    /// The first version with compact lengths and tagged fields.
    pub(crate) flexible: Option<i16>,
    pub(crate) request: Struct,
    pub(crate) response: Struct,
    /// The structs that the two are made of.
    pub(crate) structs: Vec<Struct>,
}

impl Api {
    pub(crate) fn find(&self, name: &str) -> Option<&Struct> {
        self.structs.iter().find(|s| s.name == name)
    }

    pub(crate) fn is_flexible(&self, version: i16) -> bool {
        self.flexible.is_some_and(|first| first <= version)
    }
}

/// A mistake in a schema file, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SchemaError {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.what)
    }
}
