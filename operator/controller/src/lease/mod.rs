//! Leader election by one Lease: every write to it is a compare-and-set on its resourceVersion, so that of two processes
//! that take it at the same moment one is refused. Writes nothing but the Lease.
//!
//! The crate that exists for kube 5 (kube-lease-manager 0.13) is not used: it releases an expired Lease without comparing
//! versions, so that a holder that renews at that moment is overwritten and goes on writing until its next renewal; it
//! compares wall clocks of different nodes; and it says nothing while renewals fail.

mod fence;
mod verdict;

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

pub(crate) use fence::{Fence, NotLeading};
use verdict::{Sighting, Verdict};

/// How long a holder is believed after its last word.
pub(crate) const DURATION: Duration = Duration::from_secs(15);
/// How often the holder says that it is alive.
const RENEWAL: Duration = Duration::from_secs(5);
/// How often the others look.
const LOOK: Duration = Duration::from_secs(3);
/// How soon a renewal that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How long one call may take.
const CALL_MAX: Duration = Duration::from_secs(4);
/// How long before others may take the Lease the fence closes: what is under way may still arrive.
const MARGIN: Duration = Duration::from_secs(3);

/// One contender for the Lease.
pub(crate) struct Contender {
    api: Api<Lease>,
    name: String,
    identity: String,
    fence: Fence,
}

/// What one contender remembers from turn to turn.
#[derive(Default)]
struct Known {
    sighting: Sighting,
    /// The Lease as our own last write left it: the next one is written over it, without reading it again. If somebody
    /// wrote meanwhile, that is refused, and it is read.
    written: Option<Lease>,
}

/// Why the Lease was not written.
#[derive(Debug, thiserror::Error)]
enum LeaseError {
    #[error("the lease is out of reach: {0}")]
    Api(#[from] kube::Error),
    #[error("the API server took longer than {} s", CALL_MAX.as_secs())]
    Slow(#[from] tokio::time::error::Elapsed),
}

impl LeaseError {
    fn is_conflict(&self) -> bool {
        matches!(self, Self::Api(kube::Error::Api(status)) if status.code == 409)
    }
}

impl Contender {
    pub(crate) fn new(api: Api<Lease>, name: String, identity: String, fence: Fence) -> Self {
        Self { api, name, identity, fence }
    }

    /// Contends until `stop`, and then gives the Lease back. The fence tells everybody else how it stands.
    pub(crate) async fn contend(&self, stop: CancellationToken) {
        let mut known = Known::default();
        while !stop.is_cancelled() {
            let pause = self.turn(&mut known).await;
            tokio::select! {
                () = stop.cancelled() => {}
                () = sleep(pause) => {}
            }
        }
        let led = self.fence.check().is_ok();
        self.fence.close();
        if led && let Err(error) = self.release().await {
            warn!(%error, "the lease was not given back: others wait until it runs out");
        }
    }

    /// Looks once and acts on it; how long until the next turn.
    async fn turn(&self, known: &mut Known) -> Duration {
        let read = match known.written.take() {
            Some(lease) => Ok(Some(lease)),
            None => self.read().await,
        };
        let lease = match read {
            Ok(lease) => lease,
            Err(error) => {
                warn!(%error, "the lease was not read");
                return RETRY;
            }
        };
        // Before the write is sent: others count from when they see it, which is later.
        let now = Instant::now();
        let verdict = match &lease {
            Some(lease) => known.sighting.judge(lease, &self.identity, now),
            None => Verdict::Take,
        };
        let written = match verdict {
            Verdict::Wait { holder } => {
                if self.fence.check().is_ok() {
                    warn!(%holder, "another operator has taken the lease");
                }
                self.fence.close();
                debug!(%holder, "another operator leads");
                return LOOK;
            }
            Verdict::Take => self.write(lease, true).await,
            Verdict::Renew => self.write(lease, false).await,
        };
        match written {
            Ok(lease) => {
                known.written = Some(lease);
                if self.fence.check().is_err() {
                    info!(identity = self.identity, "leads");
                }
                self.fence.open_until(now + DURATION - MARGIN);
                RENEWAL
            }
            Err(error) if error.is_conflict() => {
                debug!("the lease changed meanwhile");
                RETRY
            }
            Err(error) => {
                warn!(%error, "the lease was not written");
                RETRY
            }
        }
    }

    async fn read(&self) -> Result<Option<Lease>, LeaseError> {
        Ok(timeout(CALL_MAX, self.api.get_opt(&self.name)).await??)
    }

    /// Writes our name or our renewal over the version that was read, or creates the Lease. The Lease as it is then.
    async fn write(&self, read: Option<Lease>, taking: bool) -> Result<Lease, LeaseError> {
        let now = Some(MicroTime(Timestamp::now()));
        let Some(mut lease) = read else {
            let lease = Lease {
                metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
                spec: Some(LeaseSpec { acquire_time: now.clone(), ..self.spec(now, 0) }),
            };
            return Ok(timeout(CALL_MAX, self.api.create(&PostParams::default(), &lease)).await??);
        };
        let before = lease.spec.take().unwrap_or_default();
        let transitions = before.lease_transitions.unwrap_or(0);
        let (acquired, transitions) = if taking {
            (now.clone(), transitions.saturating_add(1))
        } else {
            (before.acquire_time, transitions)
        };
        lease.spec = Some(LeaseSpec { acquire_time: acquired, ..self.spec(now, transitions) });
        self.replace(&lease).await
    }

    async fn release(&self) -> Result<(), LeaseError> {
        let Some(mut lease) = self.read().await? else { return Ok(()) };
        let Some(spec) = lease.spec.as_mut() else { return Ok(()) };
        if spec.holder_identity.as_deref() != Some(&*self.identity) {
            return Ok(());
        }
        spec.holder_identity = None;
        self.replace(&lease).await.map(drop)
    }

    async fn replace(&self, lease: &Lease) -> Result<Lease, LeaseError> {
        Ok(timeout(CALL_MAX, self.api.replace(&self.name, &PostParams::default(), lease)).await??)
    }

    fn spec(&self, renewed: Option<MicroTime>, transitions: i32) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            lease_transitions: Some(transitions),
            renew_time: renewed,
            ..LeaseSpec::default()
        }
    }
}

#[cfg(test)]
mod tests;
