//! What is a string, and how it compares and prints.

use super::*;

#[test]
fn only_utf8_becomes_a_string() {
    let table: [(&'static [u8], Option<&str>); 5] = [
        (b"", Some("")),
        (b"ok", Some("ok")),
        ("ß好".as_bytes(), Some("ß好")),
        (&[0xff], None),
        (&[0xe5, 0xa5], None),
    ];
    for (bytes, expected) in table {
        let found = Str::from_utf8(Bytes::from_static(bytes));
        assert_eq!(found.as_deref(), expected, "{bytes:x?}");
    }
}

#[test]
fn strings_compare_and_print_as_text() {
    let text = Str::from("b\"");
    assert!(text == "b\"" && text > Str::from_static("a") && Str::new().is_empty());
    assert_eq!(format!("{text} {text:?}"), "b\" \"b\\\"\"");
}
