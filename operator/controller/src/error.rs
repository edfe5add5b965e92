//! Why a pass did not get to its end, and what follows from it: what the user or an administrator must change is told
//! apart from what may heal by itself. Pure.

use std::time::Duration;

use uuid::Uuid;

use crate::brokers::BrokerError;
use crate::lease::NotLeading;
use crate::metrics::Failure;

/// A pass has failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A call to the API server.
    #[error("{what}: {source}")]
    Api {
        /// What was tried, such as `apply Service logs-bootstrap`.
        what: String,
        source: kube::Error,
    },
    /// A call to the brokers.
    #[error("{what}: {source}")]
    Brokers { what: String, source: BrokerError },
    /// A manifest could not be written as JSON.
    #[error("an object of the cluster can not be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// Names what was tried when a call fails.
pub(crate) trait Trying<T> {
    fn trying(self, what: impl FnOnce() -> String) -> Result<T, Error>;
}

impl<T> Trying<T> for kube::Result<T> {
    fn trying(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::Api { what: what(), source })
    }
}

impl<T> Trying<T> for Result<T, BrokerError> {
    fn trying(self, what: impl FnOnce() -> String) -> Result<T, Error> {
        self.map_err(|source| Error::Brokers { what: what(), source })
    }
}

impl Error {
    /// Its kind, for metrics and for what follows.
    pub(crate) fn kind(&self) -> Failure {
        match self {
            Self::Api { source, .. } => of_api(source),
            Self::Brokers { source: BrokerError::NotLeading(_), .. } => Failure::NotLeading,
            Self::Brokers { .. } => Failure::Brokers,
            Self::Json(_) => Failure::Invalid,
        }
    }

    /// What an administrator has to change, if trying again alone does not help.
    pub(crate) fn wrong(&self) -> Option<String> {
        match self.kind() {
            Failure::Refused | Failure::Invalid => Some(self.to_string()),
            Failure::Conflict | Failure::Api | Failure::NotLeading | Failure::Brokers => None,
        }
    }
}

fn of_api(error: &kube::Error) -> Failure {
    match error {
        kube::Error::Api(status) => match status.code {
            409 => Failure::Conflict,
            // Asked too much, or too early.
            408 | 429 => Failure::Api,
            400..=499 => Failure::Refused,
            _ => Failure::Api,
        },
        kube::Error::Service(error) if error.is::<NotLeading>() => Failure::NotLeading,
        _ => Failure::Api,
    }
}

/// The first pause after a failure, and the longest.
const PAUSE_MIN: Duration = Duration::from_secs(1);
const PAUSE_MAX: Duration = Duration::from_secs(120);

/// How long to wait after so many failures of one object in a row: doubles, is bounded, and is anywhere in the upper half,
/// so that a thousand objects that failed together do not come back together. `chance` is in 0..=255.
pub(crate) fn backoff(failures: u32, chance: u8) -> Duration {
    let full = PAUSE_MIN.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1))).min(PAUSE_MAX);
    full / 2 + full / 2 * u32::from(chance) / 255
}

/// A number that nobody foresees, for [`backoff`].
pub(crate) fn chance() -> u8 {
    let [chance, ..] = *Uuid::new_v4().as_bytes();
    chance
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn api(code: u16) -> Error {
        let status = Status { code, ..Status::default() };
        Error::Api { what: "apply Service x".to_owned(), source: kube::Error::Api(Box::new(status)) }
    }

    #[test]
    fn what_somebody_must_change_is_told_apart_from_what_may_heal() {
        let cases = [
            (400, Failure::Refused),
            (403, Failure::Refused),
            (409, Failure::Conflict),
            (422, Failure::Refused),
            (429, Failure::Api),
            (500, Failure::Api),
            (503, Failure::Api),
        ];
        for (code, kind) in cases {
            assert_eq!(api(code).kind(), kind, "{code}");
            assert_eq!(api(code).wrong().is_some(), kind == Failure::Refused, "{code}");
        }
        let lost = Error::Api { what: String::new(), source: kube::Error::Service(NotLeading.into()) };
        assert_eq!(lost.kind(), Failure::NotLeading);
    }

    #[test]
    fn pauses_double_up_to_two_minutes_and_are_spread() {
        let longest = |failures| backoff(failures, 255).as_millis();
        assert_eq!([1, 2, 3, 4].map(longest), [1_000, 2_000, 4_000, 8_000]);
        assert_eq!((longest(8), longest(u32::MAX)), (120_000, 120_000));
        assert_eq!(backoff(1, 0), Duration::from_millis(500));
    }
}
