//! `weir topic move`: other replicas for a partition, or an end to such a move.

use serde::Serialize;
use weir_model::{BrokerId, PartitionIndex};

use crate::cli::failure::Failure;
use crate::cli::session::Session;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The topic
    #[arg(value_name = "TOPIC")]
    topic: String,
    /// The partition
    #[arg(long, short, value_name = "NUMBER")]
    partition: i32,
    /// Where its replicas shall be, the preferred leader first
    #[arg(long, value_name = "BROKER,BROKER,…", value_delimiter = ',', required_unless_present = "cancel")]
    to: Vec<i32>,
    /// End the move that runs, and go back
    #[arg(long, conflicts_with = "to")]
    cancel: bool,
}

#[derive(Serialize)]
struct Moved {
    topic: String,
    partition: i32,
    to: Option<Vec<i32>>,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    let brokers: Vec<BrokerId> = args.to.iter().copied().map(BrokerId).collect();
    let to = (!args.cancel).then_some(&brokers[..]);
    let partition = PartitionIndex(args.partition);
    if let Err(error) = session.client.move_partition(&args.topic, partition, to).await {
        return Err(session.about_topic(&args.topic, error).await);
    }
    let to = (!args.cancel).then(|| args.to.clone());
    let moved = Moved { topic: args.topic, partition: args.partition, to };
    session.output.print(&moved, || {
        let place = format!("{}-{}", moved.topic, moved.partition);
        match &moved.to {
            Some(_) => {
                format!("{place} is being moved; `weir topic describe {}` shows how far it is\n", moved.topic)
            }
            None => format!("{place} stays where it was\n"),
        }
    })
}
