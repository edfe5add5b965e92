//! Where a broker's static settings come from: a properties file, then `--set name=value`, the later one winning.
//! Parses text into pairs; what a value may be is decided by the settings table.

use std::path::Path;

use thiserror::Error;
use weir_model::config::{BrokerConfig, ConfigError, Pairs, validate_broker_file};

/// Why the settings can not be used.
#[derive(Debug, Error)]
pub(crate) enum SettingsError {
    #[error("can not read {path}: {source}; --config wants a file of name=value lines")]
    Read { path: String, source: std::io::Error },
    #[error("{path}, line {line}: no '=' in {text:?}; write name=value, or # in front of a comment")]
    Line { path: String, line: usize, text: String },
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
    /// Reads the file, if any, and the flags.
    pub(crate) fn load(file: Option<&Path>, flags: &[String]) -> Result<Self, SettingsError> {
        let mut pairs = Pairs::new();
        if let Some(path) = file {
            pairs = read_properties(path)?;
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
        let settings = StaticSettings::load(Some(file.path()), &["num.partitions=5".to_owned()]).unwrap();
        assert_eq!(settings.config.num_partitions, 5);
        let error = StaticSettings::load(None, &["num.partition=5".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("num.partitions"), "{error}");
        assert!(StaticSettings::load(None, &["x".to_owned()]).is_err());
    }
}
