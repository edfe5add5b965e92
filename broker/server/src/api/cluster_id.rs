//! The cluster's id as Kafka prints it: the 16 bytes of its uuid in base64, of the alphabet for URLs, without padding.

use uuid::Uuid;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// 128 bits, six in each character, the last one filled up with zeros.
const LEN: usize = 22;
const FILLED_UP: usize = LEN * 6 - 128;

/// 22 characters.
pub(crate) fn as_text(id: Uuid) -> String {
    let (head, tail) = (id.as_u128() >> (6 - FILLED_UP), id.as_u128() << FILLED_UP);
    let digit = |bits: u128| char::from(ALPHABET[(bits & 0x3f) as usize]);
    let places = (0..LEN - 1).rev().map(|place| digit(head >> (6 * place)));
    places.chain([digit(tail)]).collect()
}

/// The id that was written so.
pub(crate) fn from_text(text: &str) -> Option<Uuid> {
    if text.len() != LEN {
        return None;
    }
    let mut digits = text.bytes().map(|byte| ALPHABET.iter().position(|digit| *digit == byte));
    let head =
        digits.by_ref().take(LEN - 1).try_fold(0_u128, |head, digit| Some(head << 6 | digit? as u128))?;
    let last = digits.next()?? as u128;
    // What fills the last character up is zero, so that every id is written in one way only.
    let filled_up = last & ((1 << FILLED_UP) - 1) == 0;
    filled_up.then(|| Uuid::from_u128(head << (6 - FILLED_UP) | last >> FILLED_UP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_look_as_kafka_prints_them() {
        let cases = [
            ("00000000-0000-0000-0000-000000000000", "AAAAAAAAAAAAAAAAAAAAAA"),
            ("00000000-0000-0000-0000-000000000001", "AAAAAAAAAAAAAAAAAAAAAQ"),
            ("ffffffff-ffff-ffff-ffff-ffffffffffff", "_____________________w"),
            ("c1758e53-cfb1-4655-890d-3d2a930517a8", "wXWOU8-xRlWJDT0qkwUXqA"),
        ];
        for (id, text) in cases {
            assert_eq!(as_text(Uuid::parse_str(id).unwrap()), text);
            assert_eq!(from_text(text), Some(Uuid::parse_str(id).unwrap()));
        }
    }

    #[test]
    fn what_no_id_is_written_like_is_none() {
        for text in [
            "",
            "AAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAA+",
            "AAAAAAAAAAAAAAAAAAAAAB",
        ] {
            assert_eq!(from_text(text), None, "{text}");
        }
    }
}
