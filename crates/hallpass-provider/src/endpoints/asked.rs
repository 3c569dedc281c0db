//! What a client asks for, as a person reads it before they allow it.

use hallpass_core::{
    authorize::{
        RequestRecord,
        granted::{shown_claims, shown_scope},
    },
    client::Client,
};
use hallpass_types::Scope;

use crate::Provider;

/// A scope as pages show it.
#[derive(Clone, Debug)]
pub struct ScopeView {
    /// The token.
    pub name: String,
    /// The operator's words for it.
    pub title: Option<String>,
    /// The operator's description.
    pub description: Option<String>,
    /// It was allowed before.
    pub already_allowed: bool,
    /// It cannot be left out.
    pub required: bool,
    /// The identifier of the requested resource that it is about.
    pub resource: Option<String>,
}

/// A resource as pages show it.
#[derive(Clone, Debug)]
pub struct ResourceView {
    /// Its identifier.
    pub identifier: String,
    /// What people call it.
    pub name: Option<String>,
}

impl Provider {
    /// The scopes that a person is asked about. `remembered` were allowed before.
    pub(crate) fn scope_views(
        &self,
        client: &Client,
        request: &RequestRecord,
        remembered: &Scope,
    ) -> Vec<ScopeView> {
        let policy = &self.inner.policy;
        let about = |name: &str| {
            let asked = policy.resources.iter().filter(|resource| {
                request.resources.contains(&resource.identifier)
                    && resource.scopes.iter().any(|scope| scope == name)
            });
            asked.map(|resource| resource.identifier.clone()).next()
        };
        shown_scope(client, request)
            .iter()
            .map(|name| {
                let spec = policy.scope(name);
                ScopeView {
                    name: name.to_owned(),
                    title: spec.and_then(|spec| spec.title.clone()),
                    description: spec.and_then(|spec| spec.description.clone()),
                    already_allowed: remembered.contains(name),
                    // Without openid the request would be another one.
                    required: name == "openid" || spec.is_some_and(|spec| spec.required),
                    resource: about(name),
                }
            })
            .collect()
    }

    /// The claims that a person is asked about one by one.
    pub(crate) fn claim_views(&self, client: &Client, request: &RequestRecord) -> Vec<String> {
        let claims = shown_claims(client, request, &self.inner.policy);
        claims.into_iter().map(str::to_owned).collect()
    }

    /// The resources that the tokens are for.
    pub(crate) fn resource_views(&self, request: &RequestRecord) -> Vec<ResourceView> {
        let resources = &self.inner.policy.resources;
        let name_of = |identifier: &str| {
            let found = resources.iter().find(|r| r.identifier == identifier);
            found.and_then(|resource| resource.name.clone())
        };
        request
            .resources
            .iter()
            .map(|identifier| ResourceView {
                identifier: identifier.clone(),
                name: name_of(identifier),
            })
            .collect()
    }
}
