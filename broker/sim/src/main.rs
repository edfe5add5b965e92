//! Runs seeds: `weir-sim --seeds 100 --from 1`. Says every few seconds how far it is, prints what fails, and how to see it
//! again.

mod tally;

use std::collections::BTreeMap;
use std::io::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::{Duration, Instant};

use tally::Tally;
use weir_sim::planted::Bug;
use weir_sim::{Options, run};

/// How often it is said how far it is, on a terminal or not.
const PROGRESS: Duration = Duration::from_secs(5);

/// A seed takes a second or so; one that takes so long turns round in itself, without as much as asking chance.
const STUCK: Duration = Duration::from_secs(900);

/// The seeds that run, and since when.
type Running = Mutex<BTreeMap<u64, Instant>>;

/// What was asked for.
struct Asked {
    seeds: u64,
    from: u64,
    trace: bool,
    calm: bool,
    bug: Option<Bug>,
    threads: usize,
}

impl Asked {
    fn read() -> Result<Self, Error> {
        let mut asked = Self { seeds: 10, from: 1, trace: false, calm: false, bug: None, threads: 0 };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let mut number = || {
                let next = words.next().and_then(|n| n.parse().ok());
                next.ok_or_else(|| Error::other(format!("{word} needs a number")))
            };
            match word.as_str() {
                "--seeds" => asked.seeds = number()?,
                "--from" => asked.from = number()?,
                "--threads" => asked.threads = usize::try_from(number()?).unwrap_or(1),
                "--bug" => {
                    let name = words.next().unwrap_or_default();
                    let bug = Bug::named(&name);
                    asked.bug = Some(bug.ok_or_else(|| Error::other(format!("there is no bug {name}")))?);
                }
                "--trace" => asked.trace = true,
                "--calm" => asked.calm = true,
                _ => return Err(Error::other(format!("unknown argument {word}"))),
            }
        }
        if asked.threads == 0 {
            asked.threads = std::thread::available_parallelism().map_or(1, Into::into);
        }
        Ok(asked)
    }

    /// The next seed, if there is one left.
    fn take(&self, next: &AtomicU64) -> Option<u64> {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        (seed < self.from.saturating_add(self.seeds)).then_some(seed)
    }

    /// The command that shows a seed again.
    fn again(&self, seed: u64) -> String {
        let calm = if self.calm { " --calm" } else { "" };
        let bug = self.bug.map(|bug| format!(" --bug {bug:?}")).unwrap_or_default();
        format!("weir-sim --seeds 1 --from {seed}{calm}{bug} --trace")
    }
}

fn main() -> Result<(), Error> {
    let asked = Asked::read()?;
    let (next, begun) = (AtomicU64::new(asked.from), Instant::now());
    let (tally, running): (Mutex<Tally>, Running) = (Mutex::default(), Mutex::default());
    let (done, finished) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        for _ in 0..asked.threads {
            let done = done.clone();
            let (asked, next, tally, running) = (&asked, &next, &tally, &running);
            scope.spawn(move || {
                while let Some(seed) = asked.take(next) {
                    locked(running).insert(seed, Instant::now());
                    run_one(asked, seed, tally);
                    locked(running).remove(&seed);
                }
                drop(done);
            });
        }
        drop(done);
        // Ends when the last of them has let go of its end. What is told step by step needs no other progress.
        while let Err(mpsc::RecvTimeoutError::Timeout) = finished.recv_timeout(PROGRESS) {
            if !asked.trace {
                println!("{}", locked(&tally).progress(asked.seeds, begun.elapsed()));
            }
            if let Some((seed, _)) = locked(&running).iter().find(|(_, since)| since.elapsed() > STUCK) {
                println!("seed {seed} does not end: {}", asked.again(*seed));
                // Its thread can not be stopped in any other way.
                std::process::exit(1);
            }
        }
    });
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{}", tally.progress(asked.seeds, begun.elapsed()));
    for seed in tally.failed() {
        println!("failed: {}", asked.again(*seed));
    }
    match tally.failed().len() {
        0 => Ok(()),
        failed => Err(Error::other(format!("{failed} seeds failed"))),
    }
}

fn run_one(asked: &Asked, seed: u64, tally: &Mutex<Tally>) {
    let options = if asked.calm { Options::calm(seed) } else { Options::of(seed) };
    match run(Options { trace: asked.trace, bug: asked.bug, ..options }) {
        Ok(report) => {
            let mut tally = locked(tally);
            tally.take(&report);
            if !report.violations.is_empty() {
                println!("seed {seed} FAILED: {}", asked.again(seed));
            }
            for violation in &report.violations {
                println!("    {violation}");
            }
        }
        Err(error) => {
            println!("seed {seed} did not run: {error}");
            locked(tally).not_run(seed);
        }
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
