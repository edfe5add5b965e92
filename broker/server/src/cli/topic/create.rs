//! `weir topic create`.

use serde::Serialize;
use weir_client::{ErrorCode, NewTopic};

use crate::cli::failure::Failure;
use crate::cli::output::counted;
use crate::cli::pairs::parse_pair;
use crate::cli::session::Session;
use crate::cli::topic_spec::TopicSpec;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The topic, as NAME or NAME:PARTITIONS
    topic: TopicSpec,
    /// How many partitions [default: the broker's num.partitions]
    #[arg(long, short, value_parser = clap::value_parser!(i32).range(1..))]
    partitions: Option<i32>,
    /// How many replicas of each partition [default: the broker's default.replication.factor]
    #[arg(long, short = 'r', value_parser = clap::value_parser!(i16).range(1..))]
    replication_factor: Option<i16>,
    /// A setting of the topic, such as retention.ms=3600000; may be given often
    #[arg(long, short, value_name = "NAME=VALUE", value_parser = parse_pair)]
    config: Vec<(String, String)>,
    /// Succeed when the topic exists already
    #[arg(long)]
    if_not_exists: bool,
    /// Only check whether the topic could be created
    #[arg(long)]
    dry_run: bool,
}

#[derive(Serialize)]
struct View {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    created: bool,
    dry_run: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    partitions: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replication_factor: Option<i16>,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    let partitions = partitions(&args)?;
    let name = args.topic.name.to_string();
    let wanted = NewTopic {
        name: name.clone(),
        partitions,
        replication_factor: args.replication_factor,
        configs: args.config,
    };
    let view = match session.client.create_topic(&wanted, args.dry_run).await {
        Ok(created) => {
            if !args.dry_run {
                // So that the next command finds it.
                let count = created.partitions.and_then(|count| usize::try_from(count).ok()).unwrap_or(1);
                session.client.await_topic(&name, count).await?;
            }
            View {
                name,
                id: (!created.id.0.is_nil()).then(|| created.id.to_string()),
                created: !args.dry_run,
                dry_run: args.dry_run,
                partitions: created.partitions,
                replication_factor: created.replication_factor,
            }
        }
        Err(error) if args.if_not_exists && error.code() == Some(ErrorCode::TopicAlreadyExists) => View {
            name,
            id: None,
            created: false,
            dry_run: args.dry_run,
            partitions: None,
            replication_factor: None,
        },
        Err(error) => return Err(error.into()),
    };
    session.output.print(&view, || sentence(&view))
}

fn partitions(args: &Args) -> Result<Option<i32>, Failure> {
    match (args.topic.partitions, args.partitions) {
        (Some(one), Some(other)) if one != other => Err(Failure::usage(format!(
            "the topic is given {one} partitions by its name and {other} by --partitions"
        ))),
        (one, other) => Ok(one.or(other)),
    }
}

fn sentence(view: &View) -> String {
    let mut with = Vec::new();
    with.extend(view.partitions.map(|count| counted(count.unsigned_abs(), "partition")));
    with.extend(view.replication_factor.map(|count| counted(count.unsigned_abs(), "replica")));
    let with = if with.is_empty() { String::new() } else { format!(" with {}", with.join(" and ")) };
    match (view.created, view.dry_run) {
        (true, _) => format!("created topic {}{with}\n", view.name),
        (false, true) => format!("topic {} could be created{with}\n", view.name),
        (false, false) => format!("topic {} exists already\n", view.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_says_what_was_done() {
        let view = |created, dry_run, partitions| View {
            name: "t".into(),
            id: None,
            created,
            dry_run,
            partitions,
            replication_factor: partitions.map(|_| 1),
        };
        assert_eq!(
            sentence(&view(true, false, Some(3))),
            "created topic t with 3 partitions and 1 replica\n"
        );
        assert_eq!(sentence(&view(true, false, None)), "created topic t\n");
        assert_eq!(sentence(&view(false, true, None)), "topic t could be created\n");
        assert_eq!(sentence(&view(false, false, None)), "topic t exists already\n");
    }
}
