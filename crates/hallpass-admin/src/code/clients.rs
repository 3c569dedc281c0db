//! Clients of a plan.

use std::collections::BTreeMap;

use hallpass_core::{
    client::{ClientOrigin, ClientRecord, metadata},
    policy::Policy,
};
use hallpass_provider::Provider;
use hallpass_types::{ClientId, Secret};
use serde_json::{Map, Value};

use super::{
    Placed, WantedClient,
    plan::{Action, Call, Maker, NewSecret, changed, differences},
    present::Present,
};
use crate::v1::clients::{self, normalized_by, readable_by};

impl Maker<'_> {
    pub(super) fn clients(
        &mut self,
        wanted: &BTreeMap<String, Placed<WantedClient>>,
        present: Option<&Present>,
        policy: &Policy,
        provider: &Provider,
    ) {
        let none = BTreeMap::new();
        let there = present.map_or(&none, |present| &present.clients);
        for (id, client) in wanted {
            match there.get(id) {
                None => self.new_client(id, client, policy, provider),
                Some(before) => self.client(before, client, policy, provider),
            }
        }
        for (id, client) in there {
            let ours = client.origin == ClientOrigin::Administration;
            if ours && !wanted.contains_key(id) {
                let revision = clients::revision(client);
                self.unspoken("client", id, || Call::DeleteClient { revision });
            }
        }
    }

    fn given(&self, id: &str) -> Option<Secret> {
        let key = (self.name.clone(), id.to_owned());
        self.secrets.clients.get(&key).cloned()
    }

    fn new_client(
        &mut self,
        id: &str,
        wanted: &Placed<WantedClient>,
        policy: &Policy,
        provider: &Provider,
    ) {
        let Placed { place, value } = wanted;
        let origin = ClientOrigin::Administration;
        let normal = match normalized_by(policy, &value.metadata, origin) {
            Ok(normal) => normal,
            Err(problem) => return self.refused(place, &problem),
        };
        let Ok(client) = ClientId::parse(id) else {
            let text = "the identifier of a client is 1 to 255 visible ASCII characters";
            return self.trouble(place, text);
        };
        let needs = metadata::needs_secret(&normal) || metadata::needs_plain_secret(&normal);
        let secret = match (needs, self.given(id)) {
            (false, _) => NewSecret::None,
            (true, None) => NewSecret::Made,
            (true, Some(given)) => NewSecret::Given(given),
        };
        let known = match &secret {
            NewSecret::None => None,
            NewSecret::Made => Some(provider.new_client_secret()),
            NewSecret::Given(given) => Some(given.clone()),
        };
        let (_, record) = provider.new_record(client, normal, known.as_ref(), origin);
        if let Err(problem) = readable_by(policy, provider, &record, known) {
            return self.refused(place, &problem);
        }
        let mut members = differences(&Map::new(), &value.metadata, false);
        let disabled = value.disabled.unwrap_or_default();
        if disabled {
            members.push(changed("disabled", None, Some(true.into())));
        }
        let call = Call::CreateClient {
            metadata: value.metadata.clone(),
            disabled,
            secret,
        };
        let step = self.step((Action::Create, "client"), id, Some(place), members, call);
        self.plan.steps.push(step);
    }

    fn client(
        &mut self,
        before: &ClientRecord,
        wanted: &Placed<WantedClient>,
        policy: &Policy,
        provider: &Provider,
    ) {
        let Placed { place, value } = wanted;
        let id = before.client_id.as_str();
        if before.origin != ClientOrigin::Administration {
            let text = match before.origin {
                ClientOrigin::Configuration => {
                    "the client stands in the configuration and is changed there"
                }
                ClientOrigin::Registration | ClientOrigin::Document | _ => {
                    "the client has registered itself, and is no operator's to write down"
                }
            };
            return self.trouble(place, text);
        }
        let normal = match normalized_by(policy, &value.metadata, before.origin) {
            Ok(normal) => normal,
            Err(problem) => return self.refused(place, &problem),
        };
        let plain = metadata::needs_plain_secret(&normal);
        let needs = plain || metadata::needs_secret(&normal);
        let lacks = (plain && before.secret_sealed.is_none()) || before.secret.is_none();
        let secret = match self.given(id).filter(|_| needs) {
            Some(given) => {
                let digest = provider.secrets().client_digest(given.expose());
                let same = before.secret.as_ref();
                let same = same.is_some_and(|have| *have == digest);
                if same && !lacks {
                    NewSecret::None
                } else {
                    NewSecret::Given(given)
                }
            }
            None if needs && lacks => NewSecret::Made,
            None => NewSecret::None,
        };
        let disabled = value.disabled.filter(|wanted| *wanted != before.disabled);
        let mut after = before.clone();
        after.metadata.clone_from(&normal);
        let known = match &secret {
            NewSecret::None => None,
            NewSecret::Made => Some(provider.new_client_secret()),
            NewSecret::Given(given) => Some(given.clone()),
        };
        if let Some(secret) = &known {
            after.secret = Some(provider.secrets().client_digest(secret.expose()));
        }
        if let Err(problem) = readable_by(policy, provider, &after, known) {
            return self.refused(place, &problem);
        }
        let mut members = differences(&before.metadata, &normal, false);
        if let Some(disabled) = disabled {
            members.push(changed(
                "disabled",
                Some((!disabled).into()),
                Some(disabled.into()),
            ));
        }
        match secret {
            NewSecret::None => {}
            NewSecret::Made | NewSecret::Given(_) => {
                let had = before.secret.as_ref().map(|_| "(the present one)".into());
                members.push(changed("client_secret", had, Some("(another one)".into())));
            }
        }
        if members.is_empty() {
            return;
        }
        let call = Call::UpdateClient {
            metadata: patch(&before.metadata, &normal),
            disabled,
            secret,
            revision: clients::revision(before),
        };
        let step = self.step((Action::Change, "client"), id, Some(place), members, call);
        self.plan.steps.push(step);
    }
}

/// What makes the one of the other: null takes a member away.
fn patch(before: &Map<String, Value>, after: &Map<String, Value>) -> Map<String, Value> {
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let mut patch: Map<String, Value> = gone.map(|name| (name.clone(), Value::Null)).collect();
    let other = after
        .iter()
        .filter(|(name, value)| before.get(*name) != Some(value));
    patch.extend(other.map(|(name, value)| (name.clone(), value.clone())));
    patch
}
