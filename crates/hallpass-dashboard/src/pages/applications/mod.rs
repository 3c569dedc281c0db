//! Applications of a project.

pub(crate) mod attempt;
mod form;
mod keys;
pub(crate) mod new;
pub(crate) mod show;

use hallpass_admin::v1::clients;
use hallpass_core::admin::Permission;
use minijinja::{Value, context};

use super::typed;
use crate::{
    gate::Visit,
    render::{Answer, Stop, ser},
};

/// So many on a page.
const PAGE: u32 = 25;

/// What an application is called where it has no name.
pub(crate) fn kind(client: &clients::ClientView) -> &'static str {
    let method = client.metadata.get("token_endpoint_auth_method");
    match method.and_then(|method| method.as_str()) {
        Some("none") => "Public",
        Some("private_key_jwt") => "Key pair",
        Some("tls_client_auth" | "self_signed_tls_client_auth") => "Certificate",
        Some(_) | None => "Secret",
    }
}

pub(crate) async fn list(visit: &Visit) -> Result<Answer, Stop> {
    let q = typed(&visit.query, "q");
    let input = clients::list::Input {
        q: q.clone(),
        cursor: typed(&visit.query, "cursor"),
        limit: Some(PAGE),
        ..Default::default()
    };
    let found = visit.call::<clients::List>(input).await?;
    let items: Vec<Value> = found
        .items
        .iter()
        .map(|client| context! { kind => kind(client), ..ser(client) })
        .collect();
    let view = context! {
        items,
        next => found.next,
        q,
        paged => visit.query.get("cursor").is_some(),
        may_change => visit.may(Permission::ChangeClients),
        done => typed(&visit.query, "done"),
    };
    Ok(Answer::shown("applications.html", "Applications", view))
}
