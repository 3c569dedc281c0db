//! `/approvals`: where a person answers what apps asked elsewhere.

use hallpass_http::{Problem, Response, redirect, set_cookies};
use hallpass_provider::endpoints::{
    Approval, Approvals, BackchannelOutcome, ConsentDecision, RefusedClient, Visited, discovery,
};
use http::{StatusCode, request::Parts as Head};
use http_body::Body;

use super::{PageRoutes, consent, handle_of, is_answer};
use crate::{Page, time, view};

/// The query with which a signed-in person is sent to sign in again.
const AGAIN: &str = "sign_in=again";
/// The shorter time for which a client can be kept from asking, in seconds.
const A_DAY: i64 = 86_400;

impl PageRoutes {
    pub(super) async fn approvals<B>(&self, head: &Head, body: B) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let browser = self.browser(head);
        let provider = self.provider();
        if !is_answer(head)? {
            // Somebody who is signed in proves once more who they are.
            let age = (head.uri.query() == Some(AGAIN)).then_some(0);
            let visited = provider.visit_page(&browser, discovery::APPROVALS, age);
            let visitor = match visited.await?.0 {
                Visited::Here(visitor) => visitor,
                Visited::SignIn(answered) => return Ok(self.endpoints.answer(Ok(*answered))),
            };
            let (shown, cookies) = provider.approvals(&browser, &visitor).await?;
            let mut response = self.approvals_page(&shown, &visitor.form);
            set_cookies(response.headers_mut(), &cookies, self.endpoints.cookies());
            return Ok(response);
        }
        let form = self.posted(head, body).await?;
        if let Some(client) = form.get("admit") {
            let sealed = form.get("form").unwrap_or_default();
            provider.client_admitted(sealed, &browser, client).await?;
            return Ok(redirect(&self.approvals_url()));
        }
        let handle = handle_of(head)?;
        let until = match form.get("decision") {
            Some("deny_day") => Some(Some(provider.now().plus(A_DAY))),
            Some("deny_always") => Some(None),
            Some(_) | None => None,
        };
        if let Some(until) = until {
            provider.approval_refused(handle, &browser, until).await?;
            return Ok(redirect(&self.approvals_url()));
        }
        let decision: ConsentDecision = consent::decision(&form)?;
        let decided = provider
            .approval_decided(handle, &browser, decision)
            .await?;
        Ok(match decided {
            BackchannelOutcome::Done | BackchannelOutcome::Over => redirect(&self.approvals_url()),
            BackchannelOutcome::SignInAgain => {
                redirect(&format!("{}?{AGAIN}", self.approvals_url()))
            }
        })
    }

    fn approvals_url(&self) -> String {
        self.pages.issuer().url(discovery::APPROVALS)
    }

    fn approvals_page(&self, shown: &Approvals, form: &str) -> Response {
        let path = format!("{}{}", self.pages.issuer().path(), discovery::APPROVALS);
        let action = |handle: &str| format!("{path}?handle={handle}");
        let now = self.provider().now();
        let requests: Vec<Parts<'_>> = shown
            .requests
            .iter()
            .map(|request| Parts::of(request, action(&request.handle)))
            .collect();
        let details: Vec<Vec<view::Detail<'_>>> = requests
            .iter()
            .map(|parts| consent::shown(&parts.request.details, &parts.rows))
            .collect();
        let requests: Vec<view::Approval<'_>> = requests
            .iter()
            .zip(&details)
            .map(|(parts, details)| view::Approval {
                details,
                action: &parts.action,
                client: self.pages.client(&parts.request.client),
                binding_message: parts.request.binding_message.as_deref(),
                scopes: &parts.scopes,
                claims: &parts.claims,
                resources: &parts.resources,
                sign_in_again: parts.request.sign_in_again,
                left: u64::try_from(parts.request.expires_at.since(now)).unwrap_or_default(),
            })
            .collect();
        let until = ends_of(&shown.refused);
        self.page(
            StatusCode::OK,
            Page::Approvals(view::Approvals {
                account: &shown.account,
                requests: &requests,
                lift: &path,
                form,
                refused: &self.refused_rows(&shown.refused, &until),
            }),
        )
    }

    /// Clients that may not ask, with the times of [`ends_of`].
    pub(super) fn refused_rows<'a>(
        &self,
        refused: &'a [RefusedClient],
        until: &'a [Option<String>],
    ) -> Vec<view::RefusedRow<'a>> {
        refused
            .iter()
            .zip(until)
            .map(|(refused, until)| view::RefusedRow {
                id: &refused.id,
                client: self.pages.client(&refused.client),
                until: until.as_deref(),
            })
            .collect()
    }
}

/// Until when clients may not ask, for reading.
pub(super) fn ends_of(refused: &[RefusedClient]) -> Vec<Option<String>> {
    let end = |refused: &RefusedClient| refused.until.map(time::minute);
    refused.iter().map(end).collect()
}

/// What a request's part of the page borrows from.
struct Parts<'a> {
    request: &'a Approval,
    action: String,
    scopes: Vec<view::Scope<'a>>,
    claims: Vec<&'a str>,
    resources: Vec<view::Resource<'a>>,
    rows: Vec<Vec<view::DetailRow<'a>>>,
}

impl<'a> Parts<'a> {
    fn of(request: &'a Approval, action: String) -> Self {
        Self {
            request,
            action,
            scopes: consent::scopes(&request.scopes),
            claims: request.claims.iter().map(String::as_str).collect(),
            resources: consent::resources(&request.resources),
            rows: consent::rows(&request.details),
        }
    }
}
