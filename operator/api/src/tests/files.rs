//! `crds/` and the chart's copies are what the types say. `WEIR_UPDATE_DOCS=1 cargo test -p weir-operator-api` writes them
//! anew.

use std::path::{Path, PathBuf};

use crate::crd_files;

/// Where the same text lies: for people and `kubectl apply`, and for the chart.
const PLACES: [&str; 2] = ["crds", "charts/weir/files/crds"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_definitions_on_disk_are_those_of_the_types() {
    let update = std::env::var_os("WEIR_UPDATE_DOCS").is_some();
    for place in PLACES {
        let directory = root().join(place);
        let mut expected = Vec::new();
        for file in crd_files().unwrap() {
            let path = directory.join(&file.name);
            if update {
                std::fs::create_dir_all(&directory).unwrap();
                std::fs::write(&path, &file.text).unwrap();
            }
            assert!(
                std::fs::read_to_string(&path).unwrap_or_default() == file.text,
                "{place}/{} is stale: run `WEIR_UPDATE_DOCS=1 cargo test -p weir-operator-api the_definitions`",
                file.name
            );
            expected.push(file.name);
        }
        let mut found: Vec<_> = std::fs::read_dir(&directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| Path::new(name).extension().is_some_and(|ext| ext == "yaml"))
            .collect();
        found.sort();
        assert_eq!(found, expected, "{place} holds what no type says");
    }
}

/// The API server takes 1.5 MB, an annotation of `kubectl apply` 256 KB, and a person less.
#[test]
fn each_definition_is_below_a_hundred_kilobytes() {
    for file in crd_files().unwrap() {
        assert!(file.text.len() < 100_000, "{} has {} bytes", file.name, file.text.len());
    }
}

/// `Off` without quotes is `false` to kubectl, and so are a few other words.
#[test]
fn no_word_is_taken_for_a_truth_value() {
    let words = ["on", "off", "yes", "no", "y", "n"];
    for file in crd_files().unwrap() {
        for line in file.text.lines() {
            let value = line.rsplit([' ']).next().unwrap_or_default();
            let alone = line.trim_start().trim_start_matches("- ").split(": ").last() == Some(value);
            assert!(!(alone && words.contains(&value.to_lowercase().as_str())), "{}: {line}", file.name);
        }
    }
}
