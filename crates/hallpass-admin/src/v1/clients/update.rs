//! Changes an application.

use hallpass_core::{
    admin::Permission,
    client::{ClientOrigin, ClientRecord, metadata, registration::statement},
};
use hallpass_store::Spend;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    ClientView, GivenSecret, WithSecret, changeable, may_change, no_secret, normalized, readable,
    with_new_secret, with_secret,
};
use crate::{Change, Context, Info, Kind, Method, Operation, Problem};

/// Changes an application.
#[derive(Debug)]
pub struct Update;

/// What is to be changed.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its identifier.
    pub client: String,
    /// Members of the metadata that are to be otherwise; null takes one away.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// The members that stay as operators have set them, of those that are so (`decided`). Others are the client's to change again;
    /// until it does they stay as they are.
    #[serde(default)]
    pub decided: Option<Vec<String>>,
    /// Whether it is to be unknown to every endpoint.
    #[serde(default)]
    pub disabled: Option<bool>,
    /// Another secret, at once in the place of the one that it has.
    #[serde(default)]
    pub client_secret: Option<GivenSecret>,
}

impl Operation for Update {
    const INFO: Info = Info::new(
        "clients.update",
        Method::Patch,
        "/projects/{project}/clients/{client}",
        Permission::ChangeClients,
    )
    .fails(&[Kind::Unfit])
    .does("Changes an application, at once. One that needs a secret now and has none gets one.");
    type Input = Input;
    type Output = WithSecret;

    async fn run(cx: &Context, input: Input) -> Result<WithSecret, Problem> {
        let before = changeable(cx, &input.client).await?;
        let mut record = before.clone();
        let names: Vec<String> = input.metadata.keys().cloned().collect();
        if !names.is_empty() {
            let mut given = before.metadata.clone();
            // It says nothing about the client itself, and was believed before.
            let statement = (given.remove(statement::MEMBER))
                .filter(|_| !input.metadata.contains_key(statement::MEMBER));
            for (name, value) in input.metadata {
                if value.is_null() {
                    given.remove(&name);
                } else {
                    given.insert(name, value);
                }
            }
            record.metadata = normalized(cx, &given, before.origin)?;
            if let Some(statement) = statement {
                record
                    .metadata
                    .insert(statement::MEMBER.to_owned(), statement);
            }
            if before.origin == ClientOrigin::Registration {
                for name in &names {
                    let value = record.metadata.get(name).cloned().unwrap_or_default();
                    record.decided.insert(name.clone(), value);
                }
            }
            may_change(cx, &record.client_id, &record.metadata).await?;
        }
        let given_back = match &input.decided {
            Some(stay) => give_back(&mut record, stay)?,
            None => Vec::new(),
        };
        if let Some(disabled) = input.disabled {
            record.disabled = disabled;
        }
        let needs = metadata::needs_secret(&record.metadata);
        let plain = metadata::needs_plain_secret(&record.metadata);
        let lacks = if plain {
            record.secret_sealed.is_none()
        } else {
            needs && record.secret.is_none()
        };
        let another = input.client_secret.is_some();
        let secret = match input.client_secret {
            Some(_) if !needs && !plain => return Err(no_secret()),
            Some(GivenSecret(given)) => {
                with_secret(cx, &mut record, &given);
                Some(given)
            }
            None => lacks.then(|| with_new_secret(cx, &mut record)),
        };
        if !needs && !plain {
            record.secret = None;
            record.secret_sealed = None;
        } else if !plain {
            // Nothing has to be able to read it any more.
            record.secret_sealed = None;
        }
        record.updated_at = cx.now();
        readable(cx, &record, secret.clone())?;
        let changed = WithSecret {
            client: ClientView::of(cx.provider().policy(), &record),
            client_secret: secret.map(|secret| secret.expose().to_owned()),
        };
        let id = record.client_id.clone();
        let mut change = Change::of("client", id.as_str())
            .saying("members", names)
            .spending([Spend::Client {
                expected: Box::new(before),
                record: Box::new(record),
            }]);
        if let Some(disabled) = input.disabled {
            change = change.saying("disabled", disabled);
        }
        if !given_back.is_empty() {
            change = change.saying("given_back", given_back);
        }
        if another {
            change = change.saying("another_secret", true);
        }
        cx.commit(change, &changed).await?;
        cx.provider().client_changed(&id);
        Ok(changed)
    }
}

/// Lets a client have its say again about what operators decided, but for those members. Answers which these were.
fn give_back(record: &mut ClientRecord, stay: &[String]) -> Result<Vec<String>, Problem> {
    if stay.iter().any(|name| !record.decided.contains_key(name)) {
        let text = "can be shortened only; a member is set in metadata";
        return Err(Problem::unfit("decided", text));
    }
    let all = std::mem::take(&mut record.decided);
    let (kept, given_back) = all.into_iter().partition(|(name, _)| stay.contains(name));
    record.decided = kept;
    let given_back: Map<String, Value> = given_back;
    Ok(given_back.into_iter().map(|(name, _)| name).collect())
}
