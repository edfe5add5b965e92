//! Why a setting was refused. Each message says what would have been legal.

use thiserror::Error;

/// Why a setting or a set of settings is not acceptable.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ConfigError {
    /// There is no such setting.
    #[error("unknown {scope} setting {name:?}{}", did_you_mean(*.near))]
    Unknown {
        /// "topic" or "broker".
        scope: &'static str,
        /// What was asked for.
        name: String,
        /// The nearest name there is.
        near: Option<&'static str>,
    },
    /// The value does not fit the setting.
    #[error("invalid value {value} for configuration {name}: must be {legal}")]
    Invalid {
        /// The setting.
        name: &'static str,
        /// What was given.
        value: String,
        /// What would have been legal.
        legal: String,
    },
    /// The setting was named without a value.
    #[error("{name:?} needs a value")]
    Missing {
        /// The setting.
        name: String,
    },
    /// The setting only takes effect at start.
    #[error(
        "{name} can not be changed while the broker runs: set it in the broker's configuration and restart"
    )]
    ReadOnly {
        /// The setting.
        name: &'static str,
    },
    /// Two settings contradict each other.
    #[error("{name} ({value}) must not exceed {limit_name} ({limit})")]
    Conflict {
        /// The setting that is too large.
        name: &'static str,
        /// Its value.
        value: i64,
        /// The setting that limits it.
        limit_name: &'static str,
        /// The value of that.
        limit: i64,
    },
    /// The value is well formed but does not fit the rest.
    #[error("{name}: {problem}")]
    Unfit {
        /// The setting.
        name: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

fn did_you_mean(near: Option<&'static str>) -> String {
    near.map_or_else(String::new, |name| format!(", did you mean {name}?"))
}
