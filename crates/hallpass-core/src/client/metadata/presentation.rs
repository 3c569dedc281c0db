//! What people see of a client: names and links, also in several languages.

use super::{
    super::{MetadataError, MetadataReason, uri},
    Draft, SHORT, SMALL_LIST, check_web,
};

/// Names; each may stand once more for every language.
const NAMES: &[&str] = &["client_name"];
/// Links; each may stand once more for every language.
const LINKS: &[&str] = &["client_uri", "logo_uri", "policy_uri", "tos_uri"];
/// A name has at most so many bytes.
const MAX_NAME: usize = 200;
/// Each name or link may stand in so many languages.
const MAX_LANGUAGES: usize = 50;

impl Draft<'_> {
    pub(super) fn presentation(&mut self) -> Result<(), MetadataError> {
        for name in NAMES {
            self.in_every_language(name, |text| {
                if text.len() > MAX_NAME {
                    return Err(MetadataReason::OutOfBounds);
                }
                Ok(displayable(text))
            })?;
        }
        for name in LINKS {
            self.in_every_language(name, |text| {
                if !text.is_empty() {
                    check_web(text)?;
                }
                Ok(text.to_owned())
            })?;
        }
        if let Some(contacts) = self.input.texts("contacts", SMALL_LIST, SHORT)? {
            let contacts: Vec<String> = contacts
                .iter()
                .map(|c| displayable(c))
                .filter(|c| !c.is_empty())
                .collect();
            self.put("contacts", contacts);
        }
        for name in ["software_id", "software_version"] {
            if let Some(text) = self.input.text(name, SHORT)? {
                self.put(name, displayable(text));
            }
        }
        Ok(())
    }

    /// A member and its forms with a language tag, `name#tag`. What turns out empty is left out.
    //= RFC7591#2.2 MUST: human-readable values may stand in several languages, tagged behind a hash sign
    fn in_every_language(
        &mut self,
        name: &'static str,
        check: impl Fn(&str) -> Result<String, MetadataReason>,
    ) -> Result<(), MetadataError> {
        let mut languages = 0_usize;
        let tagged = self
            .input
            .0
            .keys()
            .filter(|key| match key.strip_prefix(name) {
                Some("") => true,
                Some(rest) => rest.strip_prefix('#').is_some_and(is_language_tag),
                None => false,
            });
        let keys: Vec<&String> = tagged.collect();
        for key in keys {
            let Some(value) = self.input.value(key) else {
                continue;
            };
            languages = languages.saturating_add(1);
            if languages > MAX_LANGUAGES {
                return Err(MetadataReason::OutOfBounds.at(name));
            }
            let text = value
                .as_str()
                .ok_or_else(|| MetadataReason::WrongType.at(name))?;
            if text.len() > uri::MAX_LEN {
                return Err(MetadataReason::OutOfBounds.at(name));
            }
            let text = check(text).map_err(|reason| reason.at(name))?;
            if !text.is_empty() {
                self.put(key, text);
            }
        }
        Ok(())
    }
}

/// Roughly a BCP 47 tag: words of one to eight letters and digits.
fn is_language_tag(text: &str) -> bool {
    text.len() <= 35
        && text.split('-').all(|word| {
            (1..=8).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric())
        })
}

/// The text without characters that change how their surroundings look: control characters, changes of the
/// writing direction, invisible characters; white space becomes single spaces.
fn displayable(text: &str) -> String {
    let visible: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Joiners (U+200C, U+200D) stay: several scripts need them within words.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
            | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E007F}'
    )
}
