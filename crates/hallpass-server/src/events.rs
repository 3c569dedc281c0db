//! What happens in the provider, as metrics and log lines.

use std::sync::Arc;

use hallpass_provider::ports::{Event, Events};

use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::note;

/// Counts and logs.
#[derive(Debug)]
pub struct Telling {
    metrics: Arc<Metrics>,
}

impl Telling {
    /// Counts there.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics }
    }
}

impl Events for Telling {
    fn on(&self, event: &Event<'_>) {
        match event {
            Event::TokensIssued {
                grant_type,
                jwt,
                client,
            } => {
                self.metrics
                    .token_issued(grant_type, if *jwt { "jwt" } else { "sealed" });
                note("hallpass.grant_type", grant_type);
                note("hallpass.client_id", client.as_str());
                tracing::debug!(grant.type = grant_type, client.id = client.as_str(), "tokens issued");
            }
            Event::Refused {
                endpoint,
                reason,
                client,
            } => {
                self.metrics.error(reason);
                note("hallpass.reason", reason);
                if let Some(client) = client {
                    note("hallpass.client_id", client.as_str());
                }
                let client = client.map_or("", |client| client.as_str());
                tracing::info!(endpoint, reason, client.id = client, "refused");
            }
            Event::GrantRevoked { grant, reason } => {
                tracing::info!(grant.id = %grant, reason, "grant revoked");
            }
            Event::SignIn {
                outcome,
                account,
                peer,
            } => {
                self.metrics.sign_in(outcome);
                note("hallpass.sign_in", outcome);
                let account = account.map_or("", |subject| subject.as_str());
                let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
                tracing::info!(
                    outcome,
                    account.id = account,
                    peer.address = peer,
                    "sign-in"
                );
            }
            Event::Account {
                what,
                account,
                client,
                address,
            } => {
                let client = client.map_or("", |client| client.as_str());
                tracing::info!(
                    action = what,
                    account.id = account.as_str(),
                    client.id = client,
                    peer.address = address.unwrap_or_default(),
                    "account"
                );
            }
            Event::SignedOut => tracing::info!("signed out"),
            Event::Delivery {
                kind,
                client,
                outcome,
            } => {
                tracing::info!(kind, client.id = client.as_str(), outcome, "delivery");
            }
            Event::Webhook { webhook, outcome } => {
                tracing::info!(webhook.id = webhook, outcome, "webhook");
            }
            Event::Mail { kind, outcome } => tracing::info!(kind, outcome, "mail"),
            Event::ClientChanged { action, client } => {
                tracing::info!(action, client.id = client.as_str(), "client changed");
            }
            Event::Unavailable { endpoint } => tracing::debug!(endpoint, "unavailable"),
            Event::Internal { endpoint, error } => {
                self.metrics.error("internal");
                // Whoever answers the request logs the error.
                tracing::debug!(endpoint, error, "internal error");
            }
            // Steps on the way: who wants each of them in the log asks for that.
            Event::RequestAccepted { client } => {
                tracing::debug!(client.id = client.as_str(), "request accepted");
            }
            Event::Asked { page, client } => {
                let page = page.as_str();
                tracing::debug!(page, client.id = client.as_str(), "asked");
            }
            Event::Answered { page, client } => {
                let page = page.as_str();
                tracing::debug!(page, client.id = client.as_str(), "answered");
            }
            Event::Authorized {
                client,
                account,
                response_type,
            } => {
                tracing::debug!(
                    response_type,
                    client.id = client.as_str(),
                    account.id = account.as_str(),
                    "authorized"
                );
            }
            Event::Pushed { client } => {
                tracing::debug!(client.id = client.as_str(), "request pushed");
            }
            Event::Waiting { grant_type, client } => {
                tracing::debug!(grant.type = grant_type, client.id = client.as_str(), "waiting for a person");
            }
            Event::Decided {
                grant_type,
                client,
                allowed,
            } => {
                tracing::info!(grant.type = grant_type, client.id = client.as_str(), allowed, "decided");
            }
            Event::SessionBegan { account } => {
                tracing::debug!(account.id = account.as_str(), "session began");
            }
            Event::TokenRevoked { reason } => tracing::info!(reason, "token revoked"),
            other => tracing::info!(event = ?other, "event"),
        }
    }
}

/// Answers for nobody: commands have no metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Events for Silent {
    fn on(&self, _: &Event<'_>) {}
}
