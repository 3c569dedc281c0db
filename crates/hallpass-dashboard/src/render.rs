//! From what a page shows to its HTML.

use hallpass_admin::{ALL_PROJECTS, Kind};
use hallpass_http::Html;
use hallpass_pages::Picture;
use http::StatusCode;
use minijinja::{
    AutoEscape, Environment, UndefinedBehavior, Value, context, syntax::SyntaxConfig, value::Serde,
};

use crate::{
    assets::{Assets, CSP},
    gate::{Visit, segment},
    registry::PAGES,
    text,
};

/// What a template reads of something that can be written down.
pub(crate) fn ser(what: impl serde::Serialize) -> Value {
    Value::from(Serde(what))
}

/// What came of a request.
pub(crate) enum Answer {
    /// A page.
    Shown(Shown),
    /// A picture.
    File(Picture),
    /// Another page of the dashboard, by its path below it.
    GoTo(String),
}

/// A page.
pub(crate) struct Shown {
    pub(crate) template: &'static str,
    pub(crate) title: String,
    pub(crate) view: Value,
    pub(crate) status: StatusCode,
    /// There is no such project, so that there is no way into it either.
    pub(crate) outside: bool,
}

impl Answer {
    pub(crate) fn shown(template: &'static str, title: impl Into<String>, view: Value) -> Self {
        Self::with_status(StatusCode::OK, template, title, view)
    }

    pub(crate) fn with_status(
        status: StatusCode,
        template: &'static str,
        title: impl Into<String>,
        view: Value,
    ) -> Self {
        Self::Shown(Shown {
            template,
            title: title.into(),
            view,
            status,
            outside: false,
        })
    }
}

/// Why a page is not shown, for people.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    status: u16,
    id: &'static str,
    title: String,
    text: String,
    /// Where they may go on: a label and an address under the issuer.
    next: Option<Box<(&'static str, String)>>,
    /// The member of the input that it is about.
    field: Option<String>,
}

impl Stop {
    pub(crate) fn of(status: u16, id: &'static str, text: &str) -> Self {
        Self {
            status,
            id,
            title: "That did not work".to_owned(),
            text: text.to_owned(),
            next: None,
            field: None,
        }
    }

    pub(crate) fn nothing() -> Self {
        let mut stop = Self::of(
            404,
            "not_found",
            "There is no such page or thing, or it is not yours to see.",
        );
        "Nothing here".clone_into(&mut stop.title);
        stop
    }

    pub(crate) fn stranger() -> Self {
        let mut stop = Self::of(
            403,
            "no_operator",
            "Your account has no role here. An owner can give you one, on the page of operators or by the command hallpass operator.",
        );
        "You are not an operator".clone_into(&mut stop.title);
        stop.next = Some(Box::new(("Sign out", "/logout".to_owned())));
        stop
    }

    pub(crate) fn too_weak() -> Self {
        let mut stop = Self::of(
            403,
            "sign_in_too_weak",
            "Whoever changes something here has signed in with a passkey or a second factor. Add a passkey to your account, then sign in with it.",
        );
        "Sign in with a passkey first".clone_into(&mut stop.title);
        stop.next = Some(Box::new(("Add a passkey", "/account/passkeys".to_owned())));
        stop
    }

    pub(crate) fn late(back: &str) -> Self {
        let mut stop = Self::of(
            403,
            "form_over",
            "The page was open for too long, or somebody else signed in since. Nothing was changed. Open it again and send it once more.",
        );
        "This form is over".clone_into(&mut stop.title);
        stop.next = Some(Box::new(("Open it again", back.to_owned())));
        stop
    }

    /// What a form is told where it is shown again.
    pub(crate) fn alert(&self) -> Value {
        context! { id => self.id, text => self.text.as_str(), title => self.title.as_str(), field => self.field.as_deref() }
    }

    /// Whether what was typed is at fault, so that it is shown again.
    pub(crate) const fn is_typed(&self) -> bool {
        matches!(self.status, 400 | 409 | 412 | 422)
    }

    /// What people read.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    pub(crate) fn shown(&self) -> Shown {
        Shown {
            template: "error.html",
            title: self.title.clone(),
            view: context! {
                code => self.status,
                id => self.id,
                text => self.text.as_str(),
                next => self.next.as_ref().map(|next| context! { label => next.0, href => next.1.as_str() }),
            },
            status: self.status(),
            outside: false,
        }
    }
}

impl From<hallpass_admin::Problem> for Stop {
    fn from(problem: hallpass_admin::Problem) -> Self {
        let kind = problem.kind();
        if kind == Kind::NotFound {
            return Self::nothing();
        }
        let mut stop = Self::of(kind.status(), kind.id(), kind.title());
        if kind == Kind::Forbidden {
            "Not with your role".clone_into(&mut stop.title);
        }
        if kind == Kind::PreconditionFailed {
            "Somebody else has changed it since you opened this page. Open it again."
                .clone_into(&mut stop.text);
        }
        if let Some(detail) = problem.detail() {
            stop.text = match problem.field() {
                Some(field) => format!("{}: {detail}.", text::field(field)),
                None => format!("{} {}.", kind.title(), text::sentence(detail)),
            };
        }
        stop.field = problem.field().map(str::to_owned);
        stop
    }
}

/// The templates.
pub(crate) struct Renderer {
    base: String,
    /// What is set weakly.
    pub(crate) weak: Vec<String>,
    environment: std::sync::OnceLock<Environment<'static>>,
}

macro_rules! templates {
    ($($name:literal),+ $(,)?) => {
        /// Names and sources.
        pub(crate) const TEMPLATES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../templates/", $name)))),+];
    };
}

templates!(
    "layout.html",
    "parts.html",
    "error.html",
    "projects.html",
    "project_new.html",
    "overview.html",
    "applications.html",
    "application.html",
    "application_edit.html",
    "application_fields.html",
    "application_new.html",
    "snippets.html",
    "secret.html",
    "try.html",
    "users.html",
    "user.html",
    "user_new.html",
    "user_invite.html",
    "link.html",
    "everybody.html",
    "password.html",
    "keys.html",
    "audit.html",
    "access.html",
    "operators.html",
    "settings.html",
    "project.html",
    "scopes.html",
    "providers.html",
    "appearance.html",
    "webhooks.html",
    "webhook.html",
    "webhook_fields.html",
    "webhook_new.html",
    "webhook_secret.html",
);

impl Renderer {
    pub(crate) const fn new(base: String) -> Self {
        Self {
            base,
            weak: Vec::new(),
            environment: std::sync::OnceLock::new(),
        }
    }

    /// Where the dashboard is on its host.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Parsed for the first page: a server whose dashboard nobody looks at has no need of them.
    fn environment(&self) -> &Environment<'static> {
        self.environment.get_or_init(|| {
            parse().unwrap_or_else(|error| {
                tracing::error!(%error, "the templates of the dashboard cannot be read");
                Environment::new()
            })
        })
    }

    pub(crate) fn page(&self, visit: &Visit, shown: &Shown, assets: &Assets) -> Html {
        let whole = self.whole(visit, shown, assets);
        let environment = self.environment();
        let body = environment
            .get_template(shown.template)
            .and_then(|template| template.render(whole));
        let body = body.unwrap_or_else(|error| {
            tracing::error!(
                page = shown.template,
                error = format!("{error:#}"),
                "page could not be rendered"
            );
            FALLBACK.to_owned()
        });
        Html {
            body,
            csp: CSP.to_owned(),
        }
    }

    fn whole(&self, visit: &Visit, shown: &Shown, assets: &Assets) -> Value {
        let project = visit.project();
        let knows = !shown.outside && !project.is_empty() && visit.caller.knows(project);
        let here = format!("{}/p/{}", self.base, segment(project));
        let current = visit.page.map_or("", |page| page.within);
        let nav: Vec<Value> = PAGES
            .iter()
            .filter(|page| knows && visit.caller.may(page.needs, project))
            .filter_map(|page| {
                let (label, picture) = page.nav?;
                let rest = page.path.strip_prefix("/p/{project}")?;
                let href = format!("{here}{rest}");
                Some(
                    context! { id => page.id, label, picture, href, current => page.id == current },
                )
            })
            .collect();
        let sees_all = visit.caller.may(
            hallpass_core::admin::Permission::ReadOperators,
            ALL_PROJECTS,
        );
        let assets = context! {
            style => format!("{}{}", self.base, assets.style.path),
            script => format!("{}{}", self.base, assets.script.path),
            icon => format!("{}{}", self.base, assets.icon.path),
        };
        context! {
            base => self.base.as_str(),
            issuer_path => self.base.strip_suffix(crate::routes::PATH).unwrap_or_default(),
            here,
            assets,
            nav,
            title => shown.title.as_str(),
            project => knows.then_some(project),
            operator => context! {
                username => visit.username.as_str(),
                owner => visit.caller.may(hallpass_core::admin::Permission::CreateProject, ALL_PROJECTS),
            },
            form => visit.form.as_str(),
            weak => sees_all.then(|| ser(&self.weak)),
            page => shown.view.clone(),
        }
    }
}

fn parse() -> Result<Environment<'static>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.remove_filter("safe");
    environment.add_filter("minute", text::minute);
    environment.add_filter("day", text::day_of);
    environment.add_filter("segment", |name: String| segment(&name).into_owned());
    environment.add_filter("initial", text::initial);
    environment.add_filter("number", text::number);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build();
    environment.set_syntax(syntax?);
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment)
}

/// Shown when rendering fails.
const FALLBACK: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<title>Something went wrong</title></head><body><h1>Something went wrong here</h1>\
<p>Please try again in a moment.</p></body></html>\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_parses() {
        parse().unwrap();
    }

    #[test]
    fn no_template_has_script_or_style_of_its_own() {
        for (name, source) in TEMPLATES {
            let source = source.to_lowercase();
            for word in [
                " style=",
                "<style",
                " onclick",
                " onload",
                " onsubmit",
                "javascript:",
            ] {
                assert!(!source.contains(word), "{name}: {word}");
            }
            for script in source.split("<script").skip(1) {
                assert!(script.starts_with(" src="), "{name}");
            }
        }
    }
}
