//! Distinguished names as text, [RFC 4514](https://www.rfc-editor.org/rfc/rfc4514#section-2), compared part by part.

use std::fmt;

use x509_parser::x509::X509Name;

/// A distinguished name in a form in which two of them can be compared: relative names from the most specific one, each a
/// set of attributes. Values are compared exactly.
#[derive(Clone, PartialEq, Eq)]
pub struct DistinguishedName(Vec<Vec<Attribute>>);

/// An attribute's object identifier in dotted form, and its value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attribute {
    kind: String,
    value: String,
}

impl DistinguishedName {
    /// Reads the text form of RFC 4514. None for what is malformed, for the empty name, and for attribute types that have
    /// no short name here and are not written as dotted numbers.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut names = Vec::new();
        for relative in split(text, ',')? {
            let mut attributes = Vec::new();
            for attribute in split(relative, '+')? {
                attributes.push(parse_attribute(attribute)?);
            }
            names.push(sorted(attributes)?);
        }
        Some(Self(names))
    }

    /// The name in a certificate. None when a value is of a kind of text that is not compared.
    #[must_use]
    pub(super) fn of(name: &X509Name<'_>) -> Option<Self> {
        let mut names = Vec::new();
        for relative in name.iter_rdn() {
            let mut attributes = Vec::new();
            for attribute in relative.iter() {
                attributes.push(Attribute {
                    kind: attribute.attr_type().to_id_string(),
                    value: attribute.as_str().ok()?.to_owned(),
                });
            }
            names.push(sorted(attributes)?);
        }
        //= RFC4514#2.1 MUST: the text form begins with the last relative name of the sequence
        names.reverse();
        (!names.is_empty()).then_some(Self(names))
    }
}

impl fmt::Debug for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DistinguishedName({} parts)", self.0.len())
    }
}

/// The attributes of a relative name are a set.
fn sorted(mut attributes: Vec<Attribute>) -> Option<Vec<Attribute>> {
    attributes.sort_unstable();
    let twice = attributes
        .windows(2)
        .any(|pair| pair.first() == pair.last());
    (!attributes.is_empty() && !twice).then_some(attributes)
}

/// Splits at a separator that no backslash stands before. None for an empty part.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let mut escaped = false;
    let parts: Vec<&str> = text
        .split(|character: char| {
            let was = std::mem::replace(&mut escaped, false);
            if character == '\\' && !was {
                escaped = true;
            }
            character == separator && !was
        })
        .collect();
    parts
        .iter()
        .all(|part| !part.trim().is_empty())
        .then_some(parts)
}

fn parse_attribute(text: &str) -> Option<Attribute> {
    let (kind, value) = text.split_once('=')?;
    let kind = kind.trim();
    let dotted = || {
        let fits = kind.contains('.')
            && kind.split('.').all(|part| {
                !part.is_empty()
                    && part.bytes().all(|b| b.is_ascii_digit())
                    && (part == "0" || !part.starts_with('0'))
            });
        fits.then(|| kind.to_owned())
    };
    let kind = SHORT
        .iter()
        .find(|(short, _)| short.eq_ignore_ascii_case(kind))
        .map(|(_, oid)| (*oid).to_owned())
        .or_else(dotted)?;
    Some(Attribute {
        kind,
        value: unescape(trim(value))?,
    })
}

/// Spaces around a value mean nothing unless a backslash stands before the last one.
fn trim(value: &str) -> &str {
    let value = value.trim_start_matches(' ');
    let trimmed = value.trim_end_matches(' ');
    let backslashes = trimmed.bytes().rev().take_while(|b| *b == b'\\').count();
    if backslashes % 2 == 1 && trimmed.len() < value.len() {
        value
            .get(..trimmed.len().saturating_add(1))
            .unwrap_or(trimmed)
    } else {
        trimmed
    }
}

//= RFC4514#2.4 MUST: a backslash stands before a special character or before two hexadecimal digits
fn unescape(value: &str) -> Option<String> {
    // A value in hexadecimal BER is not compared, an empty one names nobody.
    if value.is_empty() || value.starts_with('#') {
        return None;
    }
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => {
                let next = rest.next()?;
                if matches!(
                    next,
                    b'"' | b'+' | b',' | b';' | b'<' | b'>' | b' ' | b'#' | b'=' | b'\\'
                ) {
                    bytes.push(next);
                } else {
                    let digit = |b: u8| {
                        char::from(b)
                            .to_digit(16)
                            .and_then(|d| u8::try_from(d).ok())
                    };
                    let (high, low) = (digit(next)?, digit(rest.next()?)?);
                    bytes.push(high.checked_mul(16)?.checked_add(low)?);
                }
            }
            b'"' | b';' | b'<' | b'>' | 0 => return None,
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

/// The short names of RFC 4514 §3, and those that are in use beside them.
const SHORT: &[(&str, &str)] = &[
    ("CN", "2.5.4.3"),
    ("SERIALNUMBER", "2.5.4.5"),
    ("C", "2.5.4.6"),
    ("L", "2.5.4.7"),
    ("ST", "2.5.4.8"),
    ("STREET", "2.5.4.9"),
    ("O", "2.5.4.10"),
    ("OU", "2.5.4.11"),
    ("businessCategory", "2.5.4.15"),
    ("organizationIdentifier", "2.5.4.97"),
    ("DC", "0.9.2342.19200300.100.1.25"),
    ("UID", "0.9.2342.19200300.100.1.1"),
    ("emailAddress", "1.2.840.113549.1.9.1"),
    ("jurisdictionCountryName", "1.3.6.1.4.1.311.60.2.1.3"),
];
