//! What the machine can do, each by the least code that does it: the ceilings that a broker is held against. The serving
//! side runs on one processor, the asking side on another, as broker and client do. Touches one directory and loopback.

mod disk;
pub(crate) mod echo;
mod loopback;
mod memory;
pub(crate) mod pinned;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::error::LoadError;
use pinned::Core;

#[derive(Args, Clone, Debug)]
pub(crate) struct Limits {
    /// Where files are written; what is made there is removed again
    #[arg(long)]
    directory: PathBuf,
    /// Processor of the serving side
    #[arg(long, default_value_t = 0)]
    server_core: usize,
    /// Processor of the asking side
    #[arg(long, default_value_t = 1)]
    client_core: usize,
    /// How long each is measured
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
}

/// All that was measured. Rates are of 10^9 bytes.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    memcpy_gb_s: f64,
    crc32c_gb_s: f64,
    loopback: loopback::Moved,
    sendfile: loopback::Moved,
    append: disk::Appended,
    fdatasync_per_s: f64,
    echo: echo::Echoed,
}

impl Limits {
    pub(crate) fn run(self) -> Result<Measured, LoadError> {
        let (server, client) = (Core(self.server_core), Core(self.client_core));
        let seconds = self.seconds;
        Ok(Measured {
            memcpy_gb_s: pinned::on(server, || Ok(memory::memcpy(seconds)))?,
            crc32c_gb_s: pinned::on(server, || Ok(memory::crc32c(seconds)))?,
            loopback: loopback::copied(server, client, seconds)?,
            sendfile: loopback::sent_from_file(server, client, &self.directory, seconds)?,
            append: pinned::on(server, || disk::append(&self.directory))?,
            fdatasync_per_s: pinned::on(server, || disk::sync(&self.directory, seconds))?,
            echo: echo::run(server, client, seconds)?,
        })
    }
}

/// 10^9 bytes.
fn gb(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}
