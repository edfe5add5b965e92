//! Decides what to do about the Lease: take it, renew it, or wait. Pure: time is an argument, and only this process's own
//! monotonic clock counts, so that clocks of different nodes need not agree.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::Instant;

/// What this process remembers of a Lease that somebody else holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sighting {
    seen: Option<(String, Instant)>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nobody holds it, or its holder has not been heard for longer than it promised: write our name, if the Lease is
    /// still the one that was read.
    Take,
    /// It is ours: write that we are alive.
    Renew,
    /// Somebody else holds it.
    Wait {
        /// Who.
        holder: String,
    },
}

impl Sighting {
    /// Judges the Lease as it was read at `now`. A holder is believed for as long as it promised since we first saw its
    /// latest write, which is later than the write itself: never shorter than the holder believes.
    pub(crate) fn judge(&mut self, lease: &Lease, own: &str, now: Instant) -> Verdict {
        let spec = lease.spec.clone().unwrap_or_default();
        let Some(holder) = spec.holder_identity.filter(|holder| !holder.is_empty()) else {
            return Verdict::Take;
        };
        if holder == own {
            return Verdict::Renew;
        }
        let version = lease.metadata.resource_version.clone().unwrap_or_default();
        let since = match &self.seen {
            Some((seen, since)) if *seen == version => *since,
            _ => now,
        };
        self.seen = Some((version, since));
        let promised = spec.lease_duration_seconds.unwrap_or(0).max(1).unsigned_abs();
        if now.duration_since(since) >= Duration::from_secs(promised.into()) {
            return Verdict::Take;
        }
        Verdict::Wait { holder }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::LeaseSpec;
    use kube::api::ObjectMeta;

    use super::*;

    fn lease(holder: Option<&str>, version: &str) -> Lease {
        Lease {
            metadata: ObjectMeta { resource_version: Some(version.to_owned()), ..ObjectMeta::default() },
            spec: Some(LeaseSpec {
                holder_identity: holder.map(str::to_owned),
                lease_duration_seconds: Some(15),
                ..LeaseSpec::default()
            }),
        }
    }

    fn wait() -> Verdict {
        Verdict::Wait { holder: "other".to_owned() }
    }

    #[test]
    fn a_lease_without_a_holder_is_taken_and_an_own_one_renewed() {
        let (mut sighting, now) = (Sighting::default(), Instant::now());
        assert_eq!(sighting.judge(&lease(None, "1"), "me", now), Verdict::Take);
        assert_eq!(sighting.judge(&lease(Some(""), "1"), "me", now), Verdict::Take);
        assert_eq!(sighting.judge(&lease(Some("me"), "1"), "me", now), Verdict::Renew);
        assert_eq!(sighting.judge(&Lease::default(), "me", now), Verdict::Take);
    }

    #[test]
    fn a_silent_holder_is_believed_for_as_long_as_it_promised_by_our_own_clock() {
        let (mut sighting, now) = (Sighting::default(), Instant::now());
        assert_eq!(sighting.judge(&lease(Some("other"), "1"), "me", now), wait());
        let almost = now + Duration::from_millis(14_999);
        assert_eq!(sighting.judge(&lease(Some("other"), "1"), "me", almost), wait());
        let silent = now + Duration::from_secs(15);
        assert_eq!(sighting.judge(&lease(Some("other"), "1"), "me", silent), Verdict::Take);
    }

    #[test]
    fn a_holder_that_renews_is_never_replaced() {
        let (mut sighting, mut now) = (Sighting::default(), Instant::now());
        for version in 0..100 {
            now += Duration::from_secs(14);
            assert_eq!(sighting.judge(&lease(Some("other"), &version.to_string()), "me", now), wait());
        }
    }

    #[test]
    fn a_lease_that_names_no_duration_is_not_taken_at_first_sight() {
        let mut nameless = lease(Some("other"), "1");
        nameless.spec.as_mut().unwrap().lease_duration_seconds = None;
        let (mut sighting, now) = (Sighting::default(), Instant::now());
        assert_eq!(sighting.judge(&nameless, "me", now), wait());
        assert_eq!(sighting.judge(&nameless, "me", now + Duration::from_secs(1)), Verdict::Take);
    }
}
