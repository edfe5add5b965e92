//! A replica whose own log was found damaged below what is committed. It asks the controller to be let go: out of the
//! ISR, and out of the leadership where it leads. The controller agrees only where another replica in sync holds
//! everything, and then begins a new reign. In that reign nobody has heard of this replica yet, no fetch of it counts,
//! and so, before it fetches for the first time, it may cut its log and become a follower like any other that lacks
//! records. Alone it goes on with what it has.
//!
//! On a crash between any two steps: before the controller's word nothing was cut; after it this replica is counted on
//! by nobody, cut or not, and the log remembers that it is damaged until it is cut.

use weir_model::{BrokerId, Millis};

use super::isr::{Changing, IsrCause, IsrChange};
use super::replica::{Replica, Role};
use super::{Assignment, Effect, others_hold};

/// A damaged log, and how far the asking has come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Damaged {
    pub(super) asking: Changing,
    /// The log is being cut, or is to be cut again: nothing may be fetched before.
    pub(super) cutting: bool,
}

impl Replica {
    /// A part of the log that was durable is damaged.
    pub fn on_damage(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        if self.damaged.is_none() {
            self.damaged = Some(Damaged::default());
        }
        self.ask_to_be_let_go(now, effects);
    }

    /// The log holds nothing damaged any more: it was cut, or retention deleted it.
    pub fn on_repaired(&mut self) {
        self.damaged = None;
    }

    /// The log could not be cut: the tick asks for it again. Nothing is fetched until then.
    pub fn on_cut_failed(&mut self, now: Millis) {
        if let Some(damaged) = self.damaged.as_mut().filter(|damaged| damaged.cutting) {
            damaged.asking.pause(now);
        }
    }

    /// Whether a part of the log is damaged.
    #[must_use]
    pub const fn is_damaged(&self) -> bool {
        self.damaged.is_some()
    }

    /// Whether others in sync may take over, as far as this replica knows.
    #[must_use]
    pub fn has_company(&self) -> bool {
        match &self.role {
            Role::Leader(leader) => leader.isr.iter().any(|member| *member != self.me),
            Role::Follower(following) => following.leader.is_some(),
            Role::Bystander => false,
        }
    }

    /// Asks, when it makes sense and no change of this replica's is under way; or to be cut, once it was let go.
    pub(super) fn ask_to_be_let_go(&mut self, now: Millis, effects: &mut Vec<Effect>) {
        if let Some(damaged) = self.damaged.as_mut().filter(|damaged| damaged.cutting) {
            if damaged.asking.is_free(now) {
                damaged.asking.begin();
                effects.push(Effect::CutDamage);
            }
            return;
        }
        if self.fenced || !self.has_company() {
            return;
        }
        let busy = matches!(&self.role, Role::Leader(leader) if !leader.changing.is_free(now));
        let Some(damaged) = &mut self.damaged else { return };
        if busy || !damaged.asking.is_free(now) {
            return;
        }
        damaged.asking.begin();
        let (leader_epoch, partition_epoch) = (self.leader_epoch, self.partition_epoch);
        let (cause, isr) = (IsrCause::Damaged, Vec::new());
        effects.push(Effect::AlterIsr(IsrChange { leader_epoch, partition_epoch, isr, cause }));
    }

    /// What a new assignment means for a damaged log.
    pub(super) fn mend(
        &mut self,
        news: Assignment<'_>,
        new_reign: bool,
        now: Millis,
        effects: &mut Vec<Effect>,
    ) {
        let me: BrokerId = self.me;
        let Some(damaged) = &mut self.damaged else { return };
        damaged.asking = Changing::default();
        if new_reign && others_hold(news.leader, news.isr, news.elr, me) {
            damaged.cutting = true;
            damaged.asking.begin();
            effects.push(Effect::CutDamage);
        } else if new_reign {
            // Somebody counts on this log again: it is not to be cut, whatever was begun.
            damaged.cutting = false;
        }
        self.ask_to_be_let_go(now, effects);
    }

    /// When [`Replica::tick`] has to ask again.
    pub(super) fn damage_deadline(&self) -> Option<Millis> {
        let damaged = self.damaged.filter(|d| d.cutting || (!self.fenced && self.has_company()))?;
        damaged.asking.paused_until()
    }

    /// Nothing may be fetched: this reign must not hear of the log before it is cut.
    pub(super) fn is_cutting(&self) -> bool {
        self.damaged.is_some_and(|damaged| damaged.cutting)
    }
}
