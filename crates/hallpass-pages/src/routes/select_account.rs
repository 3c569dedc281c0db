//! `/select-account`

use hallpass_http::{Problem, Response};
use hallpass_provider::ports::PageKind;
use http::{StatusCode, request::Parts as Head};
use http_body::Body;

use super::{PageRoutes, handle_of};
use crate::{
    Page,
    view::{Account, SelectAccount},
};

/// The account of the browser's session, in the form. The handle says which session the page was made for.
const CURRENT: &str = "current";
/// One that is not signed in here.
const ANOTHER: &str = "";

impl PageRoutes {
    pub(super) async fn select_account<B>(&self, head: &Head, body: B) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let posted = self.posted_if_sent(head, body).await?;
        let handle = handle_of(head)?;
        let browser = self.browser(head);
        let page = PageKind::SelectAccount;
        let details = match self.details_for(page, handle, &browser).await? {
            Ok(details) => details,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let provider = self.provider();
        let Some(form) = posted else {
            let waiting = provider.waiting_accounts(&browser).await?;
            let current = Account {
                id: CURRENT,
                name: details.account.as_deref().unwrap_or_default(),
                detail: None,
            };
            let others = waiting.iter().map(|waiting| Account {
                id: waiting.id.as_str(),
                name: &waiting.name,
                detail: None,
            });
            let accounts: Vec<Account<'_>> = std::iter::once(current).chain(others).collect();
            return Ok(self.page(
                StatusCode::OK,
                Page::SelectAccount(SelectAccount {
                    action: &self.pages.action(page, handle),
                    hidden: &[],
                    client: (!details.own).then(|| self.pages.client(&details.client)),
                    accounts: &accounts,
                }),
            ));
        };
        let chosen = form.get("account").unwrap_or_default();
        let answered = match chosen {
            CURRENT => provider.account_selected(handle, &browser).await?,
            ANOTHER => provider.account_added(handle, &browser).await?,
            id => provider.account_switched(handle, &browser, id).await?,
        };
        Ok(self.endpoints.answer(Ok(answered)))
    }
}
