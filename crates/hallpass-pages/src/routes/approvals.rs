//! `/approvals`: where a person answers what apps asked elsewhere.

use hallpass_http::{Problem, Response, redirect, set_cookies};
use hallpass_provider::endpoints::{
    Approval, Approvals, BackchannelOutcome, ConsentDecision, discovery,
};
use hallpass_types::Params;
use http::{HeaderValue, StatusCode, header::RETRY_AFTER, request::Parts as Head};
use http_body::Body;

use super::{
    PageRoutes, consent, handle_of, is_answer,
    sign_in::{self, Failed},
};
use crate::{
    Page,
    view::{self, SignIn},
};

/// The query under which a signed-in person gets the sign-in form.
const AGAIN: &str = "sign_in=again";

impl PageRoutes {
    pub(super) async fn approvals<B>(&self, head: &Head, body: B) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let browser = self.browser(head);
        if !is_answer(head)? {
            let (mut shown, cookies) = self.provider().approvals(&browser).await?;
            // Somebody who is signed in asks for the form, to prove once more who they are.
            if head.uri.query() == Some(AGAIN) {
                shown.account = None;
            }
            let mut response = self.approvals_page(&shown, "", None);
            set_cookies(response.headers_mut(), &cookies, self.endpoints.cookies());
            return Ok(response);
        }
        let form = self.posted(head, body).await?;
        let handle = handle_of(head)?;
        if form.get("decision").is_some() {
            let decision: ConsentDecision = consent::decision(&form)?;
            let decided = self
                .provider()
                .approval_decided(handle, &browser, decision)
                .await?;
            return Ok(match decided {
                BackchannelOutcome::Done | BackchannelOutcome::Over => {
                    redirect(&self.approvals_url())
                }
                BackchannelOutcome::SignInAgain => {
                    redirect(&format!("{}?{AGAIN}", self.approvals_url()))
                }
            });
        }
        self.approvals_sign_in(head, handle, &form).await
    }

    async fn approvals_sign_in(
        &self,
        head: &Head,
        handle: &str,
        form: &Params,
    ) -> Result<Response, Problem> {
        let browser = self.browser(head);
        let provider = self.provider();
        // Without a form of this browser no password is looked at.
        provider.approvals_form(handle, &browser).await?;
        let username = form.get("username").unwrap_or_default();
        let outcome = self.check_password(head, username, form).await?;
        match sign_in::sort(outcome)? {
            Ok((account, amr)) => {
                self.report(head, "success", Some(&account.subject));
                let cookies = provider
                    .approvals_signed_in(handle, &browser, &account, amr)
                    .await?;
                let mut response = redirect(&self.approvals_url());
                set_cookies(response.headers_mut(), &cookies, self.endpoints.cookies());
                Ok(response)
            }
            Err(failed) => {
                self.report(head, failed.outcome, None);
                let (mut shown, _) = provider.approvals(&browser).await?;
                shown.account = None;
                Ok(self.approvals_page(&shown, username, Some(failed)))
            }
        }
    }

    fn approvals_url(&self) -> String {
        self.pages.issuer().url(discovery::APPROVALS)
    }

    fn approvals_page(
        &self,
        shown: &Approvals,
        username: &str,
        failed: Option<Failed>,
    ) -> Response {
        let path = format!("{}{}", self.pages.issuer().path(), discovery::APPROVALS);
        let action = |handle: &str| format!("{path}?handle={handle}");
        let Some(account) = &shown.account else {
            let retry_after = failed.as_ref().and_then(|failed| failed.retry_after);
            let recover = self.recover_link(None);
            let page = Page::SignIn(SignIn {
                action: &action(&shown.handle),
                hidden: &[],
                username,
                error: failed.as_ref().map(|failed| failed.error),
                retry_after: retry_after.map(u64::from),
                client: None,
                cancel: false,
                sign_up: None,
                recover: recover.as_deref(),
            });
            let status = failed.map_or(StatusCode::OK, |failed| failed.status);
            let mut response = self.page(status, page);
            if let Some(seconds) = retry_after {
                let headers = response.headers_mut();
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
            }
            return response;
        };
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
        self.page(
            StatusCode::OK,
            Page::Approvals(view::Approvals {
                account,
                requests: &requests,
            }),
        )
    }
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
