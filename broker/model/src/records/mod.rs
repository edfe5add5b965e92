//! Record batches, format v2: reading, checking, building, compressing and patching them.
//!
//! A batch is stored and served verbatim. The broker patches two header fields (base offset, leader epoch), which its
//! checksum does not cover, and decodes records only for compaction, log-append time queries and strict validation.
//! Every function here takes bytes from strangers: it must never panic, never allocate by a claimed length, and never
//! decompress past the bound it is given.

mod batch;
mod builder;
mod codec;
mod control;
mod error;
mod header;
mod record;
mod rewrite;
mod validate;
mod varint;

pub use batch::{Batch, Batches, batches};
pub use builder::{BatchBuilder, NewRecord};
pub use codec::{Codec, CodecError, compress, decompress};
pub use control::{ControlKind, end_transaction_marker};
pub use error::BatchError;
pub use header::{
    Attributes, BATCH_OVERHEAD, BatchHeader, LENGTH_END, MAGIC, TimestampType, compute_crc, set_base_offset,
    set_crc, set_leader_epoch,
};
pub use record::{Header, Headers, Record, Records};
pub use rewrite::{recompress, with_log_append_time};
pub use validate::{Limits, RecordSummary, ValidBatch, validate_header, validate_records};
