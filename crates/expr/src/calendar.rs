//! The proleptic Gregorian calendar over the whole range of `i64` microseconds.
//!
//! The conversions are Howard Hinnant's `days_from_civil` and `civil_from_days` ("chrono-compatible low-level date
//! algorithms"): eras of 400 years, years that begin in March. Years are astronomical: year 0 is 1 BC.

use headrace_core::time::Micros;

pub(crate) const MICROS_PER_SECOND: i64 = 1_000_000;
pub(crate) const MICROS_PER_MINUTE: i64 = 60 * MICROS_PER_SECOND;
pub(crate) const MICROS_PER_HOUR: i64 = 60 * MICROS_PER_MINUTE;
pub(crate) const MICROS_PER_DAY: i64 = 24 * MICROS_PER_HOUR;

const DAYS_PER_ERA: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_OFFSET: i64 = 719_468;

/// A date by its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Civil {
    pub year: i64,
    /// 1–12.
    pub month: i64,
    /// 1–31.
    pub day: i64,
}

/// The date that is so many days after 1970-01-01.
pub(crate) fn civil_from_days(days: i64) -> Civil {
    let shifted = days + EPOCH_OFFSET;
    let (era, day_of_era) = (shifted.div_euclid(DAYS_PER_ERA), shifted.rem_euclid(DAYS_PER_ERA));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    Civil { year: year_of_era + era * 400 + i64::from(month <= 2), month, day }
}

/// Days since 1970-01-01; `None` for a date that does not exist or whose year has more than nine digits.
pub(crate) fn days_from_civil(Civil { year, month, day }: Civil) -> Option<i64> {
    if year.abs() > 999_999_999 || !(1..=12).contains(&month) || !(1..=days_in_month(year, month)).contains(&day) {
        return None;
    }
    let year = year - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * DAYS_PER_ERA + day_of_era - EPOCH_OFFSET)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Whole days since 1970-01-01, rounded down, and the microseconds into that day.
pub(crate) fn split(time: Micros) -> (i64, i64) {
    (time.div_euclid(MICROS_PER_DAY), time.rem_euclid(MICROS_PER_DAY))
}

/// Monday 1 to Sunday 7; 1970-01-01 was a Thursday.
pub(crate) fn iso_weekday(days: i64) -> i64 {
    (days + 3).rem_euclid(7) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        for (days, year, month, day, weekday) in [
            (0, 1970, 1, 1, 4),
            (-1, 1969, 12, 31, 3),
            (11_016, 2000, 2, 29, 2),
            (11_017, 2000, 3, 1, 3),
            (-719_162, 1, 1, 1, 1),
            (-719_528, 0, 1, 1, 6),
            (106_751_991, 294_247, 1, 10, 7),
        ] {
            assert_eq!(civil_from_days(days), Civil { year, month, day });
            assert_eq!(days_from_civil(Civil { year, month, day }), Some(days));
            assert_eq!(iso_weekday(days), weekday, "{year}-{month}-{day}");
        }
    }

    #[test]
    fn every_day_of_eight_centuries_follows_the_one_before() {
        let mut last = civil_from_days(-400_000);
        for days in -399_999..400_000 {
            let date = civil_from_days(days);
            let next_day = Civil { day: last.day + 1, ..last };
            let next_month = Civil { month: last.month + 1, day: 1, ..last };
            let next_year = Civil { year: last.year + 1, month: 1, day: 1 };
            let expected = [next_day, next_month, next_year].into_iter().find(|date| days_from_civil(*date).is_some());
            assert_eq!(Some(date), expected);
            assert_eq!(days_from_civil(date), Some(days));
            last = date;
        }
    }

    #[test]
    fn dates_that_do_not_exist() {
        for (year, month, day) in
            [(2001, 2, 29), (1900, 2, 29), (2001, 4, 31), (2001, 13, 1), (2001, 0, 1), (2001, 1, 0)]
        {
            assert_eq!(days_from_civil(Civil { year, month, day }), None, "{year}-{month}-{day}");
        }
        assert_eq!(days_from_civil(Civil { year: i64::MAX, month: 1, day: 1 }), None);
    }

    #[test]
    fn the_ends_of_the_range_split() {
        for time in [i64::MIN, -1, 0, i64::MAX] {
            let (days, micros) = split(time);
            assert_eq!(i128::from(days) * i128::from(MICROS_PER_DAY) + i128::from(micros), i128::from(time));
            assert_eq!(days_from_civil(civil_from_days(days)), Some(days));
        }
    }
}
