//! Single records inside a decompressed payload: borrowed, bounds-checked, never trusted.

use super::error::BatchError;
use super::header::{BatchHeader, TimestampType};
use super::varint::{read_i32, read_i64};
use crate::{Millis, Offset};

/// One record, borrowed from its payload.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its offset in the log.
    pub offset: Offset,
    /// Its offset minus the batch's base offset.
    pub offset_delta: i32,
    /// Its time; the batch's append time under log-append time.
    pub timestamp: Millis,
    /// The key, if there is one.
    pub key: Option<&'a [u8]>,
    /// The value; none is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers, in order.
    pub headers: Headers<'a>,
}

/// A record's header: a name and perhaps a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Its name.
    pub key: &'a [u8],
    /// Its value.
    pub value: Option<&'a [u8]>,
}

/// A record's headers, checked when the record was read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a> {
    left: usize,
    rest: &'a [u8],
}

impl Headers<'_> {
    /// How many are left.
    #[must_use]
    pub fn count(&self) -> usize {
        self.left
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = Header<'a>;

    fn next(&mut self) -> Option<Header<'a>> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        read_header(&mut self.rest)
    }
}

/// Walks the records of a payload; after an error it ends.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    base_offset: Offset,
    base_timestamp: Millis,
    append_time: Option<Millis>,
    count: i32,
    index: i32,
    rest: &'a [u8],
}

impl<'a> Records<'a> {
    pub(super) fn new(header: &BatchHeader, payload: &'a [u8]) -> Self {
        let append_time = match header.attributes.timestamp_type() {
            TimestampType::LogAppendTime => Some(header.max_timestamp),
            TimestampType::CreateTime => None,
        };
        Self {
            base_offset: header.base_offset,
            base_timestamp: header.base_timestamp,
            append_time,
            count: header.count.max(0),
            index: 0,
            rest: payload,
        }
    }

    /// What is left of the payload; empty after the last record of a sound batch.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    fn read_one(&mut self) -> Result<Record<'a>, &'static str> {
        let length = read_i32(&mut self.rest).ok_or("length is not a varint")?;
        let length = usize::try_from(length).map_err(|_| "length is negative")?;
        if length > self.rest.len() {
            return Err("length passes the end of the batch");
        }
        let (mut body, rest) = self.rest.split_at(length);
        self.rest = rest;
        let (_attributes, after) = body.split_first().ok_or("attributes are missing")?;
        body = after;
        let timestamp_delta = read_i64(&mut body).ok_or("timestamp delta is not a varint")?;
        let offset_delta = read_i32(&mut body).ok_or("offset delta is not a varint")?;
        let key = read_nullable(&mut body).ok_or("key passes the end of the record")?;
        let value = read_nullable(&mut body).ok_or("value passes the end of the record")?;
        let headers = read_headers(&mut body)?;
        if !body.is_empty() {
            return Err("bytes follow the last header");
        }
        Ok(Record {
            offset: Offset(self.base_offset.0.wrapping_add(i64::from(offset_delta))),
            offset_delta,
            timestamp: self
                .append_time
                .unwrap_or(Millis(self.base_timestamp.0.wrapping_add(timestamp_delta))),
            key,
            value,
            headers,
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, BatchError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.index >= self.count {
            return None;
        }
        let index = self.index;
        self.index += 1;
        let record = self.read_one();
        if record.is_err() {
            self.count = 0;
        }
        Some(record.map_err(|what| BatchError::Record { index, what }))
    }
}

#[inline]
fn read_headers<'a>(body: &mut &'a [u8]) -> Result<Headers<'a>, &'static str> {
    let left = read_i32(body).ok_or("header count is not a varint")?;
    let left = usize::try_from(left).map_err(|_| "header count is negative")?;
    let headers = Headers { left, rest: body };
    for _ in 0..left {
        read_header(body).ok_or("header passes the end of the record")?;
    }
    Ok(headers)
}

fn read_header<'a>(body: &mut &'a [u8]) -> Option<Header<'a>> {
    let key = read_nullable(body)??;
    let value = read_nullable(body)?;
    Some(Header { key, value })
}

/// The outer option is none when the bytes are unsound, the inner one for a null.
#[inline]
fn read_nullable<'a>(body: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = read_i32(body)?;
    if length < 0 {
        return (length == -1).then_some(None);
    }
    let length = usize::try_from(length).ok()?;
    if length > body.len() {
        return None;
    }
    let (field, rest) = body.split_at(length);
    *body = rest;
    Some(Some(field))
}
