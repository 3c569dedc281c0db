//! `/account`: what people see of their account, and what they do with it.
//!
//! Sections stand in one table ([`SECTIONS`]); another one is a line there and its part of the template.

use bytes::Bytes;
use hallpass_http::{Problem, Response, redirect, set_cookies};
use hallpass_provider::{
    browser::SetCookies,
    endpoints::{AccountDone, ConnectionView, MailAsked, Visited, Visitor},
    ports::PersonalAccount,
};
use hallpass_types::{EmailAddress, Params};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE},
    request::Parts as Head,
};
use http_body::Body;
use http_body_util::Full;
use serde_json::Value;

use super::{
    PageRoutes,
    approvals::ends_of,
    consent, is_answer,
    path::ACCOUNT,
    posted::undecided,
    sign_up::{Again, new_password, peer},
};
use crate::{
    Page, time,
    view::{self, ActivityRow, AppRow, Field, MyAccount, PeopleError, Section, SessionRow},
};

/// A part of the page at `/account`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AccountPage {
    /// All sections, in short.
    Overview,
    /// What is told about the person.
    Profile,
    /// The mail address.
    Email,
    /// The password.
    Password,
    /// Where the person is signed in.
    Sessions,
    /// Connected applications.
    Apps,
    /// What happened.
    Activity,
    /// Everything, to take along.
    Export,
    /// The end.
    Delete,
}

/// What it takes to open a section.
#[derive(Clone, Copy)]
enum Needs {
    /// To be signed in.
    SignIn,
    /// To have signed in lately.
    Recent,
    /// The same, and to have shown what one has set up: it changes how the person signs in.
    Shown,
}

/// A section: its page, its name in paths and texts, and what it takes to open it.
struct Entry {
    page: AccountPage,
    name: &'static str,
    needs: Needs,
}

const fn entry(page: AccountPage, name: &'static str, needs: Needs) -> Entry {
    Entry { page, name, needs }
}

/// The sections, in the order in which they are shown.
#[rustfmt::skip]
const SECTIONS: &[Entry] = &[
    entry(AccountPage::Profile,  "profile",  Needs::SignIn),
    entry(AccountPage::Email,    "email",    Needs::Shown),
    entry(AccountPage::Password, "password", Needs::Shown),
    entry(AccountPage::Sessions, "sessions", Needs::SignIn),
    entry(AccountPage::Apps,     "apps",     Needs::SignIn),
    entry(AccountPage::Activity, "activity", Needs::SignIn),
    entry(AccountPage::Export,   "export",   Needs::Recent),
    entry(AccountPage::Delete,   "delete",   Needs::Recent),
];

impl AccountPage {
    /// The section of what stands behind `/account` in a path.
    pub(super) fn of(rest: &str) -> Option<Self> {
        if rest.is_empty() {
            return Some(Self::Overview);
        }
        let name = rest.strip_prefix('/')?;
        let found = SECTIONS.iter().find(|entry| entry.name == name);
        found.map(|entry| entry.page)
    }

    fn entry(self) -> Option<&'static Entry> {
        SECTIONS.iter().find(|entry| entry.page == self)
    }

    fn name(self) -> &'static str {
        self.entry().map_or("overview", |entry| entry.name)
    }

    /// Every section.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let sections = SECTIONS.iter().map(|entry| entry.page);
        std::iter::once(Self::Overview).chain(sections)
    }

    pub(super) fn path(self) -> String {
        match self.entry() {
            Some(entry) => format!("{ACCOUNT}/{}", entry.name),
            None => ACCOUNT.to_owned(),
        }
    }
}

/// What came of a form.
enum Outcome {
    /// It is done: where the person goes on.
    Done(String, SetCookies),
    /// They must sign in again first.
    SignIn,
    /// The page is shown again.
    Again(Again),
    /// This.
    Answer(Response),
}

impl PageRoutes {
    pub(super) async fn account<B>(
        &self,
        page: AccountPage,
        head: &Head,
        body: B,
    ) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let browser = self.browser(head);
        let provider = self.provider();
        let mut again = None;
        let mut typed = None;
        if is_answer(head)? {
            let form = self.posted(head, body).await?;
            match self.account_form(page, head, &form).await? {
                Outcome::Done(target, cookies) => {
                    let mut response = redirect(&target);
                    set_cookies(response.headers_mut(), &cookies, self.endpoints.cookies());
                    return Ok(response);
                }
                Outcome::Answer(response) => return Ok(response),
                Outcome::SignIn => {}
                Outcome::Again(why) => again = Some(why),
            }
            typed = Some(form);
        }
        let path = page.path();
        let (visited, cookies) = match page.entry().map_or(Needs::SignIn, |entry| entry.needs) {
            Needs::SignIn => provider.visit(&browser, &path, false).await?,
            Needs::Recent => provider.visit(&browser, &path, true).await?,
            Needs::Shown => provider.visit_to_change(&browser, &path).await?,
        };
        let visitor = match visited {
            Visited::Here(visitor) => visitor,
            Visited::SignIn(answered) => return Ok(self.endpoints.answer(Ok(*answered))),
        };
        let done = head.uri.query() == Some("done");
        let shown = Shown {
            page,
            done: done && again.is_none(),
            again: again.as_ref(),
            typed: typed.as_ref(),
        };
        let mut response = self.account_page(&visitor, &shown).await?;
        set_cookies(response.headers_mut(), &cookies, self.endpoints.cookies());
        Ok(Again::wait(again.as_ref(), response))
    }

    async fn account_form(
        &self,
        page: AccountPage,
        head: &Head,
        form: &Params,
    ) -> Result<Outcome, Problem> {
        let browser = self.browser(head);
        let provider = self.provider();
        let sealed = form.get("form").unwrap_or_default();
        // Whose form it is comes before what it says.
        provider.own_form(sealed, &browser).await?;
        let here = self.pages.issuer().url(&format!("{}?done", page.path()));
        let signed_out = || self.pages.issuer().url("/signed-out");
        let sorted = |done: AccountDone, target: String| match done {
            AccountDone::Done(cookies) => Outcome::Done(target, cookies),
            AccountDone::SignInAgain => Outcome::SignIn,
            AccountDone::Unfit(unfit) => Outcome::Again(Again::of(unfit)),
        };
        Ok(match page {
            AccountPage::Overview | AccountPage::Activity => return Err(undecided()),
            AccountPage::Profile => {
                let editable = &provider.policy().people.editable_claims;
                let wanted: Vec<(String, String)> = editable
                    .iter()
                    .filter_map(|name| {
                        let typed = form.get(&format!("claim.{name}"))?;
                        Some((name.clone(), typed.to_owned()))
                    })
                    .collect();
                let done = provider.profile_changed(sealed, &browser, &wanted).await?;
                sorted(done, here)
            }
            AccountPage::Email => {
                let Ok(address) = EmailAddress::parse(form.get("email").unwrap_or_default()) else {
                    return Ok(Outcome::Again(Again::because(PeopleError::Address)));
                };
                let asked = provider.address_asked(sealed, &browser, &address, peer(head));
                match asked.await? {
                    None => Outcome::SignIn,
                    Some(MailAsked::Accepted) => {
                        Outcome::Answer(self.mail_sent("new_address", &address, None))
                    }
                    Some(MailAsked::Throttled { retry_after }) => {
                        Outcome::Again(Again::throttled(retry_after))
                    }
                }
            }
            AccountPage::Password => {
                let password = match new_password(form) {
                    Ok(password) => password,
                    Err(error) => return Ok(Outcome::Again(Again::because(error))),
                };
                let done = provider
                    .password_changed(sealed, &browser, &password, peer(head))
                    .await?;
                sorted(done, here)
            }
            AccountPage::Sessions => match form.get("end") {
                Some("one") => {
                    let id = form.get("session").ok_or_else(undecided)?;
                    let done = provider.session_ended(sealed, &browser, Some(id)).await?;
                    sorted(done, here)
                }
                Some("others") => {
                    let done = provider.session_ended(sealed, &browser, None).await?;
                    sorted(done, here)
                }
                Some("everywhere") => {
                    let done = provider.signed_out_everywhere(sealed, &browser).await?;
                    sorted(done, signed_out())
                }
                _ => return Err(undecided()),
            },
            AccountPage::Apps => {
                if let Some(client) = form.get("admit") {
                    provider.client_admitted(sealed, &browser, client).await?;
                    return Ok(Outcome::Done(here, SetCookies::default()));
                }
                let client = form.get("client").ok_or_else(undecided)?;
                let done = provider.disconnected(sealed, &browser, client).await?;
                sorted(done, here)
            }
            AccountPage::Export => match provider.exported(sealed, &browser).await? {
                Some(everything) => Outcome::Answer(download(&everything)),
                None => Outcome::SignIn,
            },
            AccountPage::Delete => {
                let (visited, _) = provider.visit(&browser, &page.path(), true).await?;
                let Visited::Here(visitor) = visited else {
                    return Ok(Outcome::SignIn);
                };
                let person = provider.personal_account(&visitor).await?;
                if form.get("typed").map(str::trim) != Some(person.account.display_name.as_str()) {
                    return Ok(Outcome::Again(Again::because(PeopleError::Confirm)));
                }
                let done = provider.account_deleted(sealed, &browser).await?;
                sorted(done, signed_out())
            }
        })
    }

    async fn account_page(
        &self,
        visitor: &Visitor,
        shown: &Shown<'_>,
    ) -> Result<Response, Problem> {
        let provider = self.provider();
        let person = provider.personal_account(visitor).await?;
        let base = self.pages.issuer().path();
        let overview = shown.page == AccountPage::Overview;
        let (mut sessions, mut apps, mut happened) = (Vec::new(), Vec::new(), Vec::new());
        let mut refused = Vec::new();
        if overview || shown.page == AccountPage::Sessions {
            sessions = provider.sessions(visitor).await?;
        }
        if overview || shown.page == AccountPage::Apps {
            apps = provider.connections(visitor).await?;
        }
        if shown.page == AccountPage::Apps {
            refused = provider.refused_clients(&visitor.account().subject).await?;
        }
        if shown.page == AccountPage::Activity {
            happened = provider.activity(visitor).await?;
        }
        let times: Vec<[String; 2]> = sessions
            .iter()
            .map(|s| [time::minute(s.created_at), time::minute(s.seen_at)])
            .collect();
        let rows: Vec<SessionRow<'_>> = sessions
            .iter()
            .zip(&times)
            .map(|(session, [since, seen])| SessionRow {
                id: &session.id,
                device: session.device.as_deref().filter(|d| !d.is_empty()),
                address: session.address.as_deref(),
                since,
                seen,
                current: session.current,
            })
            .collect();
        let since: Vec<String> = apps.iter().map(|app| time::day(app.since)).collect();
        let scopes: Vec<Vec<view::Scope<'_>>> = apps.iter().map(may).collect();
        let app_rows: Vec<AppRow<'_>> = apps
            .iter()
            .zip(&since)
            .zip(&scopes)
            .map(|((app, since), scopes)| AppRow {
                id: &app.id,
                client: self.pages.client(&app.client),
                scopes,
                since,
            })
            .collect();
        let until = ends_of(&refused);
        let mut clients = Vec::new();
        for record in &happened {
            clients.push(match &record.client {
                Some(id) => Some(provider.client_name(id).await?),
                None => None,
            });
        }
        let at: Vec<String> = happened.iter().map(|r| time::minute(r.at)).collect();
        let activity: Vec<ActivityRow<'_>> = happened
            .iter()
            .zip(&at)
            .zip(&clients)
            .map(|((record, at), client)| ActivityRow {
                what: record.what.as_str(),
                at,
                device: record
                    .visit
                    .as_ref()
                    .map(|visit| visit.device.as_str())
                    .filter(|d| !d.is_empty()),
                address: record.visit.as_ref().and_then(|v| v.address.as_deref()),
                client: client.as_deref(),
            })
            .collect();
        let fields = self.fields(&person, shown);
        let counts = [sessions.len().to_string(), apps.len().to_string()];
        let hrefs: Vec<String> = SECTIONS
            .iter()
            .map(|entry| format!("{base}{}", entry.page.path()))
            .collect();
        let sections: Vec<Section<'_>> = SECTIONS
            .iter()
            .zip(&hrefs)
            .map(|(entry, href)| Section {
                id: entry.name,
                href,
                value: match entry.page {
                    AccountPage::Profile => person.claims.get("name").and_then(Value::as_str),
                    AccountPage::Email => person.address.as_ref().map(EmailAddress::as_str),
                    AccountPage::Sessions => Some(&counts[0]),
                    AccountPage::Apps => Some(&counts[1]),
                    AccountPage::Overview
                    | AccountPage::Password
                    | AccountPage::Activity
                    | AccountPage::Export
                    | AccountPage::Delete => None,
                },
            })
            .collect();
        let page = Page::Account(MyAccount {
            section: shown.page.name(),
            action: &format!("{base}{}", shown.page.path()),
            form: &visitor.form,
            account: &person.account.display_name,
            phones: self.provider().has_texts(),
            error: shown.again.map(|again| again.error),
            least: shown.again.and_then(|again| again.least),
            done: shown.done,
            sections: &sections,
            address: person.address.as_ref().map(EmailAddress::as_str),
            verified: person.address_verified,
            fields: &fields,
            sessions: &rows,
            apps: &app_rows,
            refused: &self.refused_rows(&refused, &until),
            activity: &activity,
        });
        let status = shown.again.map_or(StatusCode::OK, |again| again.status);
        Ok(self.page(status, page))
    }

    fn fields<'f>(&'f self, person: &'f PersonalAccount, shown: &Shown<'f>) -> Vec<Field<'f>> {
        let refused = shown
            .again
            .is_some_and(|again| again.error == PeopleError::Field);
        let editable = &self.provider().policy().people.editable_claims;
        editable
            .iter()
            .map(|name| {
                let kept = person.claims.get(name).and_then(Value::as_str);
                let typed = shown
                    .typed
                    .and_then(|form| form.get(&format!("claim.{name}")));
                Field {
                    name,
                    value: typed.or(kept).unwrap_or_default(),
                    refused: refused && typed.is_some() && typed != kept,
                }
            })
            .collect()
    }
}

/// What is shown of the page.
struct Shown<'a> {
    page: AccountPage,
    done: bool,
    again: Option<&'a Again>,
    typed: Option<&'a Params>,
}

/// What an application may do, for reading.
fn may(app: &ConnectionView) -> Vec<view::Scope<'_>> {
    let mut scopes = consent::scopes(&app.scopes);
    for scope in &mut scopes {
        scope.optional = false;
    }
    scopes
}

/// A file that nobody keeps a copy of.
fn download(everything: &Value) -> Response {
    let text = serde_json::to_string_pretty(everything).unwrap_or_default();
    let mut response = http::Response::new(Full::new(Bytes::from(text)));
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "application/json"),
        (CONTENT_DISPOSITION, "attachment; filename=\"account.json\""),
        (CACHE_CONTROL, "no-store"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_found_by_its_path_alone() {
        assert_eq!(AccountPage::of(""), Some(AccountPage::Overview));
        for entry in SECTIONS {
            let rest = format!("/{}", entry.name);
            assert_eq!(AccountPage::of(&rest), Some(entry.page));
            assert_eq!(entry.page.path(), format!("/account{rest}"));
        }
        for rest in ["/", "/overview", "/profile/", "/nothing", "profile"] {
            assert_eq!(AccountPage::of(rest), None, "{rest}");
        }
    }
}
