//! How a directory of data is laid out: one broker has it for itself, each of several has a directory and a file of
//! settings in it. Decides whether what is there fits what is asked for; must never touch what does not.

use std::path::{Path, PathBuf};

use anyhow::bail;

/// The directory of one broker of several.
pub(super) fn data_of(directory: &Path, broker: u16) -> PathBuf {
    directory.join(format!("broker-{broker}"))
}

/// The settings of one broker of several: what to start it again with by hand.
pub(super) fn settings_of(directory: &Path, broker: u16) -> PathBuf {
    directory.join(format!("broker-{broker}.properties"))
}

/// Refuses a directory that was filled by another number of brokers, where that can not work.
pub(super) fn check(directory: &Path, brokers: u16) -> anyhow::Result<()> {
    let shown = directory.display();
    let of_one = directory.join("identity").exists();
    let of_many = settings_of(directory, 0).exists();
    if brokers > 1 && of_one {
        bail!("{shown} holds the data of a single broker: leave --brokers out, or choose another --data");
    }
    if brokers == 1 && of_many {
        bail!(
            "{shown} holds the data of several brokers: say how many with --brokers, or choose another --data"
        );
    }
    if of_many && settings_of(directory, brokers).exists() {
        bail!("{shown} holds the data of more than {brokers} brokers: say how many with --brokers");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_used_again_only_by_as_many_brokers_or_more_of_several() {
        let fits = |files: &[&str], brokers: u16| {
            let directory = tempfile::tempdir().unwrap();
            files.iter().for_each(|file| std::fs::write(directory.path().join(file), "").unwrap());
            check(directory.path(), brokers).is_ok()
        };
        let three = ["broker-0.properties", "broker-1.properties", "broker-2.properties"];
        let cases: [(&[&str], u16, bool); 8] = [
            (&[], 1, true),
            (&[], 3, true),
            (&["identity"], 1, true),
            (&["identity"], 3, false),
            (&three, 1, false),
            (&three, 2, false),
            (&three, 3, true),
            (&three, 5, true),
        ];
        for (files, brokers, wanted) in cases {
            assert_eq!(fits(files, brokers), wanted, "{files:?} {brokers}");
        }
    }
}
