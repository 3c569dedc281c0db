//! E-mail addresses.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// An e-mail address that mail can be sent to: `local@domain`, the local part a dot-atom of ASCII (RFC 5321 §4.1.2, no
/// quoted strings), the domain a name with at least one dot, in its ASCII form. So nothing in it can end a header or
/// name a second recipient. Prints without the address.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct EmailAddress(Box<str>);

/// The text is no address of that form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidEmail;

impl fmt::Display for InvalidEmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an e-mail address such as ada@example.org")
    }
}

impl std::error::Error for InvalidEmail {}

/// Longest address (RFC 5321 §4.5.3.1.3, without the brackets).
const MAX_LEN: usize = 254;
/// Longest local part (RFC 5321 §4.5.3.1.1).
const MAX_LOCAL: usize = 64;

impl EmailAddress {
    /// Reads an address as a person types it: space around it is dropped, and a domain in another script becomes its
    /// ASCII form.
    ///
    /// # Errors
    /// [`InvalidEmail`]
    pub fn parse(typed: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = typed.trim().rsplit_once('@').ok_or(InvalidEmail)?;
        if !is_local(local) || !domain.chars().all(in_domain) || domain.len() > MAX_LEN {
            return Err(InvalidEmail);
        }
        let url::Host::Domain(domain) = url::Host::parse(domain).map_err(|_| InvalidEmail)? else {
            return Err(InvalidEmail);
        };
        let labels_ok = domain.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
        });
        let whole = format!("{local}@{domain}");
        if !labels_ok || !domain.contains('.') || whole.len() > MAX_LEN {
            return Err(InvalidEmail);
        }
        Ok(Self(whole.into()))
    }

    /// The address as it is written to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form under which it is one person's: in lower case throughout, since no provider of note tells cases apart.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    /// The part before the sign.
    #[must_use]
    pub fn local(&self) -> &str {
        self.0.rsplit_once('@').map_or(&*self.0, |(local, _)| local)
    }

    /// The part behind the sign.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.0.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// Enough of it for its owner to know which one it is, and too little for others: `a…@example.org`.
    #[must_use]
    pub fn masked(&self) -> String {
        let first: String = self.local().chars().take(1).collect();
        format!("{first}…@{}", self.domain())
    }
}

fn is_local(local: &str) -> bool {
    (1..=MAX_LOCAL).contains(&local.len())
        && local.split('.').all(|atom| {
            !atom.is_empty()
                && atom
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
        })
}

/// What a domain may be typed with. Escapes are none: parsing would undo them.
const fn in_domain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-') || !c.is_ascii()
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EmailAddress(..)")
    }
}

impl<'de> Deserialize<'de> for EmailAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_as_it_is_written_and_compared_without_case() {
        let address = EmailAddress::parse(" Ada.Lovelace+x@Example.ORG ").unwrap();
        assert_eq!(address.as_str(), "Ada.Lovelace+x@example.org");
        assert_eq!(address.key(), "ada.lovelace+x@example.org");
        assert_eq!(address.masked(), "A…@example.org");
        assert_eq!(format!("{address:?}"), "EmailAddress(..)");
        let other_script = EmailAddress::parse("a@bücher.example").unwrap();
        assert_eq!(other_script.as_str(), "a@xn--bcher-kva.example");
    }

    #[test]
    fn what_could_be_a_header_a_second_recipient_or_another_host_is_no_address() {
        // LG-23
        for bad in [
            "",
            "@",
            "a",
            "a@",
            "@b.test",
            "a@b",
            "a@b.test\r\nBcc: x@y.test",
            "a\r\nBcc: x@y.test@b.test",
            "a@b.test\0",
            "a@@b.test",
            "a@x.test@b.test",
            "a b@c.test",
            "a@b .test",
            "\"a b\"@c.test",
            "<a@b.test>",
            "Ada <a@b.test>",
            "a@b.test,c@d.test",
            "a@b.test;c@d.test",
            "a,b@c.test",
            ".a@b.test",
            "a.@b.test",
            "a..b@c.test",
            "a@.b.test",
            "a@b..test",
            "a@b.test.",
            "a@-b.test",
            "a@b%2etest",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@2130706433",
            "a@[::1]",
            "a@b_c.test",
            "é@b.test",
            "a@b.test/x",
            "a@b.test#x",
            "a@\u{202E}b.test",
        ] {
            assert!(EmailAddress::parse(bad).is_err(), "{bad:?}");
        }
        assert!(EmailAddress::parse(&format!("{}@b.test", "a".repeat(65))).is_err());
        assert!(EmailAddress::parse(&format!("a@{}.test", "b".repeat(64))).is_err());
        assert!(EmailAddress::parse(&format!("a@{}test", "b.".repeat(200))).is_err());
        assert!(EmailAddress::parse(&"a".repeat(1024)).is_err());
        assert!(serde_json::from_str::<EmailAddress>("\"a@b\"").is_err());
    }
}
