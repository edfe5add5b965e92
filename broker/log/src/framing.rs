//! The envelope of every small file of ours: what it is, its version, its length and its checksum.

/// Kind (4 bytes), version (2), payload length (4), CRC32C of all before and the payload (4).
const HEADER: usize = 14;

/// What an envelope holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) magic: [u8; 4],
    pub(crate) version: u16,
}

pub(crate) fn wrap(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + payload.len());
    out.extend_from_slice(&kind.magic);
    out.extend_from_slice(&kind.version.to_be_bytes());
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c(&out), payload);
    out.extend_from_slice(&crc.to_be_bytes());
    out.extend_from_slice(payload);
    out
}

pub(crate) fn unwrap(kind: Kind, bytes: &[u8]) -> Result<&[u8], &'static str> {
    let (header, payload) = bytes.split_at_checked(HEADER).ok_or("it is too short")?;
    if header[..4] != kind.magic {
        return Err("it is another kind of file");
    }
    let crc = crc32c::crc32c_append(crc32c::crc32c(&header[..10]), payload);
    if header[10..] != crc.to_be_bytes() {
        return Err("its checksum is wrong");
    }
    if header[4..6] != kind.version.to_be_bytes() {
        return Err("its version is unknown");
    }
    if header[6..10] != (payload.len() as u32).to_be_bytes() {
        return Err("its length is wrong");
    }
    Ok(payload)
}

/// Takes fixed-width big-endian fields off the front of a payload.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub(crate) fn i32(&mut self) -> Option<i32> {
        self.take().map(i32::from_be_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.take().map(i64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind { magic: *b"TEST", version: 1 };

    #[test]
    fn an_envelope_gives_back_its_payload_and_finds_every_flipped_bit() {
        let good = wrap(KIND, b"payload");
        assert_eq!(unwrap(KIND, &good), Ok(b"payload".as_slice()));
        for at in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[at / 8] ^= 1 << (at % 8);
            assert!(unwrap(KIND, &bad).is_err(), "bit {at}");
        }
        for cut in 0..good.len() {
            assert!(unwrap(KIND, &good[..cut]).is_err());
        }
    }
}
