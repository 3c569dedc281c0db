//! Kinds of values that several sections use.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use hallpass_fetch::Cidr;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

/// A secret text. Prints as `[redacted]` and is wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes over a text.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The text itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Text {
            /// The usual message would repeat the value.
            fn refuse<E: Error>() -> Result<Secret, E> {
                Err(E::custom("must be a text in quotes"))
            }
        }
        impl Visitor<'_> for Text {
            type Value = Secret;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text in quotes")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret::new(text.to_owned()))
            }
            fn visit_string<E: Error>(self, text: String) -> Result<Secret, E> {
                Ok(Secret::new(text))
            }
            fn visit_bool<E: Error>(self, _: bool) -> Result<Secret, E> {
                Self::refuse()
            }
            fn visit_i64<E: Error>(self, _: i64) -> Result<Secret, E> {
                Self::refuse()
            }
            fn visit_u64<E: Error>(self, _: u64) -> Result<Secret, E> {
                Self::refuse()
            }
            fn visit_i128<E: Error>(self, _: i128) -> Result<Secret, E> {
                Self::refuse()
            }
            fn visit_u128<E: Error>(self, _: u128) -> Result<Secret, E> {
                Self::refuse()
            }
            fn visit_f64<E: Error>(self, _: f64) -> Result<Secret, E> {
                Self::refuse()
            }
        }
        deserializer.deserialize_any(Text)
    }
}

impl JsonSchema for Secret {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "writeOnly": true })
    }
}

/// A span of time: whole seconds, or a text with a unit (`"90s"`, `"10m"`, `"12h"`, `"14d"`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seconds(pub u64);

impl Seconds {
    /// As the standard library's duration.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }

    /// Reads an argument of the command line.
    ///
    /// # Errors
    /// It is no span of time.
    pub fn from_argument(text: &str) -> Result<Self, String> {
        Self::parse(text)
            .ok_or_else(|| "is no span of time such as 90s, 10m, 12h or 14d".to_owned())
    }

    fn parse(text: &str) -> Option<Self> {
        let digits = text.trim_end_matches(|character: char| character.is_ascii_alphabetic());
        let unit = match text.strip_prefix(digits)? {
            "" | "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let number: u64 = digits.parse().ok()?;
        number
            .checked_mul(unit)
            .filter(|seconds| *seconds <= LONGEST)
            .map(Self)
    }
}

/// A thousand years: far from every overflow of a timestamp.
const LONGEST: u64 = 31_557_600_000;

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, length) in [("d", 86_400), ("h", 3600), ("m", 60)] {
            if self.0 > 0 && self.0.is_multiple_of(length) {
                return write!(f, "{}{unit}", self.0.div_euclid(length));
            }
        }
        write!(f, "{}s", self.0)
    }
}

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Span;
        impl Visitor<'_> for Span {
            type Value = Seconds;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("whole seconds, or a text such as \"90s\", \"10m\", \"12h\" or \"14d\"")
            }
            fn visit_i64<E: Error>(self, seconds: i64) -> Result<Seconds, E> {
                let seconds = u64::try_from(seconds)
                    .map_err(|_| E::custom("a span of time cannot be negative"))?;
                self.visit_u64(seconds)
            }
            fn visit_u64<E: Error>(self, seconds: u64) -> Result<Seconds, E> {
                if seconds > LONGEST {
                    return Err(E::custom("longer than a thousand years"));
                }
                Ok(Seconds(seconds))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Seconds, E> {
                Seconds::parse(text)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Span)
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Seconds {
    fn schema_name() -> Cow<'static, str> {
        "Seconds".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Whole seconds, or a text with a unit: 90s, 10m, 12h, 14d.",
            "anyOf": [
                { "type": "integer", "minimum": 0, "maximum": LONGEST },
                { "type": "string", "pattern": "^[0-9]+[smhd]?$" }
            ]
        })
    }
}

/// A range of addresses: `10.0.0.0/8`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range(pub Cidr);

impl<'de> Deserialize<'de> for Range {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map(Self)
            .map_err(|error| D::Error::custom(format!("\"{text}\" is no address range: {error}")))
    }
}

impl Serialize for Range {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl JsonSchema for Range {
    fn schema_name() -> Cow<'static, str> {
        "Range".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An address range (10.0.0.0/8, fd00::/8) or one address.",
            "type": "string"
        })
    }
}

/// One address with a port, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen(pub Vec<SocketAddr>);

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fn one<E: Error>(text: &str) -> Result<SocketAddr, E> {
            text.parse().map_err(|_| {
                E::custom(format!(
                    "\"{text}\" is no IP address with a port, such as 127.0.0.1:3000"
                ))
            })
        }
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Listen;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an IP address with a port, or a list of them")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Listen, E> {
                Ok(Listen(vec![one(text)?]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Listen, A::Error> {
                let mut addresses = Vec::new();
                while let Some(text) = list.next_element::<String>()? {
                    addresses.push(one(&text)?);
                }
                if addresses.is_empty() {
                    return Err(A::Error::custom("the list is empty"));
                }
                Ok(Listen(addresses))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

impl Serialize for Listen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => serializer.collect_str(one),
            many => many.serialize(serializer),
        }
    }
}

impl JsonSchema for Listen {
    fn schema_name() -> Cow<'static, str> {
        "Listen".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "An IP address with a port (port 0: any free one), or a list of them.",
            "anyOf": [
                { "type": "string" },
                { "type": "array", "minItems": 1, "items": { "type": "string" } }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct One<T> {
        x: T,
    }

    fn seconds(text: &str) -> Result<u64, String> {
        toml::from_str::<One<Seconds>>(text)
            .map(|one| one.x.0)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_span_of_time_is_seconds_or_a_number_with_a_unit() {
        let cases = [
            ("0", 0),
            ("60", 60),
            ("\"90\"", 90),
            ("\"90s\"", 90),
            ("\"10m\"", 600),
        ];
        for (text, expected) in cases
            .into_iter()
            .chain([("\"12h\"", 43_200), ("\"14d\"", 1_209_600)])
        {
            assert_eq!(seconds(&format!("x = {text}")), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_span_of_time_in_another_form_is_refused() {
        let cases = [
            "-1", "1.5", "true", "\"\"", "\"m\"", "\"-1m\"", "\"+1m\"", "\"1 m\"", "\"1y\"",
            "\"1M\"",
        ];
        for text in cases.into_iter().chain([
            "\"1h30m\"",
            "\"99999999999999999999\"",
            "\"9999999999d\"",
            "99999999999999",
        ]) {
            assert!(seconds(&format!("x = {text}")).is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_of_time_prints_in_its_largest_whole_unit() {
        for (seconds, text) in [
            (0, "0s"),
            (61, "61s"),
            (600, "10m"),
            (7200, "2h"),
            (1_209_600, "14d"),
        ] {
            assert_eq!(Seconds(seconds).to_string(), text);
        }
    }

    #[test]
    fn a_secret_of_a_wrong_type_is_not_repeated() {
        for text in [
            "1234567",
            "-7",
            "1.25",
            "true",
            "1979-05-27",
            "[\"abcdefg\"]",
            "{ a = \"abcdefg\" }",
        ] {
            let error = toml::from_str::<One<Secret>>(&format!("x = {text}")).unwrap_err();
            for leaked in ["1234567", "-7", "1.25", "1979", "abcdefg"] {
                assert!(!error.message().contains(leaked), "{}", error.message());
            }
        }
    }

    #[test]
    fn a_secret_does_not_print() {
        assert_eq!(
            format!("{:?}", Secret::new("hush".to_owned())),
            "[redacted]"
        );
    }
}
