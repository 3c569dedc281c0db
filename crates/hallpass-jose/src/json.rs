//! Strict JSON: no duplicate members, bounded depth.
//!
//! `serde_json` already refuses a byte order mark, invalid UTF-8, lone surrogates, trailing
//! bytes and numbers outside the range of a double; this module adds the rest.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Why JSON was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Not JSON, or not UTF-8.
    #[error("not valid JSON")]
    Syntax,
    /// A member name occurs twice in one object.
    #[error("a member name occurs twice")]
    Duplicate,
    /// Objects or arrays are nested too deeply.
    #[error("nested too deeply")]
    Depth,
    /// The outermost value is not an object.
    #[error("not an object")]
    NotObject,
}

/// Parses one JSON value of at most `max_depth` nested objects and arrays.
///
/// # Errors
/// Syntax, duplicate members, depth.
pub fn parse(bytes: &[u8], max_depth: u8) -> Result<Value, JsonError> {
    //= RFC7515#4 MUST: header parameter names are unique; duplicates are refused
    //= RFC7519#4 MUST: claim names are unique; duplicates are refused
    let reason = Cell::new(JsonError::Syntax);
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let seed = Strict {
        depth: max_depth,
        reason: &reason,
    };
    let value = seed
        .deserialize(&mut deserializer)
        .map_err(|_| reason.get())?;
    deserializer.end().map_err(|_| JsonError::Syntax)?;
    Ok(value)
}

/// Parses one JSON object of at most `max_depth` levels, itself included.
///
/// # Errors
/// Syntax, duplicate members, depth, or another kind of value.
pub fn parse_object(bytes: &[u8], max_depth: u8) -> Result<Map<String, Value>, JsonError> {
    match parse(bytes, max_depth)? {
        Value::Object(map) => Ok(map),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(JsonError::NotObject)
        }
    }
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: u8,
    reason: &'a Cell<JsonError>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        match self.depth.checked_sub(1) {
            Some(depth) => Ok(Self { depth, ..self }),
            None => Err(self.refuse(JsonError::Depth)),
        }
    }

    fn refuse<E: serde::de::Error>(self, reason: JsonError) -> E {
        self.reason.set(reason);
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut values = Vec::new();
        while let Some(value) = seq.next_element_seed(seed)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let seed = self.deeper()?;
        let mut map = Map::new();
        while let Some(name) = access.next_key::<String>()? {
            if map.contains_key(&name) {
                return Err(self.refuse(JsonError::Duplicate));
            }
            let value = access.next_value_seed(seed)?;
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_survive() {
        let text = r#"{"a":[1,-2,3.5,true,false,null,"x\u00e9"],"b":{"c":{}}}"#;
        assert_eq!(
            parse(text.as_bytes(), 4).unwrap(),
            serde_json::from_str::<Value>(text).unwrap()
        );
    }

    //= test RFC7515#4 header parameter names are unique; duplicates are refused
    //= test RFC7519#4 claim names are unique; duplicates are refused
    #[test]
    fn duplicate_members_are_refused_at_every_level() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"b":{"a":1,"a":2}}"#,
            r#"[{"a":1,"\u0061":2}]"#,
        ] {
            assert_eq!(
                parse(text.as_bytes(), 9),
                Err(JsonError::Duplicate),
                "{text}"
            );
        }
        assert!(parse(br#"{"a":{"a":1},"A":1}"#, 9).is_ok());
    }

    #[test]
    fn depth_is_bounded() {
        assert!(parse(b"[[[1]]]", 3).is_ok());
        assert_eq!(parse(b"[[[[1]]]]", 3), Err(JsonError::Depth));
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        assert_eq!(parse(&deep, 16), Err(JsonError::Depth));
        assert!(parse(&deep, 255).is_err());
    }

    #[test]
    fn what_is_not_json_is_refused() {
        let cases: [&[u8]; 12] = [
            b"",
            b"\xef\xbb\xbf{}",
            b"{\"a\":\"\xff\"}",
            b"{} {}",
            b"{}x",
            b"{\"a\":1e999}",
            b"{\"a\":NaN}",
            b"{'a':1}",
            b"{\"a\":\"\\ud800\"}",
            b"{\"a\":01}",
            b"{\"a\":1,}",
            b"\xff\xfe{\0}\0",
        ];
        for text in cases {
            assert_eq!(parse(text, 9), Err(JsonError::Syntax), "{text:?}");
        }
        for text in ["[]", "1", "null", "\"{}\"", "true"] {
            assert_eq!(parse_object(text.as_bytes(), 9), Err(JsonError::NotObject));
        }
    }
}
