//! `/upstream/NAME`, its callback, and `/linked-accounts`

use hallpass_http::{Problem, Response, form, redirect, set_cookies};
use hallpass_provider::{
    endpoints::{UpstreamOutcome, Visited},
    ports::PageKind,
};
use hallpass_types::{CredentialId, ErrorCode, Params};
use http::{
    HeaderValue, Method, StatusCode,
    header::{LOCATION, REFERRER_POLICY},
    request::Parts as Head,
};
use http_body::Body;

use super::{PageRoutes, handle_of, is_answer, path::LINKED, posted::undecided, sign_up::peer};
use crate::{
    Page,
    view::{Identity, Linked, Upstream},
};

/// What an answer may hold, for one that was posted.
const ANSWER: &[&str] = &["code", "state", "iss", "error"];
/// A posted answer that is longer than this is none.
const MAX_ANSWER: usize = 8000;

/// Whether a URL is one of that origin, and not of a host whose name begins like it.
fn is_below(url: &str, origin: &str) -> bool {
    url.strip_prefix(origin)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

impl PageRoutes {
    /// Off to another provider: only with a form of our own pages, so that no other site starts it.
    pub(super) async fn upstream<B>(
        &self,
        id: &str,
        head: &Head,
        body: B,
    ) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        only_posted(head)?;
        let form = self.posted(head, body).await?;
        let handle = handle_of(head)?;
        let mut browser = self.browser(head);
        browser.remember = form.get("remember") == Some("yes");
        let away = self
            .provider()
            .upstream_sign_in(id, handle, &browser)
            .await?;
        Ok(redirect(&away))
    }

    pub(super) async fn upstream_callback<B>(
        &self,
        id: &str,
        head: &Head,
        body: B,
    ) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        if is_answer(head)? {
            // A form of another site comes without our cookies (SameSite). The same answer as a GET has them.
            let form = form(&head.headers, body).await?;
            let pairs = form.iter().filter(|(name, _)| ANSWER.contains(name));
            let query = Params::from_pairs(pairs).to_query();
            if query.len() > MAX_ANSWER || !form.duplicated().is_empty() {
                return Err(malformed());
            }
            let path = format!("/upstream/{id}/callback?{query}");
            return Ok(redirect(&self.pages.issuer().url(&path)));
        }
        let query = head.uri.query().unwrap_or_default();
        let params = Params::parse(query.as_bytes()).map_err(|_| malformed())?;
        let browser = self.browser(head);
        let outcome = self
            .provider()
            .upstream_answer(id, &params, &browser, peer(head))
            .await;
        let mut response = match outcome {
            Ok(UpstreamOutcome::SignedIn(answered)) => self.endpoints.answer(Ok(*answered)),
            Ok(UpstreamOutcome::Back(handle)) => self.redirect_to(PageKind::Login, &handle),
            Ok(UpstreamOutcome::Linked) => redirect(&self.pages.issuer().url(LINKED)),
            Err(failure) => Problem::from(failure).page(&self.pages),
        };
        let headers = response.headers_mut();
        // Its address holds a code.
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        // A fragment that came along with the answer ends here, and does not go on to a client.
        if let Some(location) = headers.get(LOCATION).and_then(|value| value.to_str().ok())
            && !location.contains('#')
            && !is_below(location, self.pages.issuer().origin())
            && let Ok(ended) = HeaderValue::from_str(&format!("{location}#"))
        {
            headers.insert(LOCATION, ended);
        }
        Ok(response)
    }

    /// Off to another provider, to link the account there.
    pub(super) async fn link_upstream<B>(
        &self,
        id: &str,
        head: &Head,
        body: B,
    ) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        only_posted(head)?;
        self.posted(head, body).await?;
        let handle = handle_of(head)?;
        let browser = self.browser(head);
        let away = self.provider().link_upstream(id, handle, &browser).await?;
        Ok(redirect(&away))
    }

    pub(super) async fn linked<B>(&self, head: &Head, body: B) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let browser = self.browser(head);
        if is_answer(head)? {
            let form = self.posted(head, body).await?;
            let identity = form
                .get("unlink")
                .and_then(|id| CredentialId::parse(id).ok())
                .ok_or_else(undecided)?;
            let handle = handle_of(head)?;
            self.provider()
                .unlink_upstream(identity, handle, &browser)
                .await?;
            return Ok(redirect(&self.pages.issuer().url(LINKED)));
        }
        let people = &self.provider().policy().people;
        let visit = self.provider().visit_page_to_change(&browser, LINKED);
        let (visited, _) = visit.await?;
        if let Visited::SignIn(answered) = visited {
            return Ok(self.endpoints.answer(Ok(*answered)));
        }
        let (linked, cookies) = self.provider().linked(&browser).await?;
        let identities: Vec<(String, &str)> = linked
            .identities
            .iter()
            .map(|(id, name, _)| (id.to_string(), name.as_str()))
            .collect();
        let identities: Vec<Identity<'_>> = identities
            .iter()
            .map(|(id, name)| Identity { id, name })
            .collect();
        let others: Vec<Upstream<'_>> = linked
            .others
            .iter()
            .map(|other| Upstream {
                id: &other.id,
                name: &other.name,
            })
            .collect();
        let page = Page::Linked(Linked {
            account: &linked.account,
            handle: &linked.handle,
            identities: &identities,
            others: &others,
            account_page: people.account_page,
        });
        let mut response = self.page(StatusCode::OK, page);
        set_cookies(response.headers_mut(), &cookies, self.endpoints.cookies());
        Ok(response)
    }
}

fn only_posted(head: &Head) -> Result<(), Problem> {
    if head.method == Method::POST {
        Ok(())
    } else {
        Err(Problem::method("POST"))
    }
}

fn malformed() -> Problem {
    Problem::refused(
        400,
        ErrorCode::InvalidRequest,
        "upstream_malformed",
        "the answer cannot be read",
    )
}
