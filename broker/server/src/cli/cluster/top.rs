//! `weir cluster top`: what each broker bears at the moment, with a bar to see who bears most. Asks once and prints.

use serde::Serialize;
use weir_admin::admin::v1;

use super::admin::{Service, failure};
use crate::cli::bars::{bar, bytes, size};
use crate::cli::failure::Failure;
use crate::cli::output::Line;
use crate::cli::session::Session;

#[derive(Serialize)]
struct Top {
    moving_partitions: u64,
    brokers: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    id: i32,
    rack: Option<String>,
    state: &'static str,
    replicas: u64,
    leaders: u64,
    /// Absent where the broker did not say.
    bears: Option<Bears>,
}

#[derive(Serialize)]
struct Bears {
    cpu_cores: f64,
    resident_bytes: u64,
    bytes_in_per_second: f64,
    bytes_out_per_second: f64,
    log_bytes: u64,
    disk_free_bytes: u64,
    disk_total_bytes: u64,
}

pub(super) async fn run(session: &Session, service: &Service) -> Result<(), Failure> {
    let mut client = service.connect(session).await?;
    let request =
        v1::DescribeClusterRequest { without_topics: true, ..v1::DescribeClusterRequest::default() };
    let mut parts = client.describe_cluster(request).await.map_err(|status| failure(&status))?.into_inner();
    let first = parts.message().await.map_err(|status| failure(&status))?.unwrap_or_default();
    let top = Top {
        moving_partitions: first.summary.map_or(0, |summary| summary.moving_partitions),
        brokers: first.brokers.iter().map(row).collect(),
    };
    session.output.print(&top, || text(session, &top))
}

fn row(told: &v1::BrokerDescription) -> Row {
    let bears = told.measures.as_ref().map(|measures| Bears {
        cpu_cores: measures.cpu_cores,
        resident_bytes: measures.resident_bytes,
        bytes_in_per_second: measures.bytes_in_per_second + measures.replication_bytes_in_per_second,
        bytes_out_per_second: measures.bytes_out_per_second + measures.replication_bytes_out_per_second,
        log_bytes: measures.disk_used_bytes,
        disk_free_bytes: measures.disk_free_bytes,
        disk_total_bytes: measures.disk_total_bytes,
    });
    Row {
        id: told.broker.as_ref().map_or(-1, |broker| broker.id),
        rack: told.rack.clone(),
        state: word(told.state()),
        replicas: told.replicas,
        leaders: told.leaders,
        bears,
    }
}

const fn word(state: v1::BrokerState) -> &'static str {
    match state {
        v1::BrokerState::Unspecified => "unknown",
        v1::BrokerState::Starting => "starting",
        v1::BrokerState::Recovering => "recovering",
        v1::BrokerState::Active => "active",
        v1::BrokerState::Fenced => "fenced",
        v1::BrokerState::Draining => "draining",
        v1::BrokerState::Drained => "drained",
        v1::BrokerState::ShuttingDown => "stopping",
    }
}

fn text(session: &Session, top: &Top) -> String {
    let most = top.brokers.iter().map(|row| row.replicas).max().unwrap_or(0);
    let headings =
        ["BROKER", "RACK", "STATE", "CPU", "MEMORY", "IN/S", "OUT/S", "DISK", "", "LEADERS", "REPLICAS", ""];
    let lines = top.brokers.iter().map(|row| line(row, most)).collect();
    let table = session.output.table(&headings, lines);
    match top.moving_partitions {
        0 => table,
        moving => format!("{table}{moving} partitions are being moved: weir cluster moves\n"),
    }
}

fn line(row: &Row, most: u64) -> Line {
    let unknown = || "?".to_owned();
    let of = |tell: fn(&Bears) -> String| row.bears.as_ref().map_or_else(unknown, tell);
    let disk = row.bears.as_ref().filter(|bears| bears.disk_total_bytes > 0);
    let used = disk
        .map(|bears| (bears.disk_total_bytes.saturating_sub(bears.disk_free_bytes), bears.disk_total_bytes));
    let cells = [
        row.id.to_string(),
        row.rack.clone().unwrap_or_else(|| "-".to_owned()),
        row.state.to_owned(),
        of(|bears| format!("{:.2}", bears.cpu_cores)),
        of(|bears| bytes(bears.resident_bytes)),
        of(|bears| size(bears.bytes_in_per_second)),
        of(|bears| size(bears.bytes_out_per_second)),
        used.map_or_else(unknown, |(used, total)| format!("{}%", used.saturating_mul(100) / total)),
        used.map_or_else(String::new, |(used, total)| bar(used, total)),
        row.leaders.to_string(),
        row.replicas.to_string(),
        bar(row.replicas, most),
    ];
    Line::new(cells).warn_if(row.state != "active" || row.bears.is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_that_does_not_say_what_it_bears_is_shown_all_the_same() {
        let reference = Some(v1::BrokerRef { id: 7, incarnation: String::new() });
        let told =
            v1::BrokerDescription { broker: reference, replicas: 4, ..v1::BrokerDescription::default() };
        let row = row(&told);
        let line = line(&row, 8);
        assert_eq!((&*line.cells[0], &*line.cells[3], &*line.cells[11]), ("7", "?", "######"));
        assert!(line.warn);
    }
}
