//! The operations of version 1, one file each.

pub mod clients;
pub mod me;
pub mod operators;
pub mod page;
pub mod projects;

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
];

#[cfg(test)]
mod tests;
