//! The program behind the public listener: the protocol's paths, the pages', and nothing else.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hallpass_admin::AdminApi;
use hallpass_dashboard::Dashboard;
use hallpass_http::{ClientAddr, Described, Endpoints, NoSuchToken, Problem, Route, route};
use hallpass_pages::{PageRoute, PageRoutes};
use hallpass_provider::Provider;
use hallpass_provider::ports::{Event, PasswordSignIn};
use hallpass_types::{ErrorCode, Issuer, IssuerId};
use http::header::{ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue, ORIGIN, RETRY_AFTER};
use http::{Method, Request, StatusCode};
use http_body_util::Full;

use crate::admission::Admission;
use crate::config::{RateLimits, Registration};
use crate::demo::Demo;
use crate::limits::Limit;
use crate::listen::{Answer, App, RequestBody};
use crate::shared_limits::What;
use crate::wiring::Part;

/// Answers the paths of one issuer.
#[derive(Clone, Debug)]
pub struct Hallpass(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    issuer: Issuer,
    endpoints: Endpoints,
    pages: PageRoutes,
    limits: Limits,
    admission: Admission,
}

/// What one address may do wrong.
#[derive(Debug)]
struct Limits {
    registrations: Limit,
    failed_authentications: Limit,
    /// Clients that windows of browsers name and that have to be looked for elsewhere.
    wrong_clients: Limit,
    /// What pages of other sites make browsers do. It costs nobody else's tokens, and nobody's sign-in.
    of_pages: Limit,
    wrong_tokens: Limit,
}

impl Limits {
    fn new(part: &Part, limits: &RateLimits, registration: &Registration) -> Self {
        let shared = |limit: Limit, what| limit.with_elsewhere(what, part.shared_limits.clone());
        let window = limits.window.duration();
        let clients = |what| shared(Limit::new(limits.client_auth_per_address, window), what);
        Self {
            registrations: shared(
                Limit::new(registration.per_address_per_hour, HOUR),
                What::Registration,
            ),
            failed_authentications: clients(What::ClientAuthentication),
            wrong_clients: clients(What::WrongClient),
            of_pages: clients(What::OfPage),
            wrong_tokens: shared(
                Limit::new(limits.wrong_tokens_per_address, window),
                What::WrongToken,
            ),
        }
    }

    /// Those of another issuer, in the same tables.
    fn beside(&self, issuer: IssuerId, limits: &RateLimits, registration: &Registration) -> Self {
        let window = limits.window.duration();
        let clients = |limit: &Limit| limit.beside(issuer, limits.client_auth_per_address, window);
        Self {
            registrations: (self.registrations).beside(
                issuer,
                registration.per_address_per_hour,
                HOUR,
            ),
            failed_authentications: clients(&self.failed_authentications),
            wrong_clients: clients(&self.wrong_clients),
            of_pages: clients(&self.of_pages),
            wrong_tokens: (self.wrong_tokens).beside(
                issuer,
                limits.wrong_tokens_per_address,
                window,
            ),
        }
    }

    /// For clients that authenticate.
    fn of_programs(&self, headers: &HeaderMap) -> &Limit {
        if is_of_a_page(headers) {
            &self.of_pages
        } else {
            &self.failed_authentications
        }
    }

    /// For what browsers are sent to.
    fn of_windows(&self, headers: &HeaderMap) -> &Limit {
        if is_of_a_page(headers) {
            &self.of_pages
        } else {
            &self.wrong_clients
        }
    }
}

/// The names of everything that can answer, for the metrics.
pub fn endpoint_names() -> impl Iterator<Item = &'static str> {
    let others = [NOTHING, "none", "operations", ADMIN, DASHBOARD];
    Route::LABELS
        .iter()
        .chain(PageRoute::LABELS)
        .copied()
        .chain(others)
}

/// What answers beside operations, for the document about everything. What exists is what a project has switched on.
pub(crate) fn described() -> Vec<Described> {
    let protocol = Route::ALL.iter().flat_map(|route| route.described());
    let pages = PageRoute::all().into_iter().map(PageRoute::described);
    protocol.chain(pages).collect()
}

impl Hallpass {
    /// Endpoints and pages of the configuration's issuer.
    #[must_use]
    pub fn new(
        part: &Part,
        limits: &RateLimits,
        registration: &Registration,
        demo: Option<&Demo>,
    ) -> Self {
        let limits = Limits::new(part, limits, registration);
        Self::of(part, demo, limits)
    }

    /// Endpoints and pages of another issuer, with limits of its own in the same tables.
    #[must_use]
    pub fn beside(&self, part: &Part, limits: &RateLimits, registration: &Registration) -> Self {
        let issuer = part.provider.issuer_id();
        let limits = self.0.limits.beside(issuer, limits, registration);
        Self::of(part, None, limits)
    }

    fn of(part: &Part, demo: Option<&Demo>, limits: Limits) -> Self {
        let pages = part.pages.clone();
        let endpoints = Endpoints::new(part.provider.clone()).with_pages(Arc::new(pages.clone()));
        let sign_in: Arc<dyn PasswordSignIn> = Arc::clone(&part.accounts) as _;
        let routes = PageRoutes::new(endpoints.clone(), pages, sign_in);
        let pages = match demo {
            Some(demo) => routes.with_demo(demo.page()),
            None => routes,
        };
        Self(Arc::new(Inner {
            issuer: part.provider.policy().issuer.clone(),
            endpoints,
            pages,
            limits,
            admission: part.admission.clone(),
        }))
    }

    /// The provider behind it.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        self.0.endpoints.provider()
    }

    /// Answers a request to the admin API. Whoever shows no token that is good for something counts like a client that does not
    /// authenticate.
    pub(crate) async fn administer(
        &self,
        api: &AdminApi,
        mut request: Request<RequestBody>,
        client: ClientAddr,
    ) -> Answer<Full<Bytes>> {
        let endpoint = ADMIN;
        if let Err(wait) = self.0.admission.enter() {
            let response = self.turned_away(endpoint, wait);
            return Answer { response, endpoint };
        }
        let counted = match self
            .0
            .limits
            .of_programs(request.headers())
            .reserve(client.0)
        {
            Ok(counted) => counted,
            Err(wait) => {
                let response = self.slow_down(endpoint, wait);
                return Answer { response, endpoint };
            }
        };
        request.extensions_mut().insert(client);
        let response = match Box::pin(api.handle(request)).await {
            Ok(response) => response,
            Err(request) => self.0.pages.nothing(&request),
        };
        if response.status() == StatusCode::UNAUTHORIZED {
            counted.keep();
        } else {
            counted.give_back();
        }
        Answer { response, endpoint }
    }

    /// The endpoints, for pages of another part of the program.
    pub(crate) fn endpoints(&self) -> &Endpoints {
        &self.0.endpoints
    }

    /// Answers a request to the dashboard.
    pub(crate) async fn dashboard(
        &self,
        dashboard: &Dashboard,
        mut request: Request<RequestBody>,
        client: ClientAddr,
    ) -> Answer<Full<Bytes>> {
        let endpoint = DASHBOARD;
        if let Err(wait) = self.0.admission.enter() {
            let response = self.turned_away(endpoint, wait);
            return Answer { response, endpoint };
        }
        request.extensions_mut().insert(client);
        let response = match Box::pin(dashboard.handle(request)).await {
            Ok(response) => response,
            Err(request) => self.0.pages.nothing(&request),
        };
        Answer { response, endpoint }
    }

    /// What a request for that endpoint counts against.
    fn limit<B>(&self, request: &Request<B>, route: Route<'_>) -> Option<&Limit> {
        let (limits, headers) = (&self.0.limits, request.headers());
        match route {
            Route::Token
            | Route::Introspect
            | Route::Revoke
            | Route::PushedAuthorization
            | Route::DeviceAuthorization
            | Route::BackchannelAuthentication => Some(limits.of_programs(headers)),
            // Whoever names a client that has to be looked for elsewhere counts, too.
            Route::Authorize | Route::Logout | Route::Initiate
                if self.provider().policy().client_documents.enabled =>
            {
                Some(limits.of_windows(headers))
            }
            Route::Register if *request.method() == Method::POST => Some(&limits.registrations),
            Route::Register
            | Route::Client(_)
            | Route::Metadata
            | Route::Jwks
            | Route::Authorize
            | Route::UserInfo
            | Route::BackchannelAnswer
            | Route::Logout
            | Route::Initiate
            | Route::CheckSession
            | Route::WebFinger
            | Route::Challenge => None,
        }
    }

    /// There is more to do than the store can.
    fn turned_away(&self, endpoint: &'static str, seconds: u32) -> hallpass_http::Response {
        let reason = "busy";
        self.0.endpoints.provider().emit(&Event::Refused {
            endpoint,
            reason,
            client: None,
        });
        let text = "the server is busy, try again soon";
        let problem = Problem::refused(503, ErrorCode::TemporarilyUnavailable, reason, text);
        self.later(endpoint, problem, HeaderValue::from(seconds))
    }

    /// An answer that says when to come back: a page where people are sent to, JSON for programs.
    fn later(
        &self,
        endpoint: &'static str,
        problem: Problem,
        seconds: HeaderValue,
    ) -> hallpass_http::Response {
        let program = (Route::LABELS.contains(&endpoint) || endpoint == ADMIN)
            && !matches!(endpoint, "authorize" | "logout" | "initiate");
        let mut response = if program {
            problem.json()
        } else {
            problem.page(&**self.0.endpoints.pages())
        };
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, seconds);
        hallpass_http::secure(headers, self.0.issuer.is_https());
        response
    }

    /// Whether a browser says that a page of another site makes it send this as an image, a frame or a form, which is no use of this
    /// endpoint, or by a script of a page that belongs to no client.
    async fn is_planted(&self, route: Route<'_>, headers: &HeaderMap) -> bool {
        let mode = |modes: &[&[u8]]| says(headers, "sec-fetch-mode", modes);
        if !is_cross_site(headers) {
            return false;
        }
        if matches!(route, Route::Authorize | Route::Logout | Route::Initiate) {
            return mode(&[b"no-cors", b"websocket"]);
        }
        let registers = matches!(route, Route::Register | Route::Client(_));
        if !is_for_programs(route) && !registers {
            return false;
        }
        if mode(&[b"no-cors", b"navigate", b"websocket"]) {
            return true;
        }
        let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
        match origin.filter(|origin| is_of_the_web(origin)) {
            // What a preflight asks is answered by CORS.
            Some(origin) if headers.get(ACCESS_CONTROL_REQUEST_METHOD).is_none() => {
                let provider = self.provider();
                let may = if registers {
                    provider.origin_may_register(origin).await
                } else {
                    provider.origin_allowed(origin).await
                };
                !may.unwrap_or(true)
            }
            Some(_) | None => false,
        }
    }

    /// A page of another site has its visitors ask what only programs ask, without reading the answer. Whoever tries
    /// secrets so tries none, and uses up nothing that the visitor's network may try.
    fn not_from_here(&self, endpoint: &'static str) -> hallpass_http::Response {
        let reason = "cross_site";
        self.0.endpoints.provider().emit(&Event::Refused {
            endpoint,
            reason,
            client: None,
        });
        let text = "this is not asked by pages of other sites";
        let problem = Problem::refused(403, ErrorCode::InvalidRequest, reason, text);
        let mut response = problem.json();
        hallpass_http::secure(response.headers_mut(), self.0.issuer.is_https());
        response
    }

    fn slow_down(&self, endpoint: &'static str, wait: Duration) -> hallpass_http::Response {
        let reason = "slow_down";
        self.0.endpoints.provider().emit(&Event::Refused {
            endpoint,
            reason,
            client: None,
        });
        let text = "too many requests from this network";
        let problem = Problem::refused(429, ErrorCode::TemporarilyUnavailable, reason, text);
        let seconds = HeaderValue::from(wait.as_secs().saturating_add(1));
        self.later(endpoint, problem, seconds)
    }
}

/// Where clients authenticate.
fn is_for_programs(route: Route<'_>) -> bool {
    matches!(
        route,
        Route::Token
            | Route::Introspect
            | Route::Revoke
            | Route::PushedAuthorization
            | Route::DeviceAuthorization
            | Route::BackchannelAuthentication
    )
}

/// What a browser says of a request, if it is so.
fn says(headers: &HeaderMap, name: &str, values: &[&[u8]]) -> bool {
    let value = headers.get(name).map(HeaderValue::as_bytes);
    value.is_some_and(|value| values.contains(&value))
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    says(headers, "sec-fetch-site", &[b"cross-site"])
}

/// Whether a browser says that a page of another site makes it send this, unseen: as all but the window itself.
fn is_of_a_page(headers: &HeaderMap) -> bool {
    let window = says(headers, "sec-fetch-mode", &[b"navigate"])
        && says(headers, "sec-fetch-dest", &[b"document"]);
    is_cross_site(headers) && !window
}

/// Whether an origin is that of a page of the web, or of one that has none.
fn is_of_the_web(origin: &str) -> bool {
    ["https://", "http://", "null"]
        .iter()
        .any(|beginning| origin.starts_with(beginning))
}

impl App for Hallpass {
    type Body = Full<Bytes>;

    fn at_once<B>(&self, request: &Request<B>) -> Option<Answer<Full<Bytes>>> {
        let (route, response) = self.0.endpoints.document(request)?;
        Some(Answer {
            response,
            endpoint: route.label(),
        })
    }

    async fn answer(
        &self,
        mut request: Request<RequestBody>,
        client: ClientAddr,
    ) -> Answer<Full<Bytes>> {
        let policy = self.0.endpoints.provider().policy();
        let found = route(policy, request.uri().path()).map(Route::nameless);
        if let Some(found) = found {
            let entered = if asks_the_store(found) {
                self.0.admission.enter()
            } else {
                Ok(())
            };
            if let Err(wait) = entered {
                return Answer {
                    response: self.turned_away(found.label(), wait),
                    endpoint: found.label(),
                };
            }
            // Where strangers can make something wait, the engine counts by address.
            if matches!(
                found,
                Route::PushedAuthorization | Route::DeviceAuthorization
            ) {
                request.extensions_mut().insert(client);
            }
            let endpoint = found.label();
            if self.is_planted(found, request.headers()).await {
                let response = self.not_from_here(endpoint);
                return Answer { response, endpoint };
            }
            // Counted before anything is awaited: many at once, or a stream that is reset, would pass otherwise.
            let limit = self.limit(&request, found);
            let counted = match limit.map(|limit| limit.reserve(client.0)).transpose() {
                Ok(counted) => counted,
                Err(wait) => {
                    let response = self.slow_down(endpoint, wait);
                    return Answer { response, endpoint };
                }
            };
            // Awaited here and in no function between: what is awaited is moved once for each of them.
            let response = match self.0.endpoints.handle_at(found, request).await {
                Ok(response) => response,
                Err(request) => self.0.pages.nothing(&request),
            };
            if let Some(counted) = counted {
                // Every try to register counts, of the others those that failed to authenticate.
                let failed = if matches!(found, Route::Authorize | Route::Logout | Route::Initiate)
                {
                    StatusCode::BAD_REQUEST
                } else {
                    StatusCode::UNAUTHORIZED
                };
                if found == Route::Register || response.status() == failed {
                    counted.keep();
                } else {
                    counted.give_back();
                }
            }
            // Whoever guesses hears so; what is right is answered all the same, to whoever shares the address, too.
            if response.extensions().get::<NoSuchToken>().is_some() {
                match self.0.limits.wrong_tokens.reserve(client.0) {
                    Ok(counted) => counted.keep(),
                    Err(wait) => {
                        let response = self.slow_down(endpoint, wait);
                        return Answer { response, endpoint };
                    }
                }
            }
            return Answer { response, endpoint };
        }
        let page = self
            .0
            .pages
            .route(request.uri().path())
            .map(PageRoute::label);
        request.extensions_mut().insert(client);
        match (page, Box::pin(self.0.pages.handle(request)).await) {
            (Some(endpoint), Ok(response)) => Answer { response, endpoint },
            (None, Ok(response)) => Answer {
                response,
                endpoint: NOTHING,
            },
            (_, Err(request)) => Answer {
                response: self.0.pages.nothing(&request),
                endpoint: NOTHING,
            },
        }
    }
}

/// Whether an endpoint needs more than what is in memory.
const fn asks_the_store(route: Route<'_>) -> bool {
    match route {
        Route::Metadata
        | Route::Jwks
        | Route::CheckSession
        | Route::WebFinger
        | Route::Challenge => false,
        Route::Authorize
        | Route::Token
        | Route::UserInfo
        | Route::Introspect
        | Route::Revoke
        | Route::PushedAuthorization
        | Route::Register
        | Route::Client(_)
        | Route::Logout
        | Route::DeviceAuthorization
        | Route::Initiate
        | Route::BackchannelAuthentication
        | Route::BackchannelAnswer => true,
    }
}

/// The endpoint of the admin API.
const ADMIN: &str = "admin";
/// The endpoint of the dashboard.
const DASHBOARD: &str = "dashboard";
/// The endpoint of what names nothing.
pub(crate) const NOTHING: &str = "nothing";

const HOUR: Duration = Duration::from_secs(3600);
