//! The committed metadata: one and the same round at an index on every node, and no node ever goes back.

use std::collections::BTreeMap;
use std::hash::Hasher;

/// What was committed where.
#[derive(Debug, Default)]
pub struct Rounds {
    hashes: BTreeMap<u64, u64>,
    /// The last index that each process has followed.
    followed: BTreeMap<(i32, u64), u64>,
}

impl Rounds {
    /// A process follows a round. `what` is its content.
    pub fn followed(&mut self, who: (i32, u64), index: u64, what: &str) -> Result<(), String> {
        let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
        hasher.write(what.as_bytes());
        let hash = hasher.finish();
        if *self.hashes.entry(index).or_insert(hash) != hash {
            return Err(format!("round {index} differs at {who:?}: {what}"));
        }
        self.reached(who, index)
    }

    /// A process is told everything up to an index.
    pub fn reached(&mut self, who: (i32, u64), index: u64) -> Result<(), String> {
        let before = self.followed.insert(who, index).unwrap_or(0);
        if index < before {
            return Err(format!("the metadata of {who:?} goes back from {before} to {index}"));
        }
        Ok(())
    }

    /// How many rounds there were.
    #[must_use]
    pub fn count(&self) -> usize {
        self.hashes.len()
    }
}

struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
