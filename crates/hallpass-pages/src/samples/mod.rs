//! Every page with something in it: what an operator's templates are tried with, and what there is to look at.

mod credentials;
mod letters;
mod people;

use credentials::{CREDENTIALS, SECOND_STEP};
pub(crate) use letters::letters;

use crate::{
    Chrome, Lang, Page,
    view::{
        self, Account, Approval, Approvals, Client, ConfirmLogout, Consent, Credentials, Demo,
        Detail, DetailRow, Device, DeviceDone, DeviceError, Enrol, FormPost, Home, Identity, Link,
        Linked, NewPassword, Organization, PasswordProblem, Resource, Scope, SecondStep,
        SelectAccount, SelectOrganization, SignIn, SignInError, SignedOut, Upstream,
    },
};

/// What surrounds the samples.
pub const CHROME: Chrome<'static> = Chrome {
    base: "",
    host: "id.example.com",
    name: "Hallpass",
    lang: Lang::En,
    upstreams: &[
        Upstream {
            id: "google",
            name: "Google",
        },
        Upstream {
            id: "acme",
            name: "Acme Workforce",
        },
    ],
};

const CLIENT: Client<'static> = Client {
    name: "Photo Printer",
    host: "print.example.net",
    redirect_host: "print.example.net",
    client_uri: Some("https://print.example.net/"),
    logo: None,
    policy_uri: Some("https://print.example.net/privacy"),
    tos_uri: Some("https://print.example.net/terms"),
    unverified: false,
    document: false,
    loopback_only: false,
};

const TELEVISION: Client<'static> = Client {
    name: "Living Room TV",
    host: "tv.example.net",
    redirect_host: "tv.example.net",
    ..CLIENT
};

const SIGN_IN: SignIn<'static> = SignIn {
    action: "/sign-in?handle=sample",
    hidden: &[("transaction", "sample")],
    username: "",
    password: true,
    mail_code: false,
    mail_link: false,
    passkey: Some("{\"challenge\":\"c2FtcGxl\"}"),
    ways: &["form", "passkey", "upstream"],
    remember: true,
    error: None,
    retry_after: None,
    client: Some(CLIENT),
    cancel: true,
    sign_up: Some("/sign-up?handle=sample"),
    recover: Some("/recover?handle=sample"),
};

const fn scope(name: &'static str) -> Scope<'static> {
    Scope {
        name,
        title: None,
        description: None,
        optional: false,
        granted: false,
        resource: None,
    }
}

const PRINT: Scope<'static> = Scope {
    title: Some("Print your albums"),
    description: Some("Order prints of the albums that you choose there."),
    ..scope("albums:print")
};

const SCOPES: &[Scope<'static>] = &[
    scope("openid"),
    scope("profile"),
    Scope {
        optional: true,
        ..scope("email")
    },
    scope("offline_access"),
    Scope {
        optional: true,
        ..PRINT
    },
];

const RESOURCES: &[Resource<'static>] = &[
    Resource {
        name: Some("Albums"),
        identifier: "https://api.example.net/albums",
    },
    Resource {
        name: None,
        identifier: "https://api.example.net/orders/of/this/year",
    },
];

const ALBUMS: Option<&str> = Some("https://api.example.net/albums");

const AT_RESOURCES: &[Scope<'static>] = &[
    Scope {
        granted: true,
        ..scope("openid")
    },
    Scope {
        optional: true,
        granted: true,
        ..scope("email")
    },
    Scope {
        optional: true,
        resource: ALBUMS,
        ..PRINT
    },
    Scope {
        resource: ALBUMS,
        ..scope("albums:read")
    },
];

const DETAILS: &[Detail<'static>] = &[Detail {
    title: "Pay for one order",
    rows: &[
        DetailRow {
            name: "Amount",
            value: "12.50 EUR",
        },
        DetailRow {
            name: "To",
            value: "Photo Printer Ltd, DE00 0000 0000 0000 0000 00",
        },
    ],
}];

const CONSENT: Consent<'static> = Consent {
    action: "/consent",
    hidden: &[("transaction", "sample")],
    client: CLIENT,
    account: "ada",
    scopes: SCOPES,
    claims: &[],
    resources: &[],
    details: &[],
    lifetime: Some(14 * 86_400),
    user_code: None,
};

const DEVICE: Device<'static> = Device {
    action: "/device",
    user_code: "",
    carried: false,
    error: None,
    retry_after: None,
    address: None,
};

/// The samples, each with a name for files.
#[must_use]
pub fn all() -> Vec<(&'static str, Page<'static>)> {
    let harsh = Client {
        name: "A client whose name goes on and on until nobody can read it any longer \u{202E}gnp",
        host: "a-rather-long-host-name.of-a-client-that-registered-itself.example.net",
        redirect_host: "127.0.0.1",
        unverified: true,
        document: false,
        loopback_only: true,
        ..CLIENT
    };
    let mut all = vec![
        ("sign-in", Page::SignIn(SIGN_IN)),
        (
            "sign-in-refused",
            Page::SignIn(SignIn {
                username: "ada",
                error: Some(SignInError::Refused),
                ..SIGN_IN
            }),
        ),
        (
            "sign-in-throttled",
            Page::SignIn(SignIn {
                username: "ada",
                error: Some(SignInError::Throttled),
                retry_after: Some(840),
                client: None,
                cancel: false,
                ..SIGN_IN
            }),
        ),
        (
            "sign-in-busy",
            Page::SignIn(SignIn {
                username: "ada",
                error: Some(SignInError::Busy),
                retry_after: Some(3),
                ..SIGN_IN
            }),
        ),
        (
            "sign-in-passkey-only",
            Page::SignIn(SignIn {
                password: false,
                ways: &["passkey", "recovery"],
                ..SIGN_IN
            }),
        ),
        ("second-step", Page::SecondStep(SECOND_STEP)),
        (
            "second-step-wrong",
            Page::SecondStep(SecondStep {
                error: Some(SignInError::WrongCode),
                ..SECOND_STEP
            }),
        ),
        (
            "second-step-recovery",
            Page::SecondStep(SecondStep {
                totp: false,
                error: Some(SignInError::Throttled),
                retry_after: Some(600),
                cancel: false,
                ..SECOND_STEP
            }),
        ),
        (
            "new-password",
            Page::NewPassword(NewPassword {
                action: "/sign-in",
                account: "ada",
                problem: None,
                cancel: true,
            }),
        ),
        (
            "new-password-refused",
            Page::NewPassword(NewPassword {
                action: "/sign-in",
                account: "ada",
                problem: Some(PasswordProblem::TooShort(8)),
                cancel: true,
            }),
        ),
        (
            "enrol",
            Page::Enrol(Enrol {
                action: "/sign-in",
                account: "ada",
                secret: "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ",
                uri: "otpauth://totp/Hallpass:ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Hallpass",
                offer: "sample",
                error: None,
                retry_after: None,
                cancel: true,
            }),
        ),
        ("passkeys", Page::Credentials(CREDENTIALS)),
        (
            "totp",
            Page::Credentials(Credentials {
                section: "totp",
                error: Some(SignInError::WrongCode),
                ..CREDENTIALS
            }),
        ),
        (
            "totp-on",
            Page::Credentials(Credentials {
                section: "totp",
                totp_on: true,
                ..CREDENTIALS
            }),
        ),
        (
            "totp-gone",
            Page::Credentials(Credentials {
                section: "totp",
                totp_on: true,
                totp_offered: false,
                ..CREDENTIALS
            }),
        ),
        (
            "recovery-codes",
            Page::Credentials(Credentials {
                section: "recovery",
                ..CREDENTIALS
            }),
        ),
        (
            "recovery-codes-new",
            Page::Credentials(Credentials {
                section: "recovery",
                codes: &["0a1b2-c3d4e", "5f6g7-h8j9k", "m0n1p-q2r3s"],
                ..CREDENTIALS
            }),
        ),
        ("consent", Page::Consent(CONSENT)),
        ("device", Page::Device(DEVICE)),
        (
            "device-carried",
            Page::Device(Device {
                user_code: "BCDF-GHJK",
                carried: true,
                address: Some("https://id.example.com/device?user_code=BCDF-GHJK"),
                ..DEVICE
            }),
        ),
        (
            "device-unknown",
            Page::Device(Device {
                user_code: "BCDF-GHJX",
                error: Some(DeviceError::Unknown),
                ..DEVICE
            }),
        ),
        (
            "device-throttled",
            Page::Device(Device {
                user_code: "BCDF-GHJX",
                error: Some(DeviceError::Throttled),
                retry_after: Some(840),
                ..DEVICE
            }),
        ),
        (
            "device-consent",
            Page::Consent(Consent {
                client: TELEVISION,
                user_code: Some("BCDF-GHJK"),
                ..CONSENT
            }),
        ),
        (
            "approvals",
            Page::Approvals(Approvals {
                account: "ada",
                requests: &[
                    Approval {
                        action: "/approvals",
                        client: Client {
                            name: "Example Bank",
                            host: "bank.example.net",
                            ..CLIENT
                        },
                        binding_message: Some("Pay 12.50 EUR, W4SCT"),
                        scopes: SCOPES,
                        claims: &[],
                        resources: &[Resource {
                            name: Some("Payments"),
                            identifier: "https://api.example.net/payments",
                        }],
                        details: &[],
                        sign_in_again: false,
                        left: 540,
                    },
                    Approval {
                        action: "/approvals",
                        client: TELEVISION,
                        binding_message: None,
                        scopes: &[],
                        claims: &["birthdate"],
                        resources: &[],
                        details: &[],
                        sign_in_again: true,
                        left: 30,
                    },
                ],
                lift: "/approvals",
                form: "sample",
                refused: people::REFUSED,
            }),
        ),
        (
            "approvals-none",
            Page::Approvals(Approvals {
                account: "ada",
                requests: &[],
                lift: "/approvals",
                form: "sample",
                refused: &[],
            }),
        ),
        (
            "device-allowed",
            Page::DeviceDone(DeviceDone {
                client: TELEVISION,
                allowed: true,
            }),
        ),
        (
            "device-denied",
            Page::DeviceDone(DeviceDone {
                client: TELEVISION,
                allowed: false,
            }),
        ),
        (
            "consent-harsh",
            Page::Consent(Consent {
                client: harsh,
                account: "somebody.with.a.long.name@department.example.com",
                claims: &["given_name", "birthdate", "https://claims.example/level"],
                resources: RESOURCES,
                scopes: AT_RESOURCES,
                details: DETAILS,
                ..CONSENT
            }),
        ),
        (
            "select-account",
            Page::SelectAccount(SelectAccount {
                action: "/select-account",
                hidden: &[("transaction", "sample")],
                client: Some(CLIENT),
                accounts: &[
                    Account {
                        id: "1",
                        name: "ada",
                        detail: Some("ada@example.com"),
                    },
                    Account {
                        id: "2",
                        name: "grace",
                        detail: None,
                    },
                ],
            }),
        ),
        (
            "linked",
            Page::Linked(Linked {
                account: "ada",
                handle: "sample",
                identities: &[Identity {
                    id: "1",
                    name: "Google",
                }],
                others: &[Upstream {
                    id: "acme",
                    name: "Acme Workforce",
                }],
                account_page: true,
            }),
        ),
        (
            "organization",
            Page::SelectOrganization(SelectOrganization {
                action: "/organization",
                client: CLIENT,
                account: "ada",
                organizations: &[
                    Organization {
                        id: "aurora",
                        name: "Aurora Publishing",
                    },
                    Organization {
                        id: "zenith",
                        name: "Zenith Cycling Club",
                    },
                ],
            }),
        ),
        (
            "confirm-logout",
            Page::ConfirmLogout(ConfirmLogout {
                action: "/logout",
                hidden: &[("transaction", "sample")],
                client: Some(CLIENT),
                account: Some("ada"),
                client_alone: true,
            }),
        ),
        (
            "signed-out",
            Page::SignedOut(SignedOut {
                client: Some(CLIENT),
                kept: false,
                left: false,
                frames: &[],
                frame_origins: &[],
                next: None,
            }),
        ),
        (
            "still-signed-in",
            Page::SignedOut(SignedOut {
                client: None,
                kept: true,
                left: false,
                frames: &[],
                frame_origins: &[],
                next: None,
            }),
        ),
        (
            "error",
            Page::Error(view::Error {
                code: "invalid_redirect_uri",
                id: "01JDA3W9M4X7",
                detail: Some("redirect_uri is not one that the client registered"),
                ..people::ERROR
            }),
        ),
        (
            "error-bare",
            Page::Error(view::Error {
                code: "not_found",
                id: "01JDA3W9M4X8",
                ..people::ERROR
            }),
        ),
        (
            "error-held",
            Page::Error(view::Error {
                code: "invalid_request",
                id: "01JDA3W9M4X9",
                detail: Some("the scope is empty"),
                next: Some("https://print.example.net/callback?error=invalid_request"),
                next_host: "print.example.net",
                ..people::ERROR
            }),
        ),
        (
            "error-held-form",
            Page::Error(view::Error {
                code: "invalid_scope",
                id: "01JDA3W9M4XA",
                detail: Some("the scope is not one that the client may ask for"),
                next: Some("https://print.example.net/callback"),
                next_fields: Some(&[("error", "invalid_scope"), ("state", "sample")]),
                next_host: "print.example.net",
                ..people::ERROR
            }),
        ),
        (
            "form-post",
            Page::FormPost(FormPost {
                action: "https://print.example.net/callback",
                fields: &[("code", "sample"), ("state", "sample")],
                redirect_host: "print.example.net",
            }),
        ),
        (
            "home",
            Page::Home(Home {
                issuer: "https://id.example.com",
                links: &[
                    Link {
                        title: "OpenID Provider metadata",
                        href: "https://id.example.com/.well-known/openid-configuration",
                    },
                    Link {
                        title: "Signing keys",
                        href: "https://id.example.com/jwks",
                    },
                ],
                demo: true,
                account: true,
            }),
        ),
        (
            "demo",
            Page::Demo(Demo {
                issuer: "https://id.example.com",
                client_id: "demo",
                redirect_uri: "https://id.example.com/demo",
                scope: "openid profile email offline_access",
            }),
        ),
    ];
    all.extend(people::people());
    all.extend(credentials::phones());
    all
}
