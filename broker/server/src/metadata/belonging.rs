//! Which cluster a disk belongs to, written down once, when it is first known. A start knows its cluster only when its
//! metadata log has been heard of again; until then this file keeps it from talking to another cluster.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use uuid::Uuid;

const FILE: &str = "cluster-id";

/// The cluster of the disk, if it was ever known. A file that can not be read is no reason to guess.
pub(crate) fn read(root: &Path) -> io::Result<Option<Uuid>> {
    match fs::read_to_string(root.join(FILE)) {
        Ok(text) => Uuid::parse_str(text.trim())
            .map(Some)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes it down, whole or not at all. Blocking.
pub(super) fn write(root: &Path, cluster: Uuid) -> io::Result<()> {
    let (path, new) = (root.join(FILE), root.join("cluster-id.new"));
    let mut file = File::create(&new)?;
    writeln!(file, "{cluster}")?;
    file.sync_all()?;
    fs::rename(new, path)?;
    File::open(root)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_remembers_its_cluster() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(read(root.path()).unwrap(), None);
        let cluster = Uuid::from_u128(7);
        write(root.path(), cluster).unwrap();
        assert_eq!(read(root.path()).unwrap(), Some(cluster));
        fs::write(root.path().join(FILE), "nonsense").unwrap();
        assert!(read(root.path()).is_err());
    }
}
