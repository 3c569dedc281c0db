//! Points in time as people read them.

use hallpass_types::Timestamp;

/// Day and minute: `2027-01-15 08:00 UTC`.
#[must_use]
pub fn minute(at: Timestamp) -> String {
    let seconds = at.0.rem_euclid(86_400);
    let (hour, minute) = (
        seconds.div_euclid(3600),
        seconds.rem_euclid(3600).div_euclid(60),
    );
    format!("{} {hour:02}:{minute:02} UTC", day(at))
}

/// The day: `2027-01-15`.
#[must_use]
pub fn day(at: Timestamp) -> String {
    // Days are counted from the first of March of the year 0, so that the day that comes and goes is a year's last.
    let days = at.0.div_euclid(86_400).saturating_add(719_468);
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let leap = of_era
        .saturating_sub(of_era.div_euclid(1460))
        .saturating_add(of_era.div_euclid(36_524))
        .saturating_sub(of_era.div_euclid(146_096));
    let year_of_era = leap.div_euclid(365);
    let before = year_of_era
        .saturating_mul(365)
        .saturating_add(year_of_era.div_euclid(4))
        .saturating_sub(year_of_era.div_euclid(100));
    let of_year = of_era.saturating_sub(before);
    let shifted = of_year.saturating_mul(5).saturating_add(2).div_euclid(153);
    let month_start = shifted.saturating_mul(153).saturating_add(2).div_euclid(5);
    let day = of_year.saturating_sub(month_start).saturating_add(1);
    let month = if shifted < 10 {
        shifted.saturating_add(3)
    } else {
        shifted.saturating_sub(9)
    };
    let year = era
        .saturating_mul(400)
        .saturating_add(year_of_era)
        .saturating_add(i64::from(month <= 2));
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_709_164_800, "2024-02-29"),
            (1_798_761_599, "2026-12-31"),
            (1_798_761_600, "2027-01-01"),
            (4_107_542_400, "2100-03-01"),
            (4_107_542_399, "2100-02-28"),
        ] {
            assert_eq!(day(Timestamp(seconds)), expected, "{seconds}");
        }
        assert_eq!(minute(Timestamp(1_800_000_059)), "2027-01-15 08:00 UTC");
    }
}
