//! `weir topic delete`.

use serde::Serialize;
use weir_client::ErrorCode;

use crate::cli::failure::Failure;
use crate::cli::session::Session;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The topics
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// Succeed when a topic does not exist
    #[arg(long)]
    if_exists: bool,
}

#[derive(Serialize)]
struct Row {
    name: String,
    deleted: bool,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for name in args.topics {
        match session.client.delete_topic(&name).await {
            Ok(()) => rows.push(Row { name, deleted: true }),
            Err(error) if args.if_exists && error.code() == Some(ErrorCode::UnknownTopicOrPartition) => {
                rows.push(Row { name, deleted: false });
            }
            Err(error) => {
                // What was done before the failure has to be told.
                print(session, &rows)?;
                return Err(session.about_topic(&name, error).await);
            }
        }
    }
    print(session, &rows)
}

fn print(session: &Session, rows: &[Row]) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    session.output.print(&rows, || {
        rows.iter()
            .map(|row| match row.deleted {
                true => format!("deleted topic {}\n", row.name),
                false => format!("there is no topic {}\n", row.name),
            })
            .collect()
    })
}
