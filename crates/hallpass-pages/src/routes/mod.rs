//! The pages over HTTP: [`PageRoutes`] answers their paths.
//!
//! What a person does on a page is reported to the provider, which decides what comes next; a page never decides for
//! itself. The state of a request is the sealed handle in the page's address. It is worth nothing without the cookie of
//! the browser that started the request, so no other site can make or use one.

mod account;
mod approvals;
mod builtin;
mod consent;
mod credentials;
mod device;
mod logout;
mod organization;
mod path;
mod plain;
mod posted;
mod select_account;
mod sign_in;
mod sign_up;
mod upstream;
mod visit;

use std::sync::Arc;

use hallpass_core::policy::SignUp;
use hallpass_http::{
    Endpoints, Problem, Response, Wanted, accept_language, browser_of, html, redirect, secure,
};
use hallpass_provider::{
    Failure, Provider,
    browser::Browser,
    endpoints::{InteractionDetails, page_for},
    ports::{Event, PageKind, PasswordSignIn},
};
use hallpass_types::{ErrorCode, Params};
use http::{
    HeaderValue, Method, Request, StatusCode, header::CONTENT_LENGTH, request::Parts as Head,
};
use http_body::Body;

use crate::Page;

pub use account::AccountPage;
pub use builtin::BuiltinPages;
pub use path::PageRoute;

/// The client of the page at `/demo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoClient {
    /// A public client with the grants `authorization_code` and `refresh_token`, whose redirect URI and post-logout
    /// redirect URI are the issuer with `/demo` behind it.
    pub client_id: String,
    /// Scopes to ask for, separated by spaces.
    pub scope: String,
}

/// Answers the paths of the built-in pages of one issuer. Cheap to clone.
#[derive(Clone)]
pub struct PageRoutes {
    endpoints: Endpoints,
    pages: BuiltinPages,
    sign_in: Arc<dyn PasswordSignIn>,
    demo: Option<Arc<DemoClient>>,
}

impl std::fmt::Debug for PageRoutes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageRoutes")
            .field("endpoints", &self.endpoints)
            .field("demo", &self.demo)
            .finish_non_exhaustive()
    }
}

impl PageRoutes {
    /// The pages of the issuer that `endpoints` serves. The same `pages` tell its provider where the pages are, and
    /// render its errors.
    #[must_use]
    pub fn new(
        endpoints: Endpoints,
        pages: BuiltinPages,
        sign_in: Arc<dyn PasswordSignIn>,
    ) -> Self {
        let pages = pages.with_upstreams(endpoints.provider().upstreams());
        Self {
            endpoints,
            pages,
            sign_in,
            demo: None,
        }
    }

    /// With the page at `/demo`.
    #[must_use]
    pub fn with_demo(mut self, client: DemoClient) -> Self {
        self.demo = Some(Arc::new(client));
        self
    }

    /// The page that a path names here; none when the path is not one of ours.
    #[must_use]
    pub fn route<'p>(&self, path: &'p str) -> Option<PageRoute<'p>> {
        let route = PageRoute::of(&self.provider().policy().issuer, path)?;
        let exists = match route {
            PageRoute::Demo => self.demo.is_some(),
            PageRoute::Asset(path) => self.pages.pages().assets().at(path).is_some(),
            PageRoute::Upstream(id)
            | PageRoute::UpstreamCallback(id)
            | PageRoute::LinkUpstream(id) => {
                let upstreams = &self.provider().policy().upstreams;
                upstreams.iter().any(|upstream| upstream.id == id)
            }
            PageRoute::Linked => !self.provider().policy().upstreams.is_empty(),
            PageRoute::Organization => self.provider().policy().access.enabled,
            PageRoute::Device | PageRoute::DeviceDone => self.provider().policy().device.enabled,
            PageRoute::Approvals => self.provider().policy().backchannel.enabled,
            PageRoute::SignUp => self.provider().policy().people.sign_up == SignUp::Open,
            PageRoute::Recover => self.provider().policy().people.recovery,
            PageRoute::Link => self.provider().policy().people.is_anything(),
            PageRoute::Account(_) | PageRoute::Credentials(_) => {
                self.provider().policy().people.account_page
            }
            PageRoute::Home
            | PageRoute::Icon
            | PageRoute::SignIn
            | PageRoute::SelectAccount
            | PageRoute::Consent
            | PageRoute::ConfirmLogout
            | PageRoute::SignedOut => true,
        };
        exists.then_some(route)
    }

    /// Answers a request, or gives it back when its path is not one of the pages'. The address of the person's computer
    /// is expected among the request's extensions, as [`ClientAddr`](hallpass_http::ClientAddr).
    ///
    /// # Errors
    /// The request itself, untouched.
    pub async fn handle<B>(&self, request: Request<B>) -> Result<Response, Request<B>>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let path = request.uri().path().to_owned();
        let Some(route) = self.route(&path) else {
            return Err(request);
        };
        let (head, body) = request.into_parts();
        if matches!(route, PageRoute::Icon | PageRoute::Asset(_)) {
            return Ok(self.answer(route, &head, body).await);
        }
        Ok(self.speaking_to(&head).answer(route, &head, body).await)
    }

    /// The same pages in the language of whoever asks: as the address, the request that waits, or the browser says.
    fn speaking_to(&self, head: &Head) -> Self {
        let query = head.uri.query().unwrap_or_default();
        let from_address = Params::parse(query.as_bytes()).unwrap_or_default();
        let from_address = from_address.get("ui_locales").unwrap_or_default();
        let from_request = handle_of(head)
            .map(|handle| self.provider().wanted_languages(handle))
            .unwrap_or_default();
        let locales: Vec<&str> = from_address
            .split(' ')
            .chain(from_request.iter().map(String::as_str))
            .collect();
        let pages = self.pages.speaking_to(Wanted {
            locales: &locales,
            accept: accept_language(&head.headers),
        });
        let endpoints = self.endpoints.clone().with_pages(Arc::new(pages.clone()));
        Self {
            endpoints,
            pages,
            ..self.clone()
        }
    }

    async fn answer<B>(&self, route: PageRoute<'_>, head: &Head, body: B) -> Response
    where
        B: Body + Send,
        B::Data: Send,
    {
        let answer = match route {
            PageRoute::Home => self.home(head),
            PageRoute::Demo => self.demo(head),
            PageRoute::Icon => self.icon(head),
            PageRoute::Asset(path) => self.asset(path, head),
            PageRoute::SignedOut => self.signed_out(head).await,
            PageRoute::SignIn => self.sign_in(head, body).await,
            PageRoute::SignUp => self.sign_up(head, body).await,
            PageRoute::Recover => self.recover(head, body).await,
            PageRoute::Link => self.link(head, body).await,
            PageRoute::Credentials(page) => self.credentials(page, head, body).await,
            PageRoute::Account(page) => self.account(page, head, body).await,
            PageRoute::SelectAccount => self.select_account(head, body).await,
            PageRoute::Upstream(id) => self.upstream(id, head, body).await,
            PageRoute::UpstreamCallback(id) => self.upstream_callback(id, head, body).await,
            PageRoute::LinkUpstream(id) => self.link_upstream(id, head, body).await,
            PageRoute::Linked => self.linked(head, body).await,
            PageRoute::Organization => self.organization(head, body).await,
            PageRoute::Consent => self.consent(head, body).await,
            PageRoute::ConfirmLogout => self.confirm_logout(head, body).await,
            PageRoute::Device => self.device(head, body).await,
            PageRoute::DeviceDone => self.device_done(head).await,
            PageRoute::Approvals => self.approvals(head, body).await,
        };
        let response = answer.unwrap_or_else(|problem| {
            self.provider().emit(&Event::Refused {
                endpoint: route.label(),
                reason: problem.id(),
                client: None,
            });
            let problem = if head.method == Method::POST {
                problem.of_form()
            } else {
                problem
            };
            problem.page(&**self.endpoints.pages())
        });
        self.finished(response, &head.method)
    }

    /// The page for a request whose path names nothing.
    #[must_use]
    pub fn nothing<B>(&self, request: &Request<B>) -> Response {
        let pages = self.pages.speaking_to(Wanted {
            locales: &[],
            accept: accept_language(request.headers()),
        });
        self.finished(nothing().page(&pages), request.method())
    }

    fn not_found(&self, method: &Method) -> Response {
        self.finished(nothing().page(&self.pages), method)
    }

    fn finished(&self, mut response: Response, method: &Method) -> Response {
        let https = self.provider().policy().issuer.is_https();
        secure(response.headers_mut(), https);
        if *method == Method::HEAD {
            let length = Body::size_hint(response.body()).exact();
            *response.body_mut() = http_body_util::Full::default();
            if let Some(length) = length {
                let headers = response.headers_mut();
                headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
        }
        response
    }

    fn provider(&self) -> &Provider {
        self.endpoints.provider()
    }

    fn browser(&self, head: &Head) -> Browser {
        let mut browser = browser_of(&head.headers, self.endpoints.cookies());
        visit::note(&mut browser, head);
        browser
    }

    fn page(&self, status: StatusCode, page: Page<'_>) -> Response {
        html(status, self.pages.render(page))
    }

    /// The address of a page for the same request.
    fn redirect_to(&self, page: PageKind, handle: &str) -> Response {
        use hallpass_provider::ports::Interaction as _;
        redirect(&self.pages.url(page, handle))
    }

    /// What a page of a request shows, or a redirect to the page that must be shown before.
    async fn details_for(
        &self,
        page: PageKind,
        handle: &str,
        browser: &Browser,
    ) -> Result<Result<InteractionDetails, Response>, Failure> {
        let provider = self.provider();
        let details = provider.interaction_details(handle, browser).await?;
        let wanted = match &details.ask {
            Some(ask) => page_for(ask.prompt),
            // Nothing is missing any more: the person came back to an answered page.
            None if details.account.is_some() => page,
            None => PageKind::Login,
        };
        Ok(if wanted == page {
            Ok(details)
        } else {
            Err(self.redirect_to(wanted, handle))
        })
    }
}

fn nothing() -> Problem {
    Problem::refused(
        404,
        ErrorCode::InvalidRequest,
        "not_found",
        "there is nothing at this address",
    )
}

/// The sealed state in a page's address.
fn handle_of(head: &Head) -> Result<&str, Problem> {
    let query = head.uri.query().unwrap_or_default();
    let mut found = None;
    for piece in query.split('&') {
        if let Some(value) = piece.strip_prefix("handle=")
            && found.replace(value).is_some()
        {
            found = None;
            break;
        }
    }
    found.filter(|handle| !handle.is_empty()).ok_or_else(|| {
        Problem::refused(
            400,
            ErrorCode::InvalidRequest,
            "page_without_request",
            "this page is part of signing in to an app",
        )
    })
}

/// Allows reading only.
fn read_only(head: &Head) -> Result<(), Problem> {
    if matches!(head.method, Method::GET | Method::HEAD) {
        Ok(())
    } else {
        Err(Problem::method("GET, HEAD"))
    }
}

/// Whether a page is to be shown (`false`) or was answered (`true`).
fn is_answer(head: &Head) -> Result<bool, Problem> {
    match head.method {
        Method::GET | Method::HEAD => Ok(false),
        Method::POST => Ok(true),
        _ => Err(Problem::method("GET, HEAD, POST")),
    }
}
