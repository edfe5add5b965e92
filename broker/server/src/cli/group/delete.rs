//! `weir group delete`.

use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::session::Session;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The groups
    #[arg(required = true, value_name = "GROUP")]
    groups: Vec<String>,
}

#[derive(Serialize)]
struct Row {
    group: String,
    deleted: bool,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    let mut rows = Vec::new();
    for group in args.groups {
        if let Err(error) = session.client.delete_group(&group).await {
            // What was done before the failure has to be told.
            print(session, &rows)?;
            return Err(session.about_group(&group, error).await);
        }
        rows.push(Row { group, deleted: true });
    }
    print(session, &rows)
}

fn print(session: &Session, rows: &[Row]) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    session.output.print(&rows, || rows.iter().map(|row| format!("deleted group {}\n", row.group)).collect())
}
