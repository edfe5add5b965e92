//! Whether a failed call is worth another try, what must be looked up again first, and how long to wait. Pure.

use std::io::ErrorKind;
use std::time::Duration;

use weir_wire::ErrorCode;

use crate::error::ClientError;

const FIRST_BACKOFF: Duration = Duration::from_millis(20);
const LONGEST_BACKOFF: Duration = Duration::from_millis(1_000);

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is final.
    Fail,
    /// Ask the same broker again.
    Again,
    /// Leaders, coordinators or the connection may have changed: look them up again.
    LookUpAgain,
}

/// Judges a failure. `outlive_restarts`: a broker that is not there may come back. One that is silent is tried again in any
/// case: behind one address there may be many brokers, and the next connection leads to another.
pub(crate) fn judge(error: &ClientError, outlive_restarts: bool) -> Verdict {
    match error {
        ClientError::Closed { .. } => Verdict::LookUpAgain,
        ClientError::Unreachable { .. }
        | ClientError::NoBroker { .. }
        | ClientError::AdvertisedUnreachable { .. }
        | ClientError::Timeout { .. }
            if outlive_restarts =>
        {
            Verdict::LookUpAgain
        }
        ClientError::Kafka { code, .. } => judge_code(*code),
        error if is_silence(error) => Verdict::LookUpAgain,
        _ => Verdict::Fail,
    }
}

/// Whether nobody said anything, not even no, where a connection was tried.
fn is_silence(error: &ClientError) -> bool {
    match error {
        ClientError::Unreachable { source, .. } => matches!(
            source.kind(),
            ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable
        ),
        ClientError::AdvertisedUnreachable { source, .. } => is_silence(source),
        ClientError::NoBroker { tried } => tried.iter().any(|attempt| is_silence(&attempt.error)),
        _ => false,
    }
}

fn judge_code(code: ErrorCode) -> Verdict {
    match code {
        ErrorCode::NotLeaderOrFollower
        | ErrorCode::LeaderNotAvailable
        | ErrorCode::FencedLeaderEpoch
        | ErrorCode::UnknownLeaderEpoch
        | ErrorCode::ReplicaNotAvailable
        | ErrorCode::KafkaStorageError
        | ErrorCode::NetworkException
        | ErrorCode::NotController
        | ErrorCode::NotCoordinator
        | ErrorCode::CoordinatorNotAvailable
        | ErrorCode::UnknownTopicId
        | ErrorCode::InconsistentTopicId => Verdict::LookUpAgain,
        // Clients of Kafka wait for a topic to appear; here a name that is not known is more often a typing error.
        ErrorCode::UnknownTopicOrPartition => Verdict::Fail,
        code if code.is_retriable() => Verdict::Again,
        _ => Verdict::Fail,
    }
}

/// How long to wait before try number `attempt` (the first retry is 1): doubling, with a ceiling.
pub(crate) fn backoff(attempt: u32) -> Duration {
    FIRST_BACKOFF.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(LONGEST_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Address;
    use crate::error::Attempt;

    fn refused(code: ErrorCode) -> ClientError {
        ClientError::Kafka { subject: "topic x".into(), code, message: None }
    }

    #[test]
    fn each_failure_has_its_verdict() {
        let address = Address { host: "h".into(), port: 1 };
        let closed = ClientError::Closed { address: address.clone(), reason: String::new() };
        let gone = ClientError::Unreachable { address, source: ErrorKind::ConnectionRefused.into() };
        assert_eq!(judge(&closed, false), Verdict::LookUpAgain);
        assert_eq!(judge(&gone, false), Verdict::Fail);
        assert_eq!(judge(&gone, true), Verdict::LookUpAgain);
        let silent = || ClientError::Unreachable {
            address: Address { host: "h".into(), port: 1 },
            source: ErrorKind::TimedOut.into(),
        };
        assert_eq!(judge(&silent(), false), Verdict::LookUpAgain);
        let tried = |error| vec![Attempt { address: Address { host: "h".into(), port: 1 }, error }];
        assert_eq!(judge(&ClientError::NoBroker { tried: tried(silent()) }, false), Verdict::LookUpAgain);
        assert_eq!(judge(&ClientError::NoBroker { tried: tried(gone) }, false), Verdict::Fail);
        let cases = [
            (ErrorCode::NotLeaderOrFollower, Verdict::LookUpAgain),
            (ErrorCode::NotCoordinator, Verdict::LookUpAgain),
            (ErrorCode::CoordinatorLoadInProgress, Verdict::Again),
            (ErrorCode::NotEnoughReplicas, Verdict::Again),
            (ErrorCode::UnknownTopicOrPartition, Verdict::Fail),
            (ErrorCode::MessageTooLarge, Verdict::Fail),
        ];
        for (code, verdict) in cases {
            assert_eq!(judge(&refused(code), false), verdict, "{code}");
        }
    }

    #[test]
    fn waits_double_up_to_a_second() {
        let waits: Vec<u128> = (1..=8).map(|n| backoff(n).as_millis()).collect();
        assert_eq!(waits, [20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert_eq!(backoff(u32::MAX).as_millis(), 1000);
    }
}
