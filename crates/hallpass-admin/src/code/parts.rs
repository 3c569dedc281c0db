//! Roles, groups, organizations and webhooks of a plan.

use std::collections::{BTreeMap, BTreeSet};

use hallpass_core::webhook::MOST;
use serde_json::{Map, Value, json};

use super::{
    Placed, WantedProject, WantedRole, WantedWebhook,
    plan::{Access, Action, Call, Maker, changed, differences},
};
use crate::v1::{
    access::{self, groups, organizations, roles, show},
    webhooks::{self, OffReason, WebhookView},
};

impl Maker<'_> {
    /// Roles come before the groups that name them.
    pub(super) fn access(&mut self, wanted: &WantedProject, present: Option<&show::Access>) {
        let none = show::Access {
            enabled: false,
            roles: Vec::new(),
            groups: Vec::new(),
            organizations: Vec::new(),
            revision: String::new(),
        };
        let there = present.unwrap_or(&none);
        if let Some(roles) = &wanted.roles {
            self.roles(roles, there);
        }
        let mut known: BTreeSet<&str> = wanted.roles.iter().flatten().map(|(n, _)| &**n).collect();
        if wanted.roles.is_none() || !self.prune {
            known.extend(there.roles.iter().map(|role| role.name.as_str()));
        }
        for (name, group) in wanted.groups.iter().flatten() {
            let Placed { place, value } = group;
            let before = there.groups.iter().find(|group| group.name == *name);
            let listed = access::names("roles", value.roles.clone());
            let listed = match access::named(name).and(listed) {
                Ok(listed) => listed,
                Err(problem) => {
                    self.refused(place, &problem);
                    continue;
                }
            };
            if let Some(unknown) = listed.iter().find(|role| !known.contains(role.as_str())) {
                self.trouble(place, format!("roles: there is no role {unknown:?}"));
                continue;
            }
            let listed: Vec<String> = listed.into_iter().collect();
            let new = object(json!({ "description": value.description, "roles": listed }));
            let old =
                before.map(|b| object(json!({ "description": b.description, "roles": b.roles })));
            let change = Access::Group(Some(groups::Input {
                name: name.clone(),
                description: value.description.clone(),
                roles: listed,
            }));
            self.set("group", name, place, (old, new), change);
        }
        if let Some(groups) = &wanted.groups {
            for group in there
                .groups
                .iter()
                .filter(|g| !groups.contains_key(&g.name))
            {
                self.unset("group", &group.name, Access::Group(None));
            }
        }
        for (name, organization) in wanted.organizations.iter().flatten() {
            let Placed { place, value } = organization;
            let mut found = there.organizations.iter();
            let before = found.find(|organization| organization.name == *name);
            if let Err(problem) = access::named(name) {
                self.refused(place, &problem);
                continue;
            }
            let input = organizations::Input {
                name: name.clone(),
                title: value.title.clone(),
                disabled: value
                    .disabled
                    .or_else(|| before.map(|b| b.disabled))
                    .unwrap_or_default(),
            };
            let title = value.title.as_ref().unwrap_or(name);
            if let Err(problem) = access::titled(title) {
                self.refused(place, &problem);
                continue;
            }
            let new = object(json!({ "title": title, "disabled": input.disabled }));
            let old = before.map(|b| object(json!({ "title": b.title, "disabled": b.disabled })));
            let change = Access::Organization(Some(input));
            self.set("organization", name, place, (old, new), change);
        }
        if let Some(all) = &wanted.organizations {
            let there = there.organizations.iter();
            for one in there.filter(|one| !all.contains_key(&one.name)) {
                self.unset("organization", &one.name, Access::Organization(None));
            }
        }
    }

    fn roles(&mut self, wanted: &BTreeMap<String, Placed<WantedRole>>, there: &show::Access) {
        for (name, role) in wanted {
            let Placed { place, value } = role;
            let before = there.roles.iter().find(|role| role.name == *name);
            let listed = access::names("permissions", value.permissions.clone());
            let permissions: Vec<String> = match access::named(name).and(listed) {
                Ok(listed) => listed.into_iter().collect(),
                Err(problem) => {
                    self.refused(place, &problem);
                    continue;
                }
            };
            let new =
                object(json!({ "description": value.description, "permissions": permissions }));
            let old = before.map(|b| {
                object(json!({ "description": b.description, "permissions": b.permissions }))
            });
            let change = Access::Role(Some(roles::Input {
                name: name.clone(),
                description: value.description.clone(),
                permissions,
            }));
            self.set("role", name, place, (old, new), change);
        }
        for role in there
            .roles
            .iter()
            .filter(|role| !wanted.contains_key(&role.name))
        {
            self.unset("role", &role.name, Access::Role(None));
        }
    }

    fn set(
        &mut self,
        kind: &'static str,
        name: &str,
        place: &str,
        (old, new): (Option<Map<String, Value>>, Map<String, Value>),
        change: Access,
    ) {
        let action = if old.is_some() {
            Action::Change
        } else {
            Action::Create
        };
        let members = differences(&old.clone().unwrap_or_default(), &new, false);
        if old.is_some() && members.is_empty() {
            return;
        }
        let revision = self.next_revision();
        let call = Call::Access { change, revision };
        let step = self.step((action, kind), name, Some(place), members, call);
        self.plan.steps.push(step);
    }

    fn unset(&mut self, kind: &'static str, name: &str, change: Access) {
        // Its revision is known when its turn comes.
        let revision = None;
        self.unspoken(kind, name, || Call::Access { change, revision });
    }

    /// Each webhook that is there is one of those that are wanted, or none: by its identifier, or else by its URL.
    pub(super) fn webhooks(&mut self, wanted: &[Placed<WantedWebhook>], there: &[WebhookView]) {
        let mut free: Vec<&WebhookView> = there.iter().collect();
        let mut pairs: Vec<Option<&WebhookView>> = Vec::new();
        for webhook in wanted {
            let id = webhook.value.id.as_deref();
            let at = free.iter().position(|view| Some(view.id.as_str()) == id);
            pairs.push(at.map(|at| free.remove(at)));
        }
        // Of several with one URL, those that say the same belong together, whatever their order.
        for whole in [true, false] {
            for (webhook, pair) in wanted.iter().zip(&mut pairs) {
                if pair.is_none() {
                    let fits = |view: &&WebhookView| is_like(&webhook.value, view, whole);
                    let at = free.iter().position(fits);
                    *pair = at.map(|at| free.remove(at));
                }
            }
        }
        let left = if self.prune { 0 } else { free.len() };
        if let Some(last) = wanted.last()
            && wanted.len().saturating_add(left) > MOST
        {
            self.trouble(
                &last.place,
                format!("a project has {MOST} webhooks at most"),
            );
        }
        for (webhook, pair) in wanted.iter().zip(pairs) {
            self.webhook(webhook, pair);
        }
        for view in free {
            let (webhook, revision) = (view.id.clone(), view.revision.clone());
            self.unspoken("webhook", &view.url, || Call::DeleteWebhook {
                webhook,
                revision,
            });
        }
    }

    fn webhook(&mut self, wanted: &Placed<WantedWebhook>, present: Option<&WebhookView>) {
        let Placed { place, value } = wanted;
        let checked = webhooks::check_url(&value.url)
            .and_then(|()| webhooks::check_events(&value.events))
            .and_then(|()| webhooks::check_description(value.description.as_deref()));
        if let Err(problem) = checked {
            return self.refused(place, &problem);
        }
        let description = value.description.clone().filter(|text| !text.is_empty());
        let new = object(json!({
            "url": value.url, "events": value.events, "description": description,
        }));
        let Some(before) = present else {
            let disabled = value.enabled == Some(false);
            let mut members = differences(&Map::new(), &new, false);
            if disabled {
                members.push(changed("enabled", None, Some(false.into())));
            }
            let call = Call::CreateWebhook(webhooks::create::Input {
                url: value.url.clone(),
                events: value.events.clone(),
                description,
                disabled,
            });
            let what = (Action::Create, "webhook");
            let step = self.step(what, &value.url, Some(place), members, call);
            return self.plan.steps.push(step);
        };
        let old = object(json!({
            "url": before.url, "events": before.events, "description": before.description,
        }));
        let mut members = differences(&old, &new, false);
        // One that is off for failing stays so until somebody says that it is to be on.
        let off = before.off == Some(OffReason::ByOperator);
        let enabled = value.enabled.filter(|wanted| match wanted {
            true => !before.enabled,
            false => !off,
        });
        if let Some(enabled) = enabled {
            let was = Some(before.enabled.into());
            members.push(changed("enabled", was, Some(enabled.into())));
        }
        if members.is_empty() {
            return;
        }
        let call = Call::UpdateWebhook {
            input: webhooks::change::Input {
                webhook: before.id.clone(),
                url: Some(value.url.clone()).filter(|url| *url != before.url),
                events: Some(value.events.clone()).filter(|events| *events != before.events),
                description: Some(description.unwrap_or_default())
                    .filter(|text| *text != *before.description.as_deref().unwrap_or_default()),
                enabled,
            },
            revision: before.revision.clone(),
        };
        let what = (Action::Change, "webhook");
        let step = self.step(what, &value.url, Some(place), members, call);
        self.plan.steps.push(step);
    }
}

/// Members with a value.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(mut members) => {
            members.retain(|_, value| !value.is_null());
            members
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Map::new()
        }
    }
}

/// Whether a webhook that is there is at the URL that is wanted, and, if `whole`, says the same too.
fn is_like(wanted: &WantedWebhook, view: &WebhookView, whole: bool) -> bool {
    let text = |description: Option<&str>| description.unwrap_or_default().to_owned();
    let same = || {
        wanted.events == view.events
            && text(wanted.description.as_deref()) == text(view.description.as_deref())
            && wanted.enabled.is_none_or(|enabled| enabled == view.enabled)
    };
    wanted.url == view.url && (!whole || same())
}
