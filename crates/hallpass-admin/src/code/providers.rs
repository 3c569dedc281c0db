//! Other providers of a plan.

use std::collections::BTreeMap;

use hallpass_core::upstream::ClientAuthentication;
use hallpass_provider::Provider;
use hallpass_types::Secret;
use serde_json::{Map, Value};

use super::{
    Placed, WantedProject, WantedProvider,
    plan::{Action, Call, Maker, changed, differences},
    present::Present,
};
use crate::{
    Desk,
    v1::upstreams::{SECTION, own, set},
};

/// What settings say of each provider, by its identifier and without a secret.
pub(super) fn named(
    settings: &Map<String, Value>,
) -> impl Iterator<Item = (String, Map<String, Value>)> + use<> {
    entries(settings)
        .into_iter()
        .map(|(id, entry)| (id, set::plain(&entry)))
}

fn entries(settings: &Map<String, Value>) -> BTreeMap<String, Map<String, Value>> {
    let all = own(settings).into_iter().filter_map(|entry| match entry {
        Value::Object(entry) => {
            let named = entry.get("id").or_else(|| entry.get("preset"));
            Some((named?.as_str()?.to_owned(), entry))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            None
        }
    });
    all.collect()
}

/// How we prove who we are at a provider that has our secret.
pub(super) fn client_auth(provider: &Provider, id: &str) -> Option<Value> {
    let mut all = provider.policy().upstreams.iter();
    match all.find(|upstream| upstream.id == id)?.authentication {
        ClientAuthentication::Basic(_) => Some("client_secret_basic".into()),
        ClientAuthentication::Post(_) => Some("client_secret_post".into()),
        ClientAuthentication::PrivateKeyJwt(_) | ClientAuthentication::None => None,
    }
}

/// What is said of a provider, and what follows from that it has a secret, where that is written down now.
fn said(
    provider: &Provider,
    id: &str,
    held: &Map<String, Value>,
    next: &Map<String, Value>,
) -> Map<String, Value> {
    let mut said = set::plain(held);
    if next.contains_key(AUTH)
        && !said.contains_key(AUTH)
        && let Some(auth) = client_auth(provider, id)
    {
        said.insert(AUTH.to_owned(), auth);
    }
    said
}

pub(super) const AUTH: &str = "client_auth";
const GIVEN: &str = "a secret of it is given with --secrets FILE";

impl Maker<'_> {
    pub(super) fn providers(
        &mut self,
        desk: &Desk,
        wanted: &BTreeMap<String, Placed<WantedProvider>>,
        project: &WantedProject,
        present: Option<&Present>,
    ) {
        let settings = project.settings.as_ref();
        let settings = settings.and_then(|settings| settings.value.settings.as_ref());
        if let Some(other) = settings.filter(|settings| settings.contains_key(SECTION)) {
            // Which of both would count?
            let place = project.settings.as_ref().map(|s| s.place.clone());
            let count = other
                .get(SECTION)
                .and_then(Value::as_array)
                .map_or(0, Vec::len);
            let text = format!(
                "settings.upstreams: {count} stand here, and others under [providers]; these say all of them"
            );
            return self.trouble(&place.unwrap_or_default(), text);
        }
        if present.is_some_and(|present| present.view.configured) {
            if let Some(first) = wanted.values().next() {
                let text = "the providers of the project of the configuration stand there";
                self.trouble(&first.place, text);
            }
            return;
        }
        let there = present.map(|present| entries(&present.view.settings));
        let there = there.unwrap_or_default();
        for (id, provider) in wanted {
            self.provider((id, provider), there.get(id), (desk, project), present);
        }
        for id in there.keys().filter(|id| !wanted.contains_key(*id)) {
            // Its revision is known when its turn comes.
            let revision = None;
            self.unspoken("provider", id, || Call::DeleteProvider { revision });
        }
    }

    fn provider(
        &mut self,
        (id, wanted): (&str, &Placed<WantedProvider>),
        held: Option<&Map<String, Value>>,
        (desk, project): (&Desk, &WantedProject),
        present: Option<&Present>,
    ) {
        let itself = project.settings.as_ref().map(|settings| &settings.value);
        let settings = itself.and_then(|itself| itself.settings.as_ref());
        let Placed { place, value } = wanted;
        let entry = match set::entry(id, &value.settings) {
            Ok(entry) => entry,
            Err(problem) => return self.refused(place, &problem),
        };
        let home = desk.platform().home().provider;
        let provider = present.map_or(&home, |present| present.cx.provider());
        let key = (self.name.clone(), id.to_owned());
        let has = held.and_then(|held| set::opened(provider, held));
        let same = |given: &&Secret| {
            has.as_ref()
                .is_none_or(|has| has.expose() != given.expose())
        };
        let given = self.secrets.providers.get(&key).cloned();
        let another = given.as_ref().filter(same).is_some();
        let secret = match set::secret_for(provider, held, &entry, given.clone()) {
            Ok(secret) => secret,
            Err(problem) => {
                self.refused(place, &problem);
                return self.trouble(place, GIVEN);
            }
        };
        // By itself, so that what is wrong with it has its place. How the others are does not matter to it.
        let mut alone = settings.cloned().unwrap_or_default();
        if let (None, Some(present)) = (settings, present) {
            alone.clone_from(&present.view.settings);
        }
        let whole = set::sealed(provider, entry.clone(), secret.as_ref());
        alone.insert(SECTION.to_owned(), vec![Value::Object(whole)].into());
        let platform = desk.platform();
        let issuer = itself.and_then(|itself| itself.issuer.as_deref());
        let checked = match present {
            Some(present) => platform.check_settings(&present.view.issuer, &alone),
            None => platform.check_new(&self.name, issuer, &alone).map(drop),
        };
        if let Err(problem) = checked {
            self.refused(place, &problem);
            let lacks = |text: &str| text.contains("client_secret");
            if secret.is_none() && problem.detail().is_some_and(lacks) {
                self.trouble(place, GIVEN);
            }
            return;
        }
        let (action, before) = match held {
            Some(held) => (Action::Change, said(provider, id, held, &entry)),
            None => (Action::Create, Map::new()),
        };
        let mut members = differences(&before, &entry, true);
        if another {
            let had = has.map(|_| "(the present one)".into());
            members.push(changed("client_secret", had, Some("(another one)".into())));
        }
        if members.is_empty() {
            return;
        }
        let call = Call::SetProvider {
            settings: value.settings.clone(),
            secret: given,
            revision: present.and_then(|present| self.later_revision(&present.view)),
        };
        let what = (action, "provider");
        let step = self.step(what, id, Some(place), members, call);
        self.plan.steps.push(step);
    }
}
