//! The controller's rules for one partition, as a plain list of what it said: who leads, who is in sync.

use super::*;

#[derive(Clone, Debug)]
pub(super) struct Word {
    pub(super) leader: Option<usize>,
    pub(super) leader_epoch: i32,
    pub(super) version: i32,
    pub(super) isr: Vec<usize>,
    pub(super) fenced: [bool; 3],
    pub(super) broker_epochs: [i64; 3],
}

#[derive(Debug)]
pub(super) struct Controller {
    pub(super) said: Vec<Word>,
}

impl Controller {
    pub(super) fn new() -> Self {
        let isr = vec![0, 1, 2];
        let first = Word {
            leader: Some(0),
            leader_epoch: 0,
            version: 0,
            isr,
            fenced: [false; 3],
            broker_epochs: [0; 3],
        };
        Self { said: vec![first] }
    }

    pub(super) fn now(&self) -> &Word {
        self.said.last().unwrap()
    }

    fn say(&mut self, mut word: Word) {
        word.version += 1;
        self.said.push(word);
    }

    /// A new reign, of `wanted` where it may lead, else of any member that may.
    pub(super) fn elect(&mut self, wanted: usize) {
        let mut word = self.now().clone();
        let may = |b: &usize| word.isr.contains(b) && !word.fenced[*b];
        word.leader = [wanted, 0, 1, 2].into_iter().find(may);
        word.leader_epoch += 1;
        self.say(word);
    }

    /// It is dead, or starts: it leaves the ISR unless it is the last there, and whatever it led is over.
    fn put_out(word: &mut Word, broker: usize) {
        word.fenced[broker] = true;
        if word.isr != [broker] {
            word.isr.retain(|b| *b != broker);
        }
        if word.leader == Some(broker) {
            word.leader = word.isr.iter().copied().find(|b| !word.fenced[*b]);
            word.leader_epoch += 1;
        }
    }

    pub(super) fn fence(&mut self, broker: usize) {
        let mut word = self.now().clone();
        Self::put_out(&mut word, broker);
        self.say(word);
    }

    pub(super) fn register(&mut self, broker: usize) {
        let mut word = self.now().clone();
        word.broker_epochs[broker] += 1;
        Self::put_out(&mut word, broker);
        self.say(word);
    }

    pub(super) fn unfence(&mut self, broker: usize) {
        let mut word = self.now().clone();
        word.fenced[broker] = false;
        if word.leader.is_none() && word.isr.contains(&broker) {
            (word.leader, word.leader_epoch) = (Some(broker), word.leader_epoch + 1);
        }
        self.say(word);
    }

    /// Its log is damaged: somebody else leads, in a new reign, and does not count on it.
    fn let_go(&mut self, broker: usize) -> Result<PartitionEpoch, IsrRefusal> {
        let mut word = self.now().clone();
        let able = |b: &usize| *b != broker && !word.fenced[*b];
        let Some(heir) = word.leader.filter(able).or(word.isr.iter().copied().find(able)) else {
            return Err(IsrRefusal::Ineligible);
        };
        word.isr.retain(|b| *b != broker);
        (word.leader, word.leader_epoch) = (Some(heir), word.leader_epoch + 1);
        self.say(word);
        Ok(PartitionEpoch(self.now().version))
    }

    pub(super) fn alter_isr(
        &mut self,
        from: usize,
        epoch: i64,
        change: &IsrChange,
    ) -> Result<PartitionEpoch, IsrRefusal> {
        let word = self.now();
        let current = word.version == change.partition_epoch.0 && word.leader_epoch == change.leader_epoch.0;
        let entitled = word.leader == Some(from) || change.cause == IsrCause::Damaged;
        if !current || !entitled || word.broker_epochs[from] != epoch {
            return Err(IsrRefusal::Stale);
        }
        if change.cause == IsrCause::Damaged {
            return self.let_go(from);
        }
        let members: Vec<(usize, i64)> = change.isr.iter().map(|(b, e)| (b.0 as usize, *e)).collect();
        let fit = |(b, e): &(usize, i64)| !word.fenced[*b] && (*e < 0 || *e == word.broker_epochs[*b]);
        if !members.iter().all(fit) {
            return Err(IsrRefusal::Ineligible);
        }
        let mut word = word.clone();
        word.isr = members.into_iter().map(|(b, _)| b).collect();
        self.say(word);
        Ok(PartitionEpoch(self.now().version))
    }
}
