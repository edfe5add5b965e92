//! How a command fails, and what the user is told to do about it. `explain` is the one place where an error of the
//! client becomes advice.

use std::io;
use std::process::ExitCode;

use thiserror::Error;
use weir_client::{ClientError, ErrorCode};

/// Why a command ended without success.
#[derive(Debug, Error)]
pub(super) enum Failure {
    /// The command line asks for something that can not be.
    #[error("{message}")]
    Usage { message: String },
    /// Refused by us, with advice.
    #[error("{message}")]
    Refused { message: String, help: Option<String> },
    #[error("there is no topic {name:?}")]
    UnknownTopic { name: String, near: Vec<String> },
    #[error("there is no consumer group {name:?}")]
    UnknownGroup { name: String, near: Vec<String> },
    #[error("{0}")]
    Client(#[from] ClientError),
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    #[error("the result can not be written as {format}: {reason}")]
    Unwritable { format: &'static str, reason: String },
    /// Whoever reads our output has gone: a quiet end.
    #[error("the output was closed")]
    PipeClosed,
}

impl Failure {
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into() }
    }

    pub(super) fn refused(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Refused { message: message.into(), help: Some(help.into()) }
    }

    /// Of writing to stdout.
    pub(super) fn writing(source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::BrokenPipe {
            return Self::PipeClosed;
        }
        Self::Io { what: "writing the output".into(), source }
    }

    /// Tells the user on stderr.
    pub(super) fn report(&self) -> ExitCode {
        let (message, help) = self.explain();
        eprintln!("error: {message}");
        if let Some(help) = help {
            eprintln!("  help: {help}");
        }
        ExitCode::from(if matches!(self, Self::Usage { .. }) { 2 } else { 1 })
    }

    /// What went wrong, and what to do about it.
    fn explain(&self) -> (String, Option<String>) {
        match self {
            Self::Refused { message, help } => (message.clone(), help.clone()),
            Self::UnknownTopic { name, near } => {
                let create = format!("create it with `weir topic create {name}`");
                let help = match did_you_mean(near) {
                    Some(question) => format!("{question} Or {create}"),
                    None => format!("see `weir topic list`, or {create}"),
                };
                (self.to_string(), Some(help))
            }
            Self::UnknownGroup { near, .. } => {
                let help = did_you_mean(near).unwrap_or_else(|| "see `weir group list`".into());
                (self.to_string(), Some(help))
            }
            Self::Client(error) => explain(error),
            other => (other.to_string(), None),
        }
    }
}

fn did_you_mean(near: &[String]) -> Option<String> {
    (!near.is_empty()).then(|| format!("did you mean {}?", near.join(", ")))
}

const START_ONE: &str = "start one with `weir dev`, or name another with --bootstrap HOST:PORT";

/// A failure of the client in the user's words, with advice where there is any.
fn explain(error: &ClientError) -> (String, Option<String>) {
    let advised = |message: String, help: &str| (message, Some(help.to_owned()));
    match error {
        ClientError::NoBroker { tried } => match &tried[..] {
            [only] if !matches!(only.error, ClientError::Unreachable { .. }) => explain(&only.error),
            _ => {
                let addresses: Vec<String> = tried.iter().map(|one| one.address.to_string()).collect();
                let reasons: Vec<String> = tried.iter().map(|one| reason(&one.error)).collect();
                let message =
                    format!("nothing answers on {} ({})", addresses.join(" or "), reasons.join("; "));
                advised(message, START_ONE)
            }
        },
        ClientError::Unreachable { address, .. } => {
            advised(format!("nothing answers on {address} ({})", reason(error)), START_ONE)
        }
        ClientError::AdvertisedUnreachable { broker, advertised, via, source } => (
            format!(
                "{via} answers, but says that broker {broker} is to be found at {advertised}, where nothing answers ({})",
                reason(source)
            ),
            Some(format!(
                "set advertised.listeners of broker {broker} to an address that can be reached from here, or make \
                 {advertised} lead to it (DNS, hosts file, port forwarding)"
            )),
        ),
        ClientError::NotKafka { .. } => advised(
            error.to_string(),
            "is that the port of a Kafka listener without TLS? name another with --bootstrap",
        ),
        ClientError::Timeout { .. } => {
            advised(error.to_string(), "the broker may be overloaded or stuck; --timeout waits longer")
        }
        ClientError::Closed { .. } => advised(
            error.to_string(),
            "the broker may be stopping, or want TLS or a login, which these commands do not speak",
        ),
        ClientError::GaveUp { last, given } => {
            let (message, help) = explain(last);
            (format!("gave up after {} s: {message}", given.as_secs_f32()), help)
        }
        ClientError::Kafka { subject, code, message } => {
            let said = message.clone().unwrap_or_else(|| code.name().to_lowercase().replace('_', " "));
            (format!("{subject}: {said}"), advice(*code).map(str::to_owned))
        }
        ClientError::NoSuchPartition { count, .. } => {
            let help = if *count == 1 {
                "the only partition is 0".into()
            } else {
                format!("partitions go from 0 to {}", count.saturating_sub(1))
            };
            (error.to_string(), Some(help))
        }
        _ => (error.to_string(), None),
    }
}

/// Why an address could not be used, without naming it again.
fn reason(error: &ClientError) -> String {
    match error {
        ClientError::Unreachable { source, .. } => match source.kind() {
            io::ErrorKind::ConnectionRefused => "connection refused".into(),
            io::ErrorKind::TimedOut => "no answer in time".into(),
            _ => {
                source.to_string().trim_start_matches("failed to lookup address information: ").to_lowercase()
            }
        },
        other => other.to_string(),
    }
}

/// What to do about an error of Kafka's, where its own words do not say.
fn advice(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::TopicAlreadyExists => "--if-not-exists makes that a success",
        ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge => {
            "raise max.message.bytes: `weir topic alter TOPIC --config max.message.bytes=BYTES`"
        }
        ErrorCode::OffsetOutOfRange => {
            "the records there are gone or not written yet: `weir topic describe TOPIC` shows what there is"
        }
        ErrorCode::NotEnoughReplicas | ErrorCode::NotEnoughReplicasAfterAppend => {
            "fewer replicas are in sync than min.insync.replicas asks for: see `weir topic describe TOPIC`"
        }
        ErrorCode::InvalidTopicException => {
            "a topic's name is 1 to 249 ASCII letters, digits, '.', '_' and '-', but neither '.' nor '..'"
        }
        ErrorCode::NonEmptyGroup => "stop its members first",
        ErrorCode::LeaderNotAvailable => {
            "a partition has no leader: see `weir topic describe TOPIC` and `weir cluster describe`"
        }
        ErrorCode::InvalidReplicationFactor => {
            "there can not be more replicas than brokers: see `weir cluster describe`"
        }
        ErrorCode::TopicAuthorizationFailed
        | ErrorCode::GroupAuthorizationFailed
        | ErrorCode::ClusterAuthorizationFailed => {
            "you are not allowed to do this; ask whoever keeps the ACLs"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use weir_client::{Address, Attempt};

    use super::*;

    fn at(text: &str) -> Address {
        text.parse().unwrap()
    }

    fn refused(text: &str) -> ClientError {
        ClientError::Unreachable { address: at(text), source: io::ErrorKind::ConnectionRefused.into() }
    }

    #[test]
    fn no_broker_names_the_way_to_start_one() {
        let tried = vec![Attempt { address: at("localhost:9092"), error: refused("localhost:9092") }];
        let (message, help) = explain(&ClientError::NoBroker { tried });
        assert_eq!(message, "nothing answers on localhost:9092 (connection refused)");
        assert!(help.unwrap().contains("`weir dev`"));
    }

    #[test]
    fn an_advertised_address_out_of_reach_names_both_addresses_and_the_setting() {
        let error = ClientError::AdvertisedUnreachable {
            broker: weir_model::BrokerId(2),
            advertised: at("kafka.internal:9092"),
            via: at("localhost:9092"),
            source: Box::new(refused("kafka.internal:9092")),
        };
        let (message, help) = explain(&error);
        assert!(
            message.starts_with("localhost:9092 answers") && message.contains("kafka.internal:9092"),
            "{message}"
        );
        assert!(help.unwrap().contains("advertised.listeners of broker 2"));
    }

    #[test]
    fn what_the_broker_said_is_said_first() {
        let error = |message: Option<&str>| ClientError::Kafka {
            subject: "topic t".into(),
            code: ErrorCode::InvalidReplicationFactor,
            message: message.map(str::to_owned),
        };
        assert_eq!(explain(&error(Some("larger than 1"))).0, "topic t: larger than 1");
        assert_eq!(explain(&error(None)).0, "topic t: invalid replication factor");
    }

    #[test]
    fn unknown_names_come_with_near_ones() {
        let unknown = |near: &[&str]| {
            let near = near.iter().map(|n| (*n).to_owned()).collect();
            Failure::UnknownTopic { name: "order".into(), near }.explain().1.unwrap()
        };
        assert_eq!(unknown(&["orders"]), "did you mean orders? Or create it with `weir topic create order`");
        assert!(unknown(&[]).starts_with("see `weir topic list`"));
    }
}
