//! The pages on which people make accounts and look after them.

use super::{CLIENT, PRINT, SIGN_IN, TELEVISION, scope};
use crate::{
    Page,
    view::{
        self, ActivityRow, AppRow, AskMail, Client, Field, LinkDone, MailSent, MyAccount,
        PeopleError, RefusedRow, Scope, Section, SessionRow, SignIn, SignInError, WayRow,
    },
};

const ASK_MAIL: AskMail<'static> = AskMail {
    sign_up: true,
    action: "/sign-up",
    address: "",
    error: None,
    retry_after: None,
    client: Some(CLIENT),
    sign_in: Some("/sign-in?handle=sample"),
    passkey: None,
    offer: "",
};

const MAIL_LINK: view::MailLink<'static> = view::MailLink {
    purpose: "sign_up",
    action: "/link?token=sample",
    address: "ada@example.com",
    name: "",
    least: None,
    password: true,
    passkey: Some("{\"challenge\":\"c2FtcGxl\",\"user\":{\"id\":\"c2FtcGxl\"}}"),
    offer: "sample",
    error: None,
};

pub(super) const REFUSED: &[RefusedRow<'static>] = &[
    RefusedRow {
        id: "shop",
        client: Client {
            name: "Corner Shop",
            host: "shop.example.net",
            ..CLIENT
        },
        until: Some("2027-01-15 08:00 UTC"),
    },
    RefusedRow {
        id: "tv",
        client: TELEVISION,
        until: None,
    },
];

pub(super) const ERROR: view::Error<'static> = view::Error {
    code: "",
    about: None,
    id: "",
    detail: None,
    next: None,
    next_fields: None,
    next_host: "",
};

const ALLOWED: &[Scope<'static>] = &[
    scope("openid"),
    scope("profile"),
    scope("email"),
    scope("offline_access"),
    PRINT,
];

const ACCOUNT: MyAccount<'static> = MyAccount {
    section: "overview",
    action: "/account",
    form: "sample",
    account: "ada@example.com",
    phones: true,
    error: None,
    least: None,
    done: false,
    sections: &[
        Section {
            id: "profile",
            href: "/account/profile",
            value: Some("Ada Lovelace"),
        },
        Section {
            id: "email",
            href: "/account/email",
            value: Some("ada.lovelace.of.ockham@a-rather-long-host-name.example.com"),
        },
        Section {
            id: "password",
            href: "/account/password",
            value: None,
        },
        Section {
            id: "sessions",
            href: "/account/sessions",
            value: Some("2"),
        },
        Section {
            id: "apps",
            href: "/account/apps",
            value: Some("1"),
        },
        Section {
            id: "activity",
            href: "/account/activity",
            value: None,
        },
        Section {
            id: "export",
            href: "/account/export",
            value: None,
        },
        Section {
            id: "delete",
            href: "/account/delete",
            value: None,
        },
    ],
    address: Some("ada@example.com"),
    verified: true,
    fields: &[
        Field {
            name: "name",
            value: "Ada Lovelace",
            refused: false,
        },
        Field {
            name: "birthdate",
            value: "1815-13-10",
            refused: true,
        },
    ],
    sessions: &[
        SessionRow {
            id: "a",
            device: Some("Firefox · Linux"),
            address: Some("192.0.2.1"),
            since: "2027-01-15 08:00 UTC",
            seen: "2027-01-15 09:00 UTC",
            current: true,
        },
        SessionRow {
            id: "b",
            device: None,
            address: Some("2001:db8:1234:5678:9abc:def0:1234:5678"),
            since: "2027-01-02 08:00 UTC",
            seen: "2027-01-14 23:00 UTC",
            current: false,
        },
    ],
    apps: &[AppRow {
        id: "print",
        client: CLIENT,
        scopes: ALLOWED,
        since: "2027-01-02",
    }],
    refused: REFUSED,
    activity: &[
        ActivityRow {
            what: "disconnected",
            at: "2027-01-15 09:00 UTC",
            device: Some("Firefox · Linux"),
            address: Some("192.0.2.1"),
            client: Some("Photo Printer"),
        },
        ActivityRow {
            what: "signed_in",
            at: "2027-01-15 08:00 UTC",
            device: None,
            address: None,
            client: None,
        },
    ],
};

/// The pages on which people make accounts and look after them.
pub(super) fn people() -> Vec<(&'static str, Page<'static>)> {
    let sent = |purpose| {
        Page::MailSent(MailSent {
            purpose,
            address: "ada@example.com",
            lifetime: 1800,
            back: Some("/sign-in?handle=sample"),
        })
    };
    let link = |purpose| {
        Page::MailLink(view::MailLink {
            purpose,
            ..MAIL_LINK
        })
    };
    let done = |purpose| {
        Page::LinkDone(LinkDone {
            purpose,
            next: "/account",
            ways: if purpose == "recover" { WAYS } else { &[] },
        })
    };
    let section = |section, error, done| {
        Page::Account(MyAccount {
            section,
            error,
            done,
            ..ACCOUNT
        })
    };
    vec![
        ("sign-up", Page::AskMail(ASK_MAIL)),
        (
            "recover",
            Page::AskMail(AskMail {
                sign_up: false,
                address: "ada@",
                error: Some(PeopleError::Address),
                client: None,
                ..ASK_MAIL
            }),
        ),
        (
            "recover-throttled",
            Page::AskMail(AskMail {
                sign_up: false,
                error: Some(PeopleError::Throttled),
                retry_after: Some(1800),
                sign_in: None,
                ..ASK_MAIL
            }),
        ),
        (
            "sign-in-by-mail",
            Page::SignIn(SignIn {
                password: false,
                mail_code: true,
                mail_link: true,
                error: Some(SignInError::Address),
                ..SIGN_IN
            }),
        ),
        (
            "mail-code",
            Page::MailCode(view::MailCode {
                action: "/sign-in?handle=sample",
                waiting: "sample",
                text: false,
                address: Some("ada@example.com"),
                lifetime: 600,
                remember: false,
                error: None,
                retry_after: None,
                cancel: true,
            }),
        ),
        (
            "text-code",
            Page::MailCode(view::MailCode {
                action: "/sign-in?handle=sample",
                waiting: "sample",
                text: true,
                address: Some("•••78"),
                lifetime: 600,
                remember: false,
                error: None,
                retry_after: None,
                cancel: true,
            }),
        ),
        (
            "mail-code-wrong",
            Page::MailCode(view::MailCode {
                action: "/sign-in?handle=sample",
                waiting: "sample",
                text: false,
                address: None,
                lifetime: 600,
                remember: false,
                error: Some(SignInError::WrongCode),
                retry_after: None,
                cancel: true,
            }),
        ),
        ("mail-sent-sign-in", sent("sign_in")),
        ("mail-sent-sign-up", sent("sign_up")),
        ("mail-sent-recover", sent("recover")),
        ("mail-sent-new-address", sent("new_address")),
        ("link-sign-up", link("sign_up")),
        ("link-invitation", link("invitation")),
        (
            "link-recover",
            Page::MailLink(view::MailLink {
                purpose: "recover",
                error: Some(PeopleError::TooShort),
                least: Some(8),
                ..MAIL_LINK
            }),
        ),
        (
            "sign-up-without-mail",
            Page::AskMail(AskMail {
                passkey: Some("{\"challenge\":\"c2FtcGxl\",\"user\":{\"id\":\"c2FtcGxl\"}}"),
                offer: "sample",
                ..ASK_MAIL
            }),
        ),
        (
            "link-passkey-only",
            Page::MailLink(view::MailLink {
                password: false,
                error: Some(PeopleError::Passkey),
                ..MAIL_LINK
            }),
        ),
        ("link-sign-in", link("sign_in")),
        ("link-new-address", link("new_address")),
        ("done-sign-up", done("sign_up")),
        ("done-invitation", done("invitation")),
        ("done-recover", done("recover")),
        ("account", section("overview", None, false)),
        (
            "account-profile",
            section("profile", Some(PeopleError::Field), false),
        ),
        ("account-email", section("email", None, false)),
        (
            "account-password",
            section("password", Some(PeopleError::Mismatch), false),
        ),
        ("account-sessions", section("sessions", None, true)),
        ("account-apps", section("apps", None, false)),
        (
            "account-no-apps",
            Page::Account(MyAccount {
                section: "apps",
                apps: &[],
                refused: &[],
                ..ACCOUNT
            }),
        ),
        ("account-activity", section("activity", None, false)),
        ("account-export", section("export", None, false)),
        (
            "account-delete",
            section("delete", Some(PeopleError::Confirm), false),
        ),
    ]
}

const WAYS: &[WayRow<'static>] = &[
    WayRow {
        kind: "passkeys",
        count: 2,
        added: "2026-10-04",
    },
    WayRow {
        kind: "totp",
        count: 1,
        added: "2026-03-17",
    },
    WayRow {
        kind: "recovery",
        count: 8,
        added: "2026-03-17",
    },
];
