//! `/consent`

use hallpass_http::{Problem, Response};
use hallpass_provider::{
    endpoints::{ConsentDecision, DetailView, InteractionDetails, ResourceView, ScopeView},
    ports::PageKind,
};
use hallpass_types::Params;
use http::{StatusCode, request::Parts as Head};
use http_body::Body;

use super::{PageRoutes, handle_of, posted::undecided};
use crate::{
    Page,
    view::{Consent, Detail, DetailRow, Resource, Scope},
};

/// What the names of the checkboxes begin with. Each has a name of its own, since no parameter may stand twice.
const SCOPE: &str = "scope.";
const CLAIM: &str = "claim.";

impl PageRoutes {
    pub(super) async fn consent<B>(&self, head: &Head, body: B) -> Result<Response, Problem>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let posted = self.posted_if_sent(head, body).await?;
        let handle = handle_of(head)?;
        let browser = self.browser(head);
        if let Some(form) = posted {
            let decision = decision(&form)?;
            let answered = self
                .provider()
                .consent_decided(handle, &browser, decision)
                .await?;
            return Ok(self.endpoints.answer(Ok(answered)));
        }
        let shown = self
            .details_for(PageKind::Consent, handle, &browser)
            .await?;
        Ok(match shown {
            Ok(details) => self.consent_page(handle, &details),
            Err(elsewhere) => elsewhere,
        })
    }

    fn consent_page(&self, handle: &str, details: &InteractionDetails) -> Response {
        let scopes = scopes(&details.scopes);
        let claims: Vec<&str> = details.claims.iter().map(String::as_str).collect();
        let resources = resources(&details.resources);
        let rows = rows(&details.details);
        let shown = shown(&details.details, &rows);
        let offline = details
            .scopes
            .iter()
            .any(|scope| scope.name == "offline_access");
        let lifetime = self.provider().policy().lifetimes.refresh_absolute;
        self.page(
            StatusCode::OK,
            Page::Consent(Consent {
                action: &self.pages.action(PageKind::Consent, handle),
                hidden: &[],
                client: self.pages.client(&details.client),
                account: details.account.as_deref().unwrap_or_default(),
                scopes: &scopes,
                claims: &claims,
                resources: &resources,
                details: &shown,
                lifetime: u64::try_from(lifetime).ok().filter(|_| offline),
                user_code: details.user_code.as_deref(),
            }),
        )
    }
}

/// The members of authorization details as a page shows them.
pub(super) fn rows(details: &[DetailView]) -> Vec<Vec<DetailRow<'_>>> {
    let row = |(name, value)| DetailRow { name, value };
    details
        .iter()
        .map(|detail| detail.rows.iter().map(|(n, v)| row((n, v))).collect())
        .collect()
}

/// Authorization details with these members.
pub(super) fn shown<'a>(
    details: &'a [DetailView],
    rows: &'a [Vec<DetailRow<'a>>],
) -> Vec<Detail<'a>> {
    details
        .iter()
        .zip(rows)
        .map(|(detail, rows)| Detail {
            title: &detail.title,
            rows,
        })
        .collect()
}

/// Scopes as a page shows them.
pub(super) fn scopes(scopes: &[ScopeView]) -> Vec<Scope<'_>> {
    scopes
        .iter()
        .map(|scope| Scope {
            name: &scope.name,
            title: scope.title.as_deref(),
            description: scope.description.as_deref(),
            optional: !scope.required,
            granted: scope.already_allowed,
            resource: scope.resource.as_deref(),
        })
        .collect()
}

/// Resources as a page shows them.
pub(super) fn resources(resources: &[ResourceView]) -> Vec<Resource<'_>> {
    resources
        .iter()
        .map(|resource| Resource {
            name: resource.name.as_deref(),
            identifier: &resource.identifier,
        })
        .collect()
}

/// What the person decided. Scopes that the request does not hold are the provider's to ignore.
pub(super) fn decision(form: &Params) -> Result<ConsentDecision, Problem> {
    match form.get("decision") {
        Some("allow") => {
            let ticked = |kind| {
                let names = form.iter().filter_map(|(name, _)| name.strip_prefix(kind));
                Some(names.map(str::to_owned).collect())
            };
            Ok(ConsentDecision::Allow {
                only: ticked(SCOPE),
                claims: ticked(CLAIM),
            })
        }
        Some("deny") => Ok(ConsentDecision::Deny),
        Some(_) | None => Err(undecided()),
    }
}
