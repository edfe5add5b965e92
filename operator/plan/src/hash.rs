//! A hash of a JSON value that is the same in every build and version of the operator: FNV-1a over the value with sorted
//! keys. Not for secrets; two contents that differ by accident collide once in 2^64.

use serde_json::Value;

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Sixteen hexadecimal digits.
pub(crate) fn of(value: &Value) -> String {
    let mut state = OFFSET;
    feed(&mut state, value);
    format!("{state:016x}")
}

fn bytes(state: &mut u64, bytes: &[u8]) {
    for byte in bytes {
        *state = (*state ^ u64::from(*byte)).wrapping_mul(PRIME);
    }
}

/// Each value begins with a letter for its type and ends with a byte that is no UTF-8, so that no two values spell the
/// same bytes.
fn feed(state: &mut u64, value: &Value) {
    match value {
        Value::Null => bytes(state, b"n"),
        Value::Bool(truth) => bytes(state, if *truth { b"t" } else { b"f" }),
        Value::Number(number) => bytes(state, format!("#{number}").as_bytes()),
        Value::String(text) => {
            bytes(state, b"s");
            bytes(state, text.as_bytes());
        }
        Value::Array(items) => {
            bytes(state, b"[");
            items.iter().for_each(|item| feed(state, item));
        }
        Value::Object(fields) => {
            bytes(state, b"{");
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_by_key(|(name, _)| name.as_str());
            for (name, value) in fields {
                bytes(state, name.as_bytes());
                bytes(state, &[0xfe]);
                feed(state, value);
            }
        }
    }
    bytes(state, &[0xff]);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::of;

    #[test]
    fn the_order_of_keys_does_not_count_and_everything_else_does() {
        let one: serde_json::Value = serde_json::from_str(r#"{"a":1,"b":[true,"x"]}"#).unwrap();
        let other: serde_json::Value = serde_json::from_str(r#"{"b":[true,"x"],"a":1}"#).unwrap();
        assert_eq!(of(&one), of(&other));
        let different = [
            json!({"a": 1, "b": ["x", true]}),
            json!({"a": "1", "b": [true, "x"]}),
            json!({"a": 1, "b": [true, "x", null]}),
            json!({"a": 1, "b": [[true, "x"]]}),
            json!({"a": 1, "bb": [true, "x"]}),
        ];
        for value in different {
            assert_ne!(of(&one), of(&value), "{value}");
        }
    }

    #[test]
    fn the_hash_is_the_same_in_every_version() {
        // Changing it restarts every broker of every user at the operator's next upgrade.
        assert_eq!(of(&json!({"image": "weir:1", "args": ["broker"]})), "db996e0402bd7924");
    }
}
