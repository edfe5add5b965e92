//! `weir cluster drain` and `undrain`: whether a broker gets new replicas.

use serde::Serialize;
use weir_admin::admin::v1;

use super::admin::{Target, failure};
use crate::cli::failure::Failure;
use crate::cli::output::counted;
use crate::cli::session::Session;

#[derive(Serialize)]
struct Drained {
    broker: i32,
    drained: bool,
    changed: bool,
    replicas: Option<u64>,
    leaders: Option<u64>,
}

pub(super) async fn drain(session: &Session, target: &Target) -> Result<(), Failure> {
    let (mut client, broker) = target.find(session).await?;
    let request = v1::DrainRequest { broker: Some(broker), ..Default::default() };
    let reply = client.drain(request).await.map_err(|status| failure(&status))?.into_inner();
    let view = Drained {
        broker: target.broker(),
        drained: true,
        changed: reply.changed,
        replicas: Some(reply.replicas),
        leaders: Some(reply.leaders),
    };
    session.output.print(&view, || {
        let left = match reply.replicas {
            0 => "it holds no replica".to_owned(),
            some => format!("it still holds {}: move them with `weir topic move`", counted(some, "replica")),
        };
        format!("broker {} gets no new replicas; {left}\n", view.broker)
    })
}

pub(super) async fn undrain(session: &Session, target: &Target) -> Result<(), Failure> {
    let (mut client, broker) = target.find(session).await?;
    let request = v1::UndrainRequest { broker: Some(broker), ..Default::default() };
    let reply = client.undrain(request).await.map_err(|status| failure(&status))?.into_inner();
    let (broker, changed) = (target.broker(), reply.changed);
    let view = Drained { broker, drained: false, changed, replicas: None, leaders: None };
    session.output.print(&view, || format!("broker {broker} may get replicas again\n"))
}
