//! Whether the newest segment was cut short or damaged. The log takes whatever it can not read at its end for a write
//! that never finished, and cuts it; here that could be entries which were acknowledged. Each write is synced before the
//! next begins and every entry says where its write began, so an entry that can not be read, with one of a later write
//! behind it, was whole once: the disk has lost it, and this node must not go on without it.

use std::io;
use std::path::Path;

use weir_log::{Disk, DiskFile, Home, LogError};
use weir_model::records::Batch;

use super::error::StoreError;
use crate::codec::decode_written_from;

/// Where in a batch its format version is, and which one it is.
const MAGIC: (usize, u8) = (16, 2);

/// An error when entries are missing that were synced once. Reads the newest segment; changes nothing.
pub(super) fn refuse_damage<D: Disk>(home: &Home<D>, dir: &Path) -> Result<(), StoreError> {
    let Some((path, base)) = newest_segment(home, dir)? else { return Ok(()) };
    let bytes = read(home, &path).map_err(|source| LogError::Io { path: path.clone(), source })?;
    let (mut position, mut next) = (0, base);
    while let Some((size, _)) = entry_at(&bytes[position..], |offset| offset == next) {
        position += size;
        next += 1;
    }
    let rest = bytes.get(position + 1..).unwrap_or_default();
    for at in 0..rest.len() {
        let found = entry_at(&rest[at..], |offset| offset > next);
        if found.is_some_and(|(_, written_from)| written_from > next) {
            let why = format!("entry {next} can not be read, though later ones were written");
            let position = position as u64;
            return Err(LogError::Corrupt { path, position, why }.into());
        }
    }
    Ok(())
}

/// The size of the entry at the front, and where its write began; none when there is none to be read.
fn entry_at(bytes: &[u8], expected: impl Fn(u64) -> bool) -> Option<(usize, u64)> {
    // Most places are none, and are told by one byte and eight.
    if bytes.get(MAGIC.0) != Some(&MAGIC.1) {
        return None;
    }
    let (offset, _) = bytes.split_first_chunk()?;
    if !expected(u64::from_be_bytes(*offset)) {
        return None;
    }
    let batch = Batch::parse(bytes).ok()?;
    batch.check_crc().ok()?;
    let payload = batch.decoded_payload(batch.payload().len()).ok()?;
    let record = batch.records(&payload).next()?.ok()?;
    let written_from = decode_written_from(record.value?).ok()?;
    Some((batch.bytes().len(), written_from))
}

fn newest_segment<D: Disk>(
    home: &Home<D>,
    dir: &Path,
) -> Result<Option<(std::path::PathBuf, u64)>, StoreError> {
    let entries = match home.disk().list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|source| LogError::Io { path: dir.to_owned(), source })?,
    };
    let base = |name: &str| name.strip_suffix(".log").and_then(|digits| digits.parse().ok());
    let newest =
        entries.iter().filter_map(|entry| base(&entry.name).map(|base| (dir.join(&entry.name), base)));
    Ok(newest.max_by_key(|(_, base)| *base))
}

fn read<D: Disk>(home: &Home<D>, path: &Path) -> io::Result<Vec<u8>> {
    let file = home.disk().open(path)?;
    let mut bytes = vec![0; usize::try_from(file.len()?).unwrap_or(usize::MAX)];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], filled as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => filled += more,
        }
    }
    Ok(bytes)
}
