//! A moment on the command line.

use std::str::FromStr;

use hallpass_types::Timestamp;

/// A moment: now, or one that is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third kind")]
pub enum Moment {
    /// When the command runs.
    Now,
    /// This one.
    At(Timestamp),
}

impl Moment {
    /// The time that it is.
    #[must_use]
    pub const fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Now => now,
            Self::At(at) => at,
        }
    }
}

impl FromStr for Moment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "now" {
            return Ok(Self::Now);
        }
        let seconds = if text.bytes().all(|b| b.is_ascii_digit()) {
            text.parse().ok().filter(|seconds| *seconds <= LAST)
        } else {
            date(text)
        };
        let seconds = seconds.ok_or("is no time such as 2026-11-29T22:00:00Z or 1795989600")?;
        Ok(Self::At(Timestamp(seconds)))
    }
}

/// `2026-11-29T22:00:00Z`, RFC 3339 §5.6 in UTC and whole seconds.
fn date(text: &str) -> Option<i64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let most = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    let sound = (1970..=9999).contains(&year) && (1..=most).contains(&day);
    if !sound || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since 1970, with years that begin in March.
    let (year, month) = if month > 2 {
        (year, month.checked_sub(3)?)
    } else {
        (year.checked_sub(1)?, month.checked_add(9)?)
    };
    let leaps = year.div_euclid(4).checked_sub(year.div_euclid(100))?;
    let leaps = leaps.checked_add(year.div_euclid(400))?;
    let of_years = year.checked_mul(365)?.checked_add(leaps)?;
    let of_months = month.checked_mul(153)?.checked_add(2)?.div_euclid(5);
    let days = of_years
        .checked_add(of_months)?
        .checked_add(day)?
        .checked_sub(719_469)?;
    let seconds = days
        .checked_mul(86_400)?
        .checked_add(hour.checked_mul(3600)?)?;
    seconds
        .checked_add(minute.checked_mul(60)?)?
        .checked_add(second)
}

fn numbers<const N: usize>(text: &str, between: char, lengths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(between);
    let mut found = [0; N];
    for (place, length) in found.iter_mut().zip(lengths) {
        let part = parts.next().filter(|part| part.len() == length)?;
        if !part.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        *place = part.parse().ok()?;
    }
    parts.next().is_none().then_some(found)
}

/// The end of the year 9999.
const LAST: i64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_they_are_written() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2000-03-01T00:00:00Z", 951_868_800),
            ("2026-11-29T22:00:00Z", 1_795_989_600),
            ("1795989600", 1_795_989_600),
            ("9999-12-31T23:59:59Z", LAST),
        ] {
            let expected = Moment::At(Timestamp(expected));
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        assert_eq!("now".parse(), Ok(Moment::Now));
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "yesterday",
            "-1",
            "99999999999999999999",
            "999999999999",
            "2026-11-29",
            "2026-11-29T22:00:00",
            "2026-11-29T22:00:00+01:00",
            "2026-11-29 22:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-00-10T00:00:00Z",
            "2026-11-31T00:00:00Z",
            "2026-11-29T24:00:00Z",
            "2026-11-29T22:60:00Z",
            "26-11-29T22:00:00Z",
            "2026-11-29T22:00:00:00Z",
            "2026-1 -29T22:00:00Z",
        ] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
    }
}
