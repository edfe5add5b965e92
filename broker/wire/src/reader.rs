//! Reads values out of one frame. Strings and bytes are slices of it; only arrays allocate.
//!
//! Whatever the bytes say, memory is bounded: the arrays of one reader together take at most its budget (see
//! [`Reader::budget_for`]) while they live, and while one grows its old and its new copy exist for a moment. A count is
//! compared with the bytes that are left before anything is reserved for it.

use bytes::Bytes;
use thiserror::Error;
use uuid::Uuid;

use crate::message::Element;
use crate::records::Records;
use crate::string::Str;

/// What the first allocation of an array may take, whatever its count.
const FIRST_RESERVE: usize = 4096;
/// Bytes of arrays for each byte of the frame. Real requests need about 3; one-letter names in an array need 16.
const BUDGET_FACTOR: usize = 16;
/// What a reader may always use, so that small frames never meet the factor.
const BUDGET_FLOOR: usize = 64 * 1024;
/// The same for frames so large that only batches or great arrays of ordinary names fill them: a frame of 100 MB must
/// not be able to take 1.6 GB.
const LARGE_FACTOR: usize = 4;
const LARGE_FLOOR: usize = 16 << 20;
/// The longest string of the protocol, in any encoding.
pub(crate) const MAX_STR: usize = i16::MAX as usize;

/// Why bytes are not what they should be. `at` counts from the start of the frame.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DecodeError {
    #[error("frame ends at byte {end}, but the value at {at} needs {needed} bytes")]
    Truncated { at: usize, needed: usize, end: usize },
    #[error("{left} bytes follow the message at byte {at}")]
    Trailing { at: usize, left: usize },
    #[error("negative length {length} at byte {at}")]
    NegativeLength { at: usize, length: i32 },
    #[error("null at byte {at} where the version forbids it")]
    UnexpectedNull { at: usize },
    #[error("varint at byte {at} does not fit in 32 bits")]
    VarintTooLong { at: usize },
    #[error("string at byte {at} has {length} bytes, the most is 32767")]
    StringTooLong { at: usize, length: usize },
    #[error("string at byte {at} is not utf-8")]
    NotUtf8 { at: usize },
    #[error("array at byte {at} claims {count} elements, more than the bytes that follow can hold")]
    ArrayTooLong { at: usize, count: usize },
    #[error("arrays of the frame take more than {budget} bytes of memory at byte {at}")]
    OverBudget { at: usize, budget: usize },
    #[error("tag {tag} at byte {at} follows a tag that is not smaller")]
    TagOrder { at: usize, tag: u32 },
    #[error("tag {tag} that ends at byte {at} leaves {left} bytes of its size")]
    TagSize { at: usize, tag: u32, left: usize },
    #[error("unknown api key {key}")]
    UnknownKey { key: i16 },
    #[error("{message} has no version {version}")]
    UnsupportedVersion { message: &'static str, version: i16 },
}

/// A cursor over one frame.
#[derive(Debug)]
pub struct Reader {
    frame: Bytes,
    at: usize,
    /// The end of the frame, or of the tagged field that is being read.
    end: usize,
    flexible: bool,
    budget: usize,
    spent: usize,
}

/// A length as both encodings have it.
enum Length {
    Null,
    Is(usize),
}

impl Reader {
    /// A reader with the usual budget.
    #[must_use]
    pub fn new(frame: Bytes) -> Self {
        let budget = Self::budget_for(frame.len());
        Self::with_budget(frame, budget)
    }

    /// A reader whose arrays may take so many bytes of memory.
    #[must_use]
    pub fn with_budget(frame: Bytes, budget: usize) -> Self {
        let end = frame.len();
        Self { frame, at: 0, end, flexible: false, budget, spent: 0 }
    }

    /// What the arrays of a frame of this length may take by default.
    #[must_use]
    pub const fn budget_for(len: usize) -> usize {
        let small = len.saturating_mul(BUDGET_FACTOR).saturating_add(BUDGET_FLOOR);
        let large = len.saturating_mul(LARGE_FACTOR).saturating_add(LARGE_FLOOR);
        if small < large { small } else { large }
    }

    /// The bytes that are left.
    #[must_use]
    pub const fn remaining(&self) -> usize {
        self.end - self.at
    }

    /// Refuses bytes that nobody has read.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(DecodeError::Trailing { at: self.at, left }),
        }
    }

    pub(crate) fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    fn advance(&mut self, needed: usize) -> Result<usize, DecodeError> {
        let at = self.at;
        if needed > self.remaining() {
            return Err(DecodeError::Truncated { at, needed, end: self.end });
        }
        self.at += needed;
        Ok(at)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let at = self.advance(N)?;
        let mut out = [0; N];
        out.copy_from_slice(&self.frame[at..at + N]);
        Ok(out)
    }

    fn slice(&mut self, len: usize) -> Result<Bytes, DecodeError> {
        let at = self.advance(len)?;
        Ok(self.frame.slice(at..at + len))
    }

    pub(crate) fn bool(&mut self) -> Result<bool, DecodeError> {
        Ok(self.i8()? != 0)
    }

    pub(crate) fn i8(&mut self) -> Result<i8, DecodeError> {
        Ok(i8::from_be_bytes(self.take()?))
    }

    pub(crate) fn i16(&mut self) -> Result<i16, DecodeError> {
        Ok(i16::from_be_bytes(self.take()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.take()?))
    }

    pub(crate) fn i32(&mut self) -> Result<i32, DecodeError> {
        Ok(i32::from_be_bytes(self.take()?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64, DecodeError> {
        Ok(i64::from_be_bytes(self.take()?))
    }

    pub(crate) fn f64(&mut self) -> Result<f64, DecodeError> {
        Ok(f64::from_be_bytes(self.take()?))
    }

    pub(crate) fn uuid(&mut self) -> Result<Uuid, DecodeError> {
        Ok(Uuid::from_bytes(self.take()?))
    }

    /// Seven bits a byte, least first; at most five bytes and 32 bits.
    pub(crate) fn uvarint(&mut self) -> Result<u32, DecodeError> {
        let start = self.at;
        let mut value = 0u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.take()?;
            if shift == 28 && byte > 0x0f {
                break;
            }
            value |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(DecodeError::VarintTooLong { at: start })
    }

    fn compact_length(&mut self) -> Result<Length, DecodeError> {
        Ok(self.uvarint()?.checked_sub(1).map_or(Length::Null, |len| Length::Is(len as usize)))
    }

    fn plain_length(at: usize, length: i32) -> Result<Length, DecodeError> {
        match length {
            -1 => Ok(Length::Null),
            0.. => Ok(Length::Is(length.unsigned_abs() as usize)),
            _ => Err(DecodeError::NegativeLength { at, length }),
        }
    }

    /// The length of a string.
    fn length16(&mut self) -> Result<Length, DecodeError> {
        if self.flexible {
            return self.compact_length();
        }
        let at = self.at;
        Self::plain_length(at, i32::from(self.i16()?))
    }

    /// The length of bytes, and the count of an array.
    fn length32(&mut self) -> Result<Length, DecodeError> {
        if self.flexible {
            return self.compact_length();
        }
        let at = self.at;
        Self::plain_length(at, self.i32()?)
    }

    pub(crate) fn str(&mut self) -> Result<Str, DecodeError> {
        let at = self.at;
        self.opt_str(false)?.ok_or(DecodeError::UnexpectedNull { at })
    }

    pub(crate) fn opt_str(&mut self, nullable: bool) -> Result<Option<Str>, DecodeError> {
        let at = self.at;
        match self.length16()? {
            Length::Null if nullable => Ok(None),
            Length::Null => Err(DecodeError::UnexpectedNull { at }),
            Length::Is(length) if length > MAX_STR => Err(DecodeError::StringTooLong { at, length }),
            Length::Is(length) => {
                let text = Str::from_utf8(self.slice(length)?);
                text.map(Some).ok_or(DecodeError::NotUtf8 { at })
            }
        }
    }

    /// The client id of a request header: nullable, and never compact, whatever the header's version.
    pub(crate) fn plain_opt_str(&mut self) -> Result<Option<Str>, DecodeError> {
        let flexible = std::mem::replace(&mut self.flexible, false);
        let text = self.opt_str(true);
        self.flexible = flexible;
        text
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, DecodeError> {
        let at = self.at;
        self.opt_bytes(false)?.ok_or(DecodeError::UnexpectedNull { at })
    }

    pub(crate) fn opt_bytes(&mut self, nullable: bool) -> Result<Option<Bytes>, DecodeError> {
        let at = self.at;
        match self.length32()? {
            Length::Null if nullable => Ok(None),
            Length::Null => Err(DecodeError::UnexpectedNull { at }),
            Length::Is(length) => Ok(Some(self.slice(length)?)),
        }
    }

    pub(crate) fn records(&mut self) -> Result<Records, DecodeError> {
        Ok(Records::Inline(self.bytes()?))
    }

    pub(crate) fn opt_records(&mut self, nullable: bool) -> Result<Option<Records>, DecodeError> {
        Ok(self.opt_bytes(nullable)?.map(Records::Inline))
    }

    pub(crate) fn opt_struct<T: Element>(&mut self, version: i16) -> Result<Option<T>, DecodeError> {
        if self.i8()? < 0 { Ok(None) } else { Ok(Some(T::read(self, version)?)) }
    }

    pub(crate) fn array<T: Element>(&mut self, version: i16) -> Result<Vec<T>, DecodeError> {
        let at = self.at;
        self.opt_array(version, false)?.ok_or(DecodeError::UnexpectedNull { at })
    }

    pub(crate) fn opt_array<T: Element>(
        &mut self,
        version: i16,
        nullable: bool,
    ) -> Result<Option<Vec<T>>, DecodeError> {
        let at = self.at;
        let count = match self.length32()? {
            Length::Null if nullable => return Ok(None),
            Length::Null => return Err(DecodeError::UnexpectedNull { at }),
            Length::Is(count) => count,
        };
        if count > self.remaining() / T::MIN_SIZE.max(1) {
            return Err(DecodeError::ArrayTooLong { at, count });
        }
        let mut items = Vec::new();
        for _ in 0..count {
            if items.len() == items.capacity() {
                let more = growth(items.len(), count, size_of::<T>());
                self.charge(more.saturating_mul(size_of::<T>()))?;
                items.reserve_exact(more);
            }
            items.push(T::read(self, version)?);
        }
        Ok(Some(items))
    }

    fn charge(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.spent = self.spent.saturating_add(bytes);
        if self.spent > self.budget {
            return Err(DecodeError::OverBudget { at: self.at, budget: self.budget });
        }
        Ok(())
    }

    pub(crate) fn skip_tags(&mut self) -> Result<(), DecodeError> {
        self.tags(|_, _| Ok(false))
    }

    /// Reads the tagged fields that end a struct. `known` reads the value of a tag that it knows and says so; the
    /// others are skipped.
    pub(crate) fn tags(
        &mut self,
        mut known: impl FnMut(&mut Self, u32) -> Result<bool, DecodeError>,
    ) -> Result<(), DecodeError> {
        if !self.flexible {
            return Ok(());
        }
        let count = self.uvarint()?;
        let mut least = 0;
        for _ in 0..count {
            let at = self.at;
            let tag = self.uvarint()?;
            if tag < least {
                return Err(DecodeError::TagOrder { at, tag });
            }
            least = tag.saturating_add(1);
            let size = self.uvarint()? as usize;
            let value = self.advance(size)?;
            let after = self.at;
            let outer = std::mem::replace(&mut self.end, after);
            self.at = value;
            let left = if known(self, tag)? { after - self.at } else { 0 };
            (self.at, self.end) = (after, outer);
            if left > 0 {
                return Err(DecodeError::TagSize { at: after, tag, left });
            }
        }
        Ok(())
    }
}

/// By how many elements a full array grows: doubling from a first piece of bounded size, never beyond the count.
fn growth(len: usize, count: usize, size: usize) -> usize {
    let first = (FIRST_RESERVE / size.max(1)).max(1);
    len.max(first).min(count - len)
}

macro_rules! plain_element {
    ($($ty:ty, $size:expr, $call:ident;)*) => {$(
        impl Element for $ty {
            const MIN_SIZE: usize = $size;

            fn read(reader: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
                reader.$call()
            }

            fn write(&self, encoder: &mut crate::Encoder, _version: i16) -> Result<(), crate::EncodeError> {
                encoder.$call(*self);
                Ok(())
            }
        }
    )*};
}

plain_element! {
    i8, 1, i8;
    i16, 2, i16;
    i32, 4, i32;
    i64, 8, i64;
    Uuid, 16, uuid;
}

impl Element for Str {
    const MIN_SIZE: usize = 1;

    fn read(reader: &mut Reader, _version: i16) -> Result<Self, DecodeError> {
        reader.str()
    }

    fn write(&self, encoder: &mut crate::Encoder, _version: i16) -> Result<(), crate::EncodeError> {
        encoder.str(self)
    }
}

#[cfg(test)]
mod tests;
