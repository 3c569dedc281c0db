//! From a page to its HTML.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, PoisonError, RwLock},
};

use minijinja::{HtmlEscape, Value, context, value::Serde};

use crate::{
    assets::{Asset, Assets},
    csp::{FORM_POST_SCRIPT, Forms, GO_ON_SCRIPT, Scripts, policy},
    messages::{Catalog, Lang, Texts},
    qr, samples,
    templates::{Sources, TemplateError, Templates},
    text,
    theme::{Theme, ThemeError},
    view::{Approval, Chrome, Page, PasswordProblem, Resource, Scope},
};

/// A page, ready to send as `text/html; charset=utf-8`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Html {
    /// The document.
    pub body: String,
    /// Value of `Content-Security-Policy`.
    pub csp: String,
}

/// Pages that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// A template cannot be used.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// The theme cannot be.
    #[error(transparent)]
    Theme(#[from] ThemeError),
    /// A file for the templates cannot be used.
    #[error("{0}: is no picture or stylesheet of at most 1 MiB, or there are more than 64 of them")]
    File(String),
}

/// What an operator wants to be otherwise. The default changes nothing.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// How it looks.
    pub theme: Theme,
    /// What it says.
    pub texts: Vec<(Lang, Texts)>,
    /// A folder with templates that take the place of the built-in ones, and with `assets` for them.
    pub templates_dir: Option<PathBuf>,
    /// Reads the folder again for every page, and shows what is wrong with it. For development.
    pub reload: bool,
}

/// The templates and the assets of all pages. Made once, used by every request.
#[derive(Debug)]
pub struct Pages {
    templates: RwLock<Arc<Templates>>,
    /// Read again for every page.
    reload: Option<PathBuf>,
    assets: Assets,
    /// The colour behind the page, light and dark.
    grounds: [String; 2],
    /// English is among them, and never taken away.
    texts: Vec<Language>,
}

/// The texts of a language, made when somebody reads it for the first time.
#[derive(Debug)]
struct Language {
    lang: Lang,
    own: Texts,
    catalog: OnceLock<Catalog>,
}

impl Pages {
    /// The built-in pages.
    ///
    /// # Errors
    /// A template does not parse. The built-in ones do; the tests render every one.
    pub fn new() -> Result<Self, PagesError> {
        Self::with(Settings::default())
    }

    /// Pages as an operator wants them. A folder of templates is tried with samples of every page, so that what is broken
    /// is found now and not when somebody signs in.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn with(settings: Settings) -> Result<Self, PagesError> {
        let Settings {
            theme,
            texts,
            templates_dir,
            reload,
        } = settings;
        let sources = match &templates_dir {
            Some(folder) => Sources::read(folder)?,
            None => Sources::default(),
        };
        let (style, grounds) = theme.style()?;
        let assets = Assets::new(style, &theme).with_folder(templates_dir.as_deref())?;
        let try_samples = templates_dir.is_some() || !texts.is_empty();
        let languages = Lang::ALL.map(|lang| {
            let own = texts.iter().find(|(own, _)| *own == lang);
            Language {
                lang,
                own: own.map(|(_, texts)| texts.clone()).unwrap_or_default(),
                catalog: OnceLock::new(),
            }
        });
        let pages = Self {
            templates: RwLock::new(Arc::new(Templates::new(sources)?)),
            reload: templates_dir.filter(|_| reload),
            assets,
            grounds: grounds.map(|colour| colour.to_string()),
            texts: languages.into(),
        };
        if try_samples {
            pages.try_samples()?;
        }
        Ok(pages)
    }

    /// Renders samples of every page in every language.
    fn try_samples(&self) -> Result<(), TemplateError> {
        let templates = self.templates();
        for lang in Lang::ALL {
            let chrome = Chrome {
                lang,
                ..samples::CHROME
            };
            for (_, page) in samples::all() {
                let Prepared { name, view, .. } = self.prepared(page, &chrome);
                templates.render(name, self.whole(view, &chrome))?;
            }
            for message in samples::letters() {
                self.try_letter(&message, &chrome)?;
            }
        }
        Ok(())
    }

    pub(crate) fn templates(&self) -> Arc<Templates> {
        let templates = self.templates.read();
        Arc::clone(&templates.unwrap_or_else(PoisonError::into_inner))
    }

    /// The templates as the folder has them now.
    fn fresh(&self, folder: &Path) -> Result<Arc<Templates>, TemplateError> {
        let templates = self.templates();
        let sources = Sources::read(folder)?;
        if *templates.sources() == sources {
            return Ok(templates);
        }
        let fresh = Arc::new(Templates::new(sources)?);
        let mut held = self
            .templates
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        *held = Arc::clone(&fresh);
        Ok(fresh)
    }

    /// The texts of a language.
    pub(crate) fn catalog(&self, lang: Lang) -> Option<&Catalog> {
        let language = self.texts.iter().find(|language| language.lang == lang)?;
        let make = || Catalog::new(lang, &language.own);
        Some(language.catalog.get_or_init(make))
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
        let Prepared {
            name,
            view,
            scripts,
            forms,
            frames,
        } = self.prepared(page, chrome);
        let templates = match &self.reload {
            Some(folder) => self.fresh(folder),
            None => Ok(self.templates()),
        };
        let whole = self.whole(view, chrome);
        let body = templates.and_then(|templates| templates.render(name, whole));
        let body = body.unwrap_or_else(|error| {
            tracing::error!(page = name, error = %error, "page could not be rendered");
            let shown = self.reload.as_ref().map(|_| error.to_string());
            fallback(shown.as_deref())
        });
        Html {
            body,
            csp: policy(scripts, forms, frames),
        }
    }

    /// The name of the template of a page.
    #[must_use]
    pub fn template_of(&self, page: Page<'_>) -> String {
        self.prepared(page, &samples::CHROME).name.to_owned()
    }

    /// Template and content of a page, and what it may do.
    fn prepared<'p>(&self, page: Page<'p>, chrome: &Chrome<'_>) -> Prepared<'p> {
        let mut frames: &[String] = &[];
        let (name, view, scripts, forms) = match page {
            Page::SignIn(view) => {
                let passkey = view.passkey;
                let retry = view
                    .retry_after
                    .and_then(|seconds| self.duration(chrome.lang, seconds));
                let view = context! { retry, ..Value::from(Serde(view)) };
                let scripts = scripts_of(passkey);
                ("sign_in.html", view, scripts, Forms::Client)
            }
            Page::SecondStep(view) => {
                let passkey = view.passkey;
                let retry = view
                    .retry_after
                    .and_then(|seconds| self.duration(chrome.lang, seconds));
                let view = context! { retry, ..Value::from(Serde(view)) };
                let scripts = scripts_of(passkey);
                ("second_step.html", view, scripts, Forms::Client)
            }
            Page::NewPassword(view) => {
                let (problem, limit) = match view.problem {
                    None => (None, 0),
                    Some(PasswordProblem::TooShort(least)) => (Some("too_short"), least),
                    Some(PasswordProblem::TooLong(most)) => (Some("too_long"), most),
                    Some(PasswordProblem::TooCommon) => (Some("too_common"), 0),
                    Some(PasswordProblem::Unchanged) => (Some("unchanged"), 0),
                    Some(PasswordProblem::Busy) => (Some("busy"), 0),
                };
                let limit = limit.to_string();
                let view = context! { problem, limit, ..Value::from(Serde(view)) };
                ("new_password.html", view, Scripts::None, Forms::Client)
            }
            Page::Enrol(view) => {
                let retry = view
                    .retry_after
                    .and_then(|seconds| self.duration(chrome.lang, seconds));
                let qr = qr::Symbol::of(view.uri).map(|symbol| Value::from(Serde(symbol)));
                let view = context! { retry, qr, ..Value::from(Serde(view)) };
                ("enrol.html", view, Scripts::None, Forms::Client)
            }
            Page::Credentials(view) => {
                let scripts = scripts_of(view.offer_passkey);
                let retry = view
                    .retry_after
                    .and_then(|seconds| self.duration(chrome.lang, seconds));
                let qr = qr::Symbol::of(view.uri).filter(|_| !view.uri.is_empty());
                let qr = qr.map(|symbol| Value::from(Serde(symbol)));
                let left = (view.left > 0).then(|| view.left.to_string());
                let of = view.of.to_string();
                let view = context! { retry, qr, left, of, ..Value::from(Serde(view)) };
                ("credentials.html", view, scripts, Forms::Own)
            }
            Page::Consent(view) => {
                let lasts = view
                    .lifetime
                    .and_then(|seconds| self.duration(chrome.lang, seconds));
                let asked = self.asked(view.scopes, view.claims, view.resources, chrome.lang);
                let [groups, claims, resources] = asked;
                let view =
                    context! { lasts, groups, claims, resources, ..Value::from(Serde(view)) };
                ("consent.html", view, Scripts::None, Forms::Client)
            }
            Page::SelectAccount(view) => (
                "select_account.html",
                Value::from(Serde(view)),
                Scripts::None,
                Forms::Client,
            ),
            Page::Linked(view) => (
                "linked.html",
                Value::from(Serde(view)),
                Scripts::None,
                Forms::Client,
            ),
            Page::SelectOrganization(view) => (
                "select_organization.html",
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
                let view = context! { script => Value::from_safe_string(GO_ON_SCRIPT.to_owned()), ..Value::from(Serde(view)) };
                ("signed_out.html", view, scripts, Forms::Own)
            }
            Page::Error(view) => {
                let (title, text) = self
                    .catalog(chrome.lang)
                    .map(|catalog| catalog.error(view.about.unwrap_or(view.code)))
                    .unwrap_or_default();
                let forms = match view.next_fields {
                    Some(_) => Forms::Client,
                    None => Forms::Own,
                };
                let view = context! { title, text, ..Value::from(Serde(view)) };
                ("error.html", view, Scripts::None, forms)
            }
            Page::FormPost(view) => {
                let view = context! { script => Value::from_safe_string(FORM_POST_SCRIPT.to_owned()), ..Value::from(Serde(view)) };
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
                        let Approval {
                            scopes,
                            claims,
                            resources,
                            ..
                        } = *request;
                        let asked = self.asked(scopes, claims, resources, chrome.lang);
                        let left_text = self.duration(chrome.lang, request.left);
                        let [groups, claims, resources] = asked;
                        context! { left_text, groups, claims, resources, ..Value::from(Serde(request)) }
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
            Page::AskMail(view) => {
                let retry = view
                    .retry_after
                    .and_then(|seconds| self.duration(chrome.lang, seconds));
                // Whoever makes an account with a passkey alone goes on to the client.
                let (scripts, forms) = match view.passkey {
                    Some(_) => (Scripts::Own, Forms::Client),
                    None => (Scripts::None, Forms::Own),
                };
                let view = context! { retry, ..Value::from(Serde(view)) };
                ("ask_mail.html", view, scripts, forms)
            }
            Page::MailCode(view) => {
                let lasts = self.duration(chrome.lang, view.lifetime);
                let retry = view
                    .retry_after
                    .and_then(|seconds| self.duration(chrome.lang, seconds));
                let view = context! { lasts, retry, ..Value::from(Serde(view)) };
                ("mail_code.html", view, Scripts::None, Forms::Client)
            }
            Page::MailSent(view) => {
                let lasts = self.duration(chrome.lang, view.lifetime);
                let view = context! { lasts, ..Value::from(Serde(view)) };
                ("mail_sent.html", view, Scripts::None, Forms::Own)
            }
            Page::MailLink(view) => (
                "mail_link.html",
                Value::from(Serde(view)),
                scripts_of(view.passkey),
                Forms::Client,
            ),
            Page::LinkDone(view) => (
                "link_done.html",
                Value::from(Serde(view)),
                Scripts::None,
                Forms::Own,
            ),
            Page::Account(view) => {
                let apps: Vec<Value> = view
                    .apps
                    .iter()
                    .map(|app| {
                        let scopes: Vec<_> = app
                            .scopes
                            .iter()
                            .map(|scope| self.named(*scope, chrome.lang))
                            .collect();
                        context! { scopes, ..Value::from(Serde(app)) }
                    })
                    .collect();
                let view = context! { apps, ..Value::from(Serde(view)) };
                ("account.html", view, Scripts::None, Forms::Own)
            }
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
        Prepared {
            name,
            view,
            scripts,
            forms,
            frames,
        }
    }

    /// All that a template is given.
    fn whole(&self, view: Value, chrome: &Chrome<'_>) -> Value {
        let Assets {
            style,
            icon,
            demo,
            webauthn,
            logo,
            own,
        } = &self.assets;
        let Chrome {
            base,
            host: _,
            name: _,
            lang,
            upstreams,
        } = chrome;
        let [light, dark] = &self.grounds;
        let path = |asset: &Asset| format!("{base}{}", asset.path);
        let assets: BTreeMap<&str, String> = own
            .iter()
            .map(|(name, asset)| (name.as_str(), path(asset)))
            .collect();
        context! {
            chrome => Value::from(Serde(chrome)),
            lang => lang.tag(),
            dir => lang.dir(),
            m => self.catalog(*lang).map(Catalog::value),
            style => path(style),
            icon => path(icon),
            icon_type => icon.content_type,
            demo => path(demo),
            webauthn => path(webauthn),
            logo => logo.as_ref().map(path),
            ground => context! { light, dark },
            assets => Value::from(Serde(assets)),
            upstreams => Value::from(Serde(upstreams)),
            page => view,
        }
    }

    /// What a client asks for: scopes by the resource that they are about, claims with their names, resources.
    fn asked(
        &self,
        scopes: &[Scope<'_>],
        claims: &[&str],
        resources: &[Resource<'_>],
        lang: Lang,
    ) -> [Value; 3] {
        let group = |resource: Option<&Resource<'_>>| {
            let is_known = |id| resources.iter().any(|resource| resource.identifier == id);
            let about = resource.map(|resource| resource.identifier);
            let scopes: Vec<Value> = scopes
                .iter()
                .filter(|scope| scope.resource.filter(|id| is_known(*id)) == about)
                .map(|scope| self.named(*scope, lang))
                .collect();
            let resource = resource.map(|resource| Value::from(Serde(resource)));
            (!scopes.is_empty()).then(|| context! { resource, scopes })
        };
        let mut groups: Vec<Value> = group(None).into_iter().collect();
        groups.extend(
            resources
                .iter()
                .filter_map(|resource| group(Some(resource))),
        );
        let claims: Vec<Value> = claims
            .iter()
            .map(|name| {
                let shown = text::shown_value(name);
                let (base, tag) = name.split_once('#').unwrap_or((name, ""));
                let known = self
                    .catalog(lang)
                    .and_then(|catalog| catalog.get(&["consent", "claim", base]));
                let label = match (known, tag) {
                    (Some(known), "") => known.to_owned(),
                    (Some(known), tag) => format!("{known} ({})", text::shown_value(tag)),
                    (None, _) => shown.clone(),
                };
                context! { name => shown, label }
            })
            .collect();
        let resources: Vec<Value> = resources.iter().map(|r| Value::from(Serde(r))).collect();
        [groups.into(), claims.into(), resources.into()]
    }

    /// A scope with a title: its own, the usual one of a standard scope, or its bare name.
    fn named(&self, scope: Scope<'_>, lang: Lang) -> Value {
        let known = |part| {
            self.catalog(lang)?
                .get(&["consent", "standard", scope.name, part])
        };
        // In the language of the page, where there are words in it.
        let title = known("title").or(scope.title).unwrap_or(scope.name);
        let description = known("text").or(scope.description);
        Value::from(Serde(Scope {
            title: Some(title),
            description,
            ..scope
        }))
    }
}

/// Passkeys need the one file of ours.
const fn scripts_of(passkey: Option<&str>) -> Scripts {
    match passkey {
        Some(_) => Scripts::Own,
        None => Scripts::None,
    }
}

/// A page ready for its template.
struct Prepared<'p> {
    name: &'static str,
    view: Value,
    scripts: Scripts,
    forms: Forms,
    frames: &'p [String],
}

/// Shown when rendering fails.
pub(crate) const FALLBACK: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<title>Something went wrong</title></head><body><h1>Something went wrong here</h1>\
<p>Please try again in a moment.</p>";

fn fallback(error: Option<&str>) -> String {
    match error {
        Some(error) => format!(
            "{FALLBACK}<p id=\"template-error\">{}</p></body></html>\n",
            HtmlEscape(error)
        ),
        None => format!("{FALLBACK}</body></html>\n"),
    }
}
