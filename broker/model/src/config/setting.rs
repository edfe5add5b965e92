//! The shape of one row of the settings tables, and what a textual value of its kind means.
//! Decides whether a text is legal for a setting. Follows Kafka's ConfigDef: values are trimmed, booleans
//! ignore case, lists are split at commas.

use std::fmt;

use super::ConfigError;
use super::listener::parse_listeners;
use super::voters::parse_voters;

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Kafka's name, or ours under `weir.`.
    pub name: &'static str,
    /// Where and when it may be set.
    pub scope: Scope,
    /// Its type and legal values.
    pub kind: Kind,
    /// The default as text; `None` for "not set".
    pub default: Option<&'static str>,
    /// For topic settings: the broker settings that supply the default, the strongest first.
    pub synonyms: &'static [BrokerSynonym],
    /// Whether setting it changes anything.
    pub support: Support,
    /// What it means, in one or two sentences.
    pub doc: &'static str,
}

/// A broker setting that supplies a topic setting's default.
#[derive(Debug, PartialEq, Eq)]
pub struct BrokerSynonym {
    /// The broker setting.
    pub name: &'static str,
    /// Its unit in units of the topic setting: 3,600,000 for hours against milliseconds.
    pub factor: i64,
}

/// Where and when a setting may be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// On a topic.
    Topic,
    /// In the broker's file or flags; needs a restart.
    BrokerReadOnly,
    /// While running, for all brokers or, to test a value, for one.
    BrokerDynamic,
}

/// Whether a setting has an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// It does what it says.
    Honoured,
    /// It is validated, stored and reported for the tools that set it; Weir has no use for it.
    Accepted,
}

/// Legal whole numbers: `min..=max`, or `or`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The least.
    pub min: i64,
    /// The most.
    pub max: i64,
    /// One more legal value outside.
    pub or: Option<i64>,
}

/// The type of a setting and its legal values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// 16 bits.
    Short(Range),
    /// 32 bits.
    Int(Range),
    /// 64 bits.
    Long(Range),
    /// A fraction.
    Double {
        /// The least.
        min: f64,
        /// The most.
        max: f64,
    },
    /// Any text.
    Text,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// Words separated by commas; any words when the slice is empty.
    List(&'static [&'static str]),
    /// `*`, nothing, or `partition:broker` pairs.
    ThrottledReplicas,
    /// `NAME://host:port` separated by commas.
    Listeners,
    /// `id@host:port` separated by commas.
    Voters,
    /// A Java class name, for tools that send one.
    Class,
    /// A secret; never shown.
    Password,
}

/// The type names that DescribeConfigs knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfigType {
    /// `BOOLEAN`
    Boolean,
    /// `STRING`
    String,
    /// `INT`
    Int,
    /// `SHORT`
    Short,
    /// `LONG`
    Long,
    /// `DOUBLE`
    Double,
    /// `LIST`
    List,
    /// `CLASS`
    Class,
    /// `PASSWORD`
    Password,
}

/// A checked value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A truth.
    Bool(bool),
    /// A number of any width.
    Whole(i64),
    /// A fraction.
    Fraction(f64),
    /// A text.
    Text(String),
    /// Words, trimmed.
    Words(Vec<String>),
}

impl Setting {
    /// Checks a textual value and says what is legal when it is not.
    pub fn check(&self, raw: &str) -> Result<Value, ConfigError> {
        let text = raw.trim();
        parse(self.kind, text).ok_or_else(|| ConfigError::Invalid {
            name: self.name,
            value: if self.is_sensitive() { "(hidden)".to_owned() } else { raw.chars().take(256).collect() },
            legal: self.kind.to_string(),
        })
    }

    /// Whether the value must not be shown.
    #[must_use]
    pub const fn is_sensitive(&self) -> bool {
        matches!(self.kind, Kind::Password)
    }

    /// Whether only a restart changes it.
    #[must_use]
    pub const fn is_read_only(&self) -> bool {
        matches!(self.scope, Scope::BrokerReadOnly)
    }

    /// Whether APPEND and SUBTRACT make sense.
    #[must_use]
    pub const fn is_list(&self) -> bool {
        matches!(self.kind.config_type(), ConfigType::List)
    }
}

impl Kind {
    /// The type that DescribeConfigs reports.
    #[must_use]
    pub const fn config_type(&self) -> ConfigType {
        match self {
            Self::Bool => ConfigType::Boolean,
            Self::Short(_) => ConfigType::Short,
            Self::Int(_) => ConfigType::Int,
            Self::Long(_) => ConfigType::Long,
            Self::Double { .. } => ConfigType::Double,
            Self::Text | Self::OneOf(_) => ConfigType::String,
            Self::List(_) | Self::ThrottledReplicas | Self::Listeners | Self::Voters => ConfigType::List,
            Self::Class => ConfigType::Class,
            Self::Password => ConfigType::Password,
        }
    }
}

impl Range {
    const fn admits(self, n: i64) -> bool {
        (n >= self.min && n <= self.max) || matches!(self.or, Some(or) if or == n)
    }

    /// This range cut to what a narrower type can hold.
    const fn within(self, least: i64, most: i64) -> Self {
        Self {
            min: if self.min < least { least } else { self.min },
            max: if self.max > most { most } else { self.max },
            or: self.or,
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (i64::MIN, i64::MAX) => f.write_str("a whole number")?,
            (min, i64::MAX) => write!(f, "a whole number of at least {min}")?,
            (min, max) => write!(f, "a whole number from {min} to {max}")?,
        }
        self.or.map_or(Ok(()), |or| write!(f, ", or {or}"))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("true or false"),
            Self::Short(range) => range.within(i16::MIN.into(), i16::MAX.into()).fmt(f),
            Self::Int(range) => range.within(i32::MIN.into(), i32::MAX.into()).fmt(f),
            Self::Long(range) => range.fmt(f),
            Self::Double { min, max } if *max >= f64::MAX => write!(f, "a number of at least {min}"),
            Self::Double { min, max } => write!(f, "a number from {min} to {max}"),
            Self::Text => f.write_str("a text"),
            Self::OneOf(words) => write!(f, "one of {}", words.join(", ")),
            Self::List([]) => f.write_str("words separated by commas"),
            Self::List(words) => write!(f, "any of {}, separated by commas", words.join(", ")),
            Self::ThrottledReplicas => {
                f.write_str("*, or partition:broker pairs separated by commas such as 0:1,0:2")
            }
            Self::Listeners => f.write_str("listeners such as PLAINTEXT://0.0.0.0:9092, separated by commas"),
            Self::Voters => f.write_str("voters such as 0@broker-0:9093, separated by commas"),
            Self::Class => f.write_str("a class name"),
            Self::Password => f.write_str("a secret"),
        }
    }
}

fn parse(kind: Kind, text: &str) -> Option<Value> {
    match kind {
        Kind::Bool if text.eq_ignore_ascii_case("true") => Some(Value::Bool(true)),
        Kind::Bool => text.eq_ignore_ascii_case("false").then_some(Value::Bool(false)),
        Kind::Short(range) => whole(text, range.within(i16::MIN.into(), i16::MAX.into())),
        Kind::Int(range) => whole(text, range.within(i32::MIN.into(), i32::MAX.into())),
        Kind::Long(range) => whole(text, range),
        Kind::Double { min, max } => {
            text.parse::<f64>().ok().filter(|n| *n >= min && *n <= max).map(Value::Fraction)
        }
        Kind::Text | Kind::Class | Kind::Password => Some(Value::Text(text.to_owned())),
        Kind::OneOf(words) => words.contains(&text).then(|| Value::Text(text.to_owned())),
        Kind::List(allowed) => {
            let words = words(text);
            let legal = words.iter().all(|w| allowed.is_empty() || allowed.contains(&w.as_str()));
            legal.then_some(Value::Words(words))
        }
        Kind::ThrottledReplicas => {
            let words = words(text);
            let legal = text == "*" || words.iter().all(|w| is_replica(w));
            legal.then_some(Value::Words(words))
        }
        Kind::Listeners => parse_listeners(text).map(|_| Value::Words(words(text))),
        Kind::Voters => parse_voters(text).map(|_| Value::Words(words(text))),
    }
}

fn whole(text: &str, range: Range) -> Option<Value> {
    text.parse::<i64>().ok().filter(|n| range.admits(*n)).map(Value::Whole)
}

fn is_replica(word: &str) -> bool {
    word.split_once(':').is_some_and(|(p, b)| p.parse::<u32>().is_ok() && b.parse::<u32>().is_ok())
}

/// The words of a list as Kafka splits them: at commas, trimmed; the empty text holds none.
pub(super) fn words(text: &str) -> Vec<String> {
    if text.is_empty() {
        return Vec::new();
    }
    text.split(',').map(|w| w.trim().to_owned()).collect()
}

/// Reading a checked value as the type its row has. A row and its reader can only disagree by a mistake in this
/// module, which the test that resolves every row would show.
impl Value {
    pub(super) const fn whole(&self) -> i64 {
        if let Self::Whole(n) = self { *n } else { 0 }
    }

    pub(super) fn narrow(&self) -> u32 {
        u32::try_from(self.whole()).unwrap_or(0)
    }

    pub(super) const fn truth(&self) -> bool {
        matches!(self, Self::Bool(true))
    }

    pub(super) const fn fraction(&self) -> f64 {
        if let Self::Fraction(n) = self { *n } else { 0.0 }
    }

    pub(super) fn into_text(self) -> String {
        if let Self::Text(text) = self { text } else { String::new() }
    }

    pub(super) fn into_words(self) -> Vec<String> {
        if let Self::Words(words) = self { words } else { Vec::new() }
    }
}
