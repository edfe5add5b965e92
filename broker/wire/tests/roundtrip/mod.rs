//! Decodes and encodes bodies whose type is known only by key and side.

use bytes::Bytes;
use weir_wire::{ApiKey, DecodeError, Encoder, Message, Reader, Request, Visitor};

/// Which of the two messages of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Request,
    Response,
}

struct Roundtrip {
    side: Side,
    version: i16,
    bytes: Bytes,
}

impl Roundtrip {
    fn run<M: Message>(self) -> Result<Vec<u8>, DecodeError> {
        let mut reader = Reader::new(self.bytes);
        let body = M::decode(self.version, &mut reader)?;
        reader.finish()?;
        let mut encoder = Encoder::new();
        body.encode(self.version, &mut encoder).expect("what was decoded can be encoded");
        Ok(encoder.buf.to_vec())
    }
}

impl Visitor for Roundtrip {
    type Out = Result<Vec<u8>, DecodeError>;

    fn visit<R: Request>(self) -> Self::Out {
        match self.side {
            Side::Request => self.run::<R>(),
            Side::Response => self.run::<R::Response>(),
        }
    }
}

/// Decodes the whole of `bytes` and encodes what it found.
pub(crate) fn roundtrip(key: ApiKey, side: Side, version: i16, bytes: Bytes) -> Result<Vec<u8>, DecodeError> {
    key.visit(Roundtrip { side, version, bytes })
}

struct Describe(Side, i16, Bytes);

impl Visitor for Describe {
    type Out = Result<String, DecodeError>;

    fn visit<R: Request>(self) -> Self::Out {
        let mut reader = Reader::new(self.2);
        match self.0 {
            Side::Request => R::decode(self.1, &mut reader).map(|body| format!("{body:?}")),
            Side::Response => R::Response::decode(self.1, &mut reader).map(|body| format!("{body:?}")),
        }
    }
}

/// What `bytes` mean, in the words of `Debug`.
#[allow(dead_code, reason = "not every test looks inside")]
pub(crate) fn describe(key: ApiKey, side: Side, version: i16, bytes: Bytes) -> Result<String, DecodeError> {
    key.visit(Describe(side, version, bytes))
}
