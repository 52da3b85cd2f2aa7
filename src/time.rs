//! Points in time and spans, in milliseconds. Nothing here reads a clock: time is passed in.

use std::fmt;
use std::ops::{Add, Sub};

use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01 UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

/// A span of time in milliseconds, never negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(i64);

impl Span {
    pub const ZERO: Self = Self(0);

    pub const fn seconds(seconds: i64) -> Self {
        Self::millis(seconds.saturating_mul(1_000))
    }

    pub const fn minutes(minutes: i64) -> Self {
        Self::seconds(minutes.saturating_mul(60))
    }

    pub const fn hours(hours: i64) -> Self {
        Self::minutes(hours.saturating_mul(60))
    }

    pub const fn days(days: i64) -> Self {
        Self::hours(days.saturating_mul(24))
    }

    pub const fn millis(millis: i64) -> Self {
        Self(if millis < 0 { 0 } else { millis })
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    pub const fn as_seconds(self) -> u64 {
        self.0.unsigned_abs() / 1_000
    }

    /// `90 s`, `5 min`, `2 h`: in the largest unit that it is a whole number of, from two on.
    pub fn in_words(self) -> String {
        let seconds = self.as_seconds();
        match (seconds / 3_600, seconds % 3_600, seconds / 60, seconds % 60) {
            (hours @ 2.., 0, ..) => format!("{hours} h"),
            (.., minutes @ 2.., 0) => format!("{minutes} min"),
            _ => format!("{seconds} s"),
        }
    }

    /// What is left of it; zero when nothing is.
    pub const fn minus(self, other: Self) -> Self {
        Self::millis(self.0 - other.0)
    }

    /// `self * 2^doublings`, but not more than `most`.
    pub fn doubled(self, doublings: u32, most: Span) -> Self {
        self.grown(2.0, doublings, most)
    }

    /// `self * factor^times`, but not more than `most`.
    pub fn grown(self, factor: f64, times: u32, most: Span) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_precision_loss,
            reason = "rounded; a cast from a float too large stops at the largest integer"
        )]
        let grown = (self.0 as f64 * factor.powi(i32::try_from(times).unwrap_or(i32::MAX))) as i64;
        Self::millis(grown).min(most)
    }

    /// Lengthened by up to a quarter. `chance` is in `0.0..1.0`.
    ///
    /// Jitter only lengthens: what a server asked us to wait is a minimum.
    pub fn with_jitter(self, chance: f64) -> Self {
        Self(self.0.saturating_add(self.part(0.25 * chance).0))
    }

    /// `share` is in `0.0..=1.0`.
    pub fn part(self, share: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a part of a span, rounded")]
        let part = (self.0 as f64 * share.clamp(0.0, 1.0)) as i64;
        Self(part)
    }
}

impl Millis {
    /// So long before.
    pub const fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// Days since 1970.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(Span::days(1).as_millis())
    }

    /// The first moment of a day.
    pub const fn of_day(day: i64) -> Self {
        Self(day.saturating_mul(Span::days(1).as_millis()))
    }

    /// `2026-11-23T15:04:05Z`.
    pub fn to_rfc3339(self) -> String {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// `2026-11-23 15:04:05 UTC`: for people.
    pub fn in_words(self) -> String {
        let time = self.to_rfc3339();
        let (date, clock) = (time.get(..10).unwrap_or_default(), time.get(11..19).unwrap_or_default());
        format!("{date} {clock} UTC")
    }

    /// `2026-11-23T15:04:05Z`, or with another offset.
    pub fn from_rfc3339(time: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(time).ok().map(|t| Self(t.timestamp_millis()))
    }

    /// An HTTP `Date` header, e.g. `Mon, 23 Nov 2026 15:04:05 GMT`.
    pub fn from_http_date(date: &str) -> Option<Self> {
        DateTime::parse_from_rfc2822(date).ok().map(|t| Self(t.timestamp_millis()))
    }
}

/// For what is shown to people and programs: RFC 3339 text instead of milliseconds.
pub mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Millis;

    pub fn serialize<S: Serializer>(time: &Millis, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&time.to_rfc3339())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
        let text = String::deserialize(deserializer)?;
        Millis::from_rfc3339(&text).ok_or_else(|| D::Error::custom("not a time"))
    }

    pub mod optional {
        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        use crate::time::Millis;

        #[derive(Serialize, Deserialize)]
        struct Time(#[serde(with = "super")] Millis);

        pub fn serialize<S: Serializer>(time: &Option<Millis>, serializer: S) -> Result<S::Ok, S::Error> {
            time.map(Time).serialize(serializer)
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Millis>, D::Error> {
            Ok(Option::deserialize(deserializer)?.map(|Time(time)| time))
        }
    }
}

impl Add<Span> for Millis {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub for Millis {
    type Output = Span;

    /// Zero when `earlier` is the later one: clocks go back now and then.
    fn sub(self, earlier: Self) -> Span {
        Span::millis(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_rfc3339())
    }
}

impl fmt::Display for Span {
    /// The largest whole unit: `90s`, `5m`, `2h`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 / 1_000 {
            s if s >= 3_600 && s % 3_600 == 0 => write!(f, "{}h", s / 3_600),
            s if s >= 60 && s % 60 == 0 => write!(f, "{}m", s / 60),
            s => write!(f, "{s}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        assert_eq!(Millis(1_795_446_245_999).to_rfc3339(), "2026-11-23T15:04:05Z");
        assert_eq!(Millis(1_795_446_245_999).in_words(), "2026-11-23 15:04:05 UTC");
        assert_eq!(Millis::from_http_date("Mon, 23 Nov 2026 15:04:05 GMT"), Some(Millis(1_795_446_245_000)));
        assert_eq!(Millis::from_http_date("yesterday"), None);
        assert_eq!(Span::seconds(90).to_string(), "90s");
        assert_eq!(Span::minutes(120).to_string(), "2h");
    }

    #[test]
    fn backoff_is_bounded_and_jitter_only_lengthens() {
        assert_eq!(Span::seconds(5).doubled(3, Span::minutes(15)), Span::seconds(40));
        assert_eq!(Span::seconds(5).doubled(u32::MAX, Span::minutes(15)), Span::minutes(15));
        assert_eq!(Span::seconds(5).grown(2.0, 3, Span::minutes(15)), Span::seconds(40));
        assert_eq!(Span::seconds(5).grown(1.5, 0, Span::minutes(15)), Span::seconds(5));
        assert_eq!(Span::seconds(5).grown(10.0, u32::MAX, Span::minutes(15)), Span::minutes(15));
        assert_eq!(Span::seconds(8).with_jitter(0.0), Span::seconds(8));
        assert_eq!(Span::seconds(8).with_jitter(1.0), Span::seconds(10));
    }
}
