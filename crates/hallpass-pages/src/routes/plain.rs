//! Pages and files that are the same for everybody.

use bytes::Bytes;
use hallpass_http::{Problem, Response};
use hallpass_provider::endpoints::discovery;
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY},
    request::Parts as Head,
};
use http_body_util::Full;

use super::{PageRoutes, path::DEMO, read_only};
use crate::{
    Page,
    assets::{self, Asset},
    view::{Demo, Home, Link},
};

/// Browsers ask for the icon by a name that never changes.
const ICON_CACHE: &str = "public, max-age=86400";

impl PageRoutes {
    pub(super) fn home(&self, head: &Head) -> Result<Response, Problem> {
        read_only(head)?;
        let issuer = self.pages.issuer();
        let metadata = issuer.url("/.well-known/openid-configuration");
        let keys = issuer.url(discovery::JWKS);
        let links = [
            Link {
                title: "Metadata",
                href: &metadata,
            },
            Link {
                title: "Signing keys",
                href: &keys,
            },
        ];
        Ok(self.page(
            StatusCode::OK,
            Page::Home(Home {
                issuer: issuer.as_str(),
                links: &links,
                demo: self.demo.is_some(),
                account: self.provider().policy().people.account_page,
            }),
        ))
    }

    pub(super) fn demo(&self, head: &Head) -> Result<Response, Problem> {
        read_only(head)?;
        let Some(client) = &self.demo else {
            return Ok(self.not_found(&head.method));
        };
        let issuer = self.pages.issuer();
        let page = Page::Demo(Demo {
            issuer: issuer.as_str(),
            client_id: &client.client_id,
            redirect_uri: &issuer.url(DEMO),
            scope: &client.scope,
        });
        let mut response = self.page(StatusCode::OK, page);
        // Its address may hold a code, and no form of it is checked for where it comes from.
        response
            .headers_mut()
            .insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        Ok(response)
    }

    pub(super) fn asset(&self, path: &str, head: &Head) -> Result<Response, Problem> {
        read_only(head)?;
        Ok(match self.pages.pages().assets().at(path) {
            Some(asset) => file(asset, assets::CACHE_CONTROL, head),
            None => self.not_found(&head.method),
        })
    }

    pub(super) fn icon(&self, head: &Head) -> Result<Response, Problem> {
        read_only(head)?;
        Ok(file(&self.pages.pages().assets().icon, ICON_CACHE, head))
    }
}

fn file(asset: &Asset, cache: &'static str, head: &Head) -> Response {
    let unchanged = head
        .headers
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == asset.etag));
    let body = if unchanged {
        Bytes::new()
    } else {
        asset.bytes.clone()
    };
    let mut response = http::Response::new(Full::new(body));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    if let Ok(etag) = HeaderValue::from_str(&asset.etag) {
        headers.insert(ETAG, etag);
    }
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response
}
