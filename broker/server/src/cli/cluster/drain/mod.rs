//! `weir cluster drain`: no new replicas for a broker, and those that it has move to others, some at a time, until it holds
//! none. The moves are the cluster's own: they go on when this command ends, and beginning it again goes on from there.

mod homes;

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use clap::Args as Arguments;
use indicatif::ProgressBar;
use serde::Serialize;
use tonic::transport::Channel;
use weir_admin::admin::v1;
use weir_admin::admin::v1::admin_client::AdminClient;

use self::homes::{Limits, Next, Place, View};
use super::admin::{Target, failure};
use crate::cli::failure::Failure;
use crate::cli::interrupt::Interrupt;
use crate::cli::output::counted;
use crate::cli::progress::{Unit, bar};
use crate::cli::session::Session;

/// How often it is looked how far the moves are.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How often moves are looked for that a drain has begun.
const LOOKS_BACK: usize = 3;
/// How often somebody who has no terminal is told.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// How long the broker that is asked may take to learn what the controller decided.
const LEARN_MAX: Duration = Duration::from_secs(10);
/// Places that a message names.
const MOST_NAMED: usize = 3;

type Client = AdminClient<Channel>;

#[derive(Debug, Arguments)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,
    /// Only place no new replicas; move none
    #[arg(long)]
    mark_only: bool,
    /// Moves that may run at the same time in the whole cluster
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    at_once: u64,
    /// The most bytes a second that each move may copy
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u64).range(1..))]
    throttle: Option<u64>,
}

#[derive(Serialize)]
struct Drained {
    broker: i32,
    drained: bool,
    changed: bool,
    moved: usize,
    replicas: u64,
    leaders: u64,
}

#[derive(Serialize)]
struct Undrained {
    broker: i32,
    drained: bool,
    changed: bool,
    cancelled: usize,
}

pub(super) async fn drain(session: &Session, args: &Args) -> Result<(), Failure> {
    let (mut client, broker) = args.target.find(session).await?;
    let id = args.target.broker();
    let request = v1::DrainRequest { broker: Some(broker), ..Default::default() };
    let reply = client.drain(request).await.map_err(|status| failure(&status))?.into_inner();
    let mut view = Drained {
        broker: id,
        drained: true,
        changed: reply.changed,
        moved: 0,
        replicas: reply.replicas,
        leaders: reply.leaders,
    };
    if args.mark_only {
        return session.output.print(&view, || {
            let holds = counted(view.replicas, "replica");
            format!("broker {id} gets no new replicas; it still holds {holds}\n")
        });
    }
    let limits = Limits { at_once: args.at_once, throttle: args.throttle };
    let emptying = Emptying::new(client, id, limits, reply.replicas);
    let mut interrupt = Interrupt::listen();
    view.moved = tokio::select! {
        moved = emptying.run() => moved?,
        () = interrupt.asked() => {
            let help = format!("the moves that have begun go on: `weir cluster undrain {id}` takes them back");
            return Err(Failure::refused("stopped before the broker was empty", help));
        }
    };
    (view.replicas, view.leaders) = (0, 0);
    session
        .output
        .print(&view, || format!("broker {id} holds no replica: {} moved\n", counted(view.moved, "replica")))
}

/// Undoes a drain: new replicas may come again, and what was on its way from the broker stays there.
pub(super) async fn undrain(session: &Session, target: &Target) -> Result<(), Failure> {
    let (mut client, broker) = target.find(session).await?;
    let request = v1::UndrainRequest { broker: Some(broker), ..Default::default() };
    let reply = client.undrain(request).await.map_err(|status| failure(&status))?.into_inner();
    let id = target.broker();
    let mut cancelled = 0;
    // Whoever drains it may have ordered moves at the same moment.
    for _ in 0..LOOKS_BACK {
        cancelled += cancel(&mut client, id).await?;
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let view = Undrained { broker: id, drained: false, changed: reply.changed, cancelled };
    session.output.print(&view, || {
        let back = match cancelled {
            0 => String::new(),
            some => format!("; {} cancelled", counted(some, "move")),
        };
        format!("broker {id} may get replicas again{back}\n")
    })
}

/// Ends the moves that lead away from the broker; gives how many there were.
async fn cancel(client: &mut Client, id: i32) -> Result<usize, Failure> {
    let leaving = describe(client, id).await?.leaving(id);
    let mut cancelled = 0;
    for partitions in leaving.chunks(10_000) {
        let request = v1::CancelMovesRequest { partitions: partitions.to_vec(), ..Default::default() };
        let reply = client.cancel_moves(request).await.map_err(|status| failure(&status))?.into_inner();
        cancelled += reply.results.iter().filter(|result| result.changed).count();
    }
    Ok(cancelled)
}

/// The cluster, with the partitions on one broker.
async fn describe(client: &mut Client, id: i32) -> Result<View, Failure> {
    let request =
        v1::DescribeClusterRequest { replicas_on: vec![id], without_measures: true, ..Default::default() };
    let mut parts = client.describe_cluster(request).await.map_err(|status| failure(&status))?.into_inner();
    let mut view = View::default();
    while let Some(part) = parts.message().await.map_err(|status| failure(&status))? {
        if let Some(summary) = part.summary {
            view.moving = summary.moving_partitions;
            view.brokers = part.brokers;
        }
        view.topics.extend(part.topics);
        if part.last {
            return Ok(view);
        }
    }
    Err(Failure::refused("the description of the cluster was cut off", "run the command again: it goes on"))
}

/// A drain that goes on until nothing is left.
struct Emptying {
    client: Client,
    id: i32,
    limits: Limits,
    /// Moves that the controller will not make.
    refused: BTreeSet<Place>,
    why_refused: Option<v1::Refusal>,
    began: Instant,
    told: Instant,
    total: u64,
    bar: ProgressBar,
}

impl Emptying {
    fn new(client: Client, id: i32, limits: Limits, total: u64) -> Self {
        let (refused, now) = (BTreeSet::new(), Instant::now());
        let bar = bar(Some(total), Unit::Replicas);
        Self { client, id, limits, refused, why_refused: None, began: now, told: now, total, bar }
    }

    /// Gives how many replicas have gone.
    async fn run(mut self) -> Result<usize, Failure> {
        loop {
            let view = describe(&mut self.client, self.id).await?;
            if self.is_drained(&view)? {
                let next = homes::next(&view, self.id, self.limits, &self.refused);
                if next.left == 0 {
                    self.bar.finish_and_clear();
                    return Ok(usize::try_from(self.total).unwrap_or(usize::MAX));
                }
                self.tell(&next);
                if next.under_way == 0 {
                    return Err(self.nowhere(&next));
                }
                self.begin(next).await?;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Whether the broker that is asked knows of the drain yet. It ends when somebody takes the drain back.
    fn is_drained(&self, view: &View) -> Result<bool, Failure> {
        let known = view.broker(self.id);
        if known.is_some_and(|broker| broker.drained) {
            return Ok(true);
        }
        if self.began.elapsed() < LEARN_MAX {
            return Ok(false);
        }
        let message = format!("broker {} is not drained any more", self.id);
        Err(Failure::refused(message, "somebody took it back: drain it again if that was not meant"))
    }

    async fn begin(&mut self, next: Next) -> Result<(), Failure> {
        if next.moves.is_empty() {
            return Ok(());
        }
        let request = v1::MovePartitionsRequest { moves: next.moves, ..Default::default() };
        let reply = match self.client.move_partitions(request).await {
            Ok(reply) => reply.into_inner(),
            // Asking again is how to find out.
            Err(status) if super::admin::is_retriable(&status) => return Ok(()),
            Err(status) => return Err(failure(&status)),
        };
        for (place, result) in next.places.into_iter().zip(reply.results) {
            let Some(refusal) = result.refusal else { continue };
            let passes = matches!(
                refusal.reason(),
                // It has changed since it was looked at, or is gone.
                v1::RefusalReason::StalePartition
                    | v1::RefusalReason::UnknownTopic
                    | v1::RefusalReason::WrongIncarnation
            );
            if !passes && !refusal.retriable {
                self.refused.insert(place);
                self.why_refused = Some(refusal);
            }
        }
        Ok(())
    }

    #[expect(clippy::print_stderr, reason = "progress for who has no terminal")]
    fn tell(&mut self, next: &Next) {
        let left = next.left as u64;
        self.total = self.total.max(left);
        self.bar.set_length(self.total);
        self.bar.set_position(self.total - left);
        if !std::io::stderr().is_terminal() && self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            eprintln!("broker {}: {left} of {} left", self.id, counted(self.total, "replica"));
        }
    }

    /// Nothing moves, and nothing can be moved.
    fn nowhere(&self, next: &Next) -> Failure {
        let names: Vec<_> =
            next.homeless.iter().take(MOST_NAMED).map(|(topic, n)| format!("{topic}-{n}")).collect();
        let more = next.homeless.len().saturating_sub(names.len());
        let more = if more > 0 { format!(" and {more} others") } else { String::new() };
        let message = format!("nobody can take {}{more}", names.join(", "));
        match &self.why_refused {
            Some(refusal) => {
                Failure::refused(format!("{message}: {}", refusal.message), refusal.advice.clone())
            }
            None => Failure::refused(
                message,
                "start another broker, undrain one, or give these topics fewer replicas with `weir topic move`",
            ),
        }
    }
}
