//! Mails.

use hallpass_provider::ports::{MailCode, MailLink, Message};
use hallpass_types::Timestamp;

/// Mails, one of each form.
#[must_use]
pub(crate) fn letters() -> Vec<Message> {
    let account = || "https://id.example.com/account".to_owned();
    vec![
        Message::Recover {
            link: MailLink {
                url: "https://id.example.com/mail?token=sample".to_owned(),
                lifetime: 1800,
            },
        },
        Message::SignInCode {
            code: MailCode {
                digits: "12345678".to_owned(),
                lifetime: 600,
            },
        },
        Message::NewDevice {
            device: "Firefox, Linux".to_owned(),
            address: Some("192.0.2.1".to_owned()),
            at: Timestamp(1_800_000_000),
            account: account(),
        },
        Message::AddressChanged {
            to: "a…@example.org".to_owned(),
            account: account(),
        },
    ]
}
