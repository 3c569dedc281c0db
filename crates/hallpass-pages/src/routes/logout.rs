//! `/logout/confirm` and `/signed-out`

use hallpass_http::{Problem, Response, redirect, set_cookies};
use hallpass_provider::ports::PageKind;
use http::{StatusCode, request::Parts as Head};
use http_body::Body;

use super::{PageRoutes, handle_of, is_answer, posted::undecided, read_only};
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
        let posted = if is_answer(head)? {
            Some(self.posted(head, body).await?)
        } else {
            None
        };
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
                }),
            ));
        };
        let sign_out = match form.get("logout") {
            Some("yes") => true,
            Some("no") => false,
            Some(_) | None => return Err(undecided()),
        };
        let (target, cookies) = provider.logout_decided(handle, &browser, sign_out).await?;
        let mut response = match target {
            Some(target) => redirect(&target),
            None if sign_out => self.redirect_to(PageKind::SignedOut, ""),
            None => self.signed_out_page(true),
        };
        set_cookies(response.headers_mut(), &cookies, self.endpoints.cookies());
        Ok(response)
    }

    pub(super) fn signed_out(&self, head: &Head) -> Result<Response, Problem> {
        read_only(head)?;
        Ok(self.signed_out_page(false))
    }

    fn signed_out_page(&self, kept: bool) -> Response {
        let page = Page::SignedOut(SignedOut { client: None, kept });
        self.page(StatusCode::OK, page)
    }
}
