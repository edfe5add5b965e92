//! `weir cluster moves`: the partitions that are being moved, and how far each is.

use serde::Serialize;
use weir_admin::admin::v1;

use super::admin::{Service, failure};
use crate::cli::failure::Failure;
use crate::cli::output::{Line, counted};
use crate::cli::session::Session;

#[derive(Serialize)]
struct Moves {
    moving: u64,
    bytes_done: u64,
    bytes_total: u64,
    /// Brokers that did not say how far they are.
    unheard: Vec<i32>,
    moves: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    topic: String,
    partition: i32,
    adding: Vec<i32>,
    removing: Vec<i32>,
    bytes_done: u64,
    bytes_total: u64,
    throttle: Option<u64>,
}

pub(super) async fn run(session: &Session, service: &Service) -> Result<(), Failure> {
    let mut client = service.connect(session).await?;
    let reports = client.progress(v1::ProgressRequest::default()).await;
    let mut reports = reports.map_err(|status| failure(&status))?.into_inner();
    let report = reports.message().await.map_err(|status| failure(&status))?.unwrap_or_default();
    let view = Moves {
        moving: report.moves_left,
        bytes_done: report.bytes_done,
        bytes_total: report.bytes_total,
        unheard: report.unheard,
        moves: report.moves.into_iter().map(row).collect(),
    };
    session.output.print(&view, || text(session, &view))
}

fn row(one: v1::MoveProgress) -> Row {
    Row {
        topic: one.topic,
        partition: one.partition.map_or(-1, |partition| partition.partition),
        adding: one.adding,
        removing: one.removing,
        bytes_done: one.bytes_done,
        bytes_total: one.bytes_total,
        throttle: one.throttle_bytes_per_second,
    }
}

fn text(session: &Session, view: &Moves) -> String {
    if view.moving == 0 {
        return "no partition is being moved\n".to_owned();
    }
    let list = |ids: &[i32]| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let lines = view.moves.iter().map(|one| {
        Line::new([
            one.topic.clone(),
            one.partition.to_string(),
            list(&one.adding),
            list(&one.removing),
            format!("{}%", percent(one.bytes_done, one.bytes_total)),
        ])
    });
    let table = session.output.table(&["TOPIC", "PARTITION", "ADDING", "REMOVING", "DONE"], lines.collect());
    let hidden = view.moving.saturating_sub(view.moves.len() as u64);
    let more =
        if hidden > 0 { format!("and {} more\n", counted(hidden, "partition")) } else { String::new() };
    let missing = match &view.unheard[..] {
        [] => String::new(),
        ids => format!("not heard, so nothing of theirs is counted: {}\n", list(ids)),
    };
    format!("{table}{more}{missing}")
}

/// An empty log has nothing to do.
fn percent(done: u64, total: u64) -> u64 {
    (u128::from(done) * 100).checked_div(u128::from(total)).map_or(100, |percent| percent.min(100) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_down_and_never_more_than_everything() {
        assert_eq!([percent(0, 0), percent(1, 3), percent(3, 3), percent(9, 3)], [100, 33, 100, 100]);
        assert_eq!(percent(u64::MAX, u64::MAX), 100);
    }
}
