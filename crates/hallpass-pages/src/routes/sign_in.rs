//! `/sign-in`

use hallpass_core::policy::SignUp;
use hallpass_http::{ClientAddr, Problem, Response};
use hallpass_provider::{
    Failure,
    endpoints::InteractionDetails,
    ports::{Account, Event, PageKind, SignInAttempt, SignInOutcome},
};
use hallpass_types::{Params, Secret, Subject};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER, request::Parts as Head};
use http_body::Body;

use super::{PageRoutes, handle_of, is_answer};
use crate::{
    Page,
    view::{SignIn, SignInError},
};

/// A try that did not succeed.
pub(super) struct Failed {
    /// For listeners.
    pub(super) outcome: &'static str,
    pub(super) status: StatusCode,
    pub(super) error: SignInError,
    pub(super) retry_after: Option<u32>,
}

/// Who signed in, or how the page is shown again.
pub(super) fn sort(
    outcome: SignInOutcome,
) -> Result<Result<(Account, Vec<String>), Failed>, Problem> {
    Ok(match outcome {
        SignInOutcome::SignedIn { account, amr } => Ok((account, amr)),
        SignInOutcome::Refused => Err(Failed {
            outcome: "refused",
            status: StatusCode::OK,
            error: SignInError::Refused,
            retry_after: None,
        }),
        SignInOutcome::Throttled { retry_after } => Err(Failed {
            outcome: "throttled",
            status: StatusCode::TOO_MANY_REQUESTS,
            error: SignInError::Throttled,
            retry_after: Some(retry_after),
        }),
        SignInOutcome::Busy { retry_after } => Err(Failed {
            outcome: "busy",
            status: StatusCode::SERVICE_UNAVAILABLE,
            error: SignInError::Busy,
            retry_after: Some(retry_after),
        }),
        other => {
            let text = format!("a sign-in ended in a way that the pages do not know: {other:?}");
            return Err(Failure::Internal(text).into());
        }
    })
}

impl PageRoutes {
    pub(super) async fn sign_in<B>(&self, head: &Head, body: B) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let posted = if is_answer(head)? {
            Some(self.posted(head, body).await?)
        } else {
            None
        };
        let handle = handle_of(head)?;
        let browser = self.browser(head);
        let provider = self.provider();
        // Without a request of this browser no password is looked at.
        let details = provider.interaction_details(handle, &browser).await?;
        let Some(form) = posted else {
            let username = details.login_hint.as_deref().unwrap_or_default();
            return Ok(self.sign_in_page(handle, &details, username, None));
        };
        if form.get("decision") == Some("cancel") {
            let cancelled = provider.interaction_cancelled(handle, &browser).await?;
            return Ok(self.endpoints.answer(Ok(cancelled)));
        }
        // What was typed is taken from the form only, never from the address.
        let username = form.get("username").unwrap_or_default();
        let outcome = self
            .check_password(head, username, &form)
            .await
            .map_err(Problem::from)?;
        let failed = match sort(outcome)? {
            Ok((account, amr)) => {
                self.report(head, "success", Some(&account.subject));
                let answered = provider
                    .signed_in_as(handle, &browser, &account, amr)
                    .await?;
                return Ok(self.endpoints.answer(Ok(answered)));
            }
            Err(failed) => failed,
        };
        self.report(head, failed.outcome, None);
        Ok(self.sign_in_page(handle, &details, username, Some(failed)))
    }

    pub(super) async fn check_password(
        &self,
        head: &Head,
        username: &str,
        form: &Params,
    ) -> Result<SignInOutcome, Failure> {
        let Some(password) = form.get("password").filter(|_| !username.is_empty()) else {
            return Ok(SignInOutcome::Refused);
        };
        let attempt = SignInAttempt {
            issuer: self.provider().issuer_id(),
            username,
            password: &Secret::new(password.to_owned()),
            peer: head.extensions.get::<ClientAddr>().map(|peer| peer.0),
        };
        Ok(self.sign_in.sign_in(attempt).await?)
    }

    pub(super) fn report(&self, head: &Head, outcome: &'static str, account: Option<&Subject>) {
        self.provider().emit(&Event::SignIn {
            outcome,
            account,
            peer: head.extensions.get::<ClientAddr>().map(|peer| peer.0),
        });
    }

    /// The same page for every reason to refuse: 200, since to browsers and proxies it is a form like any other.
    fn sign_in_page(
        &self,
        handle: &str,
        details: &InteractionDetails,
        username: &str,
        failed: Option<Failed>,
    ) -> Response {
        let retry_after = failed.as_ref().and_then(|failed| failed.retry_after);
        let open = self.provider().policy().people.sign_up == SignUp::Open;
        let sign_up = open.then(|| self.pages.action(PageKind::SignUp, handle));
        let recover = self.recover_link(Some(handle));
        let page = Page::SignIn(SignIn {
            action: &self.pages.action(PageKind::Login, handle),
            hidden: &[],
            username,
            error: failed.as_ref().map(|failed| failed.error),
            retry_after: retry_after.map(u64::from),
            client: (!details.own).then(|| self.pages.client(&details.client)),
            cancel: !details.own,
            sign_up: sign_up.as_deref(),
            recover: recover.as_deref(),
        });
        let status = failed.map_or(StatusCode::OK, |failed| failed.status);
        let mut response = self.page(status, page);
        if let Some(seconds) = retry_after {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}
