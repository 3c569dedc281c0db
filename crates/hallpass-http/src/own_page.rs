//! Pages of the embedding program, between a request and its answer.

use hallpass_provider::{
    Failure,
    browser::Browser,
    endpoints::{
        Answered, ConsentDecision, InteractionDetails, LogoutDecision, LogoutDetails, page_for,
    },
    ports::{Account, PageKind},
};
use hallpass_types::ErrorCode;
use http::HeaderMap;

use crate::{
    Endpoints, Problem, Response, browser_of, failure_page, headers, same_origin, set_cookies,
};

/// A page of the embedding program that a browser was sent to, with the request that waits behind it.
///
/// A page shows [`Self::details`] and reports what the person did; what is reported is answered with the response to send.
/// No answer is taken from a form of another site, and none that is about another browser's request.
#[derive(Debug)]
pub struct OwnPage<'e> {
    endpoints: &'e Endpoints,
    handle: String,
    browser: Browser,
    ours: bool,
}

impl Endpoints {
    /// The page that this request is for. `handle` is what [`Interaction::url`](hallpass_provider::ports::Interaction::url) was
    /// given; a page carries it along.
    #[must_use]
    pub fn page(&self, headers: &HeaderMap, handle: &str) -> OwnPage<'_> {
        OwnPage {
            endpoints: self,
            handle: handle.to_owned(),
            browser: browser_of(headers, self.cookies()),
            ours: same_origin(headers, self.provider().policy().issuer.origin()),
        }
    }
}

impl OwnPage<'_> {
    /// Notes from where the person comes, in words of one's own: the session that begins here is shown with them.
    #[must_use]
    pub fn came_from(mut self, device: &str, address: Option<&str>) -> Self {
        let address = address.map(str::to_owned);
        self.browser.came_from(device.to_owned(), address);
        self
    }

    /// What a page shows.
    ///
    /// # Errors
    /// The response to send in its place: a redirect to the page that must come first, or an error page.
    pub async fn details(&self, page: PageKind) -> Result<InteractionDetails, Response> {
        let provider = self.endpoints.provider();
        let details = provider.interaction_details(&self.handle, &self.browser);
        let details = details.await.map_err(|failure| self.failed(failure))?;
        let wanted = match &details.ask {
            Some(ask) => page_for(ask.prompt),
            // Nothing is missing any more: the person came back to an answered page.
            None if details.account.is_some() => page,
            None => PageKind::Login,
        };
        if wanted == page {
            return Ok(details);
        }
        let url = provider.interaction().url(wanted, &self.handle);
        Err(headers::redirect(&url))
    }

    /// The program has made sure who the person is. `amr` says how (RFC 8176): `pwd`, `otp`, …
    pub async fn signed_in(&self, account: &Account, amr: &[&str]) -> Response {
        let amr = amr.iter().map(|&method| method.to_owned()).collect();
        let provider = self.endpoints.provider();
        self.answer(provider.signed_in_as(&self.handle, &self.browser, account, amr))
            .await
    }

    /// The person goes on with the account that they are signed in to.
    pub async fn kept_account(&self) -> Response {
        let provider = self.endpoints.provider();
        self.answer(provider.account_selected(&self.handle, &self.browser))
            .await
    }

    /// The person answered the program's own question that this page asks.
    pub async fn answered(&self) -> Response {
        let provider = self.endpoints.provider();
        self.answer(provider.own_prompt_answered(&self.handle, &self.browser))
            .await
    }

    /// The person allowed what they were shown, or some of it, or nothing.
    pub async fn consented(&self, decision: ConsentDecision) -> Response {
        let provider = self.endpoints.provider();
        self.answer(provider.consent_decided(&self.handle, &self.browser, decision))
            .await
    }

    /// The person does not want to go on: the client is told so.
    pub async fn cancelled(&self) -> Response {
        let provider = self.endpoints.provider();
        self.answer(provider.interaction_cancelled(&self.handle, &self.browser))
            .await
    }

    /// What the page shows that asks whether to sign out.
    ///
    /// # Errors
    /// The error page to send in its place.
    pub async fn logout_details(&self) -> Result<LogoutDetails, Response> {
        let provider = self.endpoints.provider();
        let details = provider.logout_details(&self.handle, &self.browser).await;
        details.map_err(|failure| self.failed(failure))
    }

    /// The person said whether to sign out.
    pub async fn logout_decided(&self, decision: LogoutDecision) -> Response {
        if !self.ours {
            return self.foreign();
        }
        let provider = self.endpoints.provider();
        let decided = provider.logout_decided(&self.handle, &self.browser, decision);
        match decided.await {
            Ok((target, cookies)) => {
                let done = || provider.interaction().url(PageKind::SignedOut, "");
                let mut response = headers::redirect(&target.unwrap_or_else(done));
                set_cookies(response.headers_mut(), &cookies, self.endpoints.cookies());
                self.finished(response)
            }
            Err(failure) => self.unanswered(failure),
        }
    }

    async fn answer(
        &self,
        answered: impl Future<Output = Result<Answered, Failure>> + Send,
    ) -> Response {
        if !self.ours {
            return self.foreign();
        }
        match answered.await {
            Err(failure @ Failure::Refused(_)) => self.unanswered(failure),
            answered => self.finished(self.endpoints.answer(answered)),
        }
    }

    /// A form that cannot be taken.
    fn unanswered(&self, failure: Failure) -> Response {
        let problem = Problem::from(failure).of_form();
        self.finished(problem.page(&**self.endpoints.pages()))
    }

    fn foreign(&self) -> Response {
        let text = "this form was on another site";
        let problem = Problem::refused(403, ErrorCode::AccessDenied, "cross_site_form", text);
        self.finished(problem.page(&**self.endpoints.pages()))
    }

    fn failed(&self, failure: Failure) -> Response {
        self.finished(failure_page(failure, &**self.endpoints.pages()))
    }

    fn finished(&self, mut response: Response) -> Response {
        let https = self.endpoints.provider().policy().issuer.is_https();
        headers::secure(response.headers_mut(), https);
        response
    }
}
