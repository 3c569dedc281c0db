//! From a page to its HTML.

use minijinja::{
    Environment, UndefinedBehavior, Value, context, syntax::SyntaxConfig, value::Serde,
};

use crate::{
    assets::Assets,
    csp::{FORM_POST_SCRIPT, Forms, GO_ON_SCRIPT, Scripts, policy},
    message,
    messages::{Catalog, Lang, Texts},
    qr, text,
    view::{Chrome, Page, Scope},
};

/// A page, ready to send as `text/html; charset=utf-8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Html {
    /// The document.
    pub body: String,
    /// Value of `Content-Security-Policy`.
    pub csp: String,
}

/// A template does not parse.
#[derive(Debug, thiserror::Error)]
#[error("a page template does not parse")]
pub struct TemplateError(#[from] minijinja::Error);

/// The templates and the assets of all pages. Made once, used by every request.
#[derive(Debug)]
pub struct Pages {
    templates: Environment<'static>,
    assets: Assets,
    /// English is among them, and never taken away.
    catalogs: Vec<Catalog>,
}

impl Pages {
    /// Parses the built-in templates.
    ///
    /// # Errors
    /// A template does not parse. The built-in ones do; the tests render every one.
    pub fn new() -> Result<Self, TemplateError> {
        let mut templates = Environment::new();
        // A misspelt field is an error, not an empty place in the page.
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_syntax(
            SyntaxConfig::builder()
                .trim_blocks(true)
                .lstrip_blocks(true)
                .build()?,
        );
        templates.add_filter("fill", message::fill);
        templates.add_filter("fill_html", message::fill_html);
        templates.add_filter("initial", text::initial);
        templates.add_filter("named", message::named);
        // Names of pages end in `.html`, which is what switches escaping on.
        for (name, source) in TEMPLATES {
            templates.add_template(name, source)?;
        }
        let catalogs = Lang::ALL.map(|lang| Catalog::new(lang, &Texts::default()));
        Ok(Self {
            templates,
            assets: Assets::new(),
            catalogs: catalogs.to_vec(),
        })
    }

    /// With texts of the operator's own in one language.
    #[must_use]
    pub fn with_texts(mut self, lang: Lang, texts: &Texts) -> Self {
        for catalog in &mut self.catalogs {
            if catalog.lang() == lang {
                *catalog = Catalog::new(lang, texts);
            }
        }
        self
    }

    /// The texts of a language.
    pub(crate) fn catalog(&self, lang: Lang) -> Option<&Catalog> {
        self.catalogs.iter().find(|catalog| catalog.lang() == lang)
    }

    fn duration(&self, lang: Lang, seconds: u64) -> Option<String> {
        Some(self.catalog(lang)?.duration(seconds))
    }

    /// The files that the pages load.
    pub fn assets(&self) -> &Assets {
        &self.assets
    }

    /// Renders a page. Should a template fail, the answer is a plain page that says so.
    pub fn render(&self, page: Page<'_>, chrome: &Chrome<'_>) -> Html {
        let mut frames: &[String] = &[];
        let (name, view, scripts, forms) = match page {
            Page::SignIn(view) => {
                let retry = view
                    .retry_after
                    .and_then(|seconds| self.duration(chrome.lang, seconds));
                let view = context! { retry, ..Value::from(Serde(view)) };
                ("sign_in.html", view, Scripts::None, Forms::Client)
            }
            Page::Consent(view) => {
                let lasts = view
                    .lifetime
                    .and_then(|seconds| self.duration(chrome.lang, seconds));
                let scopes: Vec<_> = view
                    .scopes
                    .iter()
                    .map(|scope| self.named(*scope, chrome.lang))
                    .collect();
                let view = context! { lasts, scopes, ..Value::from(Serde(view)) };
                ("consent.html", view, Scripts::None, Forms::Client)
            }
            Page::SelectAccount(view) => (
                "select_account.html",
                Value::from(Serde(view)),
                Scripts::None,
                Forms::Client,
            ),
            Page::ConfirmLogout(view) => (
                "confirm_logout.html",
                Value::from(Serde(view)),
                Scripts::None,
                Forms::Client,
            ),
            Page::SignedOut(view) => {
                let scripts = match view.next {
                    Some(_) => Scripts::GoOn,
                    None => Scripts::None,
                };
                frames = view.frame_origins;
                let view = context! { script => GO_ON_SCRIPT, ..Value::from(Serde(view)) };
                ("signed_out.html", view, scripts, Forms::Own)
            }
            Page::Error(view) => {
                let (title, text) = self
                    .catalog(chrome.lang)
                    .map(|catalog| catalog.error(view.about.unwrap_or(view.code)))
                    .unwrap_or_default();
                let view = context! { title, text, ..Value::from(Serde(view)) };
                ("error.html", view, Scripts::None, Forms::Own)
            }
            Page::FormPost(view) => {
                let view = context! { script => FORM_POST_SCRIPT, ..Value::from(Serde(view)) };
                ("form_post.html", view, Scripts::FormPost, Forms::Client)
            }
            Page::Device(view) => {
                let retry = view
                    .retry_after
                    .and_then(|seconds| self.duration(chrome.lang, seconds));
                let qr = view.address.and_then(qr::Symbol::of);
                let qr = qr.map(|symbol| Value::from(Serde(symbol)));
                let view = context! { retry, qr, ..Value::from(Serde(view)) };
                ("device.html", view, Scripts::None, Forms::Client)
            }
            Page::Approvals(view) => {
                let requests: Vec<Value> = view
                    .requests
                    .iter()
                    .map(|request| {
                        let scopes = request.scopes.iter();
                        let scopes: Vec<_> = scopes
                            .map(|scope| self.named(*scope, chrome.lang))
                            .collect();
                        let left_text = self.duration(chrome.lang, request.left);
                        context! { scopes, left_text, ..Value::from(Serde(request)) }
                    })
                    .collect();
                let view = context! { requests, ..Value::from(Serde(view)) };
                ("approvals.html", view, Scripts::None, Forms::Own)
            }
            Page::DeviceDone(view) => (
                "device_done.html",
                Value::from(Serde(view)),
                Scripts::None,
                Forms::Own,
            ),
            Page::Home(view) => (
                "home.html",
                Value::from(Serde(view)),
                Scripts::None,
                Forms::Own,
            ),
            Page::Demo(view) => (
                "demo.html",
                Value::from(Serde(view)),
                Scripts::Own,
                Forms::Own,
            ),
        };
        let body = self.fill(name, view, chrome).unwrap_or_else(|error| {
            tracing::error!(page = name, error = %error, "page could not be rendered");
            FALLBACK.to_owned()
        });
        Html {
            body,
            csp: policy(scripts, forms, frames),
        }
    }

    pub(crate) fn template(
        &self,
        name: &str,
    ) -> Result<minijinja::Template<'_, '_>, minijinja::Error> {
        self.templates.get_template(name)
    }

    fn fill(
        &self,
        name: &str,
        view: Value,
        chrome: &Chrome<'_>,
    ) -> Result<String, minijinja::Error> {
        let Assets { style, icon, demo } = &self.assets;
        let Chrome {
            base,
            host: _,
            name: _,
            lang,
        } = chrome;
        let whole = context! {
            chrome => Value::from(Serde(chrome)),
            lang => lang.tag(),
            dir => lang.dir(),
            m => self.catalog(*lang).map(Catalog::value),
            style => format!("{base}{}", style.path),
            icon => format!("{base}{}", icon.path),
            demo => format!("{base}{}", demo.path),
            page => view,
        };
        self.templates.get_template(name)?.render(whole)
    }

    /// A scope with a title: its own, the usual one of a standard scope, or its bare name.
    fn named(&self, scope: Scope<'_>, lang: Lang) -> Value {
        let known = |part| {
            self.catalog(lang)?
                .get(&["consent", "standard", scope.name, part])
        };
        let title = scope.title.or_else(|| known("title")).unwrap_or(scope.name);
        let description = scope.description.or_else(|| known("text"));
        Value::from(Serde(Scope {
            title: Some(title),
            description,
            ..scope
        }))
    }
}

/// Names and sources. The layouts and parts have names as the pages do.
pub(crate) static TEMPLATES: &[(&str, &str)] = &[
    ("layout.html", include_str!("../templates/layout.html")),
    ("parts.html", include_str!("../templates/parts.html")),
    ("sign_in.html", include_str!("../templates/sign_in.html")),
    ("consent.html", include_str!("../templates/consent.html")),
    (
        "select_account.html",
        include_str!("../templates/select_account.html"),
    ),
    (
        "confirm_logout.html",
        include_str!("../templates/confirm_logout.html"),
    ),
    (
        "signed_out.html",
        include_str!("../templates/signed_out.html"),
    ),
    ("error.html", include_str!("../templates/error.html")),
    (
        "form_post.html",
        include_str!("../templates/form_post.html"),
    ),
    (
        "approvals.html",
        include_str!("../templates/approvals.html"),
    ),
    ("device.html", include_str!("../templates/device.html")),
    (
        "device_done.html",
        include_str!("../templates/device_done.html"),
    ),
    ("home.html", include_str!("../templates/home.html")),
    ("demo.html", include_str!("../templates/demo.html")),
    ("mail.html", include_str!("../templates/mail.html")),
    ("mail.txt", include_str!("../templates/mail.txt")),
];

/// Shown when rendering fails.
pub(crate) const FALLBACK: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<title>Something went wrong</title></head><body><h1>Something went wrong here</h1>\
<p>Please try again in a moment.</p></body></html>\n";
