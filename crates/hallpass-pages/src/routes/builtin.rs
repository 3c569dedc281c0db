//! The pages as provider and HTTP layer know them: where they are, and how errors look.

use std::sync::Arc;

use hallpass_http::{Html, Onward, RenderPages, Wanted};
use hallpass_provider::{
    endpoints::{ClientView, UpstreamView},
    ports::{Interaction, Letter, Letters, MailCode, Message, PageKind},
};
use hallpass_types::{ErrorCode, Issuer};

use super::path::{
    CONFIRM_LOGOUT, CONSENT, DEVICE_DONE, ORGANIZATION, SELECT_ACCOUNT, SIGN_IN, SIGN_UP,
    SIGNED_OUT,
};
use crate::{
    Chrome, Lang, Page, Pages,
    view::{self, FormPost},
};

/// The built-in pages of an issuer. Cheap to clone.
#[derive(Clone, Debug)]
pub struct BuiltinPages {
    pages: Arc<Pages>,
    issuer: Issuer,
    host: Arc<str>,
    name: Arc<str>,
    /// The languages that are offered, the usual one first.
    languages: Arc<[Lang]>,
    /// The one that is spoken.
    lang: Lang,
    /// Other providers at which people can sign in: name in addresses, and on the button.
    upstreams: Arc<[(String, String)]>,
}

impl BuiltinPages {
    /// Pages under an issuer.
    #[must_use]
    pub fn new(issuer: Issuer, pages: Arc<Pages>) -> Self {
        let host = host_of(issuer.origin()).into();
        Self {
            pages,
            issuer,
            host,
            name: "Hallpass".into(),
            languages: Lang::ALL.into(),
            lang: Lang::ALL.first().copied().unwrap_or_default(),
            upstreams: Arc::new([]),
        }
    }

    /// In these languages alone. The first is spoken to whom none of them is said to suit; without one all are offered.
    #[must_use]
    pub fn with_languages(mut self, languages: &[Lang]) -> Self {
        if let Some(first) = languages.first() {
            self.lang = *first;
            self.languages = languages.into();
        }
        self
    }

    /// BCP 47 tags of the languages that are offered, for `ui_locales_supported`.
    #[must_use]
    pub fn language_tags(&self) -> Vec<String> {
        let tags = self.languages.iter().map(|lang| lang.tag().to_owned());
        tags.collect()
    }

    /// With buttons of other providers.
    pub(super) fn with_upstreams(mut self, upstreams: Vec<UpstreamView>) -> Self {
        let upstreams = upstreams.into_iter();
        self.upstreams = upstreams.map(|other| (other.id, other.name)).collect();
        self
    }

    /// The same pages in the language that is wanted most.
    pub(super) fn speaking_to(&self, wanted: Wanted<'_>) -> Self {
        let Wanted { locales, accept } = wanted;
        Self {
            lang: Lang::choose(&self.languages, locales.iter().copied(), accept),
            ..self.clone()
        }
    }

    /// With another name of the service beside the mark.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// The name of the service.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn pages(&self) -> &Pages {
        &self.pages
    }

    pub(super) fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Where the form of a page is posted to.
    pub(super) fn action(&self, page: PageKind, handle: &str) -> String {
        format!("{}{}", self.issuer.path(), path(page, handle))
    }

    /// A client as the pages show it. Its host is that of the document that describes it, or of the redirect URI: nobody
    /// has checked `client_uri`.
    pub(super) fn client<'c>(&self, client: &'c ClientView) -> view::Client<'c> {
        let origin = client.redirect_origin.as_deref();
        let host = origin.map_or(client.redirect_host.as_str(), host_of);
        view::Client {
            name: &client.name,
            host: client.document_host.as_deref().unwrap_or(host),
            redirect_host: host,
            client_uri: client.client_uri.as_deref(),
            logo: client.logo.as_deref(),
            policy_uri: client.policy_uri.as_deref(),
            tos_uri: client.tos_uri.as_deref(),
            unverified: client.unverified,
            document: client.document_host.is_some(),
            // At our own address nobody but this server answers.
            loopback_only: client.loopback_only && origin != Some(self.issuer.origin()),
        }
    }

    pub(super) fn render(&self, page: Page<'_>) -> Html {
        let upstreams = self.upstreams.iter();
        let upstreams: Vec<view::Upstream<'_>> = upstreams
            .map(|(id, name)| view::Upstream { id, name })
            .collect();
        let chrome = Chrome {
            upstreams: &upstreams,
            base: self.issuer.path(),
            host: &self.host,
            name: &self.name,
            lang: self.lang,
        };
        let crate::Html { body, csp } = self.pages.render(page, &chrome);
        Html { body, csp }
    }
}

/// The path of a page under the issuer.
fn path(page: PageKind, handle: &str) -> String {
    match page {
        PageKind::SignUp => format!("{SIGN_UP}?handle={handle}"),
        PageKind::Login => format!("{SIGN_IN}?handle={handle}"),
        PageKind::SelectAccount => format!("{SELECT_ACCOUNT}?handle={handle}"),
        // There is no built-in page for what only the program knows.
        PageKind::Own => format!("/?handle={handle}"),
        PageKind::Organization => format!("{ORGANIZATION}?handle={handle}"),
        PageKind::Consent => format!("{CONSENT}?handle={handle}"),
        PageKind::Logout => format!("{CONFIRM_LOGOUT}?handle={handle}"),
        PageKind::DeviceDone => format!("{DEVICE_DONE}?handle={handle}"),
        PageKind::SignedOut if handle.is_empty() => SIGNED_OUT.to_owned(),
        PageKind::SignedOut => format!("{SIGNED_OUT}?handle={handle}"),
    }
}

impl Interaction for BuiltinPages {
    fn url(&self, page: PageKind, handle: &str) -> String {
        self.issuer.url(&path(page, handle))
    }
}

impl Letters for BuiltinPages {
    fn letter(&self, message: &Message) -> Option<Letter> {
        let upstreams = self.upstreams.iter();
        let upstreams: Vec<view::Upstream<'_>> = upstreams
            .map(|(id, name)| view::Upstream { id, name })
            .collect();
        let chrome = Chrome {
            upstreams: &upstreams,
            base: self.issuer.path(),
            host: &self.host,
            name: &self.name,
            lang: self.lang,
        };
        self.pages.letter(message, &chrome)
    }

    fn text(&self, code: &MailCode) -> Option<String> {
        self.pages.text(code, &self.name, &self.host, self.lang)
    }
}

impl RenderPages for BuiltinPages {
    fn speaking(&self, wanted: Wanted<'_>) -> Option<Arc<dyn RenderPages>> {
        Some(Arc::new(self.speaking_to(wanted)))
    }

    fn error(&self, status: u16, code: ErrorCode, id: &str, text: &str) -> Html {
        self.render(Page::Error(view::Error {
            code: code.as_str(),
            about: about(status, id),
            id,
            detail: Some(text),
            next: None,
            next_fields: None,
            next_host: "",
        }))
    }

    fn error_before(
        &self,
        status: u16,
        code: ErrorCode,
        id: &str,
        text: &str,
        next: Onward<'_>,
    ) -> Html {
        let (next, fields) = match next {
            Onward::Link(url) => (url, None),
            Onward::Form { action, fields } => (action, Some(fields)),
            _ => return self.error(status, code, id, text),
        };
        self.render(Page::Error(view::Error {
            code: code.as_str(),
            about: about(status, id),
            id,
            detail: Some(text),
            // Whatever else a client registered, a link is read as it is written.
            next: Some(next).filter(|next| next.is_ascii()),
            next_fields: fields,
            next_host: host_of(next),
        }))
    }

    fn form_post(&self, action: &str, fields: &[(&str, &str)]) -> Html {
        self.render(Page::FormPost(FormPost {
            action,
            fields,
            redirect_host: host_of(action),
        }))
    }
}

/// What an error page is about, where the code says too little to a person.
fn about(status: u16, id: &str) -> Option<&'static str> {
    match id {
        "page_without_request" => return Some("no_request"),
        "authorization_client_unknown"
        | "authorization_client_document"
        | "logout_client_unknown" => return Some("invalid_client"),
        "redirect_uri_not_registered" | "post_logout_redirect_uri_not_registered" => {
            return Some("invalid_redirect_uri");
        }
        "device_request_over" => return Some("device_over"),
        "backchannel_request_over" => return Some("approval_over"),
        "link_over" | "link_other_account" => return Some("link_over"),
        "not_offered" => return Some("not_offered"),
        "upstream_state" | "upstream_used" | "upstream_other_browser" | "upstream_form" => {
            return Some("session_expired");
        }
        "upstream_no_account" => return Some("upstream_no_account"),
        "upstream_taken" => return Some("upstream_taken"),
        "upstream_not_recent" => return Some("upstream_not_recent"),
        "upstream_last_way" => return Some("upstream_last_way"),
        _ if id.starts_with("upstream_") => return Some("upstream_failed"),
        _ if id.starts_with("interaction_") => return Some("session_expired"),
        _ => {}
    }
    match status {
        403 => Some("forbidden"),
        404 => Some("not_found"),
        405 => Some("method_not_allowed"),
        413 => Some("payload_too_large"),
        429 => Some("slow_down"),
        _ => None,
    }
}

/// Host and port of a URL, or the scheme of one that has no host.
fn host_of(url: &str) -> &str {
    match url.split_once("://") {
        Some((_, rest)) => rest.split(['/', '?', '#']).next().unwrap_or(rest),
        None => url.split_once(':').map_or(url, |(scheme, _)| scheme),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(issuer: &str) -> BuiltinPages {
        BuiltinPages::new(
            Issuer::parse(issuer).unwrap(),
            Arc::new(Pages::new().unwrap()),
        )
    }

    #[test]
    fn pages_are_under_the_issuer() {
        let pages = pages("https://op.example/t1");
        assert_eq!(
            pages.url(PageKind::Login, "abc"),
            "https://op.example/t1/sign-in?handle=abc"
        );
        assert_eq!(
            pages.action(PageKind::Consent, "abc"),
            "/t1/consent?handle=abc"
        );
        assert_eq!(
            pages.url(PageKind::SignedOut, ""),
            "https://op.example/t1/signed-out"
        );
    }

    fn seen(redirect_uri: &str) -> ClientView {
        let url = url::Url::parse(redirect_uri).unwrap();
        ClientView {
            name: "App".to_owned(),
            client_uri: None,
            document_host: None,
            logo: None,
            policy_uri: None,
            tos_uri: None,
            redirect_host: url.host_str().unwrap().to_owned(),
            redirect_origin: Some(url.origin().ascii_serialization()),
            unverified: false,
            loopback_only: true,
        }
    }

    #[test]
    fn a_client_on_this_device_is_warned_about_unless_it_is_this_server() {
        let pages = pages("http://localhost:3000");
        for (redirect_uri, warned) in [
            ("http://localhost:3000/demo", false),
            ("http://localhost:3001/demo", true),
            ("http://127.0.0.1:3000/demo", true),
        ] {
            let client = seen(redirect_uri);
            assert_eq!(
                pages.client(&client).loopback_only,
                warned,
                "{redirect_uri}"
            );
        }
    }

    #[test]
    fn the_port_of_a_client_is_shown() {
        let client = seen("http://localhost:3001/callback");
        assert_eq!(
            pages("https://op.example").client(&client).host,
            "localhost:3001"
        );
        let client = seen("https://rp.example/callback");
        assert_eq!(
            pages("https://op.example").client(&client).host,
            "rp.example"
        );
    }

    #[test]
    fn an_error_page_carries_code_and_reason_and_says_what_to_do() {
        let pages = pages("https://op.example");
        let html = pages.error(
            400,
            ErrorCode::AccessDenied,
            "interaction_other_browser",
            "x",
        );
        for part in [
            "id=\"error-code\">access_denied<",
            "id=\"error-id\">interaction_other_browser<",
            "start again",
        ] {
            assert!(html.body.contains(part), "{part}");
        }
    }

    #[test]
    fn whatever_an_error_page_is_about_has_a_text_of_its_own() {
        let pages = Pages::new().unwrap();
        let catalog = pages.catalog(Lang::En).unwrap();
        let other = catalog.error("");
        for (status, id) in [
            (400, "page_without_request"),
            (400, "authorization_client_unknown"),
            (400, "redirect_uri_not_registered"),
            (400, "interaction_expired"),
            (400, "device_request_over"),
            (400, "backchannel_request_over"),
            (403, "cross_site_form"),
            (404, "not_found"),
            (405, "method_not_allowed"),
            (413, "body_too_large"),
            (429, "throttled"),
        ] {
            let about = about(status, id).unwrap();
            assert_ne!(catalog.error(about), other, "{about}");
        }
        assert_eq!(about(400, "parameter_repeated"), None);
    }

    #[test]
    fn the_host_of_a_redirect_uri_is_shown() {
        for (url, host) in [
            ("https://rp.example/cb", "rp.example"),
            ("http://127.0.0.1:8080?x", "127.0.0.1:8080"),
            ("com.example.app:/cb", "com.example.app"),
            ("https://op.example", "op.example"),
        ] {
            assert_eq!(host_of(url), host);
        }
    }
}
