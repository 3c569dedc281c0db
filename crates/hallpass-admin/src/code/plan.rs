//! How what is wanted differs from what is there.

use std::collections::{BTreeMap, BTreeSet};

use hallpass_core::policy::Policy;
use hallpass_types::Secret;
use serde_json::{Map, Value};

use super::{Placed, Secrets, Wanted, WantedProject, WantedSettings, present::Present};
use crate::{
    Caller, Desk, Problem,
    v1::{
        projects::{self, State},
        upstreams::SECTION,
        webhooks,
    },
};

/// What a step does to a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever shows steps knows each")]
pub enum Action {
    /// It is made.
    Create,
    /// It is changed.
    Change,
    /// It is deleted.
    Delete,
}

/// A member that is otherwise afterwards. Never a secret.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Member {
    /// Its name.
    pub name: String,
    /// What it is.
    pub before: Option<Value>,
    /// What it is to be.
    pub after: Option<Value>,
}

/// One change, by one operation.
#[derive(Debug)]
#[non_exhaustive]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// To what kind of thing.
    pub kind: &'static str,
    /// In which project.
    pub project: String,
    /// To which one.
    pub id: String,
    /// What is otherwise.
    pub members: Vec<Member>,
    /// Where that is written down.
    pub place: Option<String>,
    pub(super) call: Call,
}

/// The operation of a step, and what it must still find.
#[derive(Debug)]
pub(super) enum Call {
    CreateProject {
        issuer: Option<String>,
        settings: Map<String, Value>,
    },
    Settings {
        settings: Map<String, Value>,
        revision: String,
    },
    Turn {
        on: bool,
        revision: Option<String>,
    },
    Access {
        change: Access,
        revision: Option<u64>,
    },
    CreateClient {
        metadata: Map<String, Value>,
        disabled: bool,
        secret: NewSecret,
    },
    UpdateClient {
        metadata: Map<String, Value>,
        disabled: Option<bool>,
        secret: NewSecret,
        revision: String,
    },
    DeleteClient {
        revision: String,
    },
    SetProvider {
        settings: Map<String, Value>,
        secret: Option<Secret>,
        revision: Option<String>,
    },
    DeleteProvider {
        revision: Option<String>,
    },
    CreateWebhook(webhooks::create::Input),
    UpdateWebhook {
        input: webhooks::change::Input,
        revision: String,
    },
    DeleteWebhook {
        webhook: String,
        revision: String,
    },
}

/// A change of the directory.
#[derive(Debug)]
pub(super) enum Access {
    Role(Option<crate::v1::access::roles::Input>),
    Group(Option<crate::v1::access::groups::Input>),
    Organization(Option<crate::v1::access::organizations::Input>),
}

/// What becomes of a client's secret.
#[derive(Debug)]
pub(super) enum NewSecret {
    /// Nothing.
    None,
    /// It gets one that is made up.
    Made,
    /// It gets this one.
    Given(Secret),
}

/// Something that is there and of which the files say nothing, although they speak of others of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Untold {
    /// What kind of thing.
    pub kind: &'static str,
    /// In which project.
    pub project: String,
    /// Which one.
    pub id: String,
}

/// Something that is wrong with what is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever reads files has some, too"
)]
pub struct Trouble {
    /// File and line.
    pub place: String,
    /// What is wrong.
    pub text: String,
}

/// Everything that would change, in the order in which it can be done.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Plan {
    /// What is done.
    pub steps: Vec<Step>,
    /// What stays although nothing is said of it. Nothing, where deleting was asked for.
    pub untold: Vec<Untold>,
}

/// What a plan is made with.
pub(super) struct Maker<'a> {
    pub(super) secrets: &'a Secrets,
    pub(super) prune: bool,
    pub(super) plan: Plan,
    pub(super) troubles: Vec<Trouble>,
    /// Deleted at the end.
    pub(super) later: Vec<Step>,
    /// The project.
    pub(super) name: String,
    /// The revision that its directory has by then; none for a new project.
    pub(super) directory: Option<u64>,
}

impl Plan {
    /// Looks at what is there, and says what would change. Nothing is written.
    ///
    /// # Errors
    /// It cannot be looked at. Inside: everything that is wrong with what is wanted.
    pub async fn make(
        desk: &Desk,
        caller: &Caller,
        wanted: &Wanted,
        secrets: &Secrets,
        prune: bool,
    ) -> Result<Result<Self, Vec<Trouble>>, Problem> {
        let mut maker = Maker {
            secrets,
            prune,
            plan: Self::default(),
            troubles: Vec::new(),
            later: Vec::new(),
            name: String::new(),
            directory: None,
        };
        for (name, project) in &wanted.projects {
            maker.name.clone_from(name);
            let present = Present::look(desk, caller, name).await?;
            maker.project(desk, project, present.as_ref());
        }
        Ok(if maker.troubles.is_empty() {
            Ok(maker.plan)
        } else {
            Err(maker.troubles)
        })
    }
}

impl Maker<'_> {
    pub(super) fn trouble(&mut self, place: &str, text: impl Into<String>) {
        self.troubles.push(Trouble {
            place: place.to_owned(),
            text: text.into(),
        });
    }

    pub(super) fn refused(&mut self, place: &str, problem: &Problem) {
        let text = match (problem.field(), problem.detail()) {
            (Some(field), Some(detail)) => format!("{field}: {detail}"),
            (None, Some(detail)) => detail.to_owned(),
            (_, None) => problem.kind().title().to_owned(),
        };
        self.trouble(place, text);
    }

    pub(super) fn step(
        &self,
        (action, kind): (Action, &'static str),
        id: &str,
        place: Option<&str>,
        members: Vec<Member>,
        call: Call,
    ) -> Step {
        Step {
            action,
            kind,
            project: self.name.clone(),
            id: id.to_owned(),
            members,
            place: place.map(str::to_owned),
            call,
        }
    }

    /// What is there of a kind of which the files speak, and not this one.
    pub(super) fn unspoken(&mut self, kind: &'static str, id: &str, call: impl FnOnce() -> Call) {
        if self.prune {
            let step = self.step((Action::Delete, kind), id, None, Vec::new(), call());
            self.later.push(step);
        } else {
            self.plan.untold.push(Untold {
                kind,
                project: self.name.clone(),
                id: id.to_owned(),
            });
        }
    }

    fn project(&mut self, desk: &Desk, wanted: &WantedProject, present: Option<&Present>) {
        let Some(policy) = self.itself(desk, wanted, present) else {
            return;
        };
        let home = desk.platform().home().provider;
        let provider = present.map_or(&home, |present| present.cx.provider());
        self.directory = present.and_then(|present| present.access.revision.parse().ok());
        self.access(wanted, present.map(|present| &present.access));
        let policy = policy.as_ref().unwrap_or_else(|| provider.policy());
        if let Some(clients) = &wanted.clients {
            self.clients(clients, present, policy, provider);
        }
        if let Some(providers) = &wanted.providers {
            self.providers(desk, providers, wanted, present);
        }
        if let Some(webhooks) = &wanted.webhooks {
            let present = present.map_or(&[][..], |present| &present.webhooks);
            self.webhooks(webhooks, present);
        }
        // Backwards: what was made last goes first. The directory is changed in the order of its revisions.
        let mut later = std::mem::take(&mut self.later);
        later.reverse();
        for mut step in later {
            if let Call::Access { revision, .. } = &mut step.call {
                *revision = self.next_revision();
            } else if let Call::DeleteProvider { revision } = &mut step.call {
                *revision = present.and_then(|present| self.later_revision(&present.view));
            }
            self.plan.steps.push(step);
        }
        let off = wanted.settings.as_ref().filter(|settings| {
            let on = present.is_none_or(|present| present.view.state == State::Enabled);
            settings.value.disabled == Some(true) && on
        });
        if let Some(settings) = off {
            let members = vec![changed("disabled", Some(false.into()), Some(true.into()))];
            let revision = present.and_then(|present| self.later_revision(&present.view));
            let call = Call::Turn {
                on: false,
                revision,
            };
            let step = self.step(
                (Action::Change, "project"),
                &self.name,
                Some(&settings.place),
                members,
                call,
            );
            self.plan.steps.push(step);
        }
    }

    /// The revision of the project behind the steps that are planned for it.
    pub(super) fn later_revision(&self, view: &projects::ProjectView) -> Option<String> {
        let steps = self.plan.steps.iter();
        let own = |step: &&Step| matches!(step.kind, "project" | "provider");
        let own = steps.filter(|step| step.project == self.name).filter(own);
        let before: u64 = view.revision.parse().ok()?;
        let steps = u64::try_from(own.count()).ok()?;
        Some(before.saturating_add(steps).to_string())
    }

    /// The project itself. None: no more can be said of it. Inside: the policy that it gets, where that is another one.
    fn itself(
        &mut self,
        desk: &Desk,
        wanted: &WantedProject,
        present: Option<&Present>,
    ) -> Option<Option<Policy>> {
        match (&wanted.settings, present) {
            (None, Some(_)) => Some(None),
            (None, None) => {
                let place = first_place(wanted);
                let text = format!(
                    "there is no project {}; it is made where a file of it has the table [project]",
                    self.name
                );
                self.trouble(&place, text);
                None
            }
            (Some(settings), None) => self.new_project(desk, settings).map(Some),
            (Some(settings), Some(present)) => self.settings(desk, settings, present),
        }
    }

    fn new_project(&mut self, desk: &Desk, wanted: &Placed<WantedSettings>) -> Option<Policy> {
        let Placed { place, value } = wanted;
        let settings = value.settings.clone().unwrap_or_default();
        let issuer = value.issuer.as_deref();
        let checked = desk
            .platform()
            .check_new(&self.name, issuer, &settings)
            .and_then(|identifier| {
                let policy = desk.platform().policy(&identifier, &settings)?;
                Ok((identifier, policy))
            });
        let (identifier, policy) = match checked {
            Ok(checked) => checked,
            Err(problem) => {
                self.refused(place, &problem);
                return None;
            }
        };
        let mut members = vec![changed("issuer", None, Some(identifier.into()))];
        members.extend(differences(&Map::new(), &settings, true));
        let call = Call::CreateProject {
            issuer: value.issuer.clone(),
            settings,
        };
        let name = self.name.clone();
        let step = self.step(
            (Action::Create, "project"),
            &name,
            Some(place),
            members,
            call,
        );
        self.plan.steps.push(step);
        Some(policy)
    }

    fn settings(
        &mut self,
        desk: &Desk,
        wanted: &Placed<WantedSettings>,
        present: &Present,
    ) -> Option<Option<Policy>> {
        let (view, Placed { place, value }) = (&present.view, wanted);
        if view.configured {
            let text =
                "the project of the configuration is changed there, and has no table [project]";
            self.trouble(place, text);
            return None;
        }
        if value
            .issuer
            .as_ref()
            .is_some_and(|issuer| *issuer != view.issuer)
        {
            let text = format!("issuer: it is {}, and never changes", view.issuer);
            self.trouble(place, text);
        }
        let mut policy = None;
        let settings = value.settings.as_ref();
        let settings = settings.map(|settings| with_providers(settings, &view.settings));
        if let Some(settings) = settings.as_ref().filter(|s| **s != view.settings) {
            let platform = desk.platform();
            let checked = platform.check_settings(&view.issuer, settings);
            match checked.and_then(|()| platform.policy(&view.issuer, settings)) {
                Ok(other) => policy = Some(other),
                Err(problem) => {
                    self.refused(place, &problem);
                    return None;
                }
            }
            let members = differences(&view.settings, settings, true);
            let call = Call::Settings {
                settings: settings.clone(),
                revision: view.revision.clone(),
            };
            self.push((Action::Change, "project"), place, members, call);
        }
        if value.disabled == Some(false) && view.state == State::Disabled {
            let members = vec![changed("disabled", Some(true.into()), Some(false.into()))];
            let revision = self.later_revision(view);
            let call = Call::Turn { on: true, revision };
            self.push((Action::Change, "project"), place, members, call);
        }
        Some(policy)
    }

    /// A step about the project itself.
    fn push(
        &mut self,
        what: (Action, &'static str),
        place: &str,
        members: Vec<Member>,
        call: Call,
    ) {
        let step = self.step(what, &self.name, Some(place), members, call);
        self.plan.steps.push(step);
    }

    pub(super) fn next_revision(&mut self) -> Option<u64> {
        let now = self.directory;
        self.directory = now.map(|revision| revision.saturating_add(1));
        now
    }
}

/// Settings with the providers that are there, where they say nothing of any.
fn with_providers(wanted: &Map<String, Value>, present: &Map<String, Value>) -> Map<String, Value> {
    let mut settings = wanted.clone();
    if let Some(there) = present
        .get(SECTION)
        .filter(|_| !wanted.contains_key(SECTION))
    {
        settings.insert(SECTION.to_owned(), there.clone());
    }
    settings
}

/// Any place of a project.
fn first_place(wanted: &WantedProject) -> String {
    let clients = wanted.clients.iter().flat_map(BTreeMap::values);
    let roles = wanted.roles.iter().flat_map(BTreeMap::values);
    let groups = wanted.groups.iter().flat_map(BTreeMap::values);
    let all = wanted.organizations.iter().flat_map(BTreeMap::values);
    let providers = wanted.providers.iter().flat_map(BTreeMap::values);
    let webhooks = wanted.webhooks.iter().flatten();
    let mut places = clients
        .map(|item| &item.place)
        .chain(roles.map(|item| &item.place))
        .chain(groups.map(|item| &item.place))
        .chain(all.map(|item| &item.place))
        .chain(providers.map(|item| &item.place))
        .chain(webhooks.map(|item| &item.place));
    places.next().cloned().unwrap_or_default()
}

pub(super) fn changed(name: &str, before: Option<Value>, after: Option<Value>) -> Member {
    Member {
        name: name.to_owned(),
        before,
        after,
    }
}

/// Members of which one has another value than the other; `deep` goes into objects.
pub(super) fn differences(
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    deep: bool,
) -> Vec<Member> {
    let mut members = Vec::new();
    compare("", before, after, deep, &mut members);
    members
}

fn compare(
    above: &str,
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    deep: bool,
    members: &mut Vec<Member>,
) {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let empty = Map::new();
    for key in names {
        let (old, new) = (before.get(key), after.get(key));
        if old == new {
            continue;
        }
        let name = match above {
            "" => key.clone(),
            above => format!("{above}.{key}"),
        };
        match (old, new) {
            (Some(Value::Object(old)), Some(Value::Object(new))) if deep => {
                compare(&name, old, new, deep, members);
            }
            (None, Some(Value::Object(new))) if deep && !new.is_empty() => {
                compare(&name, &empty, new, deep, members);
            }
            (Some(Value::Object(old)), None) if deep && !old.is_empty() => {
                compare(&name, old, &empty, deep, members);
            }
            (old, new) => members.push(changed(&name, old.cloned(), new.cloned())),
        }
    }
}
