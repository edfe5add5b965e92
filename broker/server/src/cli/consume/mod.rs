//! `weir consume`: prints the records of a topic. Without --follow it ends where the topic ended when it began.
//!
//! Pipe-safe: when whoever reads has gone it ends quietly. Ctrl-C is a clean end.

mod rendering;
mod start;

use std::collections::BTreeMap;
use std::io::{BufWriter, IsTerminal, Stdout, Write};

use indicatif::ProgressBar;
use weir_client::{At, ClientError, ConsumedRecord, Consumer, ConsumerOptions, Isolation, Place};
use weir_model::{Offset, PartitionIndex};

use super::failure::Failure;
use super::interrupt::Interrupt;
use super::moments::parse_moment;
use super::output::{Format, counted};
use super::progress::{self, Unit};
use super::session::Session;
use super::wall_clock::now;
use rendering::{Look, render};
use start::{Start, first_offset};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "With -o json each record is an object on a line of its own; with -o wide everything is shown."
)]
pub(crate) struct Args {
    /// The topic
    topic: String,
    /// Where to begin: earliest, latest (what comes from now on; follows), an offset, or -N for the last N of each
    /// partition
    #[arg(
        long,
        default_value = "earliest",
        allow_hyphen_values = true,
        value_name = "WHERE",
        conflicts_with = "since"
    )]
    from: Start,
    /// Begin at this time: 15m (before now), 2026-01-31T12:00:00Z, or milliseconds since 1970
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// End after so many records
    #[arg(long, short = 'n', value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Wait for what comes after the end
    #[arg(long, short)]
    follow: bool,
    /// Only these partitions, such as 0,3
    #[arg(long, short, value_delimiter = ',', value_parser = clap::value_parser!(i32).range(0..))]
    partition: Vec<i32>,
    /// Print keys, in front of values
    #[arg(long, short)]
    keys: bool,
    /// Print headers, in front of keys
    #[arg(long, short = 'H')]
    headers: bool,
    /// Print partition, offset and time, in front of everything
    #[arg(long, short)]
    meta: bool,
    /// What stands between the parts; \t is a tab
    #[arg(long, default_value = "\\t", value_name = "TEXT")]
    separator: String,
    /// Leave out records of transactions that are open or were aborted
    #[arg(long)]
    read_committed: bool,
}

pub(super) async fn run(session: &Session, args: Args) -> Result<(), Failure> {
    let start = match &args.since {
        Some(time) => {
            Start::Time(parse_moment(time, now()).map_err(|why| Failure::usage(format!("--since: {why}")))?)
        }
        None => args.from,
    };
    let follow = args.follow || start == Start::Latest;
    let places = places(session, &args).await?;
    let ends = offsets(session, &places, At::Latest).await?;
    let starts = starts(session, &places, start, &ends).await?;
    let plan = Plan { ends: (!follow).then_some(ends), left: args.count.unwrap_or(u64::MAX) };
    let isolation = if args.read_committed { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
    let options = ConsumerOptions { isolation, ..Default::default() };
    let bar = progress_bar(&plan, &starts);
    let consumer = Consumer::new(session.client.clone(), starts, options);
    let mut printer =
        Printer { look: look(session, &args), out: BufWriter::new(std::io::stdout()), printed: 0, bar };
    let consumed = consume(consumer, plan, &mut printer).await;
    printer.bar.finish_and_clear();
    consumed
}

fn look(session: &Session, args: &Args) -> Look {
    let wide = session.output.is_wide();
    match session.output.format {
        Format::Json => Look::Json,
        Format::Yaml => Look::Yaml,
        Format::Table | Format::Wide => Look::Text {
            meta: args.meta || wide,
            headers: args.headers || wide,
            keys: args.keys || wide,
            separator: args.separator.replace("\\t", "\t"),
            // Control characters in a record must not command the terminal.
            escape: std::io::stdout().is_terminal(),
        },
    }
}

async fn places(session: &Session, args: &Args) -> Result<Vec<Place>, Failure> {
    let topic = session.topic(&args.topic).await?;
    let wanted: Vec<PartitionIndex> = args.partition.iter().map(|index| PartitionIndex(*index)).collect();
    if let Some(missing) = wanted.iter().find(|index| topic.partition(**index).is_none()) {
        let count = topic.partitions.len();
        return Err(
            ClientError::NoSuchPartition { topic: args.topic.clone(), partition: *missing, count }.into()
        );
    }
    let all = topic.partitions.iter().map(|partition| partition.index);
    let chosen = all.filter(|index| wanted.is_empty() || wanted.contains(index));
    Ok(chosen.map(|index| (args.topic.clone(), index)).collect())
}

async fn offsets(session: &Session, places: &[Place], at: At) -> Result<BTreeMap<Place, Offset>, Failure> {
    let found = session.client.offsets(places, at).await?;
    Ok(found.into_iter().filter_map(|(place, found)| Some((place, found.offset?))).collect())
}

/// Where each partition is begun.
async fn starts(
    session: &Session,
    places: &[Place],
    start: Start,
    ends: &BTreeMap<Place, Offset>,
) -> Result<BTreeMap<Place, Offset>, Failure> {
    let earliest = offsets(session, places, At::Earliest).await?;
    let at_time = match start {
        Start::Time(time) => offsets(session, places, At::Time(time)).await?,
        _ => BTreeMap::new(),
    };
    let of = |offsets: &BTreeMap<Place, Offset>, place| offsets.get(place).copied();
    let mut starts = BTreeMap::new();
    for place in places {
        let (first, end) = (of(&earliest, place).unwrap_or_default(), of(ends, place).unwrap_or_default());
        starts.insert(place.clone(), first_offset(start, first, end, of(&at_time, place)));
    }
    Ok(starts)
}

/// When to stop.
struct Plan {
    /// Where each partition is done; none to go on for ever.
    ends: Option<BTreeMap<Place, Offset>>,
    left: u64,
}

/// A person who has sent the records to a file or a program waits without seeing any.
fn progress_bar(plan: &Plan, starts: &BTreeMap<Place, Offset>) -> ProgressBar {
    if std::io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let total = plan.ends.as_ref().map(|ends| {
        let lengths =
            ends.iter().map(|(place, end)| starts.get(place).map_or(0, |start| (*end - *start).max(0)));
        lengths.sum::<i64>().unsigned_abs().min(plan.left)
    });
    progress::bar(total, Unit::Records)
}

struct Printer {
    look: Look,
    out: BufWriter<Stdout>,
    printed: u64,
    bar: ProgressBar,
}

async fn consume(mut consumer: Consumer, mut plan: Plan, printer: &mut Printer) -> Result<(), Failure> {
    let mut interrupt = Interrupt::listen();
    stop_finished(&mut consumer, &plan);
    while consumer.positions().next().is_some() {
        let records = tokio::select! {
            polled = consumer.poll() => polled?,
            () = interrupt.asked() => break,
        };
        printer.print(&records, &mut plan)?;
        if plan.left == 0 {
            break;
        }
        stop_finished(&mut consumer, &plan);
    }
    if std::io::stderr().is_terminal() && std::io::stdout().is_terminal() {
        eprintln!("{}", counted(printer.printed, "record"));
    }
    Ok(())
}

fn stop_finished(consumer: &mut Consumer, plan: &Plan) {
    let Some(ends) = &plan.ends else { return };
    let done = |place: &Place, next: Offset| ends.get(place).is_none_or(|end| next >= *end);
    let finished: Vec<Place> = consumer
        .positions()
        .filter(|(place, position)| done(place, position.next))
        .map(|(place, _)| place.clone())
        .collect();
    for place in finished {
        consumer.stop(&place);
    }
}

impl Printer {
    fn print(&mut self, records: &[ConsumedRecord], plan: &mut Plan) -> Result<(), Failure> {
        let mut line = Vec::new();
        for record in records {
            if plan.left == 0 {
                break;
            }
            if is_behind_the_end(record, plan) {
                continue;
            }
            line.clear();
            render(record, &self.look, &mut line)?;
            self.out.write_all(&line).map_err(Failure::writing)?;
            self.printed += 1;
            plan.left -= 1;
        }
        self.bar.set_position(self.printed);
        // Somebody may be waiting for these.
        self.out.flush().map_err(Failure::writing)
    }
}

/// Written after we began.
fn is_behind_the_end(record: &ConsumedRecord, plan: &Plan) -> bool {
    let Some(ends) = &plan.ends else { return false };
    let end = ends.get(&(record.topic.to_string(), record.partition));
    end.is_none_or(|end| record.offset >= *end)
}
