//! Endpoints that browsers are sent to: authorization and logout.

use hallpass_core::authorize::AuthorizationResponse;
use hallpass_provider::{
    Failure,
    endpoints::{Answer, Answered, LogoutAnswer, POSTED, discovery},
    ports::Event,
};
use hallpass_types::{ErrorCode, Params};
use http::{Method, Request, StatusCode};
use http_body::Body;

use crate::{Endpoints, Problem, Response, browser_of, failure_page, form, headers, set_cookies};

/// A posted authorization request that is longer than this when it is sealed is not turned into a GET.
const MAX_REDIRECT: usize = 8000;

pub(crate) async fn authorize<B>(endpoints: &Endpoints, request: Request<B>) -> Response
where
    B: Body + Send,
    B::Data: Send,
{
    let browser = browser_of(request.headers(), endpoints.cookies);
    let post = request.method() == Method::POST;
    let mut params = match params(request).await {
        Ok(params) => params,
        Err(problem) => return problem.page(&*endpoints.pages),
    };
    let provider = &endpoints.provider;
    // A form on another site comes without our cookies (SameSite). The same request as a GET has them.
    if post && browser.session.is_none() && params.duplicated().is_empty() {
        let sealed = provider.seal_posted(&params);
        if sealed.len() <= MAX_REDIRECT {
            let path = format!("{}?{POSTED}={sealed}", discovery::AUTHORIZATION);
            return headers::redirect(&provider.policy().issuer.url(&path));
        }
    }
    if !post && let Some(sealed) = params.get(POSTED) {
        params = match provider.open_posted(sealed) {
            Ok(params) => params,
            Err(failure) => return endpoints.failed("authorize", failure),
        };
    }
    endpoints.answer(endpoints.provider.authorize(params, &browser).await)
}

pub(crate) async fn logout<B>(endpoints: &Endpoints, request: Request<B>) -> Response
where
    B: Body + Send,
    B::Data: Send,
{
    let browser = browser_of(request.headers(), endpoints.cookies);
    let params = match params(request).await {
        Ok(params) => params,
        Err(problem) => return problem.page(&*endpoints.pages),
    };
    match endpoints.provider.end_session(&params, &browser).await {
        Ok((answer, cookies)) => {
            let mut response = match answer {
                LogoutAnswer::Redirect(url) => headers::redirect(&url),
                LogoutAnswer::Error(error) => Problem::from(error.0).page(&*endpoints.pages),
            };
            set_cookies(response.headers_mut(), &cookies, endpoints.cookies);
            response
        }
        Err(failure) => endpoints.failed("logout", failure),
    }
}

/// Sends a person on to a client that shall sign them in.
pub(crate) async fn initiate<B>(endpoints: &Endpoints, request: Request<B>) -> Response
where
    B: Body + Send,
    B::Data: Send,
{
    let params = match params(request).await {
        Ok(params) => params,
        Err(problem) => return problem.page(&*endpoints.pages),
    };
    match endpoints.provider.initiate_login(&params).await {
        Ok(url) => headers::redirect(&url),
        Err(failure) => endpoints.failed("initiate", failure),
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
        match result {
            Ok(Answered { answer, cookies }) => {
                let mut response = match answer {
                    Answer::Respond(response) => self.respond(&response),
                    Answer::Page(url) => headers::redirect(&url),
                    Answer::Error(error) => Problem::from(error.0).page(&*self.pages),
                };
                set_cookies(response.headers_mut(), &cookies, self.cookies);
                response
            }
            Err(failure) => self.failed("authorize", failure),
        }
    }

    /// The page for a failure. Listeners hear of those that are ours.
    fn failed(&self, endpoint: &'static str, failure: Failure) -> Response {
        if let Failure::Internal(error) = &failure {
            self.provider.emit(&Event::Internal { endpoint, error });
        }
        failure_page(failure, &*self.pages)
    }

    fn respond(&self, response: &AuthorizationResponse) -> Response {
        if let Some(location) = response.location() {
            return headers::redirect(&location);
        }
        if let Some(message) = response.message() {
            let page = self.pages.web_message(&message.origin, &message.response);
            return headers::html(StatusCode::OK, page);
        }
        let fields = response.fields().unwrap_or_default();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let page = self.pages.form_post(&response.redirect_uri, &fields);
        headers::html(StatusCode::OK, page)
    }
}
