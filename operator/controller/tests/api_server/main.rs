//! The operator as a process against a real API server, with the real controllers of StatefulSets and of garbage; kubelets
//! and brokers are stood in for. Each scenario has a namespace of its own, one runs after another.
//!
//! It takes minutes and programs that `e2e/kind/run build` makes, so it runs when it is asked for: `make operator-api`. An
//! argument selects scenarios whose sentence contains it.

#![expect(clippy::panic, reason = "a scenario fails by panicking with what it expected")]

mod brokers;
mod clusters;
mod control_plane;
mod door;
mod fights;
mod fleet;
mod kubelet;
mod operator;
mod refusals;
mod scaling;
mod topics;
mod waiting;
mod world;

use std::process::ExitCode;
use std::time::Instant;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use crate::control_plane::ControlPlane;
use crate::world::World;

/// What is shown, and how.
struct Scenario {
    sentence: &'static str,
    play: for<'a> fn(&'a World) -> LocalBoxFuture<'a, ()>,
}

/// A row of the table.
macro_rules! scenario {
    ($sentence:literal, $play:path) => {
        Scenario { sentence: $sentence, play: |world| $play(world).boxed_local() }
    };
}

const SCENARIOS: &[Scenario] = &[
    scenario!("the API server refuses what can not be, with a sentence", refusals::are_sentences),
    scenario!("a cluster gets its children, and then nothing is written", clusters::settle),
    scenario!("what somebody changes or deletes is put back", clusters::put_back),
    scenario!("killed after any write, the next operator goes on", clusters::survive_kills),
    scenario!("of two operators one writes, and the other takes over", clusters::one_writes),
    scenario!("an operator that is cut off stops writing before another begins", clusters::cut_off),
    scenario!("a paused cluster is left alone, and told so", clusters::pause),
    scenario!("a roll goes one by one, waits when it must, and stops at a bad image", clusters::roll),
    scenario!("kubectl scale goes through the scale subresource, out and in", scaling::by_hand),
    scenario!("the number of brokers follows the load, and the spec stays the user's", scaling::by_load),
    scenario!(
        "two operators fight over 3 -> 5 -> 3, each cut off from its lease again and again",
        fights::two
    ),
    scenario!(
        "killed at 100 random moments of scaling, rolling and balancing, it all comes about",
        fights::hundred
    ),
    scenario!("a deleted cluster leaves its volumes, and a new one takes them", clusters::delete),
    scenario!("topics are made as declared and kept so", topics::are_kept),
    scenario!("a thousand topics are a few calls to the brokers and one status each", topics::thousand),
    scenario!("a namespace goes though the operator is down", topics::namespace_goes),
];

fn main() -> ExitCode {
    if std::env::var_os("WEIR_API_SERVER").is_none() {
        eprintln!("skipped: `make operator-api` runs the operator against a real API server");
        return ExitCode::SUCCESS;
    }
    let filter = std::env::args().nth(1).filter(|word| !word.starts_with('-')).unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let failed = runtime.block_on(async {
        let plane = ControlPlane::start().await;
        let mut failed = 0;
        for (number, scenario) in SCENARIOS.iter().enumerate() {
            if scenario.sentence.contains(&filter) {
                failed += u32::from(!played(&plane, number, scenario).await);
            }
        }
        failed
    });
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn played(plane: &ControlPlane, number: usize, scenario: &Scenario) -> bool {
    let began = Instant::now();
    let world = World::new(plane, &format!("s{number}")).await;
    let ended = std::panic::AssertUnwindSafe((scenario.play)(&world)).catch_unwind().await;
    let word = if ended.is_ok() { "ok" } else { "FAILED" };
    eprintln!("{word:>6} {:5.1} s  {}", began.elapsed().as_secs_f64(), scenario.sentence);
    if ended.is_err() {
        world.tell().await;
    }
    world.end().await;
    ended.is_ok()
}
