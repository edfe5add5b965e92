//! How fast bytes are copied and checked, beyond what the caches hold. By processor time, so that others on the machine
//! do not count.

use std::hint::black_box;
use std::time::Instant;

use super::gb;
use crate::cost::thread_cpu;

/// Larger than the last cache of common machines.
const BUFFER: usize = 64 << 20;
/// What a batch has, at most.
const CHUNK: usize = 1 << 20;

/// Copies in 10^9 bytes a second of processor time.
pub(super) fn memcpy(seconds: f64) -> f64 {
    let (from, mut to) = (vec![1_u8; BUFFER], vec![0_u8; BUFFER]);
    rate(seconds, || {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
    })
}

/// Checksums in 10^9 bytes a second of processor time.
pub(super) fn crc32c(seconds: f64) -> f64 {
    let bytes = vec![1_u8; BUFFER];
    rate(seconds, || {
        black_box(bytes.chunks(CHUNK).fold(0, |sum, chunk| sum ^ crc32c::crc32c(black_box(chunk))));
    })
}

fn rate(seconds: f64, mut pass: impl FnMut()) -> f64 {
    pass();
    let (began, cpu) = (Instant::now(), thread_cpu());
    let mut passes = 0;
    while passes == 0 || began.elapsed().as_secs_f64() < seconds {
        pass();
        passes += 1;
    }
    gb(passes * BUFFER as u64) / (thread_cpu() - cpu).as_secs_f64()
}
