//! Zigzag varints as records use them: at most 5 bytes for 32 bits, 10 for 64. Longer or cut ones are refused.

/// Reads a signed 32-bit varint off the front of `bytes`.
#[inline]
pub(super) fn read_i32(bytes: &mut &[u8]) -> Option<i32> {
    let raw = read(bytes, 5)?;
    let raw = u32::try_from(raw).ok()?;
    Some((raw >> 1) as i32 ^ -((raw & 1) as i32))
}

/// Reads a signed 64-bit varint off the front of `bytes`.
#[inline]
pub(super) fn read_i64(bytes: &mut &[u8]) -> Option<i64> {
    let raw = read(bytes, 10)?;
    Some((raw >> 1) as i64 ^ -((raw & 1) as i64))
}

/// Appends a signed 32-bit varint.
pub(super) fn write_i32(out: &mut Vec<u8>, value: i32) {
    write(out, u64::from(((value << 1) ^ (value >> 31)) as u32));
}

/// Appends a signed 64-bit varint.
pub(super) fn write_i64(out: &mut Vec<u8>, value: i64) {
    write(out, ((value << 1) ^ (value >> 63)) as u64);
}

/// How many bytes `write_i32` takes.
pub(super) fn len_i32(value: i32) -> usize {
    len(u64::from(((value << 1) ^ (value >> 31)) as u32))
}

/// How many bytes `write_i64` takes.
pub(super) fn len_i64(value: i64) -> usize {
    len(((value << 1) ^ (value >> 63)) as u64)
}

fn len(raw: u64) -> usize {
    (64 - (raw | 1).leading_zeros() as usize).div_ceil(7)
}

/// What records hold is short nearly always: deltas, and lengths below 8 KiB.
#[inline]
fn read(bytes: &mut &[u8], most: usize) -> Option<u64> {
    match *bytes {
        [one @ 0..0x80, rest @ ..] => {
            *bytes = rest;
            Some(u64::from(*one))
        }
        [low, high @ 0..0x80, rest @ ..] => {
            *bytes = rest;
            Some(u64::from(low & 0x7f) | u64::from(*high) << 7)
        }
        _ => read_long(bytes, most),
    }
}

fn read_long(bytes: &mut &[u8], most: usize) -> Option<u64> {
    let mut value = 0u64;
    for i in 0..most {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        // The tenth byte of a 64-bit varint has room for one bit.
        if i == 9 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn write(out: &mut Vec<u8>, mut raw: u64) {
    while raw >= 0x80 {
        out.push(raw as u8 | 0x80);
        raw >>= 7;
    }
    out.push(raw as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_survives_a_round_trip() {
        for shift in 0..64 {
            for near in [-1i64, 0, 1] {
                for value in
                    [(1i64 << shift).wrapping_add(near), (1i64 << shift).wrapping_neg().wrapping_add(near)]
                {
                    let mut out = Vec::new();
                    write_i64(&mut out, value);
                    assert_eq!(out.len(), len_i64(value));
                    assert_eq!(read_i64(&mut out.as_slice()), Some(value));
                    let (narrow, mut out) = (value as i32, Vec::new());
                    write_i32(&mut out, narrow);
                    assert_eq!(out.len(), len_i32(narrow));
                    assert_eq!(read_i32(&mut out.as_slice()), Some(narrow));
                }
            }
        }
    }

    #[test]
    fn overlong_and_cut_varints_are_refused() {
        assert_eq!(read_i32(&mut [0x80; 5].as_slice()), None);
        assert_eq!(read_i32(&mut [0xff, 0xff, 0xff, 0xff, 0x7f].as_slice()), None);
        assert_eq!(read_i32(&mut [0x80].as_slice()), None);
        assert_eq!(
            read_i64(&mut [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02].as_slice()),
            None
        );
        assert_eq!(read_i64(&mut [0x80; 11].as_slice()), None);
    }
}
