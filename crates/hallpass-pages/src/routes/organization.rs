//! `/organization`

use hallpass_http::{Problem, Response};
use hallpass_provider::ports::PageKind;
use http::{StatusCode, request::Parts as Head};
use http_body::Body;

use super::{PageRoutes, handle_of, posted::undecided};
use crate::{
    Page,
    view::{Organization, SelectOrganization},
};

impl PageRoutes {
    pub(super) async fn organization<B>(&self, head: &Head, body: B) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let posted = self.posted_if_sent(head, body).await?;
        let handle = handle_of(head)?;
        let browser = self.browser(head);
        if let Some(form) = posted {
            let chosen = form.get("organization").ok_or_else(undecided)?;
            let answered = self
                .provider()
                .organization_chosen(handle, &browser, chosen)
                .await?;
            return Ok(self.endpoints.answer(Ok(answered)));
        }
        let page = PageKind::Organization;
        let details = match self.details_for(page, handle, &browser).await? {
            Ok(details) => details,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let organizations: Vec<Organization<'_>> = details
            .organizations
            .iter()
            .map(|(id, name)| Organization { id, name })
            .collect();
        Ok(self.page(
            StatusCode::OK,
            Page::SelectOrganization(SelectOrganization {
                action: &self.pages.action(page, handle),
                client: self.pages.client(&details.client),
                account: details.account.as_deref().unwrap_or_default(),
                organizations: &organizations,
            }),
        ))
    }
}
