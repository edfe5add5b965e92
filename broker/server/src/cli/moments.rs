//! Times and spans of time as people write them, and times as they read them. Pure: now is an argument.

mod calendar;

use std::time::Duration;

use calendar::{civil_from_days, days_from_civil, days_in_month};
use weir_model::{DurationMs, Millis};

const DAY_MS: i64 = 86_400_000;

/// `500ms`, `90s`, `5m`, `1h30m`, `7d`; for clap.
pub(super) fn parse_span(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a span of time such as 500ms, 90s, 5m, 1h30m or 7d");
    let mut rest = text;
    let mut total: u64 = 0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let unit_end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => DAY_MS as u64,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let part = number.checked_mul(unit_ms).ok_or_else(wrong)?;
        total = total.checked_add(part).filter(|ms| *ms <= i64::MAX as u64 / 4).ok_or_else(wrong)?;
        rest = after;
    }
    Ok(Duration::from_millis(total))
}

/// A time: a span before now (`5m`, `2h`), `now`, a date or date and time (UTC unless it says otherwise), or
/// milliseconds since 1970.
pub(super) fn parse_moment(text: &str, now: Millis) -> Result<Millis, String> {
    let wrong = || {
        format!(
            "{text:?} is not a time: write 2026-01-31, 2026-01-31T12:00:00Z, a span before now such as 15m, or \
             milliseconds since 1970"
        )
    };
    if text == "now" {
        return Ok(now);
    }
    if text.bytes().all(|b| b.is_ascii_digit()) && !text.is_empty() {
        return text.parse().map(Millis).map_err(|_| wrong());
    }
    if let Ok(span) = parse_span(text) {
        let span = i64::try_from(span.as_millis()).map_err(|_| wrong())?;
        return Ok(now - DurationMs(span));
    }
    parse_date_time(text).ok_or_else(wrong)
}

/// As a person reads it: `2026-01-31T12:00:00.000Z`, or a dash for no time.
pub(super) fn render(time: Millis) -> String {
    if time.0 < 0 {
        return "-".into();
    }
    let (day, ms) = (time.0.div_euclid(DAY_MS), time.0.rem_euclid(DAY_MS));
    let (year, month, day) = civil_from_days(day);
    let (hour, minute, second, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// `date`, `dateTtime`, with seconds, fraction and zone optional.
fn parse_date_time(text: &str) -> Option<Millis> {
    let (date, time) = match text.split_once(['T', ' ']) {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4)?;
    let month = number(parts.next()?, 2).filter(|m| (1..=12).contains(m))?;
    let day = number(parts.next()?, 2).filter(|d| (1..=days_in_month(year, month)).contains(d))?;
    if parts.next().is_some() {
        return None;
    }
    let midnight = days_from_civil(year, month, day).checked_mul(DAY_MS)?;
    let within = time.map_or(Some(0), parse_time)?;
    Some(Millis(midnight + within))
}

/// Milliseconds since midnight UTC; may leave the day by the zone.
fn parse_time(text: &str) -> Option<i64> {
    let (clock, zone_ms) = split_zone(text)?;
    let (clock, fraction) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, fraction),
        None => (clock, ""),
    };
    let mut parts = clock.split(':');
    let hour = number(parts.next()?, 2).filter(|h| *h < 24)?;
    let minute = number(parts.next()?, 2).filter(|m| *m < 60)?;
    let second = match parts.next() {
        Some(second) => number(second, 2).filter(|s| *s < 60)?,
        None => 0,
    };
    if parts.next().is_some() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let ms: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(((hour * 60 + minute) * 60 + second) * 1_000 + ms - zone_ms)
}

fn split_zone(text: &str) -> Option<(&str, i64)> {
    if let Some(clock) = text.strip_suffix(['Z', 'z']) {
        return Some((clock, 0));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, 0)) };
    let (clock, zone) = text.split_at(at);
    let (hour, minute) = zone[1..].split_once(':').unwrap_or((&zone[1..], "00"));
    let hour = number(hour, 2).filter(|h| *h < 24)?;
    let minute = number(minute, 2).filter(|m| *m < 60)?;
    let ms = (hour * 60 + minute) * 60_000;
    Some((clock, if zone.starts_with('-') { -ms } else { ms }))
}

fn number(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests;
