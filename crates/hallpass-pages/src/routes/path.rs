//! Where the pages are under the issuer. Paths are compared as they are sent: nothing is decoded or normalised.

use hallpass_http::Described;
use hallpass_provider::endpoints::discovery;
use hallpass_types::Issuer;

use super::{account::AccountPage, credentials::CredentialPage};

/// A page, or a file of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PageRoute<'p> {
    /// `/`: what is here.
    Home,
    /// `/demo`: a small client.
    Demo,
    /// `/favicon.ico`, which browsers ask for by themselves.
    Icon,
    /// A file by its path under the issuer.
    Asset(&'p str),
    /// `/sign-in`
    SignIn,
    /// `/sign-up`: where an account is made.
    SignUp,
    /// `/recover`: where people get back into their account.
    Recover,
    /// `/link`: what stands behind links in mail.
    Link,
    /// `/account` and what is under it.
    Account(AccountPage),
    /// What people sign in with, under `/account`.
    Credentials(CredentialPage),
    /// `/select-account`
    SelectAccount,
    /// `/organization`
    Organization,
    /// `/upstream/NAME`: off to another provider.
    Upstream(&'p str),
    /// `/upstream/NAME/callback`: back from there.
    UpstreamCallback(&'p str),
    /// `/upstream/NAME/link`: off to link an account there.
    LinkUpstream(&'p str),
    /// `/linked-accounts`
    Linked,
    /// `/consent`
    Consent,
    /// `/logout/confirm`
    ConfirmLogout,
    /// `/signed-out`
    SignedOut,
    /// `/device`: where a person types the code of a device.
    Device,
    /// `/device/done`
    DeviceDone,
    /// `/approvals`: where a person answers what apps asked elsewhere.
    Approvals,
}

pub(super) const SIGN_IN: &str = "/sign-in";
pub(super) const SIGN_UP: &str = "/sign-up";
pub(super) const RECOVER: &str = "/recover";
pub(super) const LINK: &str = "/link";
pub(super) const ACCOUNT: &str = "/account";
pub(super) const SELECT_ACCOUNT: &str = "/select-account";
pub(super) const ORGANIZATION: &str = "/organization";
pub(super) const LINKED: &str = "/linked-accounts";
const UPSTREAM: &str = "/upstream/";
pub(super) const CONSENT: &str = "/consent";
pub(super) const CONFIRM_LOGOUT: &str = "/logout/confirm";
pub(super) const SIGNED_OUT: &str = "/signed-out";
pub(super) const DEVICE_DONE: &str = "/device/done";
pub(super) const DEMO: &str = "/demo";

impl<'p> PageRoute<'p> {
    /// The page of a path; none when it cannot be one of ours.
    #[must_use]
    pub fn of(issuer: &Issuer, path: &'p str) -> Option<Self> {
        Some(match path.strip_prefix(issuer.path())? {
            "/" => Self::Home,
            "" if !issuer.path().is_empty() => Self::Home,
            DEMO => Self::Demo,
            "/favicon.ico" => Self::Icon,
            SIGN_IN => Self::SignIn,
            SIGN_UP => Self::SignUp,
            RECOVER => Self::Recover,
            LINK => Self::Link,
            SELECT_ACCOUNT => Self::SelectAccount,
            ORGANIZATION => Self::Organization,
            LINKED => Self::Linked,
            CONSENT => Self::Consent,
            CONFIRM_LOGOUT => Self::ConfirmLogout,
            SIGNED_OUT => Self::SignedOut,
            discovery::DEVICE => Self::Device,
            DEVICE_DONE => Self::DeviceDone,
            discovery::APPROVALS => Self::Approvals,
            away if away.starts_with(UPSTREAM) => {
                let rest = away.strip_prefix(UPSTREAM)?;
                match rest.split_once('/') {
                    None if !rest.is_empty() => Self::Upstream(rest),
                    Some((id, "callback")) if !id.is_empty() => Self::UpstreamCallback(id),
                    Some((id, "link")) if !id.is_empty() => Self::LinkUpstream(id),
                    None | Some(_) => return None,
                }
            }
            own if own.starts_with("/assets/") => Self::Asset(own),
            own => {
                let rest = own.strip_prefix(ACCOUNT)?;
                match CredentialPage::of(rest) {
                    Some(page) => Self::Credentials(page),
                    None => Self::Account(AccountPage::of(rest)?),
                }
            }
        })
    }

    /// Every page, those with a name of another provider once.
    #[must_use]
    pub fn all() -> Vec<PageRoute<'static>> {
        let account = AccountPage::all().map(PageRoute::Account);
        let credentials = CredentialPage::ALL.iter().copied();
        let mut all = vec![
            PageRoute::Home,
            PageRoute::Demo,
            PageRoute::Icon,
            PageRoute::Asset("/assets/{file}"),
            PageRoute::SignIn,
            PageRoute::SignUp,
            PageRoute::Recover,
            PageRoute::Link,
        ];
        all.extend(account);
        all.extend(credentials.map(PageRoute::Credentials));
        all.extend([
            PageRoute::SelectAccount,
            PageRoute::Organization,
            PageRoute::Upstream("{upstream}"),
            PageRoute::LinkUpstream("{upstream}"),
            PageRoute::UpstreamCallback("{upstream}"),
            PageRoute::Linked,
            PageRoute::Consent,
            PageRoute::ConfirmLogout,
            PageRoute::SignedOut,
            PageRoute::Device,
            PageRoute::DeviceDone,
            PageRoute::Approvals,
        ]);
        all
    }

    /// What it is, for documents.
    #[must_use]
    pub fn described(self) -> Described {
        let label = self.label();
        let page = |path: &str, text| Described::page(label, path.to_owned(), text);
        let shown = |path: &str, text| Described::shown(label, path.to_owned(), text);
        let file = |path: &str, text| Described::file(label, path.to_owned(), text);
        match self {
            Self::Home => shown("/", "Says what is here."),
            Self::Demo => shown(DEMO, "A small client, where there is one."),
            Self::Icon => file("/favicon.ico", "The icon."),
            Self::Asset(path) => file(path, "A file of the pages."),
            Self::SignIn => page(SIGN_IN, "Asks who somebody is."),
            Self::SignUp => page(SIGN_UP, "Makes an account."),
            Self::Recover => page(RECOVER, "Leads people back into their account."),
            Self::Link => page(LINK, "What stands behind a link in a mail."),
            Self::Account(section) => {
                Described::page(label, section.path(), "A section of the account page.")
            }
            Self::Credentials(section) => Described::page(
                label,
                format!("{ACCOUNT}{}", section.path()),
                "What a person signs in with.",
            ),
            Self::SelectAccount => page(SELECT_ACCOUNT, "Asks which account is meant."),
            Self::Organization => page(ORGANIZATION, "Asks for which organization somebody acts."),
            Self::Upstream(id) => Described::page(
                label,
                format!("{UPSTREAM}{id}"),
                "Leads to another provider, to sign in there.",
            ),
            Self::LinkUpstream(id) => Described::page(
                label,
                format!("{UPSTREAM}{id}/link"),
                "Leads to another provider, to link an identity there.",
            ),
            Self::UpstreamCallback(id) => Described::page(
                label,
                format!("{UPSTREAM}{id}/callback"),
                "Where another provider sends people back to.",
            ),
            Self::Linked => page(LINKED, "The identities at other providers."),
            Self::Consent => page(CONSENT, "Asks what an application may know and do."),
            Self::ConfirmLogout => page(CONFIRM_LOGOUT, "Asks whether to sign out."),
            Self::SignedOut => shown(SIGNED_OUT, "Says that somebody is signed out."),
            Self::Device => page(discovery::DEVICE, "Takes the code of a device."),
            Self::DeviceDone => shown(DEVICE_DONE, "Says that the device goes on."),
            Self::Approvals => page(
                discovery::APPROVALS,
                "Shows what applications ask elsewhere.",
            ),
        }
    }

    /// Every [`Self::label`].
    pub const LABELS: &'static [&'static str] = &[
        "home",
        "demo",
        "asset",
        "sign_in",
        "sign_up",
        "recover",
        "link",
        "account",
        "credentials",
        "select_account",
        "organization",
        "upstream",
        "upstream_callback",
        "linked",
        "consent",
        "confirm_logout",
        "signed_out",
        "device",
        "device_done",
        "approvals",
    ];

    /// A label for metrics and logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Demo => "demo",
            Self::Icon | Self::Asset(_) => "asset",
            Self::SignIn => "sign_in",
            Self::SignUp => "sign_up",
            Self::Recover => "recover",
            Self::Link => "link",
            Self::Account(_) => "account",
            Self::Credentials(_) => "credentials",
            Self::SelectAccount => "select_account",
            Self::Organization => "organization",
            Self::Upstream(_) | Self::LinkUpstream(_) => "upstream",
            Self::UpstreamCallback(_) => "upstream_callback",
            Self::Linked => "linked",
            Self::Consent => "consent",
            Self::ConfirmLogout => "confirm_logout",
            Self::SignedOut => "signed_out",
            Self::Device => "device",
            Self::DeviceDone => "device_done",
            Self::Approvals => "approvals",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_under_its_issuer_and_nowhere_else() {
        let at_root = Issuer::parse("https://op.example").unwrap();
        let tenant = Issuer::parse("https://op.example/t1").unwrap();
        for (path, route) in [
            ("/", PageRoute::Home),
            ("/sign-in", PageRoute::SignIn),
            ("/logout/confirm", PageRoute::ConfirmLogout),
            ("/account", PageRoute::Account(AccountPage::Overview)),
            (
                "/account/sessions",
                PageRoute::Account(AccountPage::Sessions),
            ),
            ("/assets/a.css", PageRoute::Asset("/assets/a.css")),
        ] {
            assert_eq!(PageRoute::of(&at_root, path), Some(route));
            assert_eq!(PageRoute::of(&tenant, &format!("/t1{path}")), Some(route));
        }
        assert_eq!(PageRoute::of(&tenant, "/t1"), Some(PageRoute::Home));
        for path in ["/", "/sign-in", "/t2/sign-in", "/t10/sign-in", "t1"] {
            assert_eq!(PageRoute::of(&tenant, path), None, "{path}");
        }
    }

    #[test]
    fn variants_of_a_path_are_not_the_path() {
        let issuer = Issuer::parse("https://op.example").unwrap();
        for path in [
            "",
            "//",
            "//sign-in",
            "/sign-in/",
            "/Sign-In",
            "/sign%2Din",
            "/./sign-in",
            "/sign-in;a=b",
            "/logout",
            "/error",
            "/account/",
            "/account/nothing",
            "/accounts",
        ] {
            assert_eq!(PageRoute::of(&issuer, path), None, "{path}");
        }
    }

    #[test]
    fn every_label_is_listed_once() {
        let routes = [
            PageRoute::Home,
            PageRoute::Demo,
            PageRoute::Icon,
            PageRoute::Asset(""),
            PageRoute::SignIn,
            PageRoute::SignUp,
            PageRoute::Recover,
            PageRoute::Link,
            PageRoute::Account(AccountPage::Overview),
            PageRoute::Credentials(CredentialPage::Totp),
            PageRoute::SelectAccount,
            PageRoute::Organization,
            PageRoute::Upstream(""),
            PageRoute::LinkUpstream(""),
            PageRoute::UpstreamCallback(""),
            PageRoute::Linked,
            PageRoute::Consent,
            PageRoute::ConfirmLogout,
            PageRoute::SignedOut,
            PageRoute::Device,
            PageRoute::DeviceDone,
            PageRoute::Approvals,
        ];
        let mut labels: Vec<_> = routes.iter().map(|route| route.label()).collect();
        labels.dedup();
        assert_eq!(labels, PageRoute::LABELS);
    }

    // S45
    #[test]
    fn every_page_is_described_where_it_is() {
        let issuer = Issuer::parse("https://op.example").unwrap();
        let all = PageRoute::all();
        for route in &all {
            let described = route.described();
            let found = PageRoute::of(&issuer, &described.path);
            assert_eq!(found, Some(*route), "{}", described.path);
            assert!(described.summary.ends_with('.'));
        }
        for label in PageRoute::LABELS {
            assert!(all.iter().any(|route| route.label() == *label), "{label}");
        }
    }
}
