//! Request parameters as they arrive in a query or a form body.

use std::fmt;

/// More parameters than this in one request are refused.
pub const MAX_PARAMS: usize = 256;

/// Parameters that may repeat (RFC 8707 §2, RFC 8693 §2.1); every other name may stand once.
const LISTS: &[&str] = &["resource", "audience"];

/// Decoded parameters: each name once, but for the few that are lists. Empty values count as absent.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params {
    pairs: Vec<(String, String)>,
    duplicated: Vec<String>,
}

/// The parameters could not be decoded at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamsError {
    /// Not UTF-8 after percent decoding, or a NUL character.
    Malformed,
    /// More than [`MAX_PARAMS`].
    TooMany,
}

impl fmt::Display for ParamsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "parameters are not well formed",
            Self::TooMany => "too many parameters",
        })
    }
}
impl std::error::Error for ParamsError {}

impl Params {
    /// Decodes `application/x-www-form-urlencoded` bytes.
    ///
    /// # Errors
    /// [`ParamsError`] when the text is not UTF-8, holds a NUL, or has too many parameters.
    pub fn parse(encoded: &[u8]) -> Result<Self, ParamsError> {
        let mut params = Self::default();
        params.extend(encoded)?;
        Ok(params)
    }

    /// Adds more encoded parameters (a query beside a body); a name that is in both counts as repeated.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn extend(&mut self, encoded: &[u8]) -> Result<(), ParamsError> {
        let mut count = 0_usize;
        for piece in encoded.split(|b| *b == b'&').filter(|p| !p.is_empty()) {
            count = count.saturating_add(1);
            if count > MAX_PARAMS {
                return Err(ParamsError::TooMany);
            }
            let (name, value) = match piece.iter().position(|b| *b == b'=') {
                Some(at) => {
                    let (name, rest) = piece.split_at(at);
                    (name, rest.get(1..).unwrap_or_default())
                }
                None => (piece, &[][..]),
            };
            self.push(decode(name)?, decode(value)?);
        }
        Ok(())
    }

    /// Parameters from name and value pairs, with the same rule for repeats.
    pub fn from_pairs<N: Into<String>, V: Into<String>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut params = Self::default();
        for (name, value) in pairs {
            params.push(name.into(), value.into());
        }
        params
    }

    //= RFC6749#3.1 MUST: a parameter without a value is treated as if it had been left out
    //= RFC6749#3.1 MUST: a parameter does not stand more than once
    fn push(&mut self, name: String, value: String) {
        if self.duplicated.contains(&name) {
            return;
        }
        let is_list = LISTS.contains(&name.as_str());
        if !is_list && self.pairs.iter().any(|(n, _)| *n == name) {
            self.pairs.retain(|(n, _)| *n != name);
            self.duplicated.push(name);
            return;
        }
        self.pairs.push((name, value));
    }

    /// The value of a parameter that stands once and is not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs
            .iter()
            .find(|(n, v)| n == name && !v.is_empty())
            .map(|(_, v)| v.as_str())
    }

    /// All non-empty values of a list parameter.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs
            .iter()
            .filter(move |(n, v)| n == name && !v.is_empty())
            .map(|(_, v)| v.as_str())
    }

    /// Names that stood more than once; they have no value here.
    #[must_use]
    pub fn duplicated(&self) -> &[String] {
        &self.duplicated
    }

    /// Non-empty name and value pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .filter(|(_, v)| !v.is_empty())
            .map(|(n, v)| (n.as_str(), v.as_str()))
    }

    /// Only the parameters that `names` lists.
    #[must_use]
    pub fn only(&self, names: &[&str]) -> Self {
        let listed = |n: &String| names.contains(&n.as_str());
        Self {
            pairs: self
                .pairs
                .iter()
                .filter(|(n, _)| listed(n))
                .cloned()
                .collect(),
            duplicated: self
                .duplicated
                .iter()
                .filter(|n| listed(n))
                .cloned()
                .collect(),
        }
    }

    /// The parameters in `application/x-www-form-urlencoded` form.
    #[must_use]
    pub fn to_query(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .extend_pairs(self.iter())
            .finish()
    }
}

/// Values may be secrets: only names are printed.
impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.pairs.iter().map(|(n, _)| n))
            .finish()
    }
}

fn decode(piece: &[u8]) -> Result<String, ParamsError> {
    let mut out = Vec::with_capacity(piece.len());
    let mut rest = piece.iter();
    while let Some(byte) = rest.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
                let (Some(high), Some(low)) = (hex(rest.next()), hex(rest.next())) else {
                    return Err(ParamsError::Malformed);
                };
                u8::try_from(high.saturating_mul(16).saturating_add(low)).unwrap_or_default()
            }
            other => *other,
        });
    }
    let text = String::from_utf8(out).map_err(|_| ParamsError::Malformed)?;
    if text.contains('\0') {
        Err(ParamsError::Malformed)
    } else {
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_name_has_no_value_and_is_remembered() {
        //= test RFC6749#3.1 a parameter does not stand more than once
        let params = Params::parse(b"state=a&scope=x&state=a").unwrap();
        assert_eq!(params.get("state"), None);
        assert_eq!(params.duplicated(), ["state"]);
        assert_eq!(params.get("scope"), Some("x"));
        let three = Params::parse(b"a=1&a=2&a=3").unwrap();
        assert_eq!(three.get("a"), None);
    }

    #[test]
    fn lists_may_repeat_and_empty_means_absent() {
        //= test RFC6749#3.1 a parameter without a value is treated as if it had been left out
        let params =
            Params::parse(b"resource=https%3A%2F%2Fa&resource=https://b&scope=&nonce").unwrap();
        assert_eq!(
            params.all("resource").collect::<Vec<_>>(),
            ["https://a", "https://b"]
        );
        assert_eq!(params.get("scope"), None);
        assert_eq!(params.get("nonce"), None);
        assert!(params.duplicated().is_empty());
    }

    #[test]
    fn malformed_bytes_are_refused() {
        for bad in [
            &b"a=%ff"[..],
            b"a=%00",
            b"a=%c0%ae",
            b"a=%ed%a0%80",
            b"a=%zz",
            b"a=%2",
            b"%00=a",
        ] {
            assert_eq!(Params::parse(bad), Err(ParamsError::Malformed), "{bad:?}");
        }
        let many = "a=1&".repeat(MAX_PARAMS + 1);
        assert_eq!(Params::parse(many.as_bytes()), Err(ParamsError::TooMany));
    }

    #[test]
    fn plus_and_percent_decode() {
        assert_eq!(Params::parse(b"a=b+c%2Bd").unwrap().get("a"), Some("b c+d"));
    }
}
