//! Chance, drawn from what the caller passes in, so that a run can be repeated from its seed.

use uuid::{Builder, Uuid};
use weir_model::TopicId;

use super::{ControllerError, Image};

/// A source of random numbers owned by the caller.
pub struct Entropy<'a> {
    next: &'a mut dyn FnMut() -> u64,
}

impl<'a> Entropy<'a> {
    /// Draws from `next`.
    pub fn new(next: &'a mut dyn FnMut() -> u64) -> Self {
        Self { next }
    }

    /// A number below `bound`; 0 when `bound` is.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        let drawn = (self.next)();
        // The high bits of the product are even enough for shuffling a few brokers.
        ((u128::from(drawn) * bound as u128) >> 64) as usize
    }

    /// Shuffles in place (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// A topic id that is not taken. It is a random (version 4) one, so it is none of the reserved ones either.
    pub(super) fn topic_id(&mut self, image: &Image) -> Result<TopicId, ControllerError> {
        for _ in 0..16 {
            let bits = (u128::from((self.next)()) << 64) | u128::from((self.next)());
            let uuid: Uuid = Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
            let id = TopicId(uuid);
            if image.topic_by_id(id).is_none() {
                return Ok(id);
            }
        }
        Err(ControllerError::NoFreshId)
    }
}
