//! The dashboard over HTTP.

use std::sync::Arc;

use hallpass_admin::Desk;
use hallpass_http::{
    Endpoints, Problem, Response, html, redirect, same_origin, secure, set_cookies,
};
use hallpass_pages::Picture;
use hallpass_types::{ErrorCode, Params};
use http::{
    HeaderValue, Method, Request, StatusCode,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    request::Parts as Head,
};
use http_body::Body;
use http_body_util::Full;

use crate::{
    assets::{self, Assets},
    gate::{Gate, Visit},
    registry,
    render::{Answer, Renderer, Stop},
};

/// Where the dashboard is, under the issuer of the configuration.
pub const PATH: &str = "/dashboard";

/// What is demanded of operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Seconds after which an operator signs in again.
    pub lasts: i64,
    /// Seconds since the sign-in within which they change things.
    pub changes_within: i64,
    /// Whether whoever changes something has signed in with a passkey or a second factor.
    pub strong: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            lasts: 12 * 3600,
            changes_within: 3600,
            strong: true,
        }
    }
}

/// The dashboard. Cheap to clone.
#[derive(Clone)]
pub struct Dashboard(Arc<Inner>);

struct Inner {
    desk: Desk,
    endpoints: Endpoints,
    settings: Settings,
    renderer: Renderer,
    assets: Assets,
}

impl std::fmt::Debug for Dashboard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dashboard").finish_non_exhaustive()
    }
}

impl Dashboard {
    /// Over the operations of a desk, for operators who sign in at the issuer of these endpoints: that of the home project.
    #[must_use]
    pub fn new(desk: Desk, endpoints: Endpoints, settings: Settings) -> Self {
        let base = format!("{}{PATH}", endpoints.provider().policy().issuer.path());
        Self(Arc::new(Inner {
            desk,
            endpoints,
            settings,
            renderer: Renderer::new(base),
            assets: Assets::default(),
        }))
    }

    /// With what is set weakly on this server, a sentence each, for operators of all projects to see.
    ///
    /// To be called before the dashboard is shared; otherwise nothing changes.
    #[must_use]
    pub fn warning(mut self, weak: Vec<String>) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.renderer.weak = weak;
        }
        self
    }

    /// Whether a path belongs to the dashboard.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.below(path).is_some()
    }

    fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.0.renderer.base())?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }

    /// Answers a request, or gives it back when its path is not below the dashboard's. The address of the operator's computer
    /// is expected among the request's extensions, as [`ClientAddr`](hallpass_http::ClientAddr).
    ///
    /// # Errors
    /// The request itself, untouched.
    pub async fn handle<B>(&self, request: Request<B>) -> Result<Response, Request<B>>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let Some(below) = self.below(request.uri().path()).map(str::to_owned) else {
            return Err(request);
        };
        let (head, body) = request.into_parts();
        let is_head = head.method == Method::HEAD;
        let mut response = match below.strip_prefix(assets::FOLDER) {
            Some(name) => self.asset(name, &head),
            None => match self.answer(&below, &head, body).await {
                Ok(response) => response,
                Err(problem) => problem.page(&**self.0.endpoints.pages()),
            },
        };
        let https = self.0.endpoints.provider().policy().issuer.is_https();
        secure(response.headers_mut(), https);
        if is_head {
            *response.body_mut() = Full::default();
        }
        Ok(response)
    }

    fn asset(&self, name: &str, head: &Head) -> Response {
        let found = self.0.assets.named(name);
        let found = found.filter(|_| matches!(head.method, Method::GET | Method::HEAD));
        let Some(asset) = found else {
            return nothing().page(&**self.0.endpoints.pages());
        };
        let tags = head
            .headers
            .get(IF_NONE_MATCH)
            .and_then(|v| v.to_str().ok());
        let unchanged = tags.is_some_and(|tags| tags.split(',').any(|t| t.trim() == asset.etag));
        let mut response = http::Response::new(if unchanged {
            Full::default()
        } else {
            Full::new(asset.bytes.clone())
        });
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
        headers.insert(
            CACHE_CONTROL,
            HeaderValue::from_static(assets::CACHE_CONTROL),
        );
        if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
            headers.insert(ETAG, etag);
        }
        if unchanged {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        }
        response
    }

    async fn answer<B>(&self, below: &str, head: &Head, body: B) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let inner = &*self.0;
        let posted = match head.method {
            Method::GET | Method::HEAD => false,
            Method::POST => true,
            _ => return Err(Problem::method("GET, HEAD, POST")),
        };
        let issuer = &inner.endpoints.provider().policy().issuer;
        let form = if posted {
            if !same_origin(&head.headers, issuer.origin()) {
                return Err(Problem::refused(
                    403,
                    ErrorCode::AccessDenied,
                    "cross_site_form",
                    "the form was not sent by a page of this service",
                ));
            }
            Some(hallpass_http::form(&head.headers, body).await?)
        } else {
            None
        };
        // Who is nobody learns nothing, not even which pages there are.
        let gate = Gate {
            endpoints: &inner.endpoints,
            settings: inner.settings,
            desk: &inner.desk,
        };
        let found = registry::find(below);
        let entered = gate.enter(head, below, found, form.as_ref()).await?;
        let (visit, cookies) = match entered {
            Ok(entered) => entered,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let mut response = self.shown(&visit, form.as_ref()).await;
        set_cookies(response.headers_mut(), &cookies, inner.endpoints.cookies());
        Ok(response)
    }

    async fn shown(&self, visit: &Visit, form: Option<&Params>) -> Response {
        let done = match (&visit.stop, form) {
            (Some(stop), _) => Err(stop.clone()),
            (None, None) => visit.show().await,
            (None, Some(form)) => match visit.page.and_then(|page| page.take) {
                Some(take) => take(visit, form).await,
                None => Err(Stop::of(
                    405,
                    "method_not_allowed",
                    "This page has no form.",
                )),
            },
        };
        let renderer = &self.0.renderer;
        match done {
            Ok(Answer::GoTo(path)) => redirect(&format!("{}{path}", self.url())),
            Ok(Answer::File(picture)) => file(picture),
            Ok(Answer::Shown(shown)) => {
                html(shown.status, renderer.page(visit, &shown, &self.0.assets))
            }
            Err(stop) => {
                let mut shown = stop.shown();
                let missing = shown.status == StatusCode::NOT_FOUND && !visit.project().is_empty();
                shown.outside = missing && visit.record().await.is_err();
                html(shown.status, renderer.page(visit, &shown, &self.0.assets))
            }
        }
    }

    fn url(&self) -> String {
        self.0.endpoints.provider().policy().issuer.url(PATH)
    }
}

/// A picture that an operator gave. Opened by itself it is a page of this origin, so it may do even less than one.
fn file(picture: Picture) -> Response {
    let media_type = picture.media_type();
    let mut response = http::Response::new(Full::new(picture.bytes));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PICTURE));
    response
}

const PICTURE: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

fn nothing() -> Problem {
    let text = "there is nothing at this address";
    Problem::refused(404, ErrorCode::InvalidRequest, "not_found", text)
}
