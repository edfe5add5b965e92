//! Whatever a connection sends: a size, a header, a body.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_wire::{Reader, Request, Visitor, frame};

struct Serve(i16, Reader);

impl Visitor for Serve {
    type Out = ();

    fn visit<R: Request>(self) {
        let _ = frame::decode_body::<R>(self.0, self.1);
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((prefix, rest)) = input.split_first_chunk::<4>() else { return };
    if frame::request_size(*prefix, 1 << 20).is_err() {
        return;
    }
    if let Ok((header, reader)) = frame::parse_request(rest.to_vec().into()) {
        header.key.visit(Serve(header.version, reader));
    }
});
