//! Whatever a producer calls a record batch: checked, walked, recompressed.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_model::records::{Codec, Limits, batches, recompress, validate_header, validate_records};

const DECODED_MAX: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let limits = Limits { max_batch_bytes: 1 << 20, max_decoded_bytes: DECODED_MAX, require_keys: true };
    let _ = validate_header(input, &limits);
    let _ = validate_records(input, &limits);
    for batch in batches(input).take(16).flatten() {
        let Ok(payload) = batch.decoded_payload(DECODED_MAX) else { continue };
        let _ = batch.records(&payload).take(1000).map_while(Result::ok).map(|record| record.headers.count()).count();
    }
    let _ = recompress(input, Codec::Lz4, None, DECODED_MAX);
});
