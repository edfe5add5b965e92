//! Appends values to one frame. Records that live elsewhere are left out of the buffer and noted as splices, so that
//! the connection can send them from where they are.

use bytes::{BufMut, Bytes, BytesMut};
use thiserror::Error;
use uuid::Uuid;

use crate::message::Element;
use crate::reader::MAX_STR;
use crate::records::Records;
use crate::string::Str;

/// Why a value can not be written.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EncodeError {
    #[error("{message} has no version {version}")]
    UnsupportedVersion { message: &'static str, version: i16 },
    #[error("{field} is set, but version {version} does not have it")]
    Absent { field: &'static str, version: i16 },
    #[error("{field} is null, but version {version} forbids it")]
    Null { field: &'static str, version: i16 },
    #[error("string of {len} bytes, the most is 32767")]
    StringTooLong { len: usize },
    #[error("length {len} does not fit in 31 bits")]
    TooLong { len: usize },
}

impl EncodeError {
    pub(crate) fn absent(field: &'static str, version: i16) -> Self {
        Self::Absent { field, version }
    }

    pub(crate) fn null(field: &'static str, version: i16) -> Self {
        Self::Null { field, version }
    }
}

/// Bytes to be put into the frame when it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Splice {
    /// Where they go: an index into the encoder's buffer.
    pub at: usize,
    pub len: u32,
    /// What the caller gave to find them.
    pub token: u64,
}

/// A frame in the making.
#[derive(Debug, Default)]
pub struct Encoder {
    pub buf: BytesMut,
    /// Ascending by place.
    pub splices: Vec<Splice>,
    flexible: bool,
}

/// The place of a tagged field whose size is not yet known.
pub(crate) struct OpenTag(usize);

impl Encoder {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { buf: BytesMut::with_capacity(bytes), ..Self::default() }
    }

    /// The size on the wire: what is in the buffer and what is to be spliced in.
    #[must_use]
    pub fn wire_len(&self) -> u64 {
        self.buf.len() as u64 + self.splices.iter().map(|splice| u64::from(splice.len)).sum::<u64>()
    }

    pub(crate) fn set_flexible(&mut self, flexible: bool) {
        self.flexible = flexible;
    }

    pub(crate) fn flexible(&self) -> bool {
        self.flexible
    }

    pub(crate) fn bool(&mut self, value: bool) {
        self.buf.put_u8(u8::from(value));
    }

    pub(crate) fn i8(&mut self, value: i8) {
        self.buf.put_i8(value);
    }

    pub(crate) fn i16(&mut self, value: i16) {
        self.buf.put_i16(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.buf.put_u16(value);
    }

    pub(crate) fn i32(&mut self, value: i32) {
        self.buf.put_i32(value);
    }

    pub(crate) fn i64(&mut self, value: i64) {
        self.buf.put_i64(value);
    }

    pub(crate) fn f64(&mut self, value: f64) {
        self.buf.put_f64(value);
    }

    pub(crate) fn uuid(&mut self, value: Uuid) {
        self.buf.put_slice(value.as_bytes());
    }

    pub(crate) fn uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.buf.put_u8((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.buf.put_u8(value as u8);
    }

    fn length32(&mut self, len: Option<usize>) -> Result<(), EncodeError> {
        let value = len.map_or(Ok(-1), i32::try_from);
        let value = value.map_err(|_| EncodeError::TooLong { len: len.unwrap_or(0) })?;
        if self.flexible {
            // Null, here all ones, is 0 and n is n + 1.
            self.uvarint(value.cast_unsigned().wrapping_add(1));
        } else {
            self.i32(value);
        }
        Ok(())
    }

    pub(crate) fn str(&mut self, value: &str) -> Result<(), EncodeError> {
        self.opt_text(Some(value))
    }

    pub(crate) fn opt_str(&mut self, value: Option<&Str>) -> Result<(), EncodeError> {
        self.opt_text(value.map(Str::as_str))
    }

    fn opt_text(&mut self, value: Option<&str>) -> Result<(), EncodeError> {
        if self.flexible {
            if let Some(text) = value.filter(|text| text.len() > MAX_STR) {
                return Err(EncodeError::StringTooLong { len: text.len() });
            }
            self.uvarint(value.map_or(0, |text| text.len() as u32 + 1));
            self.buf.put_slice(value.unwrap_or_default().as_bytes());
            return Ok(());
        }
        self.plain_opt_str(value)
    }

    /// The client id of a request header: nullable, and never compact.
    pub(crate) fn plain_opt_str(&mut self, value: Option<&str>) -> Result<(), EncodeError> {
        let len = value.map_or(Ok(-1), |text| i16::try_from(text.len()));
        let len = len.map_err(|_| EncodeError::StringTooLong { len: value.map_or(0, str::len) })?;
        self.i16(len);
        self.buf.put_slice(value.unwrap_or_default().as_bytes());
        Ok(())
    }

    pub(crate) fn bytes(&mut self, value: &Bytes) -> Result<(), EncodeError> {
        self.opt_bytes(Some(value))
    }

    pub(crate) fn opt_bytes(&mut self, value: Option<&Bytes>) -> Result<(), EncodeError> {
        self.length32(value.map(Bytes::len))?;
        self.buf.put_slice(value.map_or(&[], |bytes| bytes));
        Ok(())
    }

    pub(crate) fn records(&mut self, value: &Records) -> Result<(), EncodeError> {
        self.opt_records(Some(value))
    }

    pub(crate) fn opt_records(&mut self, value: Option<&Records>) -> Result<(), EncodeError> {
        match value {
            None => self.length32(None),
            Some(Records::Inline(bytes)) => self.bytes(bytes),
            Some(Records::External { len, token }) => {
                self.length32(Some(*len as usize))?;
                self.splices.push(Splice { at: self.buf.len(), len: *len, token: *token });
                Ok(())
            }
        }
    }

    pub(crate) fn opt_struct<T: Element>(&mut self, value: Option<&T>, v: i16) -> Result<(), EncodeError> {
        self.i8(if value.is_some() { 1 } else { -1 });
        value.map_or(Ok(()), |it| it.write(self, v))
    }

    pub(crate) fn array<T: Element>(&mut self, items: &[T], v: i16) -> Result<(), EncodeError> {
        self.opt_array(Some(items), v)
    }

    pub(crate) fn opt_array<T: Element>(&mut self, items: Option<&[T]>, v: i16) -> Result<(), EncodeError> {
        self.length32(items.map(<[T]>::len))?;
        for item in items.unwrap_or_default() {
            item.write(self, v)?;
        }
        Ok(())
    }

    /// Ends a struct without tagged fields.
    pub(crate) fn no_tags(&mut self) {
        if self.flexible {
            self.buf.put_u8(0);
        }
    }

    /// Begins a tagged field. One byte is kept for its size, which is nearly always enough.
    pub(crate) fn begin_tag(&mut self, tag: u32) -> OpenTag {
        self.uvarint(tag);
        self.buf.put_u8(0);
        OpenTag(self.buf.len())
    }

    /// Writes the size of a tagged field in front of its value, moving the value where the size needs more bytes.
    pub(crate) fn end_tag(&mut self, tag: OpenTag) -> Result<(), EncodeError> {
        let (start, size) = (tag.0, self.buf.len() - tag.0);
        let size32 = i32::try_from(size).map_err(|_| EncodeError::TooLong { len: size })?.cast_unsigned();
        let end = self.buf.len();
        self.uvarint(size32);
        let width = self.buf.len() - end;
        // [value][size] becomes [size][value], over the byte that was kept.
        self.buf[start..].rotate_right(width);
        self.buf.copy_within(start.., start - 1);
        self.buf.truncate(end + width - 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
