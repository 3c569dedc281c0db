//! From a letter to the bytes of a message (RFC 5322).

use std::time::{Duration, SystemTime};

use hallpass_provider::ports::{Mail, MailError};
use hallpass_types::EmailAddress;
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{Header, HeaderName, HeaderValue},
    },
};

/// Who mail comes from.
#[derive(Clone, Debug)]
pub struct Sender {
    from: Mailbox,
    domain: String,
}

/// The sender cannot stand in a header.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the sender of mail cannot be written as an address")]
pub struct UnusableSender;

impl Sender {
    /// A sender with the name that people see.
    ///
    /// # Errors
    /// The address or the name cannot stand in a header.
    pub fn new(name: &str, address: &EmailAddress) -> Result<Self, UnusableSender> {
        if name.chars().any(char::is_control) {
            return Err(UnusableSender);
        }
        let from = Mailbox::new(
            (!name.is_empty()).then(|| name.to_owned()),
            mailbox(address).map_err(|_| UnusableSender)?,
        );
        Ok(Self {
            from,
            domain: address.domain().to_owned(),
        })
    }

    /// The domain of the address.
    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    pub(crate) fn message(&self, mail: &Mail<'_>) -> Result<Message, MailError> {
        let unusable = |_| {
            tracing::error!(mail.id = mail.id, "a mail cannot be written");
            MailError::Refused
        };
        // A subject is one line, whatever a template says.
        let subject: String = mail
            .letter
            .subject
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let seconds = u64::try_from(mail.at.0).unwrap_or_default();
        let at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds));
        let to = Mailbox::new(None, mailbox(mail.to).map_err(unusable)?);
        let letter = mail.letter;
        Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .date(at.unwrap_or(SystemTime::UNIX_EPOCH))
            .message_id(Some(format!("<{}@{}>", mail.id, self.domain)))
            .header(AutoSubmitted)
            .multipart(MultiPart::alternative_plain_html(
                letter.text.clone(),
                letter.html.clone(),
            ))
            .map_err(|_| unusable(NotAnAddress))
    }
}

struct NotAnAddress;

fn mailbox(address: &EmailAddress) -> Result<Address, NotAnAddress> {
    Address::new(address.local(), address.domain()).map_err(|_| NotAnAddress)
}

/// No person wrote it, so no programme should answer (RFC 3834 §5).
#[derive(Clone, Debug)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use hallpass_provider::ports::Letter;
    use hallpass_types::Timestamp;

    use super::*;

    pub(crate) fn sender() -> Sender {
        let from = EmailAddress::parse("no-reply@op.example").unwrap();
        Sender::new("Hällpass", &from).unwrap()
    }

    fn written(letter: &Letter, to: &str) -> String {
        let mail = Mail {
            to: &EmailAddress::parse(to).unwrap(),
            letter,
            id: "00ff",
            at: Timestamp(1_800_000_000),
        };
        let bytes = sender().message(&mail).unwrap().formatted();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_letter_becomes_text_and_html_for_one_recipient() {
        let letter = Letter {
            subject: "Grüße".to_owned(),
            text: "one\r\n.\r\ntwo".to_owned(),
            html: "<p>one</p>".to_owned(),
        };
        let mail = written(&letter, "ada@example.org");
        assert!(mail.contains("To: ada@example.org\r\n"), "{mail}");
        assert!(mail.contains("Message-ID: <00ff@op.example>\r\n"), "{mail}");
        assert!(
            mail.contains("Auto-Submitted: auto-generated\r\n"),
            "{mail}"
        );
        assert!(mail.contains("Date: Fri, 15 Jan 2027 08:00:00"), "{mail}");
        assert!(
            mail.contains("text/plain") && mail.contains("text/html"),
            "{mail}"
        );
        assert!(mail.is_ascii(), "{mail}");
    }

    #[test]
    fn nothing_in_a_letter_adds_a_header() {
        // LG-23
        let letter = Letter {
            subject: "Hi\r\nBcc: evil@evil.test\r\n\r\nbody".to_owned(),
            text: "text".to_owned(),
            html: "html".to_owned(),
        };
        let mail = written(&letter, "ada@example.org");
        let head = mail.split("\r\n\r\n").next().unwrap();
        assert!(head.lines().all(|line| !line.starts_with("Bcc")), "{head}");
        assert!(Sender::new("a\r\nBcc: x", &EmailAddress::parse("a@b.test").unwrap()).is_err());
    }
}
