//! Typed access to what was sent: a wrong type is refused, `null` means absent.

use serde_json::{Map, Value};

use super::super::{MetadataError, MetadataReason};

/// Metadata as it was sent.
#[derive(Clone, Copy)]
pub(super) struct Input<'a>(pub(super) &'a Map<String, Value>);

type Read<T> = Result<Option<T>, MetadataError>;

impl<'a> Input<'a> {
    //= RFC7592#2.2 MUST: null stands for a member that was left out
    pub(super) fn value(self, name: &str) -> Option<&'a Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    /// A string of at most so many bytes without NUL.
    pub(super) fn text(self, name: &'static str, max: usize) -> Read<&'a str> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let text = value
            .as_str()
            .ok_or_else(|| MetadataReason::WrongType.at(name))?;
        if text.len() > max || text.contains('\0') {
            return Err(MetadataReason::OutOfBounds.at(name));
        }
        Ok(Some(text))
    }

    pub(super) fn flag(self, name: &'static str) -> Read<bool> {
        match self.value(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(MetadataReason::WrongType.at(name)),
        }
    }

    /// Whole seconds, zero to ten years.
    pub(super) fn seconds(self, name: &'static str) -> Read<i64> {
        match self.value(name) {
            None => Ok(None),
            Some(value) => value
                .as_i64()
                .filter(|seconds| (0..=MAX_SECONDS).contains(seconds))
                .map(Some)
                .ok_or_else(|| match value {
                    Value::Number(_) => MetadataReason::OutOfBounds.at(name),
                    Value::Null
                    | Value::Bool(_)
                    | Value::String(_)
                    | Value::Array(_)
                    | Value::Object(_) => MetadataReason::WrongType.at(name),
                }),
        }
    }

    /// An array of non-empty bounded strings, repeats left out.
    pub(super) fn texts(
        self,
        name: &'static str,
        max_count: usize,
        max_len: usize,
    ) -> Read<Vec<String>> {
        self.each(name, (max_count, MetadataReason::OutOfBounds), |text| {
            let fits = !text.is_empty() && text.len() <= max_len && !text.contains('\0');
            fits.then_some(()).ok_or(MetadataReason::OutOfBounds)
        })
    }

    /// An array of strings that pass a check, repeats left out; more than so many are refused with that reason.
    pub(super) fn each(
        self,
        name: &'static str,
        (max_count, too_many): (usize, MetadataReason),
        check: impl Fn(&str) -> Result<(), MetadataReason>,
    ) -> Read<Vec<String>> {
        let Some(value) = self.value(name) else {
            return Ok(None);
        };
        let entries = value
            .as_array()
            .ok_or_else(|| MetadataReason::WrongType.at(name))?;
        if entries.len() > max_count {
            return Err(too_many.at(name));
        }
        let mut texts: Vec<String> = Vec::with_capacity(entries.len());
        for entry in entries {
            let text = entry
                .as_str()
                .ok_or_else(|| MetadataReason::WrongType.at(name))?;
            check(text).map_err(|reason| reason.at(name))?;
            if !texts.iter().any(|t| t == text) {
                texts.push(text.to_owned());
            }
        }
        Ok(Some(texts))
    }
}

const MAX_SECONDS: i64 = 10 * 366 * 86_400;
