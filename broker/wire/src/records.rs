//! The record batches of a message: in the frame, or somewhere else and spliced in when the frame is sent.

use bytes::Bytes;

/// Record batches, never looked into here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Records {
    /// The bytes themselves.
    Inline(Bytes),
    /// So many bytes that the sender of the frame puts in where the encoder notes a splice. Never decoded to.
    External { len: u32, token: u64 },
}

impl Records {
    /// Their size on the wire.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Inline(bytes) => bytes.len(),
            Self::External { len, .. } => *len as usize,
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes, if they are in the frame.
    #[must_use]
    pub fn inline(&self) -> Option<&Bytes> {
        match self {
            Self::Inline(bytes) => Some(bytes),
            Self::External { .. } => None,
        }
    }
}

impl Default for Records {
    fn default() -> Self {
        Self::Inline(Bytes::new())
    }
}

impl From<Bytes> for Records {
    fn from(bytes: Bytes) -> Self {
        Self::Inline(bytes)
    }
}
