//! `weir group list`.

use serde::Serialize;

use crate::cli::failure::Failure;
use crate::cli::output::Line;
use crate::cli::session::Session;

#[derive(Serialize)]
struct Row {
    group: String,
    state: String,
    r#type: String,
    protocol: String,
}

pub(super) async fn run(session: &Session) -> Result<(), Failure> {
    let groups = session.client.list_groups().await?;
    let row = |group: weir_client::GroupListing| Row {
        group: group.group_id,
        state: group.state,
        r#type: group.group_type.to_lowercase(),
        protocol: group.protocol_type,
    };
    let rows: Vec<Row> = groups.into_iter().map(row).collect();
    session.output.print(&rows, || {
        if rows.is_empty() {
            return "no consumer groups\n".into();
        }
        let lines = rows.iter().map(|row| {
            Line::new([&row.group, &row.state, &row.r#type, &row.protocol].map(|text| or_dash(text)))
        });
        session.output.table(&["GROUP", "STATE", "TYPE", "PROTOCOL"], lines.collect())
    })
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".into() } else { text.to_owned() }
}
