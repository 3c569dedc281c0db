//! `/sign-in`: one page for every step of a sign-in. Which step it is, is in the sealed handle; what is posted for another
//! step is not looked at.

mod mail;
mod steps;

use hallpass_core::{
    policy::SignUp,
    sign_in::{Method, Proof, Remember},
};
use hallpass_http::{ClientAddr, Problem, Response};
use hallpass_provider::{
    Failure,
    browser::Browser,
    endpoints::{Answered, CodeRefused, Proven, SignInDetails, SignInStep},
    ports::{Event, PageKind, SignInAttempt, SignInOutcome},
};
use hallpass_types::{Params, Secret, Subject};
use http::{HeaderValue, StatusCode, header::RETRY_AFTER, request::Parts as Head};
use http_body::Body;

use super::{PageRoutes, handle_of, sign_up::peer};
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

impl Failed {
    /// What was given is wrong: 200, since to browsers and proxies it is a form like any other.
    pub(super) const fn refused(error: SignInError) -> Self {
        Self {
            outcome: "refused",
            status: StatusCode::OK,
            error,
            retry_after: None,
        }
    }

    pub(super) const fn throttled(retry_after: u32) -> Self {
        Self {
            outcome: "throttled",
            status: StatusCode::TOO_MANY_REQUESTS,
            error: SignInError::Throttled,
            retry_after: Some(retry_after),
        }
    }

    pub(super) const fn busy(retry_after: u32) -> Self {
        Self {
            outcome: "busy",
            status: StatusCode::SERVICE_UNAVAILABLE,
            error: SignInError::Busy,
            retry_after: Some(retry_after),
        }
    }
}

/// A step of a sign-in and where it was asked.
pub(super) struct Asked<'a> {
    pub(super) head: &'a Head,
    pub(super) handle: &'a str,
    pub(super) browser: &'a Browser,
    pub(super) details: &'a SignInDetails,
}

impl PageRoutes {
    pub(super) async fn sign_in<B>(&self, head: &Head, body: B) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let posted = self.posted_if_sent(head, body).await?;
        let handle = handle_of(head)?;
        let mut browser = self.browser(head);
        browser.remember = posted
            .as_ref()
            .is_some_and(|form| form.get("remember") == Some("yes"));
        let provider = self.provider();
        let decision = posted.as_ref().and_then(|form| form.get("decision"));
        match decision {
            Some("cancel") => {
                let cancelled = provider.interaction_cancelled(handle, &browser).await?;
                return Ok(self.endpoints.answer(Ok(cancelled)));
            }
            Some("restart") => {
                let anew = provider.sign_in_anew(handle, &browser).await?;
                return Ok(self.endpoints.answer(Ok(anew)));
            }
            Some(_) | None => {}
        }
        // Without a request of this browser no password is looked at.
        let details = match provider.sign_in_details(handle, &browser).await? {
            Ok(details) => details,
            Err(answered) => return Ok(self.endpoints.answer(Ok(answered))),
        };
        let asked = Asked {
            head,
            handle,
            browser: &browser,
            details: &details,
        };
        match &details.step {
            SignInStep::First(methods) => self.first_step(&asked, methods, posted).await,
            SignInStep::Second(methods) => self.second_step(&asked, methods, posted).await,
            SignInStep::NewPassword => self.new_password(&asked, posted).await,
            SignInStep::Enrol => self.enrol(&asked, posted).await,
        }
    }

    async fn first_step(
        &self,
        asked: &Asked<'_>,
        methods: &[Method],
        posted: Option<Params>,
    ) -> Result<Response, Problem> {
        let Some(form) = posted else {
            let username = asked.details.login_hint.as_deref().unwrap_or_default();
            return Ok(self.sign_in_page(asked, methods, username, None));
        };
        // What was typed is taken from the form only, never from the address.
        let username = form.get("username").unwrap_or_default();
        if let Some(way) = mail::ByMail::of(&form, methods) {
            return self.by_mail(asked, methods, way).await;
        }
        if let Some(given) = form.get("credential") {
            return match self.passkey_step(asked, given).await? {
                Ok(response) => Ok(response),
                Err(failed) => Ok(self.sign_in_page(asked, methods, username, Some(failed))),
            };
        }
        if let Some(typed) = form
            .get("recovery")
            .filter(|_| methods.contains(&Method::RecoveryCode))
        {
            return self.recovery_first(asked, methods, username, typed).await;
        }
        if !methods.contains(&Method::Password) {
            let failed = Failed::refused(SignInError::Refused);
            return Ok(self.sign_in_page(asked, methods, username, Some(failed)));
        }
        let outcome = self
            .check_password(asked.head, asked.browser, username, &form)
            .await;
        let failed = match self.sort(outcome.map_err(Problem::from)?)? {
            Ok(proven) => {
                let subject = proven.account.subject.clone();
                let answered = self
                    .provider()
                    .sign_in_proved(asked.handle, asked.browser, proven)
                    .await?;
                return Ok(self.gone_on(asked, &subject, answered));
            }
            Err(failed) => failed,
        };
        self.report(asked.head, failed.outcome, None);
        Ok(self.sign_in_page(asked, methods, username, Some(failed)))
    }

    /// A recovery code in the place of everything else, for those who have lost it.
    async fn recovery_first(
        &self,
        asked: &Asked<'_>,
        methods: &[Method],
        username: &str,
        typed: &str,
    ) -> Result<Response, Problem> {
        let provider = self.provider();
        let (named, peer) = ((username, typed), peer(asked.head));
        let given = provider
            .recovery_given(asked.handle, asked.browser, named, peer)
            .await?;
        let failed = match given {
            Ok((subject, answered)) => return Ok(self.gone_on(asked, &subject, answered)),
            Err(CodeRefused::Wrong) => Failed::refused(SignInError::WrongCode),
            Err(CodeRefused::Throttled { retry_after }) => Failed::throttled(retry_after),
        };
        self.report(asked.head, failed.outcome, None);
        Ok(self.sign_in_page(asked, methods, username, Some(failed)))
    }

    /// A passkey answered.
    pub(super) async fn passkey_step(
        &self,
        asked: &Asked<'_>,
        given: &str,
    ) -> Result<Result<Response, Failed>, Problem> {
        let provider = self.provider();
        let answered = provider
            .passkey_given(asked.handle, asked.browser, given)
            .await?;
        Ok(match answered {
            Ok((subject, answered)) => Ok(self.gone_on(asked, &subject, answered)),
            Err(_) => {
                let failed = Failed::refused(SignInError::PasskeyRefused);
                self.report(asked.head, failed.outcome, None);
                Err(failed)
            }
        })
    }

    /// Who it was, or how the page is shown again.
    fn sort(&self, outcome: SignInOutcome) -> Result<Result<Proven, Failed>, Problem> {
        Ok(match outcome {
            SignInOutcome::SignedIn {
                account,
                amr,
                must_change,
            } => Ok(Proven {
                account,
                proof: Proof {
                    method: Method::Password,
                    amr,
                    at: self.provider().now(),
                    since: None,
                },
                must_change,
            }),
            SignInOutcome::Refused => Err(Failed::refused(SignInError::Refused)),
            SignInOutcome::Throttled { retry_after } => Err(Failed::throttled(retry_after)),
            SignInOutcome::Busy { retry_after } => Err(Failed::busy(retry_after)),
            other => {
                let text =
                    format!("a sign-in ended in a way that the pages do not know: {other:?}");
                return Err(Failure::Internal(text).into());
            }
        })
    }

    pub(super) async fn check_password(
        &self,
        head: &Head,
        browser: &Browser,
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
            known: &self.provider().known_browsers(browser),
        };
        Ok(self.sign_in.sign_in(attempt).await?)
    }

    /// Something was proved. Listeners hear of it when a session came of it.
    pub(super) fn gone_on(
        &self,
        asked: &Asked<'_>,
        subject: &Subject,
        answered: Answered,
    ) -> Response {
        if answered.cookies.session.is_some() {
            self.report(asked.head, "success", Some(subject));
        }
        self.endpoints.answer(Ok(answered))
    }

    pub(super) fn report(&self, head: &Head, outcome: &'static str, account: Option<&Subject>) {
        self.provider().emit(&Event::SignIn {
            outcome,
            account,
            peer: head.extensions.get::<ClientAddr>().map(|peer| peer.0),
        });
    }

    /// The same page for every reason to refuse.
    fn sign_in_page(
        &self,
        asked: &Asked<'_>,
        methods: &[Method],
        username: &str,
        failed: Option<Failed>,
    ) -> Response {
        let open = self.provider().policy().people.sign_up == SignUp::Open;
        let sign_up = open.then(|| self.pages.action(PageKind::SignUp, asked.handle));
        let recover = self.recover_link(Some(asked.handle));
        let page = Page::SignIn(SignIn {
            action: &self.pages.action(PageKind::Login, asked.handle),
            hidden: &[],
            username,
            password: methods.contains(&Method::Password),
            mail_code: methods.contains(&Method::EmailCode),
            mail_link: methods.contains(&Method::MagicLink),
            passkey: asked.details.passkey.as_deref(),
            ways: &ways(methods),
            remember: self.provider().policy().sign_in.remember == Remember::Ask,
            error: failed.as_ref().map(|failed| failed.error),
            retry_after: failed.as_ref().and_then(retry),
            client: asked.details.client.as_ref().map(|c| self.pages.client(c)),
            cancel: asked.details.client.is_some(),
            sign_up: sign_up.as_deref(),
            recover: recover.as_deref(),
        });
        self.step_page(page, failed)
    }

    pub(super) fn step_page(&self, page: Page<'_>, failed: Option<Failed>) -> Response {
        let retry_after = failed.as_ref().and_then(|failed| failed.retry_after);
        let status = failed.map_or(StatusCode::OK, |failed| failed.status);
        let mut response = self.page(status, page);
        if let Some(seconds) = retry_after {
            let headers = response.headers_mut();
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
        }
        response
    }
}

pub(super) fn retry(failed: &Failed) -> Option<u64> {
    failed.retry_after.map(u64::from)
}

/// What the page offers, in the order of the methods. Everything that is typed is in one form.
fn ways(methods: &[Method]) -> Vec<&'static str> {
    let mut ways = Vec::new();
    for method in methods {
        let way = match method {
            Method::Password | Method::EmailCode | Method::MagicLink => "form",
            Method::Passkey => "passkey",
            Method::Upstream => "upstream",
            Method::RecoveryCode => "recovery",
            Method::Totp | Method::Other | _ => continue,
        };
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways
}
