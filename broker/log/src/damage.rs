//! What is known of damaged batches in closed segments, and the file that remembers it across restarts. A cache of bad
//! news: where it is lost, whoever reads the segment finds the damage again.

use weir_model::Offset;

use crate::framing::{self, Fields, Kind};

const KIND: Kind = Kind { magic: *b"WRDM", version: 1 };

/// Stretches that one log remembers. What lies after so many is repaired with the first of them anyway.
pub(crate) const MOST: usize = 1_024;

/// A stretch of a segment that does not hold what was written there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The segment's first offset.
    pub segment: Offset,
    /// Where in its file the first bad batch begins.
    pub position: u64,
    /// Where the next good one begins, or the segment ends.
    pub resumes: u64,
    /// The first offset that can not be read.
    pub from: Offset,
    /// The first one that can be read again; the segment's end where nothing in it can.
    pub to: Offset,
    /// What is wrong.
    pub why: String,
}

impl Damage {
    /// Whether an offset is lost in it.
    #[must_use]
    pub fn holds(&self, offset: Offset) -> bool {
        self.from <= offset && offset < self.to
    }
}

/// The file's bytes.
pub(crate) fn encode(all: &[Damage]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(all.len() * 40);
    for Damage { segment, position, resumes, from, to, .. } in all {
        payload.extend_from_slice(&segment.0.to_be_bytes());
        payload.extend_from_slice(&position.to_be_bytes());
        payload.extend_from_slice(&resumes.to_be_bytes());
        payload.extend_from_slice(&from.0.to_be_bytes());
        payload.extend_from_slice(&to.0.to_be_bytes());
    }
    framing::wrap(KIND, &payload)
}

/// What a file says.
pub(crate) fn decode(bytes: &[u8]) -> Result<Vec<Damage>, &'static str> {
    let mut fields = Fields(framing::unwrap(KIND, bytes)?);
    let mut all = Vec::new();
    while !fields.0.is_empty() {
        all.push(one(&mut fields).ok_or("a field is missing")?);
    }
    Ok(all)
}

fn one(fields: &mut Fields<'_>) -> Option<Damage> {
    Some(Damage {
        segment: Offset(fields.i64()?),
        position: fields.u64()?,
        resumes: fields.u64()?,
        from: Offset(fields.i64()?),
        to: Offset(fields.i64()?),
        why: "it was found damaged before the last start".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_down_is_read_back_and_a_cut_file_is_refused() {
        let why = "it was found damaged before the last start".to_owned();
        let one =
            Damage { segment: Offset(7), position: 61, resumes: 99, from: Offset(8), to: Offset(12), why };
        let two =
            Damage { segment: Offset(90), position: 0, from: Offset(90), to: Offset(100), ..one.clone() };
        let bytes = encode(&[one.clone(), two.clone()]);
        assert_eq!(decode(&bytes), Ok(vec![one.clone(), two]));
        assert!((0..bytes.len()).all(|cut| decode(&bytes[..cut]).is_err()));
        assert!(one.holds(Offset(8)) && one.holds(Offset(11)));
        assert!(!one.holds(Offset(7)) && !one.holds(Offset(12)));
    }
}
