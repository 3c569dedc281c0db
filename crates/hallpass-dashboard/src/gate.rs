//! Who comes in.

use std::borrow::Cow;

use hallpass_admin::{ALL_PROJECTS, Caller, Desk, Operation, Place, Principal, Terms};
use hallpass_core::{admin::Permission, sign_in::Strength};
use hallpass_http::{ClientAddr, Endpoints, Problem, Response, browser_of, redirect};
use hallpass_provider::{
    browser::{Browser, SetCookies},
    endpoints::{Visited, Visitor},
};
use hallpass_types::{Params, Timestamp};
use http::request::Parts as Head;

use crate::{
    registry::Page,
    render::{Answer, Stop},
    routes::{PATH, Settings},
};

/// Seconds that a form may take beyond the time within which its page is shown.
const PATIENCE: i64 = 1800;

/// What stands before every page.
pub(crate) struct Gate<'a> {
    pub(crate) endpoints: &'a Endpoints,
    pub(crate) settings: Settings,
    pub(crate) desk: &'a Desk,
}

/// An operator before a page.
pub(crate) struct Visit {
    pub(crate) desk: Desk,
    pub(crate) caller: Caller,
    /// None where there is no such page.
    pub(crate) page: Option<&'static Page>,
    pub(crate) names: Vec<(&'static str, String)>,
    pub(crate) query: Params,
    /// Stands in every form.
    pub(crate) form: String,
    /// What the operator signs in with.
    pub(crate) username: String,
    pub(crate) now: Timestamp,
    /// The form came too late: the page is shown again and says so.
    pub(crate) late: bool,
    /// Why nothing is shown.
    pub(crate) stop: Option<Stop>,
}

impl Visit {
    /// A name in the path; empty where the page has none of that kind.
    pub(crate) fn name(&self, wanted: &str) -> &str {
        let found = self.names.iter().find(|(name, _)| *name == wanted);
        found.map_or("", |(_, value)| value)
    }

    pub(crate) fn project(&self) -> &str {
        self.name("project")
    }

    /// Calls an operation in the project of the page.
    pub(crate) async fn call<O: Operation>(&self, input: O::Input) -> Result<O::Output, Stop> {
        let terms = Terms::project(self.project());
        Ok(self.desk.call::<O>(&self.caller, terms, input).await?)
    }

    /// Whether they may do something in the project of the page.
    pub(crate) fn may(&self, permission: Permission) -> bool {
        let project = self.project();
        let project = if project.is_empty() {
            ALL_PROJECTS
        } else {
            project
        };
        self.caller.may(permission, project)
    }

    pub(crate) async fn show(&self) -> Result<Answer, Stop> {
        match self.page {
            Some(page) => (page.show)(self).await,
            None => Err(Stop::nothing()),
        }
    }
}

impl Gate<'_> {
    /// Lets an operator in, or says where they go instead.
    pub(crate) async fn enter(
        &self,
        head: &Head,
        below: &str,
        found: Option<(&'static Page, Vec<(&'static str, String)>)>,
        form: Option<&Params>,
    ) -> Result<Result<(Visit, SetCookies), Response>, Problem> {
        let provider = self.endpoints.provider();
        let browser = browser_of(&head.headers, self.endpoints.cookies());
        let query = head.uri.query().unwrap_or_default();
        let back = match query {
            "" => format!("{PATH}{below}"),
            query => format!("{PATH}{below}?{query}"),
        };
        // Whoever sent a form comes back to its page.
        let back = if form.is_some() {
            format!("{PATH}{below}")
        } else {
            back
        };
        let lasts = Some(self.settings.lasts);
        let (visitor, cookies) = match self.visit(&browser, &back, lasts).await? {
            Ok(here) => here,
            Err(response) => return Ok(Err(response)),
        };
        let subject = visitor.account().subject.clone();
        let (store, home) = (provider.store(), provider.issuer_id());
        let caller = Caller::find(&**store, home, Principal::User(subject)).await;
        let caller =
            caller.map_err(|error| Problem::from(hallpass_provider::Failure::from(error)))?;
        let address = head.extensions.get::<ClientAddr>().map(|address| address.0);
        let (page, names) = match found {
            Some((page, names)) => (Some(page), names),
            None => (None, Vec::new()),
        };
        let mut visit = Visit {
            desk: self.desk.clone(),
            stop: None,
            late: false,
            page,
            names,
            query: Params::parse(query.as_bytes()).unwrap_or_default(),
            form: visitor.form.clone(),
            username: visitor.account().display_name.clone(),
            now: provider.now(),
            caller: match caller {
                Some(caller) => caller.at(address),
                None => {
                    let mut visit = self.stranger(&visitor, provider.now());
                    visit.stop = Some(Stop::stranger());
                    return Ok(Ok((visit, cookies)));
                }
            },
        };
        let Some(page) = page else {
            visit.stop = Some(Stop::nothing());
            return Ok(Ok((visit, cookies)));
        };
        if let Err(problem) = may(&visit.caller, page, visit.project()) {
            if form.is_some() {
                let project = Some(visit.project()).filter(|name| !name.is_empty());
                self.desk
                    .note_refusal("dashboard", &visit.caller, project, &problem)
                    .await;
            }
            visit.stop = Some(problem.into());
            return Ok(Ok((visit, cookies)));
        }
        if !page.changes && form.is_none() {
            return Ok(Ok((visit, cookies)));
        }
        // Only who changes something must have signed in just now.
        if self.settings.strong && visitor.strength(provider.policy()) < Some(Strength::Multi) {
            visit.stop = Some(Stop::too_weak());
            return Ok(Ok((visit, cookies)));
        }
        let patience = if form.is_some() { PATIENCE } else { 0 };
        let within = self.settings.changes_within.saturating_add(patience);
        if provider.now().since(visitor.signed_in_at()) > within {
            return Ok(match self.visit(&browser, &back, Some(within)).await? {
                Err(response) => Err(response),
                // Meanwhile they did.
                Ok(_) => Err(redirect(&provider.policy().issuer.url(&back))),
            });
        }
        if let Some(form) = form {
            let sealed = form.get("form").unwrap_or_default();
            visit.late = provider.own_form(sealed, &browser).await.is_err();
            if visit.late {
                visit.stop = Some(Stop::late(&back));
            }
        }
        Ok(Ok((visit, cookies)))
    }

    async fn visit(
        &self,
        browser: &Browser,
        back: &str,
        age: Option<i64>,
    ) -> Result<Result<(Box<Visitor>, SetCookies), Response>, Problem> {
        let provider = self.endpoints.provider();
        let (visited, cookies) = provider.visit_page(browser, back, age).await?;
        Ok(match visited {
            Visited::Here(visitor) => Ok((visitor, cookies)),
            Visited::SignIn(answered) => Err(self.endpoints.answer(Ok(*answered))),
        })
    }

    /// Somebody with an account who is no operator: nothing can be called for them.
    fn stranger(&self, visitor: &Visitor, now: Timestamp) -> Visit {
        Visit {
            desk: self.desk.clone(),
            caller: Caller {
                principal: Principal::User(visitor.account().subject.clone()),
                client: None,
                roles: std::collections::BTreeMap::new(),
                only_looks: true,
                address: None,
            },
            page: None,
            names: Vec::new(),
            query: Params::default(),
            form: visitor.form.clone(),
            username: visitor.account().display_name.clone(),
            now,
            late: false,
            stop: None,
        }
    }
}

/// Whether they may see a page. Who has no role in a project learns nothing about it.
fn may(caller: &Caller, page: &Page, project: &str) -> Result<(), hallpass_admin::Problem> {
    match page.place {
        Place::Anybody => Ok(()),
        Place::Platform => caller.check(page.needs, ALL_PROJECTS),
        Place::Record | Place::Settings | Place::Project if project == ALL_PROJECTS => {
            Err(hallpass_admin::Kind::NotFound.into())
        }
        Place::Record | Place::Settings | Place::Project => caller.check(page.needs, project),
    }
}

/// A name as it stands in a path.
pub(crate) fn segment(name: &str) -> Cow<'_, str> {
    percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC).into()
}
