//! Endpoints that browsers are sent to: authorization and logout.

use std::sync::Arc;

use hallpass_core::{
    authorize::{AuthorizationResponse, Ready},
    policy::{Place, Policy},
};
use hallpass_provider::{
    Failure,
    endpoints::{Answer, Answered, Back, Held, LogoutAnswer, POSTED},
    ports::Event,
};
use hallpass_types::{ErrorCode, Params};
use http::{HeaderValue, Method, Request, StatusCode, header::ACCEPT_LANGUAGE};
use http_body::Body;

use crate::{
    Endpoints, Html, Onward, Problem, RenderPages, Response, Wanted, browser_of, failure_page,
    form, headers, set_cookies,
};

/// A posted authorization request that is longer than this when it is sealed is not turned into a GET.
const MAX_REDIRECT: usize = 8000;

pub(crate) async fn authorize<B>(endpoints: &Endpoints, request: Request<B>) -> Response
where
    B: Body + Send,
    B::Data: Send,
{
    let browser = browser_of(request.headers(), &endpoints.cookies);
    let post = request.method() == Method::POST;
    let accept = request.headers().get(ACCEPT_LANGUAGE).cloned();
    let mut params = match params(request).await {
        Ok(params) => params,
        Err(problem) => return problem.page(&*endpoints.pages_for(None, accept.as_ref())),
    };
    let provider = &endpoints.provider;
    // A form on another site comes without our cookies (SameSite). The same request as a GET has them.
    if post && browser.session.is_none() && params.duplicated().is_empty() {
        let locales = params.get("ui_locales");
        let pages = || endpoints.pages_for(locales, accept.as_ref());
        match provider.refuse_posted(&params).await {
            Ok(None) => {}
            Ok(Some(refused)) => return endpoints.answered(Ok(refused), pages),
            Err(failure) => return endpoints.failed("authorize", failure, &*pages()),
        }
        let sealed = provider.seal_posted(&params);
        if sealed.len() <= MAX_REDIRECT {
            let policy = provider.policy();
            let path = policy.routes.path(Place::Authorization);
            let path = format!("{path}?{POSTED}={sealed}");
            return headers::redirect(&policy.issuer.url(&path));
        }
    }
    if !post && let Some(sealed) = params.get(POSTED) {
        params = match provider.open_posted(sealed) {
            Ok(params) => params,
            Err(failure) => {
                let pages = endpoints.pages_for(None, accept.as_ref());
                return endpoints.failed("authorize", failure, &*pages);
            }
        };
    }
    let locales = params.get("ui_locales").map(str::to_owned);
    let answered = endpoints.provider.authorize(params, &browser).await;
    let pages = || endpoints.pages_for(locales.as_deref(), accept.as_ref());
    endpoints.answered(answered, pages)
}

pub(crate) async fn logout<B>(endpoints: &Endpoints, request: Request<B>) -> Response
where
    B: Body + Send,
    B::Data: Send,
{
    let browser = browser_of(request.headers(), &endpoints.cookies);
    let accept = request.headers().get(ACCEPT_LANGUAGE).cloned();
    let params = match params(request).await {
        Ok(params) => params,
        Err(problem) => return problem.page(&*endpoints.pages_for(None, accept.as_ref())),
    };
    let pages = || endpoints.pages_for(params.get("ui_locales"), accept.as_ref());
    match endpoints.provider.end_session(&params, &browser).await {
        Ok((answer, cookies)) => {
            let mut response = match answer {
                LogoutAnswer::Redirect(url) => headers::redirect(&url),
                LogoutAnswer::Error(error) => Problem::from(error.0).page(&*pages()),
            };
            set_cookies(response.headers_mut(), &cookies, &endpoints.cookies);
            response
        }
        Err(failure) => endpoints.failed("logout", failure, &*pages()),
    }
}

/// Sends a person on to a client that shall sign them in.
pub(crate) async fn initiate<B>(endpoints: &Endpoints, request: Request<B>) -> Response
where
    B: Body + Send,
    B::Data: Send,
{
    let accept = request.headers().get(ACCEPT_LANGUAGE).cloned();
    let pages = || endpoints.pages_for(None, accept.as_ref());
    let params = match params(request).await {
        Ok(params) => params,
        Err(problem) => return problem.page(&*pages()),
    };
    match endpoints.provider.initiate_login(&params).await {
        Ok(url) => headers::redirect(&url),
        Err(failure) => endpoints.failed("initiate", failure, &*pages()),
    }
}

/// Query and form body together: a name that is in both stands twice. HEAD is no way to ask: an answer may carry a code,
/// end a session or take a step, which a request for headers alone must not.
async fn params<B>(request: Request<B>) -> Result<Params, Problem>
where
    B: Body + Send,
    B::Data: Send,
{
    let (parts, body) = request.into_parts();
    let malformed = || {
        Problem::refused(
            400,
            ErrorCode::InvalidRequest,
            "query_malformed",
            "the request cannot be decoded",
        )
    };
    let query = parts.uri.query().unwrap_or_default();
    match parts.method {
        Method::GET => Params::parse(query.as_bytes()).map_err(|_| malformed()),
        Method::POST => {
            let mut params = form(&parts.headers, body).await?;
            params.extend(query.as_bytes()).map_err(|_| malformed())?;
            Ok(params)
        }
        _ => Err(Problem::method("GET, POST")),
    }
}

impl Endpoints {
    /// Turns an answer of the engine into a response, with its cookies.
    #[must_use]
    pub fn answer(&self, result: Result<Answered, Failure>) -> Response {
        self.answered(result, || Arc::clone(&self.pages))
    }

    /// As [`Self::answer`]; the pages are only asked for where one is shown.
    fn answered(
        &self,
        result: Result<Answered, Failure>,
        pages: impl Fn() -> Arc<dyn RenderPages>,
    ) -> Response {
        match result {
            Ok(Answered { answer, cookies }) => {
                let mut response = match answer {
                    Answer::Respond(response) => respond(&response, self.provider.policy(), pages),
                    Answer::Page(url) => headers::redirect(&url),
                    Answer::Error(error) => Problem::from(error.0).page(&*pages()),
                    Answer::Held(Held { refusal, back }) => {
                        held_page(Problem::from(refusal), back.as_ref(), &*pages())
                    }
                };
                set_cookies(response.headers_mut(), &cookies, &self.cookies);
                response
            }
            Err(failure) => self.failed("authorize", failure, &*pages()),
        }
    }

    /// The pages in the language that a request asks for.
    fn pages_for(
        &self,
        locales: Option<&str>,
        accept: Option<&HeaderValue>,
    ) -> Arc<dyn RenderPages> {
        let locales: Vec<&str> = locales.into_iter().flat_map(|l| l.split(' ')).collect();
        let wanted = Wanted {
            locales: &locales,
            accept: accept.and_then(|value| value.to_str().ok()),
        };
        self.pages
            .speaking(wanted)
            .unwrap_or_else(|| Arc::clone(&self.pages))
    }

    /// The page for a failure. Listeners hear of those that are ours.
    fn failed(
        &self,
        endpoint: &'static str,
        failure: Failure,
        pages: &dyn RenderPages,
    ) -> Response {
        match &failure {
            Failure::Internal(error) => self.provider.emit(&Event::Internal { endpoint, error }),
            Failure::Unavailable { .. } => self.provider.emit(&Event::Unavailable { endpoint }),
            Failure::Refused(_) | Failure::Throttled { .. } => {}
        }
        failure_page(failure, pages)
    }
}

/// An error that a person reads first.
fn held_page(problem: Problem, back: Option<&Back>, pages: &dyn RenderPages) -> Response {
    match back {
        Some(Back::Link(url)) => problem.page_before(pages, Some(Onward::Link(url))),
        Some(Back::Form(response)) => {
            let fields: Vec<(&str, &str)> = response
                .fields()
                .unwrap_or_default()
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let action = response.redirect_uri.as_str();
            let fields = fields.as_slice();
            problem.page_before(pages, Some(Onward::Form { action, fields }))
        }
        Some(_) | None => problem.page_before(pages, None),
    }
}

fn respond(
    response: &AuthorizationResponse,
    policy: &Policy,
    pages: impl Fn() -> Arc<dyn RenderPages>,
) -> Response {
    match response.carried(policy) {
        None => {}
        Some(Ready::Redirect(url)) => return headers::redirect(&url),
        Some(Ready::Page { html: body, csp }) => {
            return headers::html(StatusCode::OK, Html { body, csp });
        }
        Some(_) => {
            let text = "the answer cannot be sent to where this program would send it";
            let problem = Problem::refused(500, ErrorCode::ServerError, "answer_astray", text);
            return problem.page(&*pages());
        }
    }
    if let Some(location) = response.location() {
        return headers::redirect(&location);
    }
    if let Some(message) = response.message() {
        let page = pages().web_message(&message.origin, &message.response);
        return headers::html(StatusCode::OK, page);
    }
    let fields = response.fields().unwrap_or_default();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let page = pages().form_post(&response.redirect_uri, &fields);
    headers::html(StatusCode::OK, page)
}
