//! Typed access to claims, [RFC 7519 section 4](https://www.rfc-editor.org/rfc/rfc7519#section-4).

use serde_json::{Map, Value};

use crate::json::{self, JsonError};

/// The claims of a verified token.
///
/// A getter never takes a claim of the wrong type for an absent one.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

/// A claim has another JSON type than its definition demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the claim has the wrong type")]
pub struct ClaimError;

impl Claims {
    /// Parses a JSON object strictly; at most sixteen levels deep.
    ///
    /// # Errors
    /// Syntax, duplicate members, depth, or another kind of value.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        json::parse_object(bytes, MAX_DEPTH).map(Self)
    }

    /// A string claim, or `None` if it is absent.
    ///
    /// # Errors
    /// If it is present and not a string; `null` is not a string.
    pub fn str(&self, name: &str) -> Result<Option<&str>, ClaimError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(ClaimError),
        }
    }

    /// A boolean claim, or `None` if it is absent.
    ///
    /// # Errors
    /// If it is present and not a boolean.
    pub fn bool(&self, name: &str) -> Result<Option<bool>, ClaimError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(_) => Err(ClaimError),
        }
    }

    /// An object claim, or `None` if it is absent.
    ///
    /// # Errors
    /// If it is present and not an object.
    pub fn object(&self, name: &str) -> Result<Option<&Map<String, Value>>, ClaimError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(_) => Err(ClaimError),
        }
    }

    /// A time in seconds since the epoch, or `None` if it is absent; fractions are rounded down.
    ///
    /// # Errors
    /// If it is present and not a number, or is beyond the year 9999.
    //= RFC7519#2 MUST: a NumericDate is a JSON number, which may have a fraction
    pub fn int_seconds(&self, name: &str) -> Result<Option<i64>, ClaimError> {
        let Some(value) = self.0.get(name) else {
            return Ok(None);
        };
        let Value::Number(number) = value else {
            return Err(ClaimError);
        };
        let seconds = match number.as_i64() {
            Some(seconds) => seconds,
            None => whole_seconds(number.as_f64().ok_or(ClaimError)?)?,
        };
        if seconds.unsigned_abs() > MAX_SECONDS.unsigned_abs() {
            return Err(ClaimError);
        }
        Ok(Some(seconds))
    }

    /// The audiences: one string or an array of strings; empty if `aud` is absent.
    ///
    /// # Errors
    /// If `aud` is anything else.
    //= RFC7519#4.1.3 MUST: `aud` is one string or an array of strings
    pub fn audience(&self) -> Result<Vec<&str>, ClaimError> {
        match self.0.get("aud") {
            None => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text]),
            Some(Value::Array(values)) => strings(values),
            Some(_) => Err(ClaimError),
        }
    }

    /// An array of strings, or `None` if it is absent.
    ///
    /// # Errors
    /// If it is present and anything else.
    pub fn strings(&self, name: &str) -> Result<Option<Vec<&str>>, ClaimError> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Array(values)) => strings(values).map(Some),
            Some(_) => Err(ClaimError),
        }
    }

    /// A claim of any type.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// All claims.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// All claims, by value.
    #[must_use]
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

fn strings(values: &[Value]) -> Result<Vec<&str>, ClaimError> {
    values
        .iter()
        .map(|value| value.as_str().ok_or(ClaimError))
        .collect()
}

fn whole_seconds(value: f64) -> Result<i64, ClaimError> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "the bound has far fewer bits than a double's fraction"
    )]
    let limit = MAX_SECONDS as f64;
    let floor = value.floor();
    if floor.is_nan() || floor.abs() > limit {
        return Err(ClaimError);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the value is whole and within bounds"
    )]
    Ok(floor as i64)
}

const MAX_DEPTH: u8 = 16;

/// The end of the year 9999.
const MAX_SECONDS: i64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Claims {
        Claims::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_wrong_type_is_an_error_and_not_absence() {
        for value in ["1", "null", "true", "[\"x\"]", "{}", "1.5"] {
            let claims = claims(&format!(r#"{{"iss":{value}}}"#));
            assert_eq!(claims.str("iss"), Err(ClaimError), "{value}");
            assert_eq!(claims.str("sub"), Ok(None));
        }
        assert_eq!(claims(r#"{"iss":"x"}"#).str("iss"), Ok(Some("x")));
        assert!(claims(r#"{"x":"true"}"#).bool("x").is_err());
        assert!(claims(r#"{"x":[]}"#).object("x").is_err());
        assert!(claims(r#"{"x":"a b"}"#).strings("x").is_err());
    }

    //= test RFC7519#2 a NumericDate is a JSON number, which may have a fraction
    #[test]
    fn times_are_numbers_and_fractions_round_down() {
        let cases = [
            ("0", 0),
            ("1700000000", 1_700_000_000),
            ("1700000000.999", 1_700_000_000),
            ("1.7e9", 1_700_000_000),
            ("-1.5", -2),
            ("-0.0", 0),
            ("253402300799", MAX_SECONDS),
        ];
        for (text, seconds) in cases {
            let claims = claims(&format!(r#"{{"exp":{text}}}"#));
            assert_eq!(claims.int_seconds("exp"), Ok(Some(seconds)), "{text}");
        }
        for text in [
            "\"1700000000\"",
            "null",
            "true",
            "[1]",
            "1e300",
            "-1e300",
            "253402300800",
            "9223372036854775808",
            "18446744073709551615",
            "-9223372036854775808",
        ] {
            let claims = claims(&format!(r#"{{"exp":{text}}}"#));
            assert_eq!(claims.int_seconds("exp"), Err(ClaimError), "{text}");
        }
    }

    //= test RFC7519#4.1.3 `aud` is one string or an array of strings
    #[test]
    fn an_audience_is_a_string_or_an_array_of_strings() {
        assert_eq!(claims("{}").audience(), Ok(vec![]));
        assert_eq!(claims(r#"{"aud":"a"}"#).audience(), Ok(vec!["a"]));
        assert_eq!(
            claims(r#"{"aud":["a","b"]}"#).audience(),
            Ok(vec!["a", "b"])
        );
        for bad in [r#"["a",null]"#, r#"["a",["b"]]"#, "{}", "null", "1", "[1]"] {
            let claims = claims(&format!(r#"{{"aud":{bad}}}"#));
            assert_eq!(claims.audience(), Err(ClaimError), "{bad}");
        }
    }
}
