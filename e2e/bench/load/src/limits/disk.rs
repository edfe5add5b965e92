//! How fast a file grows in the page cache, and how often it can be made durable. A virtual disk may say that it has
//! flushed without flushing: what is measured here is what a flush costs, not what it is worth.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde::Serialize;

use super::gb;
use crate::cost::thread_cpu;
use crate::error::LoadError;

/// What is appended for the measurement.
const APPENDED: u64 = 512 << 20;
/// A batch of common size.
const BATCH: usize = 64 << 10;
/// What a broker writes at once when batches wait: the kernel then keeps a file in larger pieces, which are sent for less.
const WRITTEN: usize = 1 << 20;
/// What is synced at a time.
const SYNCED: usize = 4 << 10;

/// What appending costs, in batches of 64 KiB.
#[derive(Debug, Serialize)]
pub(crate) struct Appended {
    gb_s: f64,
    cpu_s_per_gb: f64,
}

/// A file that is gone when this is dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    fn create(directory: &Path) -> Result<(Self, File), LoadError> {
        let path = directory.join(format!("limits-{}", std::process::id()));
        let file = File::create(&path).map_err(LoadError::machine("creating a file"))?;
        Ok((Self(path), file))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It lies in a directory that whoever started us removes as a whole.
        let _ = fs::remove_file(&self.0);
    }
}

/// A file of so many bytes, in the page cache.
pub(super) fn scratch(directory: &Path, bytes: u64) -> Result<Scratch, LoadError> {
    let (scratch, mut file) = Scratch::create(directory)?;
    grow(&mut file, bytes, WRITTEN)?;
    Ok(scratch)
}

pub(super) fn append(directory: &Path) -> Result<Appended, LoadError> {
    let (scratch, mut file) = Scratch::create(directory)?;
    let (began, cpu) = (Instant::now(), thread_cpu());
    grow(&mut file, APPENDED, BATCH)?;
    let (seconds, cpu) = (began.elapsed().as_secs_f64(), thread_cpu() - cpu);
    drop(scratch);
    Ok(Appended { gb_s: gb(APPENDED) / seconds, cpu_s_per_gb: cpu.as_secs_f64() / gb(APPENDED) })
}

/// How often a second a small append is made durable.
pub(super) fn sync(directory: &Path, seconds: f64) -> Result<f64, LoadError> {
    let (scratch, mut file) = Scratch::create(directory)?;
    let (block, began, mut times) = (vec![7; SYNCED], Instant::now(), 0_u32);
    while times == 0 || began.elapsed().as_secs_f64() < seconds {
        file.write_all(&block)
            .and_then(|()| file.sync_data())
            .map_err(LoadError::machine("syncing a file"))?;
        times += 1;
    }
    let rate = f64::from(times) / began.elapsed().as_secs_f64();
    drop(scratch);
    Ok(rate)
}

fn grow(file: &mut File, bytes: u64, piece: usize) -> Result<(), LoadError> {
    let block = vec![7; piece];
    for _ in 0..bytes / piece as u64 {
        file.write_all(&block).map_err(LoadError::machine("appending to a file"))?;
    }
    Ok(())
}
