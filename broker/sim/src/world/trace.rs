//! What happened, as a number: the same seed must give the same one. Printed on demand.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// The run's history, hashed.
#[derive(Debug)]
pub struct Trace {
    hash: Mutex<(u64, u64)>,
    begun: Instant,
    print: bool,
}

impl Trace {
    /// Begins now.
    #[must_use]
    pub fn new(print: bool) -> Self {
        Self { hash: Mutex::new((0xcbf2_9ce4_8422_2325, 0)), begun: Instant::now(), print }
    }

    /// Takes an event in.
    pub fn note(&self, who: i32, what: &str, detail: impl Display) {
        let at = self.begun.elapsed().as_micros() as u64;
        let detail = detail.to_string();
        let mut hash = self.hash.lock().unwrap_or_else(PoisonError::into_inner);
        let words = [at.to_le_bytes(), (i64::from(who)).to_le_bytes()].concat();
        for byte in words.iter().chain(what.as_bytes()).chain(detail.as_bytes()) {
            hash.0 = (hash.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash.1 += 1;
        if self.print {
            println!("{:>12.6} {who:>3} {what:<10} {detail}", at as f64 / 1e6);
        }
    }

    /// The hash, and how many events are in it.
    #[must_use]
    pub fn hash(&self) -> (u64, u64) {
        *self.hash.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
