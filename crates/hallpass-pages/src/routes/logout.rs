//! `/logout/confirm` and `/signed-out`

use hallpass_http::{Problem, Response, redirect, set_cookies};
use hallpass_provider::{
    Failure,
    endpoints::{LogoutDecision, SignedOutDetails},
    ports::PageKind,
};
use http::{StatusCode, request::Parts as Head};
use http_body::Body;

use super::{PageRoutes, handle_of, posted::undecided, read_only};
use crate::{
    Page,
    view::{ConfirmLogout, SignedOut},
};

impl PageRoutes {
    pub(super) async fn confirm_logout<B>(&self, head: &Head, body: B) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let posted = self.posted_if_sent(head, body).await?;
        let handle = handle_of(head)?;
        let browser = self.browser(head);
        let provider = self.provider();
        let Some(form) = posted else {
            let details = provider.logout_details(handle, &browser).await?;
            return Ok(self.page(
                StatusCode::OK,
                Page::ConfirmLogout(ConfirmLogout {
                    action: &self.pages.action(PageKind::Logout, handle),
                    hidden: &[],
                    client: details
                        .client
                        .as_ref()
                        .map(|client| self.pages.client(client)),
                    account: details.account.as_deref(),
                    client_alone: details.client_alone,
                }),
            ));
        };
        let decision = match form.get("logout") {
            Some("yes") => LogoutDecision::Everywhere,
            Some("client") => LogoutDecision::ClientAlone,
            Some("no") => LogoutDecision::Stay,
            Some(_) | None => return Err(undecided()),
        };
        let (target, cookies) = provider.logout_decided(handle, &browser, decision).await?;
        let mut response = match target {
            Some(target) => redirect(&target),
            None if decision == LogoutDecision::Everywhere => {
                self.redirect_to(PageKind::SignedOut, "")
            }
            None => self.signed_out_page(&SignedOutDetails {
                kept: true,
                left: decision == LogoutDecision::ClientAlone,
                ..SignedOutDetails::default()
            }),
        };
        set_cookies(response.headers_mut(), &cookies, self.endpoints.cookies());
        Ok(response)
    }

    /// The page at the end. Its address may say which clients are to be told by frames; without that, and for a reader
    /// whom it was not made for, it only says that the person has signed out.
    pub(super) async fn signed_out(&self, head: &Head) -> Result<Response, Problem> {
        read_only(head)?;
        let details = match handle_of(head) {
            Ok(handle) => {
                let browser = self.browser(head);
                match self.provider().signed_out_details(handle, &browser).await {
                    Ok(details) => details,
                    Err(Failure::Refused(_)) => SignedOutDetails::default(),
                    Err(failure) => return Err(failure.into()),
                }
            }
            Err(_) => SignedOutDetails::default(),
        };
        Ok(self.signed_out_page(&details))
    }

    fn signed_out_page(&self, details: &SignedOutDetails) -> Response {
        let page = Page::SignedOut(SignedOut {
            client: details
                .client
                .as_ref()
                .map(|client| self.pages.client(client)),
            kept: details.kept,
            left: details.left,
            frames: &details.frames,
            frame_origins: &details.frame_origins,
            next: details.redirect.as_deref(),
        });
        self.page(StatusCode::OK, page)
    }
}
