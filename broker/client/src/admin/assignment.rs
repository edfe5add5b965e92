//! What a member of a classic consumer group was assigned: bytes that the group's leader wrote, so they may be anything.
//! Pure; reads them with a bound on everything and answers nothing rather than half of it.

use weir_model::PartitionIndex;

use crate::offsets::Place;

/// Longer names are not legal, and each partition keeps a copy of its name.
const LONGEST_TOPIC: usize = 249;

/// The topics and partitions of an assignment; none when the bytes are not one. No bytes are an empty assignment.
pub(crate) fn parse_assignment(bytes: &[u8]) -> Option<Vec<Place>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let mut rest = bytes;
    let version = i16::from_be_bytes(take(&mut rest)?);
    if version < 0 {
        return None;
    }
    let mut places = Vec::new();
    for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
        let length = usize::try_from(i16::from_be_bytes(take(&mut rest)?)).ok()?;
        if length > LONGEST_TOPIC {
            return None;
        }
        let (name, after) = rest.split_at_checked(length)?;
        rest = after;
        let name = std::str::from_utf8(name).ok()?;
        for _ in 0..i32::from_be_bytes(take(&mut rest)?) {
            places.push((name.to_owned(), PartitionIndex(i32::from_be_bytes(take(&mut rest)?))));
        }
    }
    Some(places)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (field, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*field)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_OF_ORDERS: &[u8] = &[
        0, 1, 0, 0, 0, 1, 0, 6, b'o', b'r', b'd', b'e', b'r', b's', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, 255,
        255, 255, 255,
    ];

    #[test]
    fn an_assignment_names_topics_and_partitions() {
        let orders = |index| ("orders".to_owned(), PartitionIndex(index));
        assert_eq!(parse_assignment(TWO_OF_ORDERS), Some(vec![orders(0), orders(3)]));
        assert_eq!(parse_assignment(&[]), Some(vec![]));
    }

    #[test]
    fn cut_or_foreign_bytes_are_no_assignment() {
        for end in 1..26 {
            assert_eq!(parse_assignment(&TWO_OF_ORDERS[..end]), None, "cut at {end}");
        }
        assert_eq!(parse_assignment(&[0, 1, 127, 255, 255, 255]), None);
        assert_eq!(parse_assignment(&[255, 255, 0, 0, 0, 0]), None);
    }
}
