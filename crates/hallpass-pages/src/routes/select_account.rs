//! `/select-account`

use hallpass_http::{Problem, Response};
use hallpass_provider::ports::PageKind;
use http::{StatusCode, request::Parts as Head};
use http_body::Body;

use super::{PageRoutes, handle_of, is_answer};
use crate::{
    Page,
    view::{Account, SelectAccount},
};

/// The account of the browser's session, in the form. The handle says which session the page was made for.
const CURRENT: &str = "current";

impl PageRoutes {
    pub(super) async fn select_account<B>(&self, head: &Head, body: B) -> Result<Response, Problem>
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
        let page = PageKind::SelectAccount;
        let details = match self.details_for(page, handle, &browser).await? {
            Ok(details) => details,
            Err(elsewhere) => return Ok(elsewhere),
        };
        match posted {
            None => Ok(self.page(
                StatusCode::OK,
                Page::SelectAccount(SelectAccount {
                    action: &self.pages.action(page, handle),
                    hidden: &[],
                    client: Some(self.pages.client(&details.client)),
                    accounts: &[Account {
                        id: CURRENT,
                        name: details.account.as_deref().unwrap_or_default(),
                        detail: None,
                    }],
                }),
            )),
            Some(form) if form.get("account") == Some(CURRENT) => {
                let answered = self.provider().account_selected(handle, &browser).await?;
                Ok(self.endpoints.answer(Ok(answered)))
            }
            Some(_) => Ok(self.redirect_to(PageKind::Login, handle)),
        }
    }
}
