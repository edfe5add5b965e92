//! Runs seeds: `weir-sim --seeds 100 --from 1`. Prints what fails, and how to see it again.

use std::io::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use weir_sim::planted::Bug;
use weir_sim::{Options, Report, run};

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
}

fn main() -> Result<(), Error> {
    let asked = Asked::read()?;
    let (next, begun) = (AtomicU64::new(asked.from), Instant::now());
    let reports: Mutex<Vec<Report>> = Mutex::default();
    let progress = Mutex::new(Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..asked.threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= asked.from + asked.seeds {
                        return;
                    }
                    let options = if asked.calm { Options::calm(seed) } else { Options::of(seed) };
                    let options = Options { trace: asked.trace, bug: asked.bug, ..options };
                    match run(options) {
                        Ok(report) => {
                            tell(&report);
                            let mut all = reports.lock().unwrap_or_else(PoisonError::into_inner);
                            all.push(report);
                            say_progress(&all, begun, &progress);
                        }
                        Err(error) => eprintln!("seed {seed} did not run: {error}"),
                    }
                }
            });
        }
    });
    let all = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{}", summary(&all, begun));
    let failed = all.iter().filter(|report| !report.violations.is_empty()).count();
    if failed > 0 {
        return Err(Error::other(format!("{failed} seeds failed")));
    }
    Ok(())
}

fn tell(report: &Report) {
    if report.violations.is_empty() {
        return;
    }
    println!("seed {} FAILED: weir-sim --seeds 1 --from {} --trace", report.seed, report.seed);
    for violation in &report.violations {
        println!("    {violation}");
    }
}

fn say_progress(all: &[Report], begun: Instant, last: &Mutex<Instant>) {
    let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
    if last.elapsed() >= Duration::from_secs(10) {
        *last = Instant::now();
        println!("{}", summary(all, begun));
    }
}

fn summary(all: &[Report], begun: Instant) -> String {
    let (took, count) = (begun.elapsed().as_secs_f64(), all.len());
    let hours: f64 = all.iter().map(|report| report.elapsed.as_secs_f64()).sum::<f64>() / 3600.0;
    let values: usize = all.iter().map(|report| report.acknowledged).sum();
    let failed = all.iter().filter(|report| !report.violations.is_empty()).count();
    let hash = all.iter().fold(0_u64, |hash, report| hash.wrapping_add(report.hash.0));
    format!(
        "{count} seeds, {failed} failed, {values} values acknowledged, {hours:.2} cluster-hours in {took:.1} s \
         ({:.1} seeds/s), traces {hash:016x}",
        count as f64 / took.max(1e-9)
    )
}
