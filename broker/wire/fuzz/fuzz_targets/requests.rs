//! The body of any request in any version; what decodes must mean the same after it was encoded.

#![no_main]

use libfuzzer_sys::fuzz_target;
use weir_wire::{ApiKey, Encoder, Reader, Request, Visitor, frame};

struct Stable<'a>(i16, &'a [u8]);

fn encode<R: Request>(version: i16, body: &R) -> bytes::Bytes {
    let mut encoder = Encoder::new();
    body.encode(version, &mut encoder).expect("what was decoded can be encoded");
    encoder.buf.freeze()
}

impl Visitor for Stable<'_> {
    type Out = ();

    fn visit<R: Request>(self) {
        let Ok(body) = frame::decode_body::<R>(self.0, Reader::new(self.1.to_vec().into())) else { return };
        let once = encode(self.0, &body);
        let again: R =
            frame::decode_body(self.0, Reader::new(once.clone())).expect("what was encoded can be decoded");
        assert_eq!(encode(self.0, &again), once);
    }
}

fuzz_target!(|input: &[u8]| {
    let [key, version, body @ ..] = input else { return };
    let key = ApiKey::ALL[usize::from(*key) % ApiKey::ALL.len()];
    let range = key.valid_versions();
    let version = range.min + i16::from(*version) % (range.max - range.min + 1);
    key.visit(Stable(version, body));
});
