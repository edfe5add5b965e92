//! The standard health service follows the broker's health: serving when clients are served, and the disk works.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::health::Health;

/// How often it is looked at.
const PACE: Duration = Duration::from_millis(200);
/// The names it is asked by: the server as a whole, and the admin service.
const NAMES: [&str; 2] = ["", "weir.admin.v1.Admin"];

pub(super) async fn report(health: Arc<Health>, reporter: HealthReporter, closing: CancellationToken) {
    let mut told = None;
    loop {
        let status = status(&health);
        if told != Some(status) {
            for name in NAMES {
                reporter.set_service_status(name, status).await;
            }
            told = Some(status);
        }
        tokio::select! {
            () = closing.cancelled() => return,
            () = tokio::time::sleep(PACE) => {}
        }
    }
}

fn status(health: &Health) -> ServingStatus {
    if health.ready().is_ok() { ServingStatus::Serving } else { ServingStatus::NotServing }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Phase;

    #[test]
    fn only_a_broker_that_is_ready_serves() {
        let health = Health::default();
        assert_eq!(status(&health), ServingStatus::NotServing);
        health.enter(Phase::Serving);
        assert_eq!(status(&health), ServingStatus::Serving);
        health.disk_failed();
        assert_eq!(status(&health), ServingStatus::NotServing);
    }
}
