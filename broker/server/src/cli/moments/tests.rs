use super::*;

#[test]
fn spans_are_sums_of_numbers_with_units() {
    let cases = [
        ("500ms", 500),
        ("90s", 90_000),
        ("5m", 300_000),
        ("1h30m", 5_400_000),
        ("7d", 604_800_000),
        ("0s", 0),
    ];
    for (text, ms) in cases {
        assert_eq!(parse_span(text), Ok(Duration::from_millis(ms)), "{text}");
    }
    for bad in ["", "5", "m", "5x", "-5m", "5 m", "1h30", "99999999999999999999s", "99999999999999999d"] {
        assert!(parse_span(bad).is_err(), "{bad}");
    }
}

#[test]
fn moments_are_dates_spans_before_now_or_milliseconds() {
    let now = Millis(1_800_000_000_000);
    let cases = [
        ("now", 1_800_000_000_000),
        ("15m", 1_799_999_100_000),
        ("1700000000123", 1_700_000_000_123),
        ("1970-01-01", 0),
        ("2026-01-31", 1_769_817_600_000),
        ("2026-01-31T12:00", 1_769_860_800_000),
        ("2026-01-31 12:00:30", 1_769_860_830_000),
        ("2026-01-31T12:00:30.25Z", 1_769_860_830_250),
        ("2026-01-31T12:00:30.123456789Z", 1_769_860_830_123),
        ("2026-01-31T12:00:00+01:00", 1_769_857_200_000),
        ("2026-01-31T12:00:00-0530", -1),
        ("2026-01-31T12:00:00-05:30", 1_769_880_600_000),
        ("2024-02-29", 1_709_164_800_000),
    ];
    for (text, ms) in cases {
        let parsed = parse_moment(text, now);
        if ms < 0 {
            assert!(parsed.is_err(), "{text}");
        } else {
            assert_eq!(parsed, Ok(Millis(ms)), "{text}");
        }
    }
    for bad in [
        "",
        "yesterday",
        "2026-02-29",
        "2026-13-01",
        "2026-1-1",
        "2026-01-31T25:00",
        "2026-01-31T12",
        "2026-01-31T",
    ] {
        assert!(parse_moment(bad, now).is_err(), "{bad}");
    }
}

#[test]
fn moments_are_rendered_as_they_are_parsed() {
    for ms in [0, 1_769_860_830_250, 253_402_300_799_999] {
        assert_eq!(parse_moment(&render(Millis(ms)), Millis(0)), Ok(Millis(ms)));
    }
    assert_eq!(render(Millis(1_769_860_830_250)), "2026-01-31T12:00:30.250Z");
    assert_eq!(render(Millis(-1)), "-");
}
