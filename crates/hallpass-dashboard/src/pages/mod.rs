//! The pages, a file for each thing that they are about.

pub(crate) mod access;
pub(crate) mod appearance;
pub(crate) mod applications;
pub(crate) mod audit;
pub(crate) mod everybody;
pub(crate) mod invite;
pub(crate) mod keys;
pub(crate) mod logo;
pub(crate) mod operators;
pub(crate) mod overview;
mod own;
pub(crate) mod project;
pub(crate) mod projects;
pub(crate) mod providers;
pub(crate) mod scopes;
pub(crate) mod settings;
pub(crate) mod users;
pub(crate) mod webhooks;

use hallpass_types::Params;

/// A value of a form or a query, without spaces around it; none where nothing was typed.
pub(crate) fn typed(params: &Params, name: &str) -> Option<String> {
    let value = params.get(name)?.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

/// The lines of a text, without empty ones.
pub(crate) fn lines(params: &Params, name: &str) -> Vec<String> {
    let text = params.get(name).unwrap_or_default();
    let lines = text.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}
