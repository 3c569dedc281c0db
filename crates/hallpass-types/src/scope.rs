//! Scopes, [RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3).

use std::fmt;

use serde::{Deserialize, Serialize};

/// A set of scope tokens in the order in which they were first named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scope(Vec<Box<str>>);

/// A scope breaks the grammar or names too many tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidScope;

impl fmt::Display for InvalidScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a scope")
    }
}
impl std::error::Error for InvalidScope {}

/// More tokens than this in one scope are refused.
const MAX_TOKENS: usize = 128;
const MAX_LEN: usize = 8192;

impl Scope {
    /// Reads space-separated tokens. Repeated tokens count once.
    ///
    /// # Errors
    /// [`InvalidScope`] for characters outside the grammar, empty tokens (leading, trailing or double
    /// spaces), more than 128 tokens or 8192 bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        if text.len() > MAX_LEN {
            return Err(InvalidScope);
        }
        let mut tokens: Vec<Box<str>> = Vec::new();
        for token in text.split(' ') {
            //= RFC6749#3.3 MUST: a scope token is one or more of %x21 / %x23-5B / %x5D-7E
            let grammatical = !token.is_empty()
                && token
                    .bytes()
                    .all(|b| matches!(b, 0x21 | 0x23..=0x5B | 0x5D..=0x7E));
            if !grammatical {
                return Err(InvalidScope);
            }
            if tokens.iter().any(|t| &**t == token) {
                continue;
            }
            if tokens.len() >= MAX_TOKENS {
                return Err(InvalidScope);
            }
            tokens.push(token.into());
        }
        Ok(Self(tokens))
    }

    /// Whether `token` is in the set.
    #[must_use]
    pub fn contains(&self, token: &str) -> bool {
        self.0.iter().any(|t| &**t == token)
    }

    /// Whether every token of `self` is in `other`.
    #[must_use]
    pub fn is_subset(&self, other: &Self) -> bool {
        self.iter().all(|t| other.contains(t))
    }

    /// Whether there is no token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|t| &**t)
    }

    /// The tokens for which `keep` says yes.
    #[must_use]
    pub fn filtered(&self, mut keep: impl FnMut(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|t| keep(t)).cloned().collect())
    }

    /// Both sets together, those of `self` first.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut tokens = self.0.clone();
        for token in &other.0 {
            if !tokens.contains(token) {
                tokens.push(token.clone());
            }
        }
        Self(tokens)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, token) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(token)?;
        }
        Ok(())
    }
}
impl TryFrom<String> for Scope {
    type Error = InvalidScope;
    fn try_from(text: String) -> Result<Self, InvalidScope> {
        Self::parse(&text)
    }
}
impl From<Scope> for String {
    fn from(scope: Scope) -> Self {
        scope.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_repeats_are_dropped() {
        assert_eq!(
            Scope::parse("openid email openid").unwrap().to_string(),
            "openid email"
        );
    }

    #[test]
    fn anything_outside_the_grammar_is_refused() {
        //= test RFC6749#3.3 a scope token is one or more of %x21 / %x23-5B / %x5D-7E
        for bad in [
            " openid",
            "openid ",
            "a  b",
            "a\"b",
            "a\\b",
            "a\nb",
            "caf\u{e9}",
            "a\tb",
        ] {
            assert_eq!(Scope::parse(bad), Err(InvalidScope), "{bad:?}");
        }
        let many = (0..200)
            .map(|i| format!("s{i}"))
            .collect::<Vec<_>>()
            .join(" ");
        assert!(Scope::parse(&many).is_err());
    }
}
