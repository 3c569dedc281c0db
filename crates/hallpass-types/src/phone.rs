//! Telephone numbers.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// A telephone number with its country, as it is dialled from everywhere (E.164): `+` and 8 to 15 digits, which do not begin
/// with 0. Prints without the number.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PhoneNumber(Box<str>);

/// The text is no number of that form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPhone;

impl fmt::Display for InvalidPhone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a telephone number with its country such as +49 151 12345678")
    }
}

impl std::error::Error for InvalidPhone {}

impl PhoneNumber {
    /// Reads a number as a person types it: `00` may stand for `+`, and spaces, dashes, dots, slashes and brackets are dropped.
    ///
    /// # Errors
    /// [`InvalidPhone`]
    pub fn parse(typed: &str) -> Result<Self, InvalidPhone> {
        let dropped = |c: &char| !c.is_whitespace() && !matches!(c, '-' | '.' | '/' | '(' | ')');
        let plain: String = typed.chars().take(64).filter(dropped).collect();
        let digits = plain
            .strip_prefix('+')
            .or_else(|| plain.strip_prefix("00"))
            .ok_or(InvalidPhone)?;
        let fits = (8..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        if !fits || typed.chars().count() > 64 {
            return Err(InvalidPhone);
        }
        Ok(Self(format!("+{digits}").into()))
    }

    /// The number as it is dialled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Enough of it for its owner to know it by: its last two digits.
    #[must_use]
    pub fn masked(&self) -> String {
        let last = self.0.len().saturating_sub(2);
        format!("•••{}", self.0.get(last..).unwrap_or_default())
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber")
    }
}

impl<'de> Deserialize<'de> for PhoneNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_however_it_is_typed() {
        for typed in [
            "+4915112345678",
            " +49 151 1234-5678 ",
            "0049 (151) 12345678",
            "+49.151/12345678",
        ] {
            let number = PhoneNumber::parse(typed).unwrap();
            assert_eq!(number.as_str(), "+4915112345678", "{typed}");
        }
    }

    #[test]
    fn what_cannot_be_dialled_from_everywhere_is_no_number() {
        let long = format!("+49{}", " ".repeat(80));
        for typed in [
            "",
            "+",
            "015112345678",
            "+0151123456",
            "+491511",
            "+4915112345678901",
            "+49151123456x",
            "+49+15112345678",
            "+49151\r\n12345678,+1",
            "+٤٩١٥١١٢٣٤٥٦٧",
            "tel:+4915112345678",
            &long,
        ] {
            assert_eq!(PhoneNumber::parse(typed), Err(InvalidPhone), "{typed}");
        }
    }

    #[test]
    fn a_number_is_neither_printed_nor_shown_whole() {
        let number = PhoneNumber::parse("+4915112345678").unwrap();
        assert!(!format!("{number:?}").contains("1234"));
        assert_eq!(number.masked(), "•••78");
    }
}
