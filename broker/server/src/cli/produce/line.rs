//! From a line to a key and a value. Pure; shares the line's memory.

use bytes::Bytes;

/// How lines are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LineFormat {
    /// The whole line is the value.
    Value,
    /// A key, the separator, a value.
    KeyAndValue { separator: Vec<u8> },
}

/// The line's key, if it has one, and its value. Splits at the first separator.
pub(super) fn parse_line(line: Bytes, format: &LineFormat) -> Result<(Option<Bytes>, Bytes), String> {
    let LineFormat::KeyAndValue { separator } = format else { return Ok((None, line)) };
    let found = line.windows(separator.len()).position(|window| window == separator);
    let at = found
        .ok_or_else(|| format!("there is no key separator {:?} in it", String::from_utf8_lossy(separator)))?;
    let value = line.slice(at + separator.len()..);
    Ok((Some(line.slice(..at)), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_end_at_the_first_separator() {
        let format = LineFormat::KeyAndValue { separator: b"::".to_vec() };
        let parsed = |line: &'static str| parse_line(Bytes::from_static(line.as_bytes()), &format);
        let pair = |key: &'static str, value: &'static str| Ok((Some(Bytes::from(key)), Bytes::from(value)));
        assert_eq!(parsed("k::v"), pair("k", "v"));
        assert_eq!(parsed("k::v::w"), pair("k", "v::w"));
        assert_eq!(parsed("::"), pair("", ""));
        assert!(parsed("k:v").is_err());
        assert!(parsed("").is_err());
    }

    #[test]
    fn without_a_separator_the_line_is_the_value() {
        assert_eq!(parse_line(Bytes::from("a\tb"), &LineFormat::Value), Ok((None, Bytes::from("a\tb"))));
    }
}
