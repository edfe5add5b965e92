//! `weir group reset-offsets`: moves what a group has committed. Shows the plan; only --execute carries it out.

mod target;

use std::collections::BTreeMap;

use serde::Serialize;
use weir_client::{At, ClientError, ErrorCode, Found, Place};
use weir_model::Offset;

use super::selection::Selection;
use crate::cli::failure::Failure;
use crate::cli::output::{Line, counted};
use crate::cli::session::Session;
use crate::cli::wall_clock::now;
use target::{Bounds, Target, TargetArgs, new_offset};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The group
    group: String,
    /// Which partitions, as TOPIC or TOPIC:0,2; may be given often
    #[arg(long, short, value_name = "TOPIC[:PARTITIONS]", required_unless_present = "all_topics")]
    topic: Vec<Selection>,
    /// All partitions that the group has offsets of
    #[arg(long, conflicts_with = "topic")]
    all_topics: bool,
    #[command(flatten)]
    to: TargetArgs,
    /// Do it, instead of only showing what would be done
    #[arg(long)]
    execute: bool,
}

#[derive(Serialize)]
struct View {
    group: String,
    executed: bool,
    partitions: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    topic: String,
    partition: i32,
    from: Option<i64>,
    to: i64,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    let target = args.to.target(now()).map_err(Failure::usage)?;
    refuse_active(session, &args.group).await?;
    let committed = session.client.committed_offsets(&args.group).await?;
    let committed: BTreeMap<Place, Offset> =
        committed.into_iter().map(|(place, stored)| (place, stored.offset)).collect();
    let places = places(session, &args, &committed).await?;
    let plan = plan(session, &places, &committed, target).await?;
    if args.execute && !plan.is_empty() {
        session.client.commit_offsets(&args.group, &plan).await?;
    }
    let rows = plan.iter().map(|(place, to)| Row {
        topic: place.0.clone(),
        partition: place.1.0,
        from: committed.get(place).map(|offset| offset.0),
        to: to.0,
    });
    let view = View { group: args.group, executed: args.execute, partitions: rows.collect() };
    session.output.print(&view, || text(session, &view))
}

/// A group with members would overwrite what is put there.
async fn refuse_active(session: &Session, group: &str) -> Result<(), Failure> {
    match session.client.describe_group(group).await {
        Ok(described) if !described.members.is_empty() => Err(Failure::refused(
            format!(
                "group {group} is {} and has {}",
                described.state.to_lowercase(),
                counted(described.members.len() as u64, "member")
            ),
            "stop its members first: they would overwrite the offsets",
        )),
        Ok(_) => Ok(()),
        // A group may be given offsets before it first exists.
        Err(error) if error.code() == Some(ErrorCode::GroupIdNotFound) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn places(
    session: &Session,
    args: &Args,
    committed: &BTreeMap<Place, Offset>,
) -> Result<Vec<Place>, Failure> {
    if args.all_topics {
        if committed.is_empty() {
            let help = "name topics with --topic to give it some";
            return Err(Failure::refused(format!("group {} has no offsets", args.group), help));
        }
        return Ok(committed.keys().cloned().collect());
    }
    let mut places = Vec::new();
    for selection in &args.topic {
        let topic = session.topic(&selection.topic).await?;
        if let Some(missing) = selection.partitions.iter().find(|index| topic.partition(**index).is_none()) {
            let count = topic.partitions.len();
            let error = ClientError::NoSuchPartition { topic: topic.name, partition: *missing, count };
            return Err(error.into());
        }
        let all = topic.partitions.iter().map(|partition| partition.index);
        let wanted =
            all.filter(|index| selection.partitions.is_empty() || selection.partitions.contains(index));
        places.extend(wanted.map(|index| (selection.topic.clone(), index)));
    }
    Ok(places)
}

async fn plan(
    session: &Session,
    places: &[Place],
    committed: &BTreeMap<Place, Offset>,
    target: Target,
) -> Result<BTreeMap<Place, Offset>, Failure> {
    let starts = session.client.offsets(places, At::Earliest).await?;
    let ends = session.client.offsets(places, At::Latest).await?;
    let by_time = match target {
        Target::Time(time) => session.client.offsets(places, At::Time(time)).await?,
        _ => BTreeMap::new(),
    };
    let offset = |of: &BTreeMap<Place, Found>, place: &Place| of.get(place).and_then(|found| found.offset);
    let mut plan = BTreeMap::new();
    for place in places {
        let bounds = Bounds {
            start: offset(&starts, place).unwrap_or(Offset::ZERO),
            end: offset(&ends, place).unwrap_or(Offset::ZERO),
            at_time: offset(&by_time, place),
            committed: committed.get(place).copied(),
        };
        if let Some(to) = new_offset(target, bounds) {
            plan.insert(place.clone(), to);
        }
    }
    Ok(plan)
}

fn text(session: &Session, view: &View) -> String {
    if view.partitions.is_empty() {
        return format!("group {} has no committed offsets there to shift\n", view.group);
    }
    let lines = view.partitions.iter().map(|row| {
        let from = row.from.map_or_else(|| "-".into(), |offset| offset.to_string());
        Line::new([row.topic.clone(), row.partition.to_string(), from, row.to.to_string()])
    });
    let table = session.output.table(&["TOPIC", "PARTITION", "FROM", "TO"], lines.collect());
    let note = if view.executed { "done" } else { "nothing was changed: add --execute to do it" };
    format!("{table}\n{note}\n")
}
