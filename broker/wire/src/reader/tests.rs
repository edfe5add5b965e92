//! How each kind of value is read, and what is refused, in tables.

use super::*;

fn reader(bytes: &[u8], flexible: bool) -> Reader {
    let mut reader = Reader::new(Bytes::copy_from_slice(bytes));
    reader.set_flexible(flexible);
    reader
}

#[test]
fn varints_hold_32_bits_in_at_most_five_bytes() {
    let table: [(&[u8], Result<u32, DecodeError>); 11] = [
        (&[0x00], Ok(0)),
        (&[0x7f], Ok(127)),
        (&[0x80, 0x01], Ok(128)),
        (&[0xff, 0x7f], Ok(16_383)),
        (&[0x80, 0x80, 0x01], Ok(16_384)),
        (&[0xff, 0xff, 0xff, 0xff, 0x0f], Ok(u32::MAX)),
        // Not the shortest form, but what it means is clear; the Java client reads it too.
        (&[0x80, 0x00], Ok(0)),
        (&[0xff, 0xff, 0xff, 0xff, 0x10], Err(DecodeError::VarintTooLong { at: 0 })),
        (&[0x80, 0x80, 0x80, 0x80, 0x80, 0x00], Err(DecodeError::VarintTooLong { at: 0 })),
        (&[0x80], Err(DecodeError::Truncated { at: 1, needed: 1, end: 1 })),
        (&[], Err(DecodeError::Truncated { at: 0, needed: 1, end: 0 })),
    ];
    for (bytes, expected) in table {
        assert_eq!(reader(bytes, true).uvarint(), expected, "{bytes:x?}");
    }
}

#[test]
fn strings_are_read_in_both_encodings() {
    type Expected = Result<Option<&'static str>, DecodeError>;
    let table: [(&[u8], bool, bool, Expected); 13] = [
        (&[0, 2, b'o', b'k'], false, false, Ok(Some("ok"))),
        (&[0, 0], false, false, Ok(Some(""))),
        (&[0xff, 0xff], false, true, Ok(None)),
        (&[0xff, 0xff], false, false, Err(DecodeError::UnexpectedNull { at: 0 })),
        (&[0xff, 0xfe], false, true, Err(DecodeError::NegativeLength { at: 0, length: -2 })),
        (&[0, 3, b'o', b'k'], false, false, Err(DecodeError::Truncated { at: 2, needed: 3, end: 4 })),
        (&[0, 2, 0xc0, 0x80], false, false, Err(DecodeError::NotUtf8 { at: 0 })),
        (&[3, b'o', b'k'], true, false, Ok(Some("ok"))),
        (&[1], true, false, Ok(Some(""))),
        (&[0], true, true, Ok(None)),
        (&[0], true, false, Err(DecodeError::UnexpectedNull { at: 0 })),
        (&[3, 0xff, 0xff], true, false, Err(DecodeError::NotUtf8 { at: 0 })),
        (&[0x81, 0x80, 0x02], true, false, Err(DecodeError::StringTooLong { at: 0, length: 32_768 })),
    ];
    for (bytes, flexible, nullable, expected) in table {
        let found = reader(bytes, flexible).opt_str(nullable);
        assert_eq!(found, expected.map(|text| text.map(Str::from_static)), "{bytes:x?}");
    }
}

#[test]
fn a_client_id_is_never_compact() {
    let mut reader = reader(&[0, 2, b'm', b'e'], true);
    assert_eq!(reader.plain_opt_str(), Ok(Some(Str::from_static("me"))));
    assert!(reader.flexible);
}

#[test]
fn arrays_are_read_in_both_encodings() {
    type Expected = Result<Option<Vec<i16>>, DecodeError>;
    let table: [(&[u8], bool, bool, Expected); 8] = [
        (&[0, 0, 0, 2, 0, 1, 0, 2], false, false, Ok(Some(vec![1, 2]))),
        (&[0xff, 0xff, 0xff, 0xff], false, true, Ok(None)),
        (&[0xff, 0xff, 0xff, 0xff], false, false, Err(DecodeError::UnexpectedNull { at: 0 })),
        (&[0x80, 0, 0, 0], false, true, Err(DecodeError::NegativeLength { at: 0, length: i32::MIN })),
        (&[0, 0, 0, 2, 0, 1, 0], false, false, Err(DecodeError::ArrayTooLong { at: 0, count: 2 })),
        (&[3, 0, 1, 0, 2], true, false, Ok(Some(vec![1, 2]))),
        (&[0], true, true, Ok(None)),
        (
            &[0xff, 0xff, 0xff, 0xff, 0x0f],
            true,
            true,
            Err(DecodeError::ArrayTooLong { at: 0, count: u32::MAX as usize - 1 }),
        ),
    ];
    for (bytes, flexible, nullable, expected) in table {
        assert_eq!(reader(bytes, flexible).opt_array::<i16>(0, nullable), expected, "{bytes:x?}");
    }
}

#[test]
fn unknown_tags_are_skipped_and_bad_ones_refused() {
    let table: [(&[u8], Result<(), DecodeError>); 7] = [
        (&[0], Ok(())),
        (&[2, 5, 1, 0xaa, 9, 0], Ok(())),
        (&[2, 5, 0, 5, 0], Err(DecodeError::TagOrder { at: 3, tag: 5 })),
        (&[2, 5, 0, 4, 0], Err(DecodeError::TagOrder { at: 3, tag: 4 })),
        (&[1, 5, 9, 0], Err(DecodeError::Truncated { at: 3, needed: 9, end: 4 })),
        (&[0xff, 0xff, 0xff, 0xff, 0x0f], Err(DecodeError::Truncated { at: 5, needed: 1, end: 5 })),
        (&[1], Err(DecodeError::Truncated { at: 1, needed: 1, end: 1 })),
    ];
    for (bytes, expected) in table {
        let mut reader = reader(bytes, true);
        assert_eq!(reader.skip_tags().and_then(|()| reader.finish()), expected, "{bytes:x?}");
    }
}

#[test]
fn a_known_tag_stays_within_its_size_and_uses_all_of_it() {
    let read = |bytes: &[u8]| {
        let mut value = None;
        let found = reader(bytes, true).tags(|r, tag| {
            if tag == 0 {
                value = Some(r.i16()?);
            }
            Ok(tag == 0)
        });
        (found, value)
    };
    assert_eq!(read(&[1, 0, 2, 0, 7]), (Ok(()), Some(7)));
    assert_eq!(read(&[1, 0, 1, 0, 7]), (Err(DecodeError::Truncated { at: 3, needed: 2, end: 4 }), None));
    assert_eq!(read(&[1, 0, 3, 0, 7, 0]), (Err(DecodeError::TagSize { at: 6, tag: 0, left: 1 }), Some(7)));
}

#[test]
fn bytes_that_nobody_read_are_refused() {
    let mut reader = reader(&[1, 2, 3], false);
    assert_eq!(reader.i8(), Ok(1));
    assert_eq!(reader.finish(), Err(DecodeError::Trailing { at: 1, left: 2 }));
}

#[test]
fn arrays_grow_by_doubling_and_never_beyond_their_count() {
    // (length so far, claimed count, size of an element) -> more
    let table = [
        ((0, 3, 8), 3),
        ((0, 100_000, 8), 512),
        ((512, 100_000, 8), 512),
        ((1024, 1500, 8), 476),
        ((0, 9, 9000), 1),
    ];
    for ((len, count, size), more) in table {
        assert_eq!(growth(len, count, size), more, "{len} of {count} times {size}");
    }
}

#[test]
fn arrays_share_one_budget() {
    let bytes: Vec<u8> = [0, 0, 0, 4, 1, 2, 3, 4].repeat(2);
    let mut reader = Reader::with_budget(bytes.into(), 7);
    assert_eq!(reader.array::<i8>(0), Ok(vec![1, 2, 3, 4]));
    assert_eq!(reader.array::<i8>(0), Err(DecodeError::OverBudget { at: 12, budget: 7 }));
}

#[test]
fn slices_share_the_memory_of_the_frame() {
    let frame = Bytes::from(vec![0, 3, b'a', b'b', b'c']);
    let text = Reader::new(frame.clone()).str().expect("a string");
    assert_eq!(text.as_bytes().as_ptr(), frame[2..].as_ptr());
}
