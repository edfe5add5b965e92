//! Producer ids are given out to brokers in blocks, so that a new producer costs no round of the metadata log.

use weir_model::{BrokerId, ProducerId};

use super::image::Image;
use super::{ControllerError, Decision, Record, gate};

/// Ids in a block, Kafka's number.
pub const BLOCK_LEN: i64 = 1_000;

/// Ids that one broker may give to producers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProducerIdBlock {
    next: i64,
    end: i64,
}

impl ProducerIdBlock {
    /// `len` ids from `first` on.
    #[must_use]
    pub const fn new(first: ProducerId, len: i64) -> Self {
        Self { next: first.0, end: first.0.saturating_add(len) }
    }

    /// The next id, which may be behind the end.
    #[must_use]
    pub const fn first(&self) -> ProducerId {
        ProducerId(self.next)
    }

    /// How many ids are left.
    #[must_use]
    pub const fn len(&self) -> i64 {
        self.end - self.next
    }

    /// Whether it is used up.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.next >= self.end
    }

    /// The next id, until the block is used up. An empty block is used up.
    pub const fn take(&mut self) -> Option<ProducerId> {
        if self.next >= self.end {
            return None;
        }
        let id = ProducerId(self.next);
        self.next += 1;
        Some(id)
    }
}

/// Gives the next block to a broker. What a broker does not use before it restarts is lost, never given again.
pub fn decide(
    image: &Image,
    broker: BrokerId,
    epoch: i64,
) -> Decision<Result<ProducerIdBlock, ControllerError>> {
    let refuse = |why| Decision { records: Vec::new(), reply: Err(why) };
    if let Err(why) = gate::current(image, broker, epoch) {
        return refuse(why);
    }
    let next = image.next_producer_id().0;
    let Some(end) = next.checked_add(BLOCK_LEN) else {
        return refuse(ControllerError::ProducerIdsExhausted);
    };
    Decision {
        records: vec![Record::ProducerIdsAllocated { next: ProducerId(end) }],
        reply: Ok(ProducerIdBlock { next, end }),
    }
}
