//! What people sign in with.

use crate::{
    Page,
    view::{Credentials, PasskeyRow, SecondStep, SignInError},
};

pub(super) const SECOND_STEP: SecondStep<'static> = SecondStep {
    action: "/sign-in",
    account: "ada",
    totp: true,
    recovery: true,
    mail_code: true,
    text: true,
    passkey: None,
    error: None,
    retry_after: None,
    cancel: true,
};

pub(super) const CREDENTIALS: Credentials<'static> = Credentials {
    section: "passkeys",
    action: "/account/passkeys",
    form: "sample",
    error: None,
    retry_after: None,
    passkeys: &[
        PasskeyRow {
            id: "AAAAAAAAAAAAAAAAAAAAAA",
            name: "iCloud Keychain",
            added: "2026-03-14",
            used: Some("2026-11-28 09:30"),
            synced: true,
            cloned: false,
        },
        PasskeyRow {
            id: "BBBBBBBBBBBBBBBBBBBBBB",
            name: "Key on my key ring",
            added: "2026-05-01",
            used: None,
            synced: false,
            cloned: true,
        },
    ],
    offer_passkey: Some("{\"challenge\":\"c2FtcGxl\",\"user\":{\"id\":\"c2FtcGxl\"}}"),
    totp_on: false,
    totp_offered: true,
    secret: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ",
    uri: "otpauth://totp/Hallpass:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Hallpass",
    offer: "sample",
    phone: "",
    codes: &[],
    left: 7,
    of: 10,
};

/// Telephones.
pub(super) fn phones() -> Vec<(&'static str, Page<'static>)> {
    vec![
        (
            "phone",
            Page::Credentials(Credentials {
                section: "phone",
                action: "/account/phone",
                offer: "",
                error: Some(SignInError::Number),
                ..CREDENTIALS
            }),
        ),
        (
            "phone-code",
            Page::Credentials(Credentials {
                section: "phone",
                action: "/account/phone",
                phone: "•••78",
                ..CREDENTIALS
            }),
        ),
        (
            "phone-on",
            Page::Credentials(Credentials {
                section: "phone",
                action: "/account/phone",
                offer: "",
                phone: "•••78",
                ..CREDENTIALS
            }),
        ),
    ]
}
