//! `weir cluster may-stop`: whether a broker can be stopped without harm. Fails when it can not, so that scripts can ask.

use serde::Serialize;
use weir_admin::admin::v1;

use super::admin::{Target, failure};
use crate::cli::failure::Failure;
use crate::cli::session::Session;

#[derive(Serialize)]
struct Answer {
    broker: i32,
    may_stop: bool,
    reasons: Vec<String>,
    unavoidable: Vec<String>,
}

pub(super) async fn run(session: &Session, target: &Target) -> Result<(), Failure> {
    let (mut client, broker) = target.find(session).await?;
    let request = v1::MayStopRequest { broker: Some(broker), ..Default::default() };
    let reply = client.may_stop(request).await.map_err(|status| failure(&status))?.into_inner();
    let words = |reasons: Vec<v1::StopReason>| reasons.into_iter().map(|reason| reason.message).collect();
    let answer = Answer {
        broker: target.broker(),
        may_stop: reply.may_stop,
        reasons: words(reply.reasons),
        unavoidable: words(reply.unavoidable),
    };
    session.output.print(&answer, || text(&answer))?;
    if answer.may_stop {
        return Ok(());
    }
    Err(Failure::refused(format!("broker {} must not stop now", answer.broker), "wait, and ask again"))
}

fn text(answer: &Answer) -> String {
    let head = if answer.may_stop { "may stop" } else { "must not stop now" };
    let mut text = format!("broker {} {head}\n", answer.broker);
    for reason in &answer.reasons {
        text += &format!("  {reason}\n");
    }
    for reason in &answer.unavoidable {
        text += &format!("  whenever it stops: {reason}\n");
    }
    text
}
