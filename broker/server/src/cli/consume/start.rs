//! Where reading begins. Pure: what stands in the log is given.

use std::str::FromStr;

use weir_model::{Millis, Offset};

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    Earliest,
    Latest,
    At(Offset),
    /// The last so many of each partition.
    Last(i64),
    Time(Millis),
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "earliest" | "beginning" => return Ok(Self::Earliest),
            "latest" | "end" => return Ok(Self::Latest),
            _ => {}
        }
        let wrong = || "write earliest, latest, an offset such as 42, or -10 for the last ten".to_owned();
        let (number, last) = text.strip_prefix('-').map_or((text, false), |rest| (rest, true));
        if !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let number = number.parse::<i64>().map_err(|_| wrong())?;
        Ok(if last { Self::Last(number) } else { Self::At(Offset(number)) })
    }
}

/// The offset to begin at in a partition from `first` to `end`.
pub(super) fn first_offset(start: Start, first: Offset, end: Offset, at_time: Option<Offset>) -> Offset {
    match start {
        Start::Earliest => first,
        Start::Latest => end,
        Start::At(offset) => offset.max(first).min(end),
        Start::Last(count) => Offset(end.0.saturating_sub(count)).max(first),
        Start::Time(_) => at_time.unwrap_or(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_words_or_numbers() {
        let cases = [
            ("earliest", Start::Earliest),
            ("end", Start::Latest),
            ("0", Start::At(Offset(0))),
            ("42", Start::At(Offset(42))),
            ("-10", Start::Last(10)),
        ];
        for (text, start) in cases {
            assert_eq!(text.parse(), Ok(start), "{text}");
        }
        for bad in ["", "-", "x", "1x", "--1", "+1", "99999999999999999999"] {
            assert!(bad.parse::<Start>().is_err(), "{bad}");
        }
    }

    #[test]
    fn reading_begins_inside_of_the_log() {
        let cases = [
            (Start::Earliest, None, 10),
            (Start::Latest, None, 20),
            (Start::At(Offset(15)), None, 15),
            (Start::At(Offset(5)), None, 10),
            (Start::At(Offset(25)), None, 20),
            (Start::Last(3), None, 17),
            (Start::Last(300), None, 10),
            (Start::Time(Millis(0)), Some(12), 12),
            (Start::Time(Millis(0)), None, 20),
        ];
        for (start, at_time, expected) in cases {
            let found = first_offset(start, Offset(10), Offset(20), at_time.map(Offset));
            assert_eq!(found, Offset(expected), "{start:?}");
        }
    }
}
