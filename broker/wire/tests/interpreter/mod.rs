//! Makes valid bytes of any message straight from the schema, without the generated code, so that the two can be held
//! against each other. All randomness comes from a seed.

#[path = "../../gen/mod.rs"]
#[allow(dead_code, reason = "the tests load schemas but emit no code")]
pub(crate) mod generator;

use generator::ast::{Api, Field, Struct, Type};

/// Splitmix64: small, seeded, and good enough to pick test values.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `limit`, which is not zero.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// All schemas.
pub(crate) fn apis() -> Vec<Api> {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/schema");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).expect("the schema directory") {
        let path = entry.expect("a schema file").path();
        files.push((path.display().to_string(), std::fs::read_to_string(&path).expect("a readable schema")));
    }
    generator::load(files.iter().map(|(name, text)| (name.as_str(), text.as_str()))).expect("valid schemas")
}

/// Writes one message.
pub(crate) struct Interpreter<'a> {
    api: &'a Api,
    version: i16,
    flexible: bool,
    out: Vec<u8>,
}

/// The bytes of a random message.
pub(crate) fn random_bytes(api: &Api, st: &Struct, version: i16, rng: &mut Rng) -> Vec<u8> {
    let flexible = api.is_flexible(version);
    let mut it = Interpreter { api, version, flexible, out: Vec::new() };
    it.structure(st, Some(rng), 0);
    it.out
}

impl Interpreter<'_> {
    /// Random where there is a generator, otherwise all defaults.
    fn structure(&mut self, st: &Struct, mut rng: Option<&mut Rng>, depth: usize) {
        let there = |f: &&Field| f.versions.contains(self.version);
        let (plain, mut tagged): (Vec<&Field>, Vec<&Field>) =
            st.fields.iter().filter(there).partition(|f| f.tag.is_none());
        for field in plain {
            match rng.as_deref_mut() {
                Some(rng) => self.random_field(field, rng, depth),
                None => self.default_field(field),
            }
        }
        if !self.flexible {
            return;
        }
        tagged.sort_by_key(|field| field.tag);
        let mut values = Vec::new();
        for field in tagged {
            let Some(rng) = rng.as_deref_mut() else { continue };
            if rng.one_in(3) {
                continue;
            }
            let value = self.aside(|it| it.random_field(field, rng, depth));
            // A default in a tag is not written at all.
            if value != self.aside(|it| it.default_field(field)) {
                values.push((field.tag.unwrap_or_default(), value));
            }
        }
        self.uvarint(values.len() as u32);
        for (tag, value) in values {
            self.uvarint(tag);
            self.uvarint(value.len() as u32);
            self.out.extend(value);
        }
    }

    fn aside(&mut self, write: impl FnOnce(&mut Self)) -> Vec<u8> {
        let before = std::mem::take(&mut self.out);
        write(self);
        std::mem::replace(&mut self.out, before)
    }

    fn random_field(&mut self, field: &Field, rng: &mut Rng, depth: usize) {
        let nullable = field.nullable.is_some_and(|versions| versions.contains(self.version));
        if nullable && rng.one_in(4) {
            return self.null(&field.ty);
        }
        if matches!(field.ty, Type::Struct(_)) && field.nullable.is_some() {
            self.out.push(1);
        }
        self.random_value(&field.ty, rng, depth);
    }

    fn random_value(&mut self, ty: &Type, rng: &mut Rng, depth: usize) {
        match ty {
            Type::Bool => self.out.push(u8::from(rng.one_in(2))),
            Type::I8 => self.number(1, rng),
            Type::I16 | Type::U16 => self.number(2, rng),
            Type::I32 => self.number(4, rng),
            Type::I64 => self.number(8, rng),
            Type::F64 => self.out.extend((rng.below(1000) as f64 / 8.0).to_be_bytes()),
            Type::Uuid => self.out.extend((0..16).map(|_| rng.next() as u8)),
            Type::Str => {
                let len = self.length(rng, 9);
                let text: String =
                    (0..len).map(|_| ['a', 'Z', '.', '0', 'ß', '好', '𝄞'][rng.below(7)]).collect();
                self.str_length(text.len());
                self.out.extend(text.bytes());
            }
            Type::Bytes | Type::Records => {
                let len = self.length(rng, 12);
                self.length32(len);
                self.out.extend((0..len).map(|_| rng.next() as u8));
            }
            Type::Struct(name) => {
                let inner = self.api.find(name).expect("checked").clone();
                self.structure(&inner, Some(rng), depth + 1);
            }
            Type::Array(inner) => {
                let len = if inner.struct_name().is_some() {
                    rng.below(4usize.saturating_sub(depth))
                } else {
                    self.length(rng, 4)
                };
                self.length32(len);
                for _ in 0..len {
                    self.random_value(inner, rng, depth);
                }
            }
        }
    }

    /// Mostly short, sometimes past the first size of a varint.
    fn length(&self, rng: &mut Rng, most: usize) -> usize {
        if rng.one_in(12) { 120 + rng.below(200) } else { rng.below(most) }
    }

    /// Often an edge, otherwise anything.
    fn number(&mut self, width: usize, rng: &mut Rng) {
        let value = match rng.below(6) {
            0 => 0,
            1 => u64::MAX,
            2 => 1 << (width * 8 - 1),
            3 => (1 << (width * 8 - 1)) - 1,
            _ => rng.next(),
        };
        self.out.extend(&value.to_be_bytes()[8 - width..]);
    }

    fn default_field(&mut self, field: &Field) {
        if field.default.as_deref() == Some("null") {
            return self.null(&field.ty);
        }
        if matches!(field.ty, Type::Struct(_)) && field.nullable.is_some() {
            self.out.push(1);
        }
        let number = |width: usize| {
            let value = field.default.as_ref().map_or(0, |text| text.parse::<i64>().expect("checked"));
            value.to_be_bytes()[8 - width..].to_vec()
        };
        match &field.ty {
            Type::Bool => self.out.push(u8::from(field.default.as_deref() == Some("true"))),
            Type::I8 => self.out.extend(number(1)),
            Type::I16 | Type::U16 => self.out.extend(number(2)),
            Type::I32 => self.out.extend(number(4)),
            Type::I64 => self.out.extend(number(8)),
            Type::F64 => self.out.extend([0; 8]),
            Type::Uuid => self.out.extend([0; 16]),
            Type::Str => self.str_length(0),
            Type::Bytes | Type::Records | Type::Array(_) => self.length32(0),
            Type::Struct(name) => {
                let inner = self.api.find(name).expect("checked").clone();
                self.structure(&inner, None, 0);
            }
        }
    }

    fn null(&mut self, ty: &Type) {
        match ty {
            Type::Struct(_) => self.out.push(0xff),
            _ if self.flexible => self.out.push(0),
            Type::Str => self.out.extend((-1i16).to_be_bytes()),
            _ => self.out.extend((-1i32).to_be_bytes()),
        }
    }

    fn str_length(&mut self, len: usize) {
        if self.flexible { self.uvarint(len as u32 + 1) } else { self.out.extend((len as i16).to_be_bytes()) }
    }

    fn length32(&mut self, len: usize) {
        if self.flexible { self.uvarint(len as u32 + 1) } else { self.out.extend((len as i32).to_be_bytes()) }
    }

    fn uvarint(&mut self, mut value: u32) {
        while value > 0x7f {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }
}
