//! The parent's side: broker processes, started, listened to, ended and missed. Every line that a child logs is passed on
//! with its broker's id in front.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::task::JoinSet;

use super::child::{ChildOf, SERVES};
use super::ports::Ports;

/// How long a broker may take to serve.
const START_MAX: Duration = Duration::from_secs(60);
/// How long brokers may take to stop before they are killed.
const STOP_MAX: Duration = Duration::from_secs(30);

/// One broker process.
#[derive(Clone, Debug)]
pub(super) struct Child {
    pub(super) id: u16,
    pub(super) pid: u32,
    pub(super) ports: Ports,
    pub(super) settings: PathBuf,
}

/// The end of one.
pub(super) struct Ended {
    pub(super) id: u16,
    pub(super) pid: u32,
    pub(super) how: String,
}

/// All of them.
pub(super) struct Children {
    pub(super) all: Vec<Child>,
    /// The flags about logging that each is given.
    logging: Vec<String>,
    ends: JoinSet<Ended>,
    starts: JoinSet<anyhow::Result<()>>,
}

impl Children {
    pub(super) fn new(logging: Vec<String>) -> Self {
        Self { all: Vec::new(), logging, ends: JoinSet::new(), starts: JoinSet::new() }
    }

    /// Starts a broker.
    pub(super) fn start(&mut self, id: u16, ports: Ports, settings: &Path) -> anyhow::Result<()> {
        let program = std::env::current_exe().context("this program does not know where it is")?;
        let mut child = Command::new(program)
            .args(["broker", "--config"])
            .arg(settings)
            .args(ChildOf::arguments(std::process::id()))
            .args(&self.logging)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Ctrl-C on the terminal reaches this process alone, which then stops the brokers in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("broker {id} can not be started"))?;
        let pid = child.id().context("a broker ended at once")?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        self.starts.spawn(async move {
            match out {
                Some(out) => served(id, out).await,
                None => bail!("broker {id} can not be heard"),
            }
        });
        if let Some(err) = err {
            tokio::spawn(pass_on(id, err));
        }
        self.ends.spawn(async move {
            let how = match child.wait().await {
                Ok(status) => told(status),
                Err(error) => error.to_string(),
            };
            Ended { id, pid, how }
        });
        self.all.push(Child { id, pid, ports, settings: settings.to_owned() });
        Ok(())
    }

    /// Waits until every broker serves.
    pub(super) async fn serve(&mut self) -> anyhow::Result<()> {
        let all = async {
            while let Some(started) = self.starts.join_next().await {
                started.context("listening to a broker panicked")??;
            }
            Ok(())
        };
        tokio::time::timeout(START_MAX, all).await.with_context(|| {
            format!("not every broker serves after {} s: see the lines above", START_MAX.as_secs())
        })?
    }

    /// The next end of a broker; none when all have ended.
    pub(super) async fn next_end(&mut self) -> Option<Ended> {
        while let Some(ended) = self.ends.join_next().await {
            if let Ok(ended) = ended {
                self.all.retain(|child| child.pid != ended.pid);
                return Some(ended);
            }
        }
        None
    }

    /// Ends all that still run: cleanly, and by force when that takes too long. Says which had to be forced.
    pub(super) async fn stop(mut self) -> Vec<u16> {
        self.tell(Signal::TERM);
        let clean = async { while self.next_end().await.is_some() {} };
        if tokio::time::timeout(STOP_MAX, clean).await.is_ok() {
            return Vec::new();
        }
        self.tell(Signal::KILL);
        let forced = self.all.iter().map(|child| child.id).collect();
        while self.next_end().await.is_some() {}
        forced
    }

    fn tell(&self, signal: Signal) {
        for child in &self.all {
            if let Some(pid) = i32::try_from(child.pid).ok().and_then(Pid::from_raw) {
                // One that has just ended by itself is what is wanted.
                let _ = kill_process(pid, signal);
            }
        }
    }
}

/// Waits for the word.
async fn served(id: u16, out: impl AsyncRead + Unpin) -> anyhow::Result<()> {
    let mut lines = BufReader::new(out).lines();
    while let Some(line) = lines.next_line().await? {
        if line == SERVES {
            return Ok(());
        }
    }
    bail!("broker {id} ended before it served: see its last lines above")
}

#[expect(clippy::print_stderr, reason = "these are log lines already")]
async fn pass_on(id: u16, err: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(err).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        eprintln!("broker {id} | {line}");
    }
}

fn told(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(0), _) => "it stopped cleanly".to_owned(),
        (Some(code), _) => format!("it gave up with code {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => "nobody knows why".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[tokio::test]
    async fn a_broker_serves_when_it_says_so_and_not_before() {
        assert!(served(0, &b"warming up\nserves\nmore"[..]).await.is_ok());
        let silent = served(7, &b"warming up\n"[..]).await.unwrap_err();
        assert!(silent.to_string().contains("broker 7"), "{silent}");
    }

    #[test]
    fn the_end_of_a_broker_is_told_in_words() {
        let cases = [(0, "cleanly"), (1 << 8, "code 1"), (9, "signal 9")];
        for (raw, word) in cases {
            assert!(told(ExitStatus::from_raw(raw)).contains(word), "{raw}");
        }
    }
}
