//! How a record is printed: as text with the parts that were asked for, or as JSON or YAML. Pure.

use serde::Serialize;
use weir_client::{ConsumedRecord, RecordHeader};

use crate::cli::base64::base64;
use crate::cli::failure::Failure;
use crate::cli::{moments, structured};

/// What is printed.
#[derive(Clone, Debug)]
pub(super) enum Look {
    Text { meta: bool, headers: bool, keys: bool, separator: String, escape: bool },
    Json,
    Yaml,
}

/// Appends a record to `out`.
pub(super) fn render(record: &ConsumedRecord, look: &Look, out: &mut Vec<u8>) -> Result<(), Failure> {
    match look {
        Look::Json => out.extend_from_slice(structured::json_line(&View::of(record))?.as_bytes()),
        Look::Yaml => out.extend_from_slice(structured::yaml_document(&View::of(record))?.as_bytes()),
        Look::Text { meta, headers, keys, separator, escape } => {
            if *meta {
                let time = moments::render(record.timestamp);
                let text = format!("{}:{}{separator}{time}{separator}", record.partition, record.offset);
                out.extend_from_slice(text.as_bytes());
            }
            if *headers {
                push_headers(&record.headers, *escape, out);
                out.extend_from_slice(separator.as_bytes());
            }
            if *keys {
                push_field(record.key.as_deref(), *escape, out);
                out.extend_from_slice(separator.as_bytes());
            }
            push_field(record.value.as_deref(), *escape, out);
            out.push(b'\n');
        }
    }
    Ok(())
}

fn push_headers(headers: &[RecordHeader], escape: bool, out: &mut Vec<u8>) {
    if headers.is_empty() {
        out.push(b'-');
    }
    for (place, header) in headers.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        push_field(Some(&header.key), escape, out);
        out.push(b'=');
        push_field(header.value.as_deref(), escape, out);
    }
}

/// A program gets the bytes as they are, a terminal gets no control characters.
fn push_field(field: Option<&[u8]>, escape: bool, out: &mut Vec<u8>) {
    let Some(bytes) = field else { return out.extend_from_slice(b"null") };
    if !escape {
        return out.extend_from_slice(bytes);
    }
    for character in String::from_utf8_lossy(bytes).chars() {
        if character.is_control() && character != '\t' {
            out.extend(character.escape_default().map(|c| c as u8));
        } else {
            out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

#[derive(Serialize)]
struct View<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    timestamp: i64,
    time: String,
    #[serde(flatten)]
    key: Key<'a>,
    #[serde(flatten)]
    value: Value<'a>,
    headers: Vec<HeaderView<'a>>,
}

/// Text where it is text; bytes that are none go under a name of their own, so that nothing is guessed.
#[derive(Serialize)]
#[serde(untagged)]
enum Key<'a> {
    Text { key: Option<&'a str> },
    Bytes { key_base64: String },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Value<'a> {
    Text { value: Option<&'a str> },
    Bytes { value_base64: String },
}

#[derive(Serialize)]
struct HeaderView<'a> {
    name: std::borrow::Cow<'a, str>,
    #[serde(flatten)]
    value: Value<'a>,
}

impl<'a> View<'a> {
    fn of(record: &'a ConsumedRecord) -> Self {
        let header = |header: &'a RecordHeader| HeaderView {
            name: String::from_utf8_lossy(&header.key),
            value: value(header.value.as_deref()),
        };
        Self {
            topic: &record.topic,
            partition: record.partition.0,
            offset: record.offset.0,
            timestamp: record.timestamp.0,
            time: moments::render(record.timestamp),
            key: match text(record.key.as_deref()) {
                Ok(key) => Key::Text { key },
                Err(bytes) => Key::Bytes { key_base64: base64(bytes) },
            },
            value: value(record.value.as_deref()),
            headers: record.headers.iter().map(header).collect(),
        }
    }
}

fn value(field: Option<&[u8]>) -> Value<'_> {
    match text(field) {
        Ok(value) => Value::Text { value },
        Err(bytes) => Value::Bytes { value_base64: base64(bytes) },
    }
}

fn text(field: Option<&[u8]>) -> Result<Option<&str>, &[u8]> {
    field.map(|bytes| std::str::from_utf8(bytes).map_err(|_| bytes)).transpose()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use weir_model::{Millis, Offset, PartitionIndex};

    use super::*;

    fn record(key: Option<&'static [u8]>, value: Option<&'static [u8]>) -> ConsumedRecord {
        ConsumedRecord {
            topic: "t".into(),
            partition: PartitionIndex(3),
            offset: Offset(42),
            timestamp: Millis(0),
            key: key.map(Bytes::from_static),
            value: value.map(Bytes::from_static),
            headers: vec![RecordHeader { key: Bytes::from("h"), value: Some(Bytes::from("1")) }],
        }
    }

    fn rendered(record: &ConsumedRecord, look: &Look) -> String {
        let mut out = Vec::new();
        render(record, look, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn text_look(everything: bool, escape: bool) -> Look {
        Look::Text { meta: everything, headers: everything, keys: everything, separator: "|".into(), escape }
    }

    #[test]
    fn text_has_the_parts_that_were_asked_for() {
        let full = record(Some(b"k"), Some(b"v"));
        assert_eq!(rendered(&full, &text_look(false, false)), "v\n");
        assert_eq!(rendered(&full, &text_look(true, false)), "3:42|1970-01-01T00:00:00.000Z|h=1|k|v\n");
        assert_eq!(rendered(&record(None, None), &text_look(false, false)), "null\n");
    }

    #[test]
    fn a_terminal_gets_no_control_characters() {
        let nasty = record(None, Some(b"\x1b[31mred\x07\ttab \xff"));
        assert_eq!(rendered(&nasty, &text_look(false, true)), "\\u{1b}[31mred\\u{7}\ttab \u{fffd}\n");
    }

    #[test]
    fn json_tells_text_nulls_and_bytes_apart() {
        let line = rendered(&record(None, Some(b"v")), &Look::Json);
        assert_eq!(
            line,
            "{\"topic\":\"t\",\"partition\":3,\"offset\":42,\"timestamp\":0,\"time\":\"1970-01-01T00:00:00.000Z\",\
             \"key\":null,\"value\":\"v\",\"headers\":[{\"name\":\"h\",\"value\":\"1\"}]}\n"
        );
        let bytes = rendered(&record(Some(b"\xff\xfe"), None), &Look::Json);
        assert!(bytes.contains("\"key_base64\":\"//4=\",\"value\":null"), "{bytes}");
    }

    #[test]
    fn yaml_is_a_document_for_each_record() {
        assert!(
            rendered(&record(None, Some(b"v")), &Look::Yaml).starts_with("---\ntopic: t\npartition: 3\n")
        );
    }
}
