//! Makes another provider what it is to be.

use hallpass_core::{
    admin::Permission,
    upstream::{SEALED_SECRET, secret_is_for},
};
use hallpass_jose::base64url;
use hallpass_provider::Provider;
use hallpass_types::Secret;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Added, changeable, is_named, own, put, with};
use crate::{Context, Info, Kind, Method, Operation, Place, Problem};

/// Makes another provider what it is to be.
#[derive(Debug)]
pub struct Set;

/// What it is to be.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Its name in addresses and in what is stored.
    pub upstream: String,
    /// All that is said of it, by the names of the configuration's `[[upstreams]]`; neither its name nor a secret.
    pub settings: Map<String, Value>,
    /// Our secret there, which is sealed and never shown. Without one the present secret stays, unless it is another provider or
    /// another client of it by now.
    #[serde(default)]
    pub client_secret: Option<String>,
}

impl Operation for Set {
    const INFO: Info = Info::new(
        "upstreams.set",
        Method::Put,
        "/projects/{project}/upstreams/{upstream}",
        Permission::ChangeProject,
    )
    .at(Place::Settings)
    .fails(&[Kind::Unfit, Kind::WrongState])
    .does("Makes or replaces another provider at which people can sign in. It is not asked whether it answers.");
    type Input = Input;
    type Output = Added;

    async fn run(cx: &Context, input: Input) -> Result<Added, Problem> {
        let (before, provider) = changeable(cx).await?;
        let id = input.upstream;
        let plain = entry(&id, &input.settings)?;
        let mut all = own(&before.settings);
        let at = all.iter().position(|entry| is_named(entry, &id));
        let held = at.and_then(|at| all.get(at)?.as_object());
        let given = input.client_secret.filter(|secret| !secret.is_empty());
        let secret = secret_for(&provider, held, &plain, given.map(Secret::new))?;
        let next = sealed(&provider, plain, secret.as_ref()).into();
        match at.and_then(|at| all.get_mut(at)) {
            Some(entry) => *entry = next,
            None => all.push(next),
        }
        let settings = with(cx, &before, all)?;
        put(cx, &before, settings, &id).await?;
        Ok(Added::of(&provider, id))
    }
}

/// What is said of a provider as settings have it, without a secret.
pub(crate) fn entry(id: &str, given: &Map<String, Value>) -> Result<Map<String, Value>, Problem> {
    for name in ["id", "client_secret", SEALED_SECRET] {
        if given.contains_key(name) {
            let text = "say neither the name nor the secret of the provider";
            return Err(Problem::unfit("settings", text));
        }
    }
    let mut entry = given.clone();
    entry.insert("id".to_owned(), id.into());
    Ok(plain(&entry))
}

/// Without the secret, and without a name that the preset says already.
pub(crate) fn plain(entry: &Map<String, Value>) -> Map<String, Value> {
    let mut entry = entry.clone();
    entry.remove(SEALED_SECRET);
    if entry.contains_key("id") && entry.get("id") == entry.get("preset") {
        entry.remove("id");
    }
    entry
}

/// With its secret.
pub(crate) fn sealed(
    provider: &Provider,
    mut entry: Map<String, Value>,
    secret: Option<&Secret>,
) -> Map<String, Value> {
    if let Some(secret) = secret {
        let sealed = provider.sealed_upstream_secret(&secret_is_for(&entry), secret);
        entry.insert(SEALED_SECRET.to_owned(), base64url::encode(sealed).into());
    }
    entry
}

/// The secret of an entry, if it can be opened.
pub(crate) fn opened(provider: &Provider, entry: &Map<String, Value>) -> Option<Secret> {
    let sealed = entry.get(SEALED_SECRET)?.as_str()?;
    let sealed = base64url::decode(sealed)?;
    let of = secret_is_for(entry);
    provider.secrets().open_upstream_secret(&of, &sealed)
}

/// The secret that an entry gets: the one that is given, or else the present one, where that would be sent to nobody else by what is said
/// now.
///
/// # Errors
/// The present one cannot stay, and nothing says that none is needed any more.
pub(crate) fn secret_for(
    provider: &Provider,
    held: Option<&Map<String, Value>>,
    next: &Map<String, Value>,
    given: Option<Secret>,
) -> Result<Option<Secret>, Problem> {
    let (None, Some(held)) = (&given, held) else {
        return Ok(given);
    };
    let without = |auth: &Value| matches!(auth.as_str(), Some("none" | "private_key_jwt"));
    let auth = next.get("client_auth");
    if !held.contains_key(SEALED_SECRET) || auth.is_some_and(without) {
        return Ok(None);
    }
    let place = |entry: &Map<String, Value>| {
        let mut entry = plain(entry);
        entry.retain(|name, _| !HARMLESS.contains(&name.as_str()));
        entry
    };
    let kept = (place(held) == place(next)).then(|| opened(provider, held));
    kept.flatten().map(Some).ok_or_else(|| {
        let text = "is needed anew: it is another provider by now, or another client of it";
        Problem::unfit("client_secret", text)
    })
}

/// What says neither where a provider is nor who we are there.
const HARMLESS: &[&str] = &[
    "client_auth",
    "name",
    "scopes",
    "parameters",
    "subject_claim",
    "claims",
    "first_time",
    "link_by_email",
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else {
            panic!("{value}");
        };
        members
    }

    #[test]
    fn a_name_is_said_once_and_a_secret_never() {
        let google = object(json!({"preset": "google", "client_id": "c"}));
        assert_eq!(entry("google", &google).unwrap(), google);
        assert_eq!(entry("work", &google).unwrap()["id"], "work");
        for more in ["id", "client_secret", "client_secret_sealed"] {
            let mut given = google.clone();
            given.insert(more.to_owned(), "x".into());
            assert_eq!(entry("google", &given).unwrap_err().kind(), Kind::Unfit);
        }
    }
}
