//! The traits that generated types implement, and the one place where a version is checked against the table.

use std::fmt::Debug;

use crate::api_key::ApiKey;
use crate::encoder::{EncodeError, Encoder};
use crate::reader::{DecodeError, Reader};

/// A value inside of a message: it does not know where it begins, nor whether its version is valid.
pub trait Element: Sized {
    /// The least number of bytes that it takes on the wire in any version.
    const MIN_SIZE: usize;

    /// Reads one value in the given version.
    fn read(reader: &mut Reader, version: i16) -> Result<Self, DecodeError>;

    /// Writes the value in the given version.
    fn write(&self, encoder: &mut Encoder, version: i16) -> Result<(), EncodeError>;
}

/// A request or a response body.
pub trait Message: Element + Clone + Debug + Default + PartialEq {
    /// The API that it belongs to.
    const KEY: ApiKey;
    /// Its name in the protocol.
    const NAME: &'static str;

    /// Reads a body. Bytes that follow it are left in the reader: call [`Reader::finish`].
    fn decode(version: i16, reader: &mut Reader) -> Result<Self, DecodeError> {
        if !Self::KEY.valid_versions().contains(version) {
            return Err(DecodeError::UnsupportedVersion { message: Self::NAME, version });
        }
        reader.set_flexible(Self::KEY.is_flexible(version));
        Self::read(reader, version)
    }

    /// Appends a body. After an error the encoder's content is of no use.
    fn encode(&self, version: i16, encoder: &mut Encoder) -> Result<(), EncodeError> {
        if !Self::KEY.valid_versions().contains(version) {
            return Err(EncodeError::UnsupportedVersion { message: Self::NAME, version });
        }
        encoder.set_flexible(Self::KEY.is_flexible(version));
        self.write(encoder, version)
    }
}

/// A request body.
pub trait Request: Message {
    /// What answers it.
    type Response: Message;
}

/// Code that works for any request type, called through [`ApiKey::visit`].
pub trait Visitor {
    type Out;

    fn visit<R: Request>(self) -> Self::Out;
}
