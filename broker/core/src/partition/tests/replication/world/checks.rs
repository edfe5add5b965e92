//! What must hold after every step, and once everybody is back.

use super::*;

impl World {
    /// What must hold at every moment.
    pub(in super::super) fn check(&mut self) {
        for node in &self.nodes {
            let Some(replica) = &node.replica else { continue };
            let high_watermark = replica.high_watermark();
            assert_eq!((replica.log_start(), replica.log_end()), (node.disk.start, node.disk.end));
            assert_eq!(replica.durable_end(), node.disk.durable);
            let looked_at = !self.terms.deletes && self.values.is_multiple_of(8);
            assert!(!looked_at || *replica.producers() == node.disk.producers());
            for offset in (node.disk.start.0..high_watermark.0).map(Offset) {
                let entry = node.disk.at(offset).expect("a committed record is there");
                let value = self.committed.entry(offset).or_insert(entry.value);
                assert_eq!(*value, entry.value, "two values at offset {offset}, both committed");
            }
        }
        let committed = self.committed.last_key_value().map_or(Offset(0), |(offset, _)| offset.next());
        for member in &self.controller.now().isr {
            let disk = &self.nodes[*member].disk;
            let kept = if self.terms.durability == Durability::Fsync { disk.durable } else { disk.end };
            assert!(kept >= committed, "member {member} holds {kept} of {committed}");
            for (offset, value) in self.committed.range(disk.start..) {
                assert_eq!(disk.at(*offset).map(|e| e.value), Some(*value), "member {member} at {offset}");
            }
        }
    }

    /// Everybody comes back, messages arrive, and nothing else happens for a while.
    pub(in super::super) fn heal_and_settle(&mut self) {
        for at in 0..3 {
            self.recover(at);
            self.unfence(at);
            let node = &mut self.nodes[at];
            node.replica.as_mut().unwrap().set_fenced(false, &mut node.effects);
        }
        for _ in 0..200 {
            self.now = self.now + DurationMs(10);
            for at in 0..3 {
                self.hear_words(at, usize::MAX);
                self.tick(at);
                self.pump(at);
                self.sync(at);
                self.pump(at);
                self.fetch(at);
            }
            for message in std::mem::take(&mut self.network) {
                self.arrive(message);
            }
        }
    }

    pub(in super::super) fn check_settled(&mut self) {
        self.check();
        assert_eq!(self.controller.now().isr.len(), 3, "everybody is in sync again");
        let leader = &self.nodes[self.controller.now().leader.unwrap()];
        let start = self.nodes.iter().map(|n| n.disk.start).max().unwrap();
        let logs = self.nodes.iter().map(|n| n.disk.read(start, n.disk.end, usize::MAX));
        let logs: Vec<_> = logs.collect();
        assert!(logs.iter().all(|log| *log == logs[0]), "the logs are the same");
        for node in &self.nodes {
            let replica = node.replica.as_ref().unwrap();
            assert_eq!(
                replica.high_watermark(),
                leader.disk.end,
                "{replica:#?}\n{:?}",
                self.controller.now()
            );
        }
        if self.terms.deletes {
            return;
        }
        let mut values: Vec<_> = leader.disk.entries.iter().map(|e| e.value).collect();
        for (value, base) in &self.acknowledged {
            assert_eq!(leader.disk.at(*base).map(|e| e.value), Some(*value), "acknowledged, and gone");
        }
        let count = values.len();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), count, "nothing is written twice");
    }
}
