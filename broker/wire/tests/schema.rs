//! What the generator accepts and refuses, by small schemas.

#[path = "../gen/mod.rs"]
#[allow(dead_code, reason = "the build script uses the rest")]
mod generator;

use generator::ast::{Type, Versions};

const HEAD: &str = "# Doc.\napi 7 Thing\nversions 1-4\nflexible 3+\n";

fn load(request: &str) -> Result<generator::ast::Api, String> {
    let text = format!("{HEAD}request\n{request}\nresponse\n  ok bool\n");
    let apis = generator::load([("thing.schema", text.as_str())]).map_err(|mistake| mistake.to_string())?;
    Ok(apis.into_iter().next().expect("one api"))
}

#[test]
fn a_field_line_says_everything_about_a_field() {
    let api = load("  topics []Topic?2+ 2-3 = null ignorable  # a note\n    name str\n    id uuid 3 tag 1")
        .expect("valid");
    assert_eq!((api.key, api.name.as_str(), api.doc.as_str(), api.flexible), (7, "Thing", "Doc.", Some(3)));
    let topics = &api.request.fields[0];
    assert_eq!(topics.ty, Type::Array(Box::new(Type::Struct("Topic".to_owned()))));
    assert_eq!(topics.versions, Versions { min: 2, max: 3 });
    assert_eq!(topics.nullable, Some(Versions { min: 2, max: 3 }));
    assert_eq!(
        (topics.default.as_deref(), topics.ignorable, topics.note.as_str()),
        (Some("null"), true, "a note")
    );
    let fields = &api.find("Topic").expect("declared in place").fields;
    assert_eq!((fields[0].versions, fields[0].tag), (Versions { min: 2, max: 3 }, None));
    assert_eq!((fields[1].versions, fields[1].tag), (Versions { min: 3, max: 3 }, Some(1)));
}

#[test]
fn mistakes_are_refused_with_their_place() {
    let table = [
        ("  name", "thing.schema:6: a field needs a name and a type"),
        ("  name string", "thing.schema:6: unknown type string"),
        ("   name str", "thing.schema:6: indent by two spaces a level"),
        ("  name str\n    inner i8", "thing.schema:7: indent by two spaces a level"),
        ("  name str ignorabel", "thing.schema:6: not a version range: ignorabel"),
        ("  name str 3-2", "thing.schema:6: not a version range: 3-2"),
        ("  name str 5+", "thing.schema:6: not a version range: 5+"),
        ("  name str 2-9", "thing.schema:6: name: versions outside of the api's"),
        ("  name str tag x", "thing.schema:6: a tag without a number"),
        ("  name str =", "thing.schema:6: a default without a value"),
        ("  name str\n  name str", "thing.schema:7: field name is there twice"),
        ("  a i8 3+ tag 0\n  b i8 3+ tag 0", "thing.schema:7: tag of b is there twice"),
        ("  a i8 tag 0", "thing.schema:6: a: a tag needs flexible versions"),
        ("  a records 3+ tag 0", "thing.schema:6: a: records can not be tagged"),
        ("  a Inner 3+ tag 0\n    b records", "thing.schema:6: a: records can not be tagged"),
        ("  a i8?", "thing.schema:6: a: this type can not be null"),
        ("  a str?1+ 2+", "thing.schema:6: a: nullable where it does not exist"),
        ("  a str = null", "thing.schema:6: a: null is not a default of this type"),
        ("  a i8 = 128", "thing.schema:6: a: 128 is not a default of this type"),
        ("  a []bool", "thing.schema:6: a: arrays of this type are not used by the protocol"),
        ("  a Missing", "thing.schema:6: struct Missing is not defined"),
        ("nonsense", "thing.schema:6: can not read [\"nonsense\"]"),
        ("  a A\n    x i8\n  b A\n    y i8", "thing.schema:8: struct A is defined twice"),
        ("  a A\nstruct A\n  b B\nstruct B\n  a A", "thing.schema:7: A nests deeper than 8: a cycle?"),
    ];
    for (request, expected) in table {
        let found = load(request).err();
        assert_eq!(found.as_deref(), Some(expected), "{request}");
    }
}

#[test]
fn a_file_without_its_head_is_refused() {
    for (text, expected) in [
        ("request\n", "x:1: a block before the api line"),
        ("api 1 A\nrequest\n  a i8\n", "x:3: fields before the versions line"),
        ("api x A\n", "x:1: bad api key x"),
        ("api 1 A\nversions 0\n", "x:1: needs the lines api, versions and flexible"),
        ("api 1 A\nversions 0\nflexible 0+\nrequest\n", "x:1: needs a request and a response"),
    ] {
        let found = generator::load([("x", text)]).map_err(|mistake| mistake.to_string());
        assert_eq!(found.err().as_deref(), Some(expected), "{text}");
    }
}

#[test]
fn two_files_can_not_describe_one_key() {
    let text = "api 1 A\nversions 0\nflexible 0+\nrequest\nresponse\n";
    let found = generator::load([("x", text), ("y", text)]).map_err(|mistake| mistake.to_string());
    assert_eq!(found.err().as_deref(), Some("y:1: api 1 A exists already"));
}

#[test]
fn the_least_size_counts_only_what_is_there_in_every_version() {
    // v1 and v2: 2 for the string; v3 and v4: 1 for it, 4 for the number, 1 for the tags.
    let api = load("  topics []Topic\n    name str\n    id i32 3+\n    tagged i64 3+ tag 0").expect("valid");
    assert_eq!(generator::sizes::min_size(&api, api.find("Topic").expect("declared")), 2);
}
