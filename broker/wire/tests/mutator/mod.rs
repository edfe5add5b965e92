//! Breaks valid bytes in the ways that decoders dislike. Seeded.

use crate::interpreter::Rng;

/// Lengths and counts that claim too much, in both encodings, and varints that are too long.
const NASTY: [&[u8]; 14] = [
    &[0x7f, 0xff, 0xff, 0xff],
    &[0x80, 0x00, 0x00, 0x00],
    &[0xff, 0xff, 0xff, 0xff],
    &[0xff, 0xff, 0xff, 0xfe],
    &[0x00, 0x0f, 0xff, 0xff],
    &[0x7f, 0xff],
    &[0x80, 0x00],
    &[0xff, 0xfe],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0xff, 0xff, 0xff, 0xff, 0x10],
    &[0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    &[0x80, 0x80, 0x80, 0x80, 0x80],
    &[0x00],
    &[0xc0, 0x80],
];

/// Changes `bytes` at one place, or at up to four.
pub(crate) fn mutate(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let places = if rng.one_in(2) { 1 } else { 1 + rng.below(4) };
    for _ in 0..places {
        if bytes.is_empty() {
            bytes.push(rng.next() as u8);
        }
        let at = rng.below(bytes.len());
        match rng.below(8) {
            0 => bytes[at] ^= 1 << rng.below(8),
            1 => bytes[at] = rng.next() as u8,
            2 => bytes.truncate(at),
            3 => bytes.insert(at, rng.next() as u8),
            4 => drop(bytes.remove(at)),
            5 => {
                let piece = bytes[at..].to_vec();
                bytes.extend(piece.into_iter().take(64));
            }
            6 => overwrite(bytes, at, NASTY[rng.below(NASTY.len())]),
            _ => {
                // A long run of one small byte is a long array of the least elements.
                let run = vec![rng.below(3) as u8; rng.below(600)];
                bytes.extend(run);
                overwrite(bytes, at, &[0x00, 0x00, rng.below(3) as u8, 0xff]);
            }
        }
    }
}

fn overwrite(bytes: &mut Vec<u8>, at: usize, with: &[u8]) {
    let end = (at + with.len()).min(bytes.len());
    bytes.splice(at..end, with.iter().copied());
}
