//! A check of a replica's closed segments, and what follows when something in them is damaged.

use weir_log::Scrubbed;
use weir_model::Offset;

use super::partition::{Cx, Partition};

impl Partition {
    /// Reads all closed segments again, at once. Whether something new was found.
    pub(crate) fn scrub(&mut self, cx: &mut Cx<'_>) -> bool {
        let (mut from, mut found) = (Offset::ZERO, false);
        while let Ok(Some(mut scrub)) = self.log.scrub(from) {
            from = scrub.segment().next();
            while !scrub.is_done() {
                if scrub.step(64 << 10).is_err() {
                    return found;
                }
            }
            found |= matches!(self.log.scrubbed(&scrub), Ok(Scrubbed::Damaged(_)));
        }
        if found {
            cx.world.trace.note(cx.who.0, "damaged", format_args!("{:?}", self.key));
            let (replica, effects) = self.effects();
            replica.on_damage(cx.now, effects);
            self.settle(cx);
        }
        found
    }

    /// The controller counts on others: what is damaged goes, and what came after it.
    pub(super) fn cut_damage(&mut self, cx: &Cx<'_>) {
        let Some(first) = self.log.damage().iter().map(|d| d.segment).min() else {
            return self.replica.on_repaired();
        };
        let start = self.log.log_start();
        let cut = match self.log.config().compact || first <= start {
            true => self.log.truncate_fully_at(start),
            false => self.log.truncate_to(first).map(drop),
        };
        let producers = self.producers();
        let (Ok(()), Ok(producers)) = (cut, producers) else {
            return self.replica.on_cut_failed(cx.now);
        };
        let log = &self.log;
        self.replica.on_truncated(log.log_start(), log.log_end(), log.durable_end(), producers);
        self.replica.on_repaired();
        cx.world.trace.note(
            cx.who.0,
            "cut for damage",
            format_args!("{:?} at {}", self.key, self.log.log_end()),
        );
    }
}
