//! Where a broker's static settings come from: properties files, then `--set name=value`, the later one winning.
//! Parses text into pairs and fills in what a file leaves to the environment; what a value may be is decided by the
//! settings table.

mod environment;

use std::path::{Path, PathBuf};

use thiserror::Error;
use weir_model::config::{BrokerConfig, ConfigError, Pairs, validate_broker_file};

/// Why the settings can not be used.
#[derive(Debug, Error)]
pub(crate) enum SettingsError {
    #[error("can not read {path}: {source}; --config wants a file of name=value lines")]
    Read { path: String, source: std::io::Error },
    #[error("{path}, line {line}: no '=' in {text:?}; write name=value, or # in front of a comment")]
    Line { path: String, line: usize, text: String },
    #[error("{path}: {source}")]
    Environment { path: String, source: environment::Missing },
    #[error("--set {0:?}: write name=value")]
    Flag(String),
    #[error(transparent)]
    Value(#[from] ConfigError),
}

/// The static layer, and what it amounts to.
#[derive(Clone, Debug)]
pub(crate) struct StaticSettings {
    pub(crate) pairs: Pairs,
    pub(crate) config: BrokerConfig,
}

impl StaticSettings {
    /// Reads the files, if any, in their order, and the flags.
    pub(crate) fn load(files: &[PathBuf], flags: &[String]) -> Result<Self, SettingsError> {
        let mut pairs = Pairs::new();
        for path in files {
            let own = environment::fill(read_properties(path)?, |name| std::env::var(name).ok());
            let named = |source| SettingsError::Environment { path: path.display().to_string(), source };
            pairs.extend(own.map_err(named)?);
        }
        for flag in flags {
            let (name, value) = flag.split_once('=').ok_or_else(|| SettingsError::Flag(flag.clone()))?;
            pairs.insert(name.trim().to_owned(), value.trim().to_owned());
        }
        Self::from_pairs(pairs)
    }

    /// Checks the pairs as a whole.
    pub(crate) fn from_pairs(pairs: Pairs) -> Result<Self, SettingsError> {
        let config = validate_broker_file(&pairs)?;
        Ok(Self { pairs, config })
    }
}

/// The pairs of a file, unchecked.
pub(crate) fn read_properties(path: &Path) -> Result<Pairs, SettingsError> {
    let name = path.display().to_string();
    let text =
        std::fs::read_to_string(path).map_err(|source| SettingsError::Read { path: name.clone(), source })?;
    let mut pairs = Pairs::new();
    parse(&name, &text, &mut pairs)?;
    Ok(pairs)
}

/// Java properties without their rarities: one `name=value` a line, `#` and `!` open comments.
fn parse(path: &str, text: &str, pairs: &mut Pairs) -> Result<(), SettingsError> {
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let Some((name, value)) = line.split_once('=') else {
            return Err(SettingsError::Line {
                path: path.to_owned(),
                line: index + 1,
                text: line.to_owned(),
            });
        };
        pairs.insert(name.trim().to_owned(), value.trim().to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_name_value_lines_with_comments() {
        let mut pairs = Pairs::new();
        parse("f", "# c\n! c\n\n node.id = 3 \nlisteners=PLAINTEXT://:9092,X://h:1\n", &mut pairs).unwrap();
        assert_eq!(pairs["node.id"], "3");
        assert_eq!(pairs["listeners"], "PLAINTEXT://:9092,X://h:1");
        let error = parse("f", "a=1\nnonsense", &mut pairs).unwrap_err();
        assert!(error.to_string().contains("f, line 2"), "{error}");
    }

    #[test]
    fn flags_win_over_the_file_and_unknown_names_are_refused_with_a_near_one() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "num.partitions=3\n").unwrap();
        let files = [file.path().to_owned()];
        let settings = StaticSettings::load(&files, &["num.partitions=5".to_owned()]).unwrap();
        assert_eq!(settings.config.num_partitions, 5);
        let error = StaticSettings::load(&[], &["num.partition=5".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("num.partitions"), "{error}");
        assert!(StaticSettings::load(&[], &["x".to_owned()]).is_err());
    }

    fn files(texts: &[&str]) -> Vec<tempfile::NamedTempFile> {
        let written = |text: &&str| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            file
        };
        texts.iter().map(written).collect()
    }

    fn load(texts: &[&str]) -> Result<StaticSettings, SettingsError> {
        let files = files(texts);
        let paths: Vec<_> = files.iter().map(|file| file.path().to_owned()).collect();
        StaticSettings::load(&paths, &[])
    }

    #[test]
    fn the_later_file_wins_and_the_earlier_one_fills_in() {
        let settings = load(&["num.partitions=3\nnode.id=7\n", "num.partitions=4\n"]).unwrap();
        assert_eq!(settings.config.num_partitions, 4);
        assert_eq!(settings.pairs["node.id"], "7");
    }

    #[test]
    fn a_file_may_leave_a_value_to_the_environment() {
        // A variable that the test harness always has.
        let settings = load(&["broker.rack=in ${env:CARGO_PKG_NAME}!\n"]).unwrap();
        assert_eq!(settings.config.rack.as_deref(), Some("in weir-server!"));
        let error = load(&["broker.rack=${env:WEIR_NO_SUCH}\n"]).unwrap_err().to_string();
        assert!(error.contains("WEIR_NO_SUCH") && error.contains("broker.rack"), "{error}");
    }

    #[test]
    fn an_empty_rack_is_none() {
        let settings = StaticSettings::load(&[], &["broker.rack=".to_owned()]).unwrap();
        assert_eq!(settings.config.rack, None);
    }
}
