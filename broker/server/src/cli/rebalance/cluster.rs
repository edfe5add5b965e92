//! The operator's Cluster object, as far as moves are concerned. Values only; a test holds the names of its fields against
//! the definition that the API server has.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A Cluster.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Cluster {
    pub(super) metadata: Metadata,
    pub(super) spec: Spec,
    pub(super) status: Status,
}

/// Several of them.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Clusters {
    pub(super) items: Vec<Cluster>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Metadata {
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) generation: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Spec {
    pub(super) paused: bool,
    pub(super) rebalance: Rebalance,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rebalance {
    pub(super) mode: Mode,
    pub(super) approved: Option<String>,
}

/// Who decides about moves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(from = "String", into = "String")]
pub(super) enum Mode {
    #[default]
    Auto,
    Propose,
    Never,
    /// Of an operator that is newer than this program.
    Other(String),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Status {
    /// The generation of the spec that the operator has looked at.
    pub(super) observed_generation: u64,
    pub(super) operation: Option<Operation>,
    pub(super) proposal: Option<Proposal>,
    /// The proposal that is being carried out.
    pub(super) balancing: Option<String>,
    pub(super) conditions: Vec<Condition>,
}

/// What the operator is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"), default)]
pub(super) struct Operation {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) reason: String,
    pub(super) started_at: Option<String>,
    pub(super) moves_done: Option<u64>,
    pub(super) moves_total: Option<u64>,
    pub(super) bytes_done: Option<u64>,
    pub(super) bytes_total: Option<u64>,
    pub(super) time_left: Option<String>,
    pub(super) blocked_by: Vec<String>,
}

/// What it would move.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"), default)]
pub(super) struct Proposal {
    pub(super) hash: String,
    pub(super) moves: u64,
    pub(super) leaderships: u64,
    pub(super) bytes: u64,
    pub(super) brokers: Vec<ProposedBroker>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"), default)]
pub(super) struct ProposedBroker {
    pub(super) id: i32,
    pub(super) replicas_before: u64,
    pub(super) replicas_after: u64,
    pub(super) leaders_before: u64,
    pub(super) leaders_after: u64,
    pub(super) bytes_before: u64,
    pub(super) bytes_after: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all(deserialize = "camelCase"), default)]
pub(super) struct Condition {
    #[serde(rename(deserialize = "type"), skip_serializing)]
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) reason: String,
    pub(super) message: String,
    #[serde(rename(deserialize = "lastTransitionTime", serialize = "since"))]
    pub(super) since: String,
}

impl Cluster {
    /// `logs`, or `logs in prod`.
    pub(super) fn called(&self) -> String {
        match &*self.metadata.namespace {
            "" => self.metadata.name.clone(),
            namespace => format!("{} in {namespace}", self.metadata.name),
        }
    }

    /// Whether replicas and leaders are spread, and since when that is so or not.
    pub(super) fn balanced(&self) -> Option<&Condition> {
        self.status.conditions.iter().find(|condition| condition.kind == "Balanced")
    }

    /// Whether the operator has seen the spec as it is now.
    pub(super) fn is_looked_at(&self) -> bool {
        self.status.observed_generation >= self.metadata.generation
    }

    /// How it stands with balance, in a sentence.
    pub(super) fn balance_told(&self) -> String {
        match self.balanced() {
            None => "the operator has not looked at the brokers yet".to_owned(),
            Some(told) => match &*told.status {
                "True" => format!("balanced since {}: {}", told.since, told.message),
                "False" => format!("not balanced since {}: {}", told.since, told.message),
                _ => format!("not known to be balanced since {}: {}", told.since, told.message),
            },
        }
    }
}

impl Proposal {
    /// What it costs, in a few words.
    pub(super) fn told(&self) -> String {
        let moves = crate::cli::output::counted(self.moves, "move");
        let leaders = match self.leaderships {
            0 => String::new(),
            1 => ", 1 change of leaders".to_owned(),
            some => format!(", {some} changes of leaders"),
        };
        format!("{moves}{leaders}, {} to copy", crate::cli::bars::bytes(self.bytes))
    }
}

impl From<String> for Mode {
    fn from(word: String) -> Self {
        match &*word {
            "Auto" => Self::Auto,
            "Propose" => Self::Propose,
            "Never" => Self::Never,
            _ => Self::Other(word),
        }
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.to_string()
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "Auto",
            Self::Propose => "Propose",
            Self::Never => "Never",
            Self::Other(word) => word,
        })
    }
}
