//! Configured clients, brought into the store at the start.

use std::collections::BTreeSet;

use hallpass_core::client::{ClientOrigin, ClientRecord, metadata};
use hallpass_provider::Provider;
use hallpass_store::{Commit, MAX_PAGE, StoreError, Write};
use hallpass_types::{ClientId, Secret};

use crate::config;
use crate::failure::Failure;

/// Writes what has changed since the last start. A client that was made in another way is not overwritten.
///
/// # Errors
/// The store fails, or an identifier is taken.
pub async fn sync_clients(provider: &Provider, clients: &[config::Client]) -> Result<(), Failure> {
    let failed = |error: StoreError| Failure::doing("clients", &error);
    let mut writes = Vec::new();
    for (index, client) in clients.iter().enumerate() {
        let setting = format!("clients[{index}]");
        let wrong = |text: &str| Failure::new(format!("{setting}: {text}"));
        let id = ClientId::parse(&client.client_id).map_err(|_| wrong("client_id is malformed"))?;
        let found = provider
            .store()
            .client(provider.issuer_id(), &id)
            .await
            .map_err(failed)?;
        if found
            .as_ref()
            .is_some_and(|found| found.origin != ClientOrigin::Configuration)
        {
            return Err(wrong(
                "client_id belongs to a client that was not configured; delete that one first",
            ));
        }
        let fresh = record(provider, id, client).map_err(|text| wrong(&text))?;
        match found {
            Some(found) if same(provider, &found, &fresh) => {}
            Some(found) => {
                let kept = ClientRecord {
                    created_at: found.created_at,
                    ..fresh
                };
                writes.push(Write::Client(Box::new(kept)));
            }
            None => writes.push(Write::Client(Box::new(fresh))),
        }
    }
    commit(provider, writes).await
}

/// Deletes clients that were configured once and are so no more.
///
/// # Errors
/// The store fails.
pub async fn forget_clients(
    provider: &Provider,
    clients: &[config::Client],
) -> Result<(), Failure> {
    let known: BTreeSet<&str> = clients
        .iter()
        .map(|client| client.client_id.as_str())
        .collect();
    let mut writes = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = provider
            .store()
            .clients(provider.issuer_id(), after.as_deref(), MAX_PAGE)
            .await
            .map_err(|error| Failure::doing("clients", &error))?;
        for record in page.items {
            let configured = record.origin == ClientOrigin::Configuration;
            if configured && !known.contains(record.client_id.as_str()) {
                tracing::info!(
                    client.id = record.client_id.as_str(),
                    "a client is configured no more"
                );
                writes.push(Write::DeleteClient(record.client_id));
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    commit(provider, writes).await
}

async fn commit(provider: &Provider, writes: Vec<Write>) -> Result<(), Failure> {
    if writes.is_empty() {
        return Ok(());
    }
    let commit = Commit {
        spends: Vec::new(),
        writes,
    };
    let committed = provider.store().commit(provider.issuer_id(), commit).await;
    committed
        .map(drop)
        .map_err(|error| Failure::doing("clients", &error))
}

fn record(
    provider: &Provider,
    id: ClientId,
    client: &config::Client,
) -> Result<ClientRecord, String> {
    let metadata = metadata::normalize(
        &client.metadata,
        ClientOrigin::Configuration,
        provider.policy(),
    )
    .map_err(|error| error.to_string())?;
    let secret = client
        .client_secret
        .as_ref()
        .map(|secret| Secret::new(secret.expose().to_owned()));
    let (_, mut record) =
        provider.new_record(id, metadata, secret.as_ref(), ClientOrigin::Configuration);
    // Nobody manages a configured client over the network.
    record.registration_token = None;
    Ok(record)
}

fn same(provider: &Provider, found: &ClientRecord, fresh: &ClientRecord) -> bool {
    let readable = |record: &ClientRecord| {
        let sealed = record.secret_sealed.as_ref()?;
        provider
            .secrets()
            .open_client_secret(record.client_id.as_str(), sealed)
    };
    let secrets = match (readable(found), readable(fresh)) {
        (None, None) => true,
        (Some(found), Some(fresh)) => found.expose() == fresh.expose(),
        (Some(_), None) | (None, Some(_)) => false,
    };
    secrets
        && found.metadata == fresh.metadata
        && found.secret == fresh.secret
        && found.disabled == fresh.disabled
}
