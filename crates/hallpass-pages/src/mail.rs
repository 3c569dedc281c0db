//! Letters to people: a subject, plain text, and HTML that needs nothing from anywhere.

use hallpass_provider::ports::{Letter, MailCode, Message};
use minijinja::{Value, context, value::Serde};
use serde::Serialize;

use crate::{Chrome, Lang, Pages, messages::Catalog, templates::TemplateError, time};

/// What a letter shows. Empty is left out.
#[derive(Default, Serialize)]
struct Shown {
    text: String,
    /// Where the button leads.
    link: Option<String>,
    /// A code to type.
    code: Option<String>,
    /// Facts: name and value.
    facts: Vec<(String, String)>,
    note: String,
}

/// The words of one kind of letter.
#[derive(Serialize)]
struct Words<'a> {
    subject: &'a str,
    title: &'a str,
    text: &'a str,
    button: &'a str,
    note: &'a str,
}

impl<'a> Words<'a> {
    fn of(catalog: &'a Catalog, kind: &str) -> Self {
        let get = |part: &str| catalog.get(&["mail", kind, part]).unwrap_or_default();
        Self {
            subject: get("subject"),
            title: get("title"),
            text: get("text"),
            button: get("button"),
            note: get("note"),
        }
    }
}

impl Pages {
    /// Puts a message into words. Should a template fail, there is no letter; the log says why.
    pub fn letter(&self, message: &Message, chrome: &Chrome<'_>) -> Option<Letter> {
        self.try_letter(message, chrome)
            .inspect_err(|error| {
                tracing::error!(mail = message.kind(), error = %error, "a mail could not be written");
            })
            .ok()
            .flatten()
    }

    /// How a code reads in a short message. The last line binds it to this host, for browsers that type it for the person.
    pub(crate) fn text(
        &self,
        code: &MailCode,
        name: &str,
        host: &str,
        lang: Lang,
    ) -> Option<String> {
        let catalog = self.catalog(lang)?;
        let words = catalog.get(&["credentials", "phone_text"])?;
        let time = catalog.duration(u64::try_from(code.lifetime).unwrap_or_default());
        let digits = &code.digits;
        let said = words
            .replace("{code}", digits)
            .replace("{time}", &time)
            .replace("{name}", name);
        let host = host.split(':').next().unwrap_or_default();
        Some(format!("{said}\n\n@{host} #{digits}"))
    }

    /// The same; none where there are no words for the message.
    pub(crate) fn try_letter(
        &self,
        message: &Message,
        chrome: &Chrome<'_>,
    ) -> Result<Option<Letter>, TemplateError> {
        let Some(catalog) = self.catalog(chrome.lang) else {
            return Ok(None);
        };
        let words = Words::of(catalog, message.kind());
        let fact = |name: &str| {
            let name = catalog.get(&["mail", name]).unwrap_or_default();
            name.to_owned()
        };
        let mut shown = Shown {
            text: words.text.to_owned(),
            note: words.note.to_owned(),
            ..Shown::default()
        };
        let mut lasts = None;
        match message {
            Message::SignUp { link }
            | Message::Recover { link }
            | Message::SignInLink { link }
            | Message::ConfirmAddress { link }
            | Message::Invitation { link } => {
                shown.link = Some(link.url.clone());
                lasts = Some(link.lifetime);
            }
            Message::AlreadyRegistered { recover } | Message::PasswordChanged { recover } => {
                shown.link = Some(recover.clone());
            }
            Message::SignInCode { code } => {
                shown.code = Some(code.digits.clone());
                lasts = Some(code.lifetime);
            }
            Message::AddressChanged { to, account } => {
                shown.facts = vec![(fact("new_address"), to.clone())];
                shown.link = Some(account.clone());
            }
            Message::WaysChanged { what, account } => {
                let happened = catalog.get(&["account", "happened", what.as_str()]);
                let happened = happened.unwrap_or_default().to_owned();
                shown.facts = vec![(fact("change"), happened)];
                shown.link = Some(account.clone());
            }
            Message::NewDevice {
                device,
                address,
                at,
                account,
            } => {
                shown.facts = vec![
                    (fact("device"), device.clone()),
                    (fact("time"), time::minute(*at)),
                ];
                let network = address.clone().map(|address| (fact("network"), address));
                shown.facts.extend(network);
                shown.link = Some(account.clone());
            }
            other => {
                tracing::error!(mail = other.kind(), "the pages have no words for a mail");
                return Ok(None);
            }
        }
        if let Some(seconds) = lasts {
            let time = catalog.duration(u64::try_from(seconds).unwrap_or_default());
            shown.note = shown.note.replace("{time}", &time);
        }
        let footer = fact("footer");
        self.write(&words, &shown, &footer, chrome).map(Some)
    }

    fn write(
        &self,
        words: &Words<'_>,
        shown: &Shown,
        footer: &str,
        chrome: &Chrome<'_>,
    ) -> Result<Letter, TemplateError> {
        let whole = context! {
            chrome => Value::from(Serde(chrome)),
            lang => chrome.lang.tag(),
            dir => chrome.lang.dir(),
            words => Value::from(Serde(words)),
            footer => footer,
            page => Value::from(Serde(shown)),
        };
        let named = |text: &str| {
            text.replace("{name}", chrome.name)
                .replace("{host}", chrome.host)
        };
        let templates = self.templates();
        Ok(Letter {
            subject: named(words.subject),
            text: templates.render("mail.txt", whole.clone())?,
            html: templates.render("mail.html", whole)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use hallpass_core::record::Activity;
    use hallpass_provider::ports::{MailCode, MailLink};
    use hallpass_types::Timestamp;

    use super::*;
    use crate::Lang;

    const CHROME: Chrome<'_> = Chrome {
        base: "",
        host: "op.example",
        name: "Example & Co",
        lang: Lang::En,
        upstreams: &[],
    };

    fn all() -> Vec<Message> {
        let link = || MailLink {
            url: "https://op.example/mail?token=a&b".to_owned(),
            lifetime: 1800,
        };
        let account = || "https://op.example/account".to_owned();
        vec![
            Message::SignUp { link: link() },
            Message::AlreadyRegistered {
                recover: "https://op.example/recover".to_owned(),
            },
            Message::Recover { link: link() },
            Message::SignInCode {
                code: MailCode {
                    digits: "12345678".to_owned(),
                    lifetime: 600,
                },
            },
            Message::SignInLink { link: link() },
            Message::ConfirmAddress { link: link() },
            Message::AddressChanged {
                to: "a…@example.org".to_owned(),
                account: account(),
            },
            Message::PasswordChanged {
                recover: "https://op.example/recover".to_owned(),
            },
            Message::WaysChanged {
                what: Activity::PasskeyAdded,
                account: account(),
            },
            Message::NewDevice {
                device: "Firefox on <Linux>".to_owned(),
                address: Some("192.0.2.1".to_owned()),
                at: Timestamp(1_800_000_000),
                account: account(),
            },
            Message::Invitation { link: link() },
        ]
    }

    #[test]
    fn every_message_has_words_and_no_placeholder_is_left() {
        let pages = Pages::new().unwrap();
        for message in all() {
            let letter = pages.letter(&message, &CHROME).unwrap();
            for part in [&letter.subject, &letter.text, &letter.html] {
                assert!(!part.trim().is_empty());
                assert!(!part.contains('{') && !part.contains('}'), "{part}");
            }
            assert!(
                letter.subject.contains("Example & Co"),
                "{}",
                letter.subject
            );
            assert!(letter.text.contains("op.example"), "{}", letter.text);
            assert!(letter.html.contains("Example &amp; Co"), "{}", letter.html);
            // Nothing is loaded, so that opening a mail tells nobody.
            for loads in ["<img", "<script", "url(", "src="] {
                assert!(!letter.html.contains(loads), "{}", letter.html);
            }
        }
    }

    #[test]
    fn links_stand_whole_in_the_text_and_escaped_in_the_html() {
        let pages = Pages::new().unwrap();
        let letter = pages.letter(&all()[0], &CHROME).unwrap();
        assert!(
            letter
                .text
                .contains("\nhttps://op.example/mail?token=a&b\n"),
            "{}",
            letter.text
        );
        assert!(letter.html.contains("token=a&amp;b"), "{}", letter.html);
        assert!(letter.text.contains("30 minutes"), "{}", letter.text);
        let added = pages.letter(&all()[8], &CHROME).unwrap();
        assert!(added.text.contains("Passkey added"), "{}", added.text);
        let device = pages.letter(&all()[9], &CHROME).unwrap();
        assert!(!device.html.contains("<Linux>"), "{}", device.html);
        assert!(
            device.text.contains("2027-01-15 08:00 UTC"),
            "{}",
            device.text
        );
    }
}
