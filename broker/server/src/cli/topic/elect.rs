//! `weir topic elect`: back to the preferred leaders, or, accepting loss, on to whoever is there.

use serde::Serialize;
use weir_client::ErrorCode;
use weir_model::PartitionIndex;

use crate::cli::failure::Failure;
use crate::cli::output::Line;
use crate::cli::session::Session;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The topic
    #[arg(value_name = "TOPIC")]
    topic: String,
    /// Only this partition; may be given more than once
    #[arg(long, short, value_name = "NUMBER")]
    partition: Vec<i32>,
    /// Let any live replica lead a partition that has no leader; acknowledged records may be lost
    #[arg(long, requires = "partition")]
    unclean: bool,
}

#[derive(Serialize)]
struct Row {
    partition: i32,
    outcome: String,
    ok: bool,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    let topic = session.topic(&args.topic).await?;
    let all = || topic.partitions.iter().map(|partition| partition.index).collect();
    let partitions: Vec<PartitionIndex> = if args.partition.is_empty() {
        all()
    } else {
        args.partition.iter().copied().map(PartitionIndex).collect()
    };
    let acted = session.client.elect_leaders(&args.topic, &partitions, args.unclean).await?;
    let rows = acted.iter().map(|one| {
        let (ok, outcome) = match &one.refused {
            None => (true, "a new leader".to_owned()),
            Some(error) if error.code() == Some(ErrorCode::ElectionNotNeeded) => {
                (true, "led as wanted already".to_owned())
            }
            Some(error) => (false, error.to_string()),
        };
        Row { partition: one.partition.0, outcome, ok }
    });
    let mut rows: Vec<Row> = rows.collect();
    rows.sort_by_key(|row| row.partition);
    session.output.print(&rows, || {
        let lines = rows
            .iter()
            .map(|row| Line::new([row.partition.to_string(), row.outcome.clone()]).warn_if(!row.ok));
        session.output.table(&["PARTITION", "OUTCOME"], lines.collect())
    })?;
    if rows.iter().all(|row| row.ok) {
        return Ok(());
    }
    let help =
        "start the brokers that hold these partitions, and see `weir topic describe` for their ISR and ELR";
    Err(Failure::refused("not every partition could be given the leader that was asked for", help))
}
