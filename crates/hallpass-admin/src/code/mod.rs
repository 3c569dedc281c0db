//! Configuration as code: what projects are to have, how that differs from what they have, and the operations that lead there.
//!
//! Whoever reads files makes [`Wanted`] of them. [`Plan::make`] looks at what is there and answers what would change, or everything
//! that is wrong, by the places that [`Wanted`] names; nothing is written. [`Step::take`] does one change by its operation, if what
//! is to be changed is still what the plan has seen. Whatever was done stays done: a plan that is made anew has the rest.
//!
//! What is wanted says nothing of is left alone. Deleting has to be asked for, and reaches only what the wanted parts speak of.

mod apply;
mod clients;
mod export;
mod parts;
mod plan;
mod present;
mod providers;
mod wanted;

pub use apply::Taken;
pub use export::{Exported, ExportedClient, export, projects};
pub use plan::{Action, Member, Plan, Step, Trouble, Untold};
pub use wanted::{
    Placed, Secrets, Wanted, WantedClient, WantedGroup, WantedOrganization, WantedProject,
    WantedProvider, WantedRole, WantedSettings, WantedWebhook,
};
