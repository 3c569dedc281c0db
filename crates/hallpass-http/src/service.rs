//! The protocol's endpoints as a tower service.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use hallpass_core::client_auth::attestation;
use hallpass_provider::Provider;
use hallpass_types::ErrorCode;
use http::Request;
use http_body::Body;
use http_body_util::Full;

use crate::{
    CookieNames, DefaultPages, Problem, RenderPages, check_session, dispatch, headers, protocol,
    registration, signing_in,
};

/// The body of our responses.
pub type ResponseBody = Full<Bytes>;
/// Our responses.
pub type Response = http::Response<ResponseBody>;

/// Answers the protocol's paths of one issuer.
#[derive(Clone)]
pub struct Endpoints {
    pub(crate) provider: Provider,
    pub(crate) pages: Arc<dyn RenderPages>,
    pub(crate) cookies: CookieNames,
}

impl std::fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoints")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

impl Endpoints {
    /// Endpoints with plain pages.
    #[must_use]
    pub fn new(provider: Provider) -> Self {
        let cookies = CookieNames::of(&provider.policy().issuer);
        Self {
            provider,
            pages: Arc::new(DefaultPages),
            cookies,
        }
    }

    /// Endpoints with other pages.
    #[must_use]
    pub fn with_pages(mut self, pages: Arc<dyn RenderPages>) -> Self {
        self.pages = pages;
        self
    }

    /// The provider behind them.
    #[must_use]
    pub fn provider(&self) -> &Provider {
        &self.provider
    }

    /// Names of the cookies.
    #[must_use]
    pub fn cookies(&self) -> &CookieNames {
        &self.cookies
    }

    /// Renders pages.
    #[must_use]
    pub fn pages(&self) -> &Arc<dyn RenderPages> {
        &self.pages
    }

    /// Answers a request, or gives it back when its path is not one of the protocol's.
    ///
    /// # Errors
    /// The request itself, untouched.
    pub async fn handle<B>(&self, request: Request<B>) -> Result<Response, Request<B>>
    where
        B: Body + Send,
        B::Data: Send,
    {
        match self.found(&request) {
            Some(route) => self.handle_at(route.nameless(), request).await,
            None => Err(request),
        }
    }

    fn found<'r, B>(&self, request: &'r Request<B>) -> Option<dispatch::Route<'r>> {
        dispatch::route(self.provider.policy(), request.uri().path())
    }

    /// The answer to a request for the metadata document or the key set. Both are in memory: nothing is awaited. None for
    /// every other request.
    pub fn document<B>(
        &self,
        request: &Request<B>,
    ) -> Option<(dispatch::Route<'static>, Response)> {
        let route = self.found(request)?.nameless();
        let mut response = if route == dispatch::Route::Metadata {
            protocol::metadata(self, request)
        } else if route == dispatch::Route::Jwks {
            protocol::jwks(self, request)
        } else {
            return None;
        };
        let https = self.provider.policy().issuer.is_https();
        headers::secure(response.headers_mut(), https);
        Some((route, response))
    }

    /// As [`Self::handle`], where [`route`](crate::route) has said already whose path it is.
    ///
    /// # Errors
    /// The request itself, untouched: the issuer does not offer that endpoint.
    pub async fn handle_at<B>(
        &self,
        route: dispatch::Route<'static>,
        request: Request<B>,
    ) -> Result<Response, Request<B>>
    where
        B: Body + Send,
        B::Data: Send,
    {
        // What the issuer does not offer is not there.
        let policy = self.provider.policy();
        let off = match route {
            dispatch::Route::DeviceAuthorization => !policy.device.enabled,
            dispatch::Route::BackchannelAuthentication => !policy.backchannel.enabled,
            dispatch::Route::BackchannelAnswer => {
                !policy.backchannel.enabled || !policy.backchannel.automatic_approval
            }
            dispatch::Route::Challenge => !attestation::hands_out_challenges(policy),
            dispatch::Route::CheckSession => !policy.logout.session_management,
            dispatch::Route::WebFinger => !policy.webfinger.enabled,
            dispatch::Route::PushedAuthorization => !policy.requests.pushed,
            dispatch::Route::Introspect => !policy.parts.introspection,
            dispatch::Route::Revoke => !policy.parts.revocation,
            dispatch::Route::Initiate => !policy.parts.initiated_login,
            dispatch::Route::Metadata
            | dispatch::Route::Jwks
            | dispatch::Route::Authorize
            | dispatch::Route::Token
            | dispatch::Route::UserInfo
            | dispatch::Route::Register
            | dispatch::Route::Client(_)
            | dispatch::Route::Logout => false,
        };
        if off {
            return Err(request);
        }
        // What is asked for thousands of times a second stands here itself. The rest is put aside, since this future is as
        // large as its largest part and is moved with every request.
        let mut response = match route {
            dispatch::Route::Metadata => protocol::metadata(self, &request),
            dispatch::Route::Jwks => protocol::jwks(self, &request),
            dispatch::Route::Token => protocol::token(self, request).await,
            dispatch::Route::UserInfo => protocol::userinfo(self, request).await,
            dispatch::Route::Introspect => protocol::introspect(self, request).await,
            dispatch::Route::Revoke => Box::pin(protocol::revoke(self, request)).await,
            dispatch::Route::PushedAuthorization => Box::pin(protocol::push(self, request)).await,
            dispatch::Route::Authorize => Box::pin(signing_in::authorize(self, request)).await,
            dispatch::Route::Initiate => Box::pin(signing_in::initiate(self, request)).await,
            dispatch::Route::Logout => Box::pin(signing_in::logout(self, request)).await,
            dispatch::Route::Challenge => protocol::challenge(self, &request),
            dispatch::Route::CheckSession => check_session::page(self, &request),
            dispatch::Route::WebFinger => protocol::webfinger(self, &request),
            dispatch::Route::Register => Box::pin(registration::register(self, request)).await,
            dispatch::Route::DeviceAuthorization => {
                Box::pin(protocol::device_authorization(self, request)).await
            }
            dispatch::Route::BackchannelAuthentication => {
                Box::pin(protocol::backchannel_authentication(self, request)).await
            }
            dispatch::Route::BackchannelAnswer => {
                let query = request.uri().query().unwrap_or_default().to_owned();
                Box::pin(protocol::backchannel_answer(
                    self,
                    &request.method().clone(),
                    &query,
                ))
                .await
            }
            dispatch::Route::Client(_) => {
                let Some(dispatch::Route::Client(id)) = self.found(&request) else {
                    return Err(request);
                };
                let id = id.to_owned();
                Box::pin(registration::client(self, &id, request)).await
            }
        };
        headers::secure(
            response.headers_mut(),
            self.provider.policy().issuer.is_https(),
        );
        if matches!(route, dispatch::Route::CheckSession) && response.status().is_success() {
            check_session::may_be_framed(response.headers_mut());
        }
        Ok(response)
    }
}

impl<B> tower_service::Service<Request<B>> for Endpoints
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let endpoints = self.clone();
        Box::pin(async move {
            Ok(match endpoints.handle(request).await {
                Ok(response) => response,
                Err(_) => {
                    let problem = Problem::refused(
                        404,
                        ErrorCode::InvalidRequest,
                        "not_found",
                        "there is nothing here",
                    );
                    let mut response = problem.json();
                    headers::secure(
                        response.headers_mut(),
                        endpoints.provider.policy().issuer.is_https(),
                    );
                    response
                }
            })
        })
    }
}
