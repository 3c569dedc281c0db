//! The operations of version 1, one file each.

pub mod access;
pub mod activity;
pub mod audit;
pub mod clients;
pub mod keys;
pub mod me;
pub mod operators;
pub mod page;
pub mod projects;
pub mod registration_tokens;
pub mod scopes;
pub mod statistics;
pub mod upstreams;
pub mod users;
pub mod webhooks;

use crate::operation::Registered;

/// Every operation.
pub static OPERATIONS: &[Registered] = &[
    Registered::of::<me::Show>(),
    Registered::of::<operators::List>(),
    Registered::of::<operators::Set>(),
    Registered::of::<operators::Delete>(),
    Registered::of::<operators::InProject>(),
    Registered::of::<operators::SetInProject>(),
    Registered::of::<operators::Remove>(),
    Registered::of::<projects::List>(),
    Registered::of::<projects::Create>(),
    Registered::of::<projects::Show>(),
    Registered::of::<projects::Update>(),
    Registered::of::<projects::Enable>(),
    Registered::of::<projects::Disable>(),
    Registered::of::<projects::Delete>(),
    Registered::of::<clients::List>(),
    Registered::of::<clients::Create>(),
    Registered::of::<clients::Show>(),
    Registered::of::<clients::Update>(),
    Registered::of::<clients::RotateSecret>(),
    Registered::of::<clients::Check>(),
    Registered::of::<clients::Delete>(),
    Registered::of::<registration_tokens::List>(),
    Registered::of::<registration_tokens::Create>(),
    Registered::of::<registration_tokens::Delete>(),
    Registered::of::<users::List>(),
    Registered::of::<users::Create>(),
    Registered::of::<users::Invite>(),
    Registered::of::<users::Link>(),
    Registered::of::<users::Show>(),
    Registered::of::<users::Update>(),
    Registered::of::<users::Disable>(),
    Registered::of::<users::Enable>(),
    Registered::of::<users::SetPassword>(),
    Registered::of::<users::MustChange>(),
    Registered::of::<users::Delete>(),
    Registered::of::<users::SessionsList>(),
    Registered::of::<users::EndSession>(),
    Registered::of::<users::EndAll>(),
    Registered::of::<users::CredentialsList>(),
    Registered::of::<users::RemoveCredential>(),
    Registered::of::<users::Activity>(),
    Registered::of::<keys::List>(),
    Registered::of::<keys::Rotate>(),
    Registered::of::<keys::Retire>(),
    Registered::of::<access::Show>(),
    Registered::of::<access::SetRole>(),
    Registered::of::<access::DeleteRole>(),
    Registered::of::<access::SetGroup>(),
    Registered::of::<access::DeleteGroup>(),
    Registered::of::<access::SetOrganization>(),
    Registered::of::<access::DeleteOrganization>(),
    Registered::of::<scopes::Show>(),
    Registered::of::<upstreams::List>(),
    Registered::of::<upstreams::Create>(),
    Registered::of::<upstreams::Set>(),
    Registered::of::<upstreams::Test>(),
    Registered::of::<upstreams::Delete>(),
    Registered::of::<statistics::Show>(),
    Registered::of::<activity::Search>(),
    Registered::of::<activity::Count>(),
    Registered::of::<audit::Search>(),
    Registered::of::<audit::List>(),
    Registered::of::<audit::Export>(),
    Registered::of::<audit::Verify>(),
    Registered::of::<webhooks::List>(),
    Registered::of::<webhooks::Create>(),
    Registered::of::<webhooks::Show>(),
    Registered::of::<webhooks::Update>(),
    Registered::of::<webhooks::RotateSecret>(),
    Registered::of::<webhooks::Test>(),
    Registered::of::<webhooks::Deliveries>(),
    Registered::of::<webhooks::Replay>(),
    Registered::of::<webhooks::Delete>(),
];

#[cfg(test)]
mod tests;
