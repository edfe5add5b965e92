//! Damage in the log: looking for it, one segment at a time, because it is time to or because a reader came upon it; and
//! what follows. `core` decides what this replica asks the controller for and when its log may be cut; the log says
//! where. Nothing damaged is ever served.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use tracing::{error, info};
use weir_log::{Damage, LogError, Scrub, Scrubbed};
use weir_model::{BrokerId, Offset};

use super::following::{Cut, CutAt};
use super::{Driver, Running, Task};
use crate::clock;
use crate::net::outgoing::ServedDisk;
use crate::partition::command::Answer;
use crate::partition::error::PartitionError;

/// Bytes that one turn on a thread for blocking work reads.
const STEP: usize = 256 << 10;
/// A follower that fetches the same records so often can not use them.
const REPEATS_MAX: u8 = 3;
/// Time between two checks that such a follower brings about.
const SUSPICION_EVERY: Duration = Duration::from_secs(30);

/// What is being checked, and who is told.
pub(super) struct Checking<D: ServedDisk> {
    pub(super) running: Option<Running<Task<Scrub<D>>>>,
    answer: Option<Answer<Option<Offset>>>,
    /// To be checked as soon as nothing else is.
    suspect: Option<Offset>,
    /// What followers were last sent, and how often in a row.
    repeats: HashMap<BrokerId, (Offset, u8)>,
    suspected: Option<Instant>,
    /// It is counted among the damaged.
    counted: bool,
}

impl<D: ServedDisk> Default for Checking<D> {
    fn default() -> Self {
        let (running, answer, suspect, suspected) = (None, None, None, None);
        Self { running, answer, suspect, repeats: HashMap::new(), suspected, counted: false }
    }
}

impl<D: ServedDisk> Driver<D> {
    /// What an earlier process found is still there.
    pub(super) fn recall_damage(&mut self) {
        for damage in self.log.damage().to_vec() {
            self.say_damaged(&damage);
        }
        self.count_damaged();
    }

    /// Checks the next closed segment; while another check runs that one's end is waited for by asking again.
    pub(super) fn scrub(&mut self, from: Offset, bytes_per_second: u64, answer: Answer<Option<Offset>>) {
        if self.checking.running.is_some() {
            let _ = answer.send(Ok(Some(from)));
            return;
        }
        match self.log.scrub(from) {
            Ok(Some(scrub)) => {
                self.checking.answer = Some(answer);
                self.check_segment(scrub, bytes_per_second);
            }
            Ok(None) => _ = answer.send(Ok(None)),
            Err(error) => _ = answer.send(Err(error.into())),
        }
    }

    fn check_segment(&mut self, scrub: Scrub<D>, bytes_per_second: u64) {
        let read = self.surroundings.metrics.damage.scrubbed_bytes.clone();
        let task = tokio::spawn(async move {
            let mut scrub = scrub;
            while !scrub.is_done() {
                let began = Instant::now();
                let step = move || {
                    let bytes = scrub.step(STEP);
                    (scrub, bytes)
                };
                let (back, bytes) = tokio::task::spawn_blocking(step).await.map_err(|_| LogError::Failed)?;
                scrub = back;
                let bytes = bytes?;
                read.inc_by(bytes);
                let whole = Duration::from_secs_f64(bytes as f64 / bytes_per_second.max(1) as f64);
                tokio::time::sleep(whole.saturating_sub(began.elapsed())).await;
            }
            Ok(scrub)
        });
        self.checking.running = Some(Running { since: Instant::now(), task });
    }

    pub(super) fn checked(&mut self, done: Result<Scrub<D>, LogError>) {
        let next = match done {
            Ok(scrub) => {
                self.judge(&scrub);
                Ok(Some(scrub.segment().next()))
            }
            Err(error) => {
                self.disk_failed("a segment could not be checked", &error);
                Err(error.into())
            }
        };
        if let Some(answer) = self.checking.answer.take() {
            let _ = answer.send(next);
        }
        self.check_suspect();
    }

    fn judge(&mut self, scrub: &Scrub<D>) {
        let known = self.log.damage().len();
        match self.log.scrubbed(scrub) {
            Ok(Scrubbed::Sound) => {}
            Ok(Scrubbed::Changed) => self.checking.suspect = Some(scrub.segment()),
            Ok(Scrubbed::Damaged(_)) => {}
            Err(error) => self.disk_failed("damage could not be written down", &error),
        }
        if self.log.damage().len() == known {
            return;
        }
        let segment = scrub.segment();
        let found: Vec<_> = self.log.damage().iter().filter(|d| d.segment == segment).cloned().collect();
        for damage in found {
            self.surroundings.metrics.damage.found.inc();
            self.say_damaged(&damage);
        }
        self.count_damaged();
        self.replica.on_damage(clock::steady(), &mut self.work.effects);
    }

    fn say_damaged(&self, damage: &Damage) {
        let Damage { position, from, to, why, .. } = damage;
        let file = self.log.damaged_file(damage);
        let advice = match self.replica.has_company() {
            true => "another replica takes over, and this one fetches its log anew; look after the disk",
            false => {
                "no other replica is in sync: the rest is served. Bring a replica back that has it, or skip it: let \
                 consumers go on at the offset after it, or delete the records before that (kafka-delete-records)"
            }
        };
        error!(file = %file.display(), position, %from, %to, why, advice, "records on the disk are damaged");
    }

    fn count_damaged(&mut self) {
        let damaged = !self.log.damage().is_empty();
        if std::mem::replace(&mut self.checking.counted, damaged) != damaged {
            let change = if damaged { 1 } else { -1 };
            self.surroundings.metrics.damage.partitions.add(change);
        }
    }

    /// Carries [`weir_core::partition::Effect::CutDamage`] out, or has it carried out on another thread.
    pub(super) fn cut_damage(&mut self) {
        let Some(first) = self.log.damage().iter().map(|d| d.segment).min() else {
            return self.forget_repaired();
        };
        // Of a compacted log the rest may lack what the leader has dropped with its tombstone by now.
        let (start, compacted) = (self.log.log_start(), self.log.config().compact);
        let at = if compacted || first <= start { CutAt::Anew(start) } else { CutAt::End(first) };
        info!(log = %self.log.dir().display(), ?at, "cutting what is damaged off the log, to fetch it from the leader again");
        self.work.cut = Some(Cut { at, answer: None });
    }

    /// The log was cut, for whatever reason.
    pub(super) fn was_cut(&mut self) {
        if self.replica.is_damaged() && self.log.damage().is_empty() {
            self.surroundings.metrics.damage.repaired.inc();
        }
        self.forget_repaired();
    }

    /// Nothing damaged is left.
    pub(super) fn forget_repaired(&mut self) {
        if self.replica.is_damaged() && self.log.damage().is_empty() {
            self.replica.on_repaired();
        }
        self.count_damaged();
    }

    /// What a reader is told who came upon something; what it came upon is looked into.
    pub(super) fn distrust(&mut self, error: LogError, from: Offset) -> PartitionError {
        if !error.is_damage() {
            return error.into();
        }
        if !self.log.damage().iter().any(|damage| damage.holds(from)) {
            self.look_into(from);
        }
        PartitionError::Damaged { what: error.to_string(), alone: !self.replica.has_company() }
    }

    /// As [`Self::distrust`], for who reads everything: the file tells where.
    pub(super) fn suspect(&mut self, error: &LogError) {
        let LogError::Corrupt { path, .. } = error else { return };
        let base = path.file_stem().map(Path::new).and_then(|stem| stem.to_str()?.parse().ok());
        if let Some(base) = base {
            self.look_into(Offset(base));
        }
    }

    /// Damage that only its checksum tells of is not seen by the leader that sends it, but the follower can not use what
    /// it gets, and asks again and again.
    pub(super) fn notice_repeat(&mut self, follower: BrokerId, from: Offset) {
        let seen = self.checking.repeats.entry(follower).or_insert((from, 0));
        let again = if seen.0 == from { seen.1.saturating_add(1) } else { 0 };
        *seen = (from, again);
        let lately = self.checking.suspected.is_some_and(|at| at.elapsed() < SUSPICION_EVERY);
        if again >= REPEATS_MAX && !lately {
            self.checking.suspected = Some(Instant::now());
            self.look_into(from);
        }
    }

    fn look_into(&mut self, offset: Offset) {
        self.checking.suspect = Some(offset);
        self.check_suspect();
    }

    fn check_suspect(&mut self) {
        if self.checking.running.is_some() {
            return;
        }
        let Some(offset) = self.checking.suspect.take() else { return };
        if let Ok(Some(scrub)) = self.log.scrub_at(offset) {
            self.check_segment(scrub, u64::MAX);
        }
    }

    pub(super) fn stop_checking(&mut self) {
        if let Some(running) = self.checking.running.take() {
            running.task.abort();
        }
        if std::mem::take(&mut self.checking.counted) {
            self.surroundings.metrics.damage.partitions.dec();
        }
    }
}
