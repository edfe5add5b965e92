//! Reads one schema file into an [`Api`]. Decides only the syntax; what the words mean together is `check`'s business.

use super::ast::{Api, Field, SchemaError, Struct, Type, Versions};

/// A line without its comment.
struct Line<'a> {
    number: usize,
    indent: usize,
    words: Vec<&'a str>,
    note: &'a str,
}

/// What the lines before the first block say.
#[derive(Default)]
struct Head {
    doc: String,
    api: Option<(i16, String)>,
    versions: Option<Versions>,
    flexible: Option<Option<i16>>,
}

struct Parser<'a> {
    file: &'a str,
    head: Head,
    structs: Vec<Struct>,
    /// Where each open depth adds its fields: an index into `structs`.
    open: Vec<usize>,
}

/// Parses the text of a schema file.
pub(crate) fn parse(file: &str, text: &str) -> Result<Api, SchemaError> {
    let mut parser = Parser { file, head: Head::default(), structs: Vec::new(), open: Vec::new() };
    for (index, raw) in text.lines().enumerate() {
        let line = split(index + 1, raw);
        if line.words.is_empty() {
            if parser.head.api.is_none() && !line.note.is_empty() {
                parser.head.doc = line.note.to_owned();
            }
            continue;
        }
        parser.line(&line)?;
    }
    parser.finish()
}

fn split(number: usize, raw: &str) -> Line<'_> {
    let (code, note) = raw.split_once('#').unwrap_or((raw, ""));
    let indent = code.len() - code.trim_start().len();
    Line { number, indent, words: code.split_whitespace().collect(), note: note.trim() }
}

impl Parser<'_> {
    fn fail<T>(&self, line: usize, what: impl Into<String>) -> Result<T, SchemaError> {
        Err(SchemaError { file: self.file.to_owned(), line, what: what.into() })
    }

    fn line(&mut self, line: &Line<'_>) -> Result<(), SchemaError> {
        if line.indent > 0 {
            return self.field(line);
        }
        match line.words.as_slice() {
            ["api", key, name] => {
                let Ok(key) = key.parse() else {
                    return self.fail(line.number, format!("bad api key {key}"));
                };
                self.head.api = Some((key, (*name).to_owned()));
            }
            ["versions", range] => self.head.versions = Some(self.versions(line.number, range, i16::MAX)?),
            ["flexible", "none"] => self.head.flexible = Some(None),
            ["flexible", range] => {
                let range = self.versions(line.number, range, i16::MAX)?;
                self.head.flexible = Some(Some(range.min));
            }
            ["request"] => self.block(line.number, |api| format!("{api}Request"))?,
            ["response"] => self.block(line.number, |api| format!("{api}Response"))?,
            ["struct", name] => self.block(line.number, |_| (*name).to_owned())?,
            words => return self.fail(line.number, format!("can not read {words:?}")),
        }
        Ok(())
    }

    fn block(&mut self, line: usize, name: impl Fn(&str) -> String) -> Result<(), SchemaError> {
        let Some((_, api)) = &self.head.api else { return self.fail(line, "a block before the api line") };
        self.structs.push(Struct { name: name(api), fields: Vec::new(), line });
        self.open = vec![self.structs.len() - 1];
        Ok(())
    }

    fn field(&mut self, line: &Line<'_>) -> Result<(), SchemaError> {
        if !line.indent.is_multiple_of(2) || line.indent / 2 > self.open.len() {
            return self.fail(line.number, "indent by two spaces a level");
        }
        let depth = line.indent / 2;
        // The first line of a deeper level opens the struct that the field above it names.
        self.open.truncate(depth);
        if self.open.is_empty() {
            return self.fail(line.number, "a field outside of any block");
        }
        let field = self.parse_field(line, depth)?;
        let names = field.ty.struct_name().map(str::to_owned);
        let owner = self.open[depth - 1];
        self.structs[owner].fields.push(field);
        if let Some(name) = names {
            self.structs.push(Struct { name, fields: Vec::new(), line: line.number });
            self.open.push(self.structs.len() - 1);
        }
        Ok(())
    }

    fn parse_field(&self, line: &Line<'_>, depth: usize) -> Result<Field, SchemaError> {
        let outer = self.outer(line.number, depth)?;
        let [name, ty, rest @ ..] = line.words.as_slice() else {
            return self.fail(line.number, "a field needs a name and a type");
        };
        let (ty, null) = ty.split_once('?').map_or((*ty, None), |(ty, null)| (ty, Some(null)));
        let Some(ty) = parse_type(ty) else { return self.fail(line.number, format!("unknown type {ty}")) };
        let mut field = Field {
            name: (*name).to_owned(),
            ty,
            versions: outer,
            nullable: None,
            default: None,
            tag: None,
            ignorable: false,
            note: line.note.to_owned(),
            line: line.number,
        };
        let mut words = rest.iter();
        while let Some(word) = words.next() {
            match *word {
                "ignorable" => field.ignorable = true,
                "=" => match words.next() {
                    Some(value) => field.default = Some((*value).to_owned()),
                    None => return self.fail(line.number, "a default without a value"),
                },
                "tag" => match words.next().and_then(|tag| tag.parse().ok()) {
                    Some(tag) => field.tag = Some(tag),
                    None => return self.fail(line.number, "a tag without a number"),
                },
                range => field.versions = self.versions(line.number, range, outer.max)?,
            }
        }
        field.nullable = match null {
            None => None,
            Some("") => Some(field.versions),
            Some(range) => Some(self.versions(line.number, range, field.versions.max)?),
        };
        Ok(field)
    }

    /// The versions that hold where nothing is said: those of the field one level up, or of the API.
    fn outer(&self, line: usize, depth: usize) -> Result<Versions, SchemaError> {
        if depth >= 2 {
            let parent = self.structs[self.open[depth - 2]].fields.last();
            return parent.map_or_else(|| self.fail(line, "no field above"), |parent| Ok(parent.versions));
        }
        self.head.versions.map_or_else(|| self.fail(line, "fields before the versions line"), Ok)
    }

    /// `3`, `3-7` or `3+`.
    fn versions(&self, line: usize, text: &str, last: i16) -> Result<Versions, SchemaError> {
        let parsed = if let Some(min) = text.strip_suffix('+') {
            min.parse().ok().map(|min| Versions { min, max: last })
        } else if let Some((min, max)) = text.split_once('-') {
            min.parse().ok().zip(max.parse().ok()).map(|(min, max)| Versions { min, max })
        } else {
            text.parse().ok().map(|only| Versions { min: only, max: only })
        };
        match parsed {
            Some(range) if 0 <= range.min && range.min <= range.max => Ok(range),
            _ => self.fail(line, format!("not a version range: {text}")),
        }
    }

    fn finish(mut self) -> Result<Api, SchemaError> {
        let head = std::mem::take(&mut self.head);
        let (Some((key, name)), Some(versions), Some(flexible)) = (head.api, head.versions, head.flexible)
        else {
            return self.fail(1, "needs the lines api, versions and flexible");
        };
        // A field of a struct written elsewhere opened an empty one: only the place with fields defines it.
        let mut structs: Vec<Struct> = Vec::new();
        for found in std::mem::take(&mut self.structs) {
            let message = found.name == format!("{name}Request") || found.name == format!("{name}Response");
            if message || !found.fields.is_empty() {
                structs.push(found);
            }
        }
        let mut take = |wanted: String| {
            let at = structs.iter().position(|s| s.name == wanted)?;
            Some(structs.remove(at))
        };
        let (Some(request), Some(response)) =
            (take(format!("{name}Request")), take(format!("{name}Response")))
        else {
            return self.fail(1, "needs a request and a response");
        };
        let file = self.file.to_owned();
        Ok(Api { file, doc: head.doc, key, name, versions, flexible, request, response, structs })
    }
}

fn parse_type(text: &str) -> Option<Type> {
    if let Some(inner) = text.strip_prefix("[]") {
        return Some(Type::Array(Box::new(parse_type(inner)?)));
    }
    Some(match text {
        "bool" => Type::Bool,
        "i8" => Type::I8,
        "i16" => Type::I16,
        "u16" => Type::U16,
        "i32" => Type::I32,
        "i64" => Type::I64,
        "f64" => Type::F64,
        "uuid" => Type::Uuid,
        "str" => Type::Str,
        "bytes" => Type::Bytes,
        "records" => Type::Records,
        name if name.starts_with(|c: char| c.is_ascii_uppercase()) => Type::Struct(name.to_owned()),
        _ => return None,
    })
}
