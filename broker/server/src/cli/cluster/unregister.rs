//! `weir cluster unregister`: forgets a broker that has left for good.

use serde::Serialize;
use weir_admin::admin::v1;

use super::admin::{Target, failure};
use crate::cli::failure::Failure;
use crate::cli::session::Session;

#[derive(Serialize)]
struct Gone {
    broker: i32,
    changed: bool,
}

pub(super) async fn run(session: &Session, target: &Target) -> Result<(), Failure> {
    let (mut client, broker) = target.find(session).await?;
    let request = v1::UnregisterRequest { broker: Some(broker), ..Default::default() };
    let reply = client.unregister(request).await.map_err(|status| failure(&status))?.into_inner();
    let gone = Gone { broker: target.broker(), changed: reply.changed };
    session.output.print(&gone, || format!("broker {} is forgotten\n", gone.broker))
}
