//! A partition's log: segments of verbatim record batches on a disk that may fail.
//!
//! Decides where batches go, what is durable, what a restart may believe, and what may be deleted. Touches the disk
//! only through [`Disk`]. It must never acknowledge, never decode records on append, never retry a failed fsync, and
//! never skip damage silently. It knows nothing of the protocol, of replication or of time: `now` is an argument.
//!
//! # How the calls go together
//! ```text
//! let home = data_dir.home();                              // or Home::new(disk, root)
//! let (mut log, recovered) = Log::open(&home, &dir, config)?;
//! log.append(&mut batch, epoch, now)?;                     // page cache; offsets assigned; readable at once
//! if let Some(job) = log.sync_job()? {                     // then, on another thread:
//!     let done = job.run();                                //   fdatasync of what was appended before the job was made
//!     let durable_end = log.synced(done)?;                 // back on the owner's thread
//! }
//! let slice = log.read(from, high_watermark, max, true)?;  // a file range for sendfile, whole batches
//! ```
//! After `open` some of the tail may be readable but not known to be durable (`durable_end < log_end`): run a sync job.
//! Call `sync_job` for logs that do not sync on every append as well, every few MiB: it also writes the checkpoint that
//! bounds what a restart reads. When any call gives [`LogError::Failed`] or [`LogError::Io`], the whole data directory
//! has failed ([`DirHealth`]) and every log in it refuses from then on. Where the jobs of many logs wait,
//! [`SyncJob::run_together`] does them by one sync of the file system, or two. Whoever keeps state that results from the
//! records writes a snapshot of it when `snapshot_due` says so, for the same bound.
//!
//! # Files of one log
//! | name | what |
//! |---|---|
//! | `<offset>.log` | batches, verbatim, from this offset on |
//! | `<offset>.index` | written once its segment is closed and synced: sparse index, end, times, epochs |
//! | `checkpoint` | the same for the open segment, up to what was durable; all epochs; how far compaction got |
//! | `<offset>.start` | empty; the log starts at this offset |
//! | `<offset>.snapshot` | opaque state as of an offset |
//! | `damage` | stretches of closed segments that were found damaged; not there while all is well |
//! | `*.tmp`, `*.cleaned` | half-written, removed at open |
//! | `*.swap` | a compacted segment that was decided to replace others; the replacement is finished at open |

mod compaction;
mod config;
mod damage;
mod data_dir;
mod disk;
mod epochs;
mod error;
mod framing;
mod health;
mod home;
mod image;
mod index;
mod log;
mod names;
mod reserve;
mod scan;
mod scrub;
mod segment;
mod small_file;

pub use compaction::{Cancellation, CompactionJob, CompactionOutcome};
pub use config::LogConfig;
pub use damage::Damage;
pub use data_dir::{DataDir, OpenedDataDir};
pub use disk::{
    CrashStyle, DirEntry, Disk, DiskFile, MemoryDisk, MemoryFile, MemoryLock, MemoryVolume, RealDisk,
    RealFile, RealLock, RealVolume, Space, Volume, read_exact,
};
pub use epochs::Epochs;
pub use error::LogError;
pub use health::DirHealth;
pub use home::Home;
pub use log::{
    Appended, Compacted, Deleted, Log, Recovered, Scrubbed, SegmentInfo, Slice, SyncDone, SyncJob,
    TimestampHit,
};
pub use scrub::Scrub;
pub use small_file::SmallFile;
