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
    let mut visible = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let before = visible.chars().next_back();
        if c.is_whitespace() || is_blank(c) {
            visible.push(' ');
        } else if is_joiner(c) {
            let within = |c: Option<char>| c.is_some_and(is_joined);
            if within(before) && within(chars.peek().copied()) {
                visible.push(c);
            }
        } else if !c.is_control() && !is_invisible(c) {
            visible.push(c);
        }
    }
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180B}'..='\u{180F}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
            | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// Letters by their category that show as empty space.
const fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{2800}' | '\u{3164}' | '\u{FFA0}'
    )
}

const fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// Scripts that need joiners within words: Arabic and its kin, those of India and around it, Mongolian.
const fn is_joined(c: char) -> bool {
    matches!(
        c,
        '\u{620}'..='\u{8FF}' | '\u{900}'..='\u{DFF}' | '\u{1000}'..='\u{109F}' | '\u{1780}'..='\u{17FF}'
            | '\u{1820}'..='\u{18AF}' | '\u{A840}'..='\u{ABFF}' | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFC}'
    )
}
