//! Does what a plan says, step by step.

use hallpass_types::Secret;

use super::plan::{Access, Call, NewSecret, Step};
use crate::{
    Caller, Desk, Problem, Terms,
    v1::{
        access::{self, Which},
        clients::{self, GivenSecret},
        projects, upstreams, webhooks,
    },
};

/// What a step has made that is shown this once.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Taken {
    /// The secret that a client has got and that was not given.
    pub client_secret: Option<Secret>,
    /// The identifier of a new webhook, and its key.
    pub webhook_key: Option<(String, Secret)>,
}

impl Step {
    /// Whether a client gets a secret by this that nobody has given. Whoever gives one to [`Self::take`] can write it down before
    /// it is in use.
    #[must_use]
    pub fn makes_secret(&self) -> bool {
        let secret = match &self.call {
            Call::CreateClient { secret, .. } | Call::UpdateClient { secret, .. } => secret,
            Call::CreateProject { .. }
            | Call::Settings { .. }
            | Call::Turn { .. }
            | Call::Access { .. }
            | Call::DeleteClient { .. }
            | Call::SetProvider { .. }
            | Call::DeleteProvider { .. }
            | Call::CreateWebhook(_)
            | Call::UpdateWebhook { .. }
            | Call::DeleteWebhook { .. } => return false,
        };
        matches!(secret, NewSecret::Made)
    }

    /// Does it, if what it changes is still what the plan has seen.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn take(
        self,
        desk: &Desk,
        caller: &Caller,
        secret: Option<Secret>,
    ) -> Result<Taken, Problem> {
        let project = self.project;
        let seen = |revision: Option<String>| Terms {
            if_match: revision,
            ..Terms::project(&project)
        };
        let mut taken = Taken::default();
        match self.call {
            Call::CreateProject { issuer, settings } => {
                let input = projects::create::Input {
                    name: project,
                    issuer,
                    settings,
                };
                let terms = Terms::default();
                desk.call::<projects::Create>(caller, terms, input).await?;
            }
            Call::Settings { settings, revision } => {
                let input = projects::update::Input { settings };
                let terms = seen(Some(revision));
                desk.call::<projects::Update>(caller, terms, input).await?;
            }
            Call::Turn { on, revision } => {
                let (terms, input) = (seen(revision), projects::state::Input::default());
                if on {
                    desk.call::<projects::Enable>(caller, terms, input).await?;
                } else {
                    desk.call::<projects::Disable>(caller, terms, input).await?;
                }
            }
            Call::Access { change, revision } => {
                let terms = seen(revision.map(|revision| revision.to_string()));
                set(desk, caller, terms, change, self.id).await?;
            }
            Call::CreateClient {
                metadata,
                disabled,
                secret: new,
            } => {
                let (given, made) = chosen(new, secret)?;
                let input = clients::create::Input {
                    client_id: Some(self.id),
                    metadata,
                    client_secret: given,
                    disabled,
                };
                let done = desk.call::<clients::Create>(caller, seen(None), input);
                let done = done.await?;
                taken.client_secret = done.client_secret.filter(|_| made).map(Secret::new);
            }
            Call::UpdateClient {
                metadata,
                disabled,
                secret: new,
                revision,
            } => {
                let (given, made) = chosen(new, secret)?;
                let input = clients::update::Input {
                    client: self.id,
                    metadata,
                    decided: None,
                    disabled,
                    client_secret: given,
                };
                let done = desk.call::<clients::Update>(caller, seen(Some(revision)), input);
                let done = done.await?;
                taken.client_secret = done.client_secret.filter(|_| made).map(Secret::new);
            }
            Call::DeleteClient { revision } => {
                let input = clients::delete::Input { client: self.id };
                let terms = seen(Some(revision));
                desk.call::<clients::Delete>(caller, terms, input).await?;
            }
            Call::SetProvider {
                settings,
                secret,
                revision,
            } => {
                let input = upstreams::set::Input {
                    upstream: self.id,
                    settings,
                    client_secret: secret.map(|secret| secret.expose().to_owned()),
                };
                let done = desk.call::<upstreams::Set>(caller, seen(revision), input);
                done.await?;
            }
            Call::DeleteProvider { revision } => {
                let input = upstreams::Which { upstream: self.id };
                let done = desk.call::<upstreams::Delete>(caller, seen(revision), input);
                done.await?;
            }
            Call::CreateWebhook(input) => {
                let done = desk.call::<webhooks::Create>(caller, seen(None), input);
                let made = done.await?;
                taken.webhook_key = Some((made.webhook.id, Secret::new(made.secret)));
            }
            Call::UpdateWebhook { input, revision } => {
                let terms = seen(Some(revision));
                desk.call::<webhooks::Update>(caller, terms, input).await?;
            }
            Call::DeleteWebhook { webhook, revision } => {
                let (terms, input) = (seen(Some(revision)), webhooks::Which { webhook });
                desk.call::<webhooks::Delete>(caller, terms, input).await?;
            }
        }
        Ok(taken)
    }
}

/// The secret that a client is to get, and whether nobody has given it before.
fn chosen(new: NewSecret, made: Option<Secret>) -> Result<(Option<GivenSecret>, bool), Problem> {
    let (secret, is_made) = match new {
        NewSecret::None => (None, true),
        NewSecret::Made => (made, true),
        NewSecret::Given(secret) => (Some(secret), false),
    };
    let given = secret.map(GivenSecret::new).transpose();
    let given = given.map_err(|text| Problem::unfit("client_secret", text))?;
    Ok((given, is_made))
}

async fn set(
    desk: &Desk,
    caller: &Caller,
    terms: Terms,
    change: Access,
    name: String,
) -> Result<(), Problem> {
    let which = Which { name };
    match change {
        Access::Role(Some(input)) => {
            desk.call::<access::SetRole>(caller, terms, input).await?;
        }
        Access::Role(None) => {
            desk.call::<access::DeleteRole>(caller, terms, which)
                .await?;
        }
        Access::Group(Some(input)) => {
            desk.call::<access::SetGroup>(caller, terms, input).await?;
        }
        Access::Group(None) => {
            desk.call::<access::DeleteGroup>(caller, terms, which)
                .await?;
        }
        Access::Organization(Some(input)) => {
            let done = desk.call::<access::SetOrganization>(caller, terms, input);
            done.await?;
        }
        Access::Organization(None) => {
            let done = desk.call::<access::DeleteOrganization>(caller, terms, which);
            done.await?;
        }
    }
    Ok(())
}
