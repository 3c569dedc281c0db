//! What tokens of a project can be good for: scopes and the APIs that understand them.

use hallpass_admin::{
    Problem,
    v1::{projects::ProjectView, scopes},
};
use hallpass_core::policy::standard_scopes;
use hallpass_types::Params;
use minijinja::{Value, context};
use serde_json::{Map, json};

use super::{own, typed};
use crate::{
    gate::{Visit, segment},
    render::{Answer, Stop, ser},
};

/// The scopes and resources that a project has for itself.
const SCOPES: &str = "protocol.scopes";
const RESOURCES: &str = "protocol.resources";

fn own_scopes(project: &ProjectView) -> Map<String, serde_json::Value> {
    let found = own::at(&project.settings, SCOPES);
    found
        .and_then(|all| all.as_object().cloned())
        .unwrap_or_default()
}

fn own_resources(project: &ProjectView) -> Option<Vec<serde_json::Value>> {
    own::at(&project.settings, RESOURCES)?.as_array().cloned()
}

async fn view(visit: &Visit, form: Option<&Params>, stop: Option<&Stop>) -> Result<Value, Stop> {
    let project = visit.record().await?;
    let found = visit.call::<scopes::Show>(scopes::Input {}).await?;
    let standard = standard_scopes();
    let own = own_scopes(&project);
    let (usual, custom): (Vec<_>, Vec<_>) = found
        .scopes
        .iter()
        .partition(|scope| standard.iter().any(|one| one.name == scope.name));
    let row =
        |scope: &scopes::ScopeView| context! { own => own.contains_key(&scope.name), ..ser(scope) };
    let own_resources = own_resources(&project);
    let of = |kind: &str, name: &str| {
        let form = form.filter(|form| form.get("do") == Some(kind));
        form.and_then(|form| typed(form, name)).unwrap_or_default()
    };
    Ok(context! {
        standard => usual.iter().map(|scope| row(scope)).collect::<Vec<_>>(),
        custom => custom.iter().map(|scope| row(scope)).collect::<Vec<_>>(),
        resources => ser(&found.resources),
        own_resources => own_resources.is_some() || found.resources.is_empty(),
        configured => project.configured,
        revision => project.revision.as_str(),
        may_change => visit.may_set(&project),
        typed => context! {
            scope => context! { name => of("scope", "name"), title => of("scope", "title"), description => of("scope", "description"), required => of("scope", "required"), claims => of("scope", "claims") },
            resource => context! { identifier => of("resource", "identifier"), name => of("resource", "name"), scopes => of("resource", "scopes"), lifetime => of("resource", "lifetime"), sealed => of("resource", "format") == "sealed" },
        },
        opened => form.and_then(|form| form.get("do")).unwrap_or_default(),
        done => typed(&visit.query, "done"),
        alert => stop.map(Stop::alert),
    })
}

pub(crate) async fn show(visit: &Visit) -> Result<Answer, Stop> {
    let view = view(visit, None, None).await?;
    Ok(Answer::shown("scopes.html", "Scopes", view))
}

pub(crate) async fn take(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    match done(visit, form).await {
        Ok(()) => Ok(Answer::GoTo(format!(
            "/p/{}/scopes?done=saved",
            segment(visit.project())
        ))),
        Err(stop) if stop.is_typed() => {
            let view = view(visit, Some(form), Some(&stop)).await?;
            Ok(Answer::with_status(
                stop.status(),
                "scopes.html",
                "Scopes",
                view,
            ))
        }
        Err(stop) => Err(stop),
    }
}

/// Words of a text, with spaces or lines between them.
fn words(form: &Params, name: &str) -> Vec<String> {
    let text = form.get(name).unwrap_or_default();
    text.split_whitespace().map(str::to_owned).collect()
}

async fn done(visit: &Visit, form: &Params) -> Result<(), Stop> {
    let project = visit.record().await?;
    let mut settings = project.settings.clone();
    let name = typed(form, "name").unwrap_or_default();
    match form.get("do") {
        Some("scope") => {
            if name.is_empty() {
                return Err(Problem::unfit("name", "is empty").into());
            }
            let Some(description) = typed(form, "description") else {
                let text = "is what people read when they are asked; say it in a sentence";
                return Err(Problem::unfit("description", text).into());
            };
            let mut words_of = Map::new();
            if let Some(title) = typed(form, "title") {
                words_of.insert("title".to_owned(), title.into());
            }
            words_of.insert("description".to_owned(), description.into());
            if form.get("required") == Some("yes") {
                words_of.insert("required".to_owned(), true.into());
            }
            let mut all = own_scopes(&project);
            all.insert(name.clone(), words_of.into());
            own::put(&mut settings, "protocol", "scopes", Some(all.into()));
            let claims = words(form, "claims");
            claims_of(&mut settings, &name, (!claims.is_empty()).then_some(claims));
        }
        Some("delete_scope") => {
            let mut all = own_scopes(&project);
            if all.remove(&name).is_none() {
                return Err(Stop::nothing());
            }
            let left = (!all.is_empty()).then(|| all.into());
            own::put(&mut settings, "protocol", "scopes", left);
            claims_of(&mut settings, &name, None);
        }
        Some("resource") => {
            let identifier = typed(form, "identifier").unwrap_or_default();
            let mut one = Map::new();
            one.insert("identifier".to_owned(), identifier.clone().into());
            if !name.is_empty() {
                one.insert("name".to_owned(), name.into());
            }
            let scopes = words(form, "scopes");
            if !scopes.is_empty() {
                one.insert("scopes".to_owned(), scopes.into());
            }
            if form.get("format") == Some("sealed") {
                one.insert("token_format".to_owned(), "sealed".into());
            }
            if let Some(lifetime) = typed(form, "lifetime") {
                one.insert("lifetime".to_owned(), lifetime.into());
            }
            let mut all = own_resources(&project).unwrap_or_default();
            all.retain(|other| other.get("identifier") != Some(&json!(identifier)));
            all.push(one.into());
            own::put(&mut settings, "protocol", "resources", Some(all.into()));
        }
        Some("delete_resource") => {
            let identifier = typed(form, "identifier").unwrap_or_default();
            let mut all = own_resources(&project).unwrap_or_default();
            let before = all.len();
            all.retain(|other| other.get("identifier") != Some(&json!(identifier)));
            if all.len() == before {
                return Err(Stop::nothing());
            }
            let left = (!all.is_empty()).then(|| all.into());
            own::put(&mut settings, "protocol", "resources", left);
        }
        Some(_) | None => {
            return Err(Stop::of(
                400,
                "decision_missing",
                "The form carries no decision.",
            ));
        }
    }
    visit.set(form.get("revision"), settings).await
}

/// The claims that a scope releases.
fn claims_of(
    settings: &mut Map<String, serde_json::Value>,
    scope: &str,
    claims: Option<Vec<String>>,
) {
    let all = own::at(settings, "protocol.claims");
    let mut all = all
        .and_then(|all| all.as_object().cloned())
        .unwrap_or_default();
    match claims {
        Some(claims) => drop(all.insert(scope.to_owned(), claims.into())),
        None => drop(all.remove(scope)),
    }
    let left = (!all.is_empty()).then(|| all.into());
    own::put(settings, "protocol", "claims", left);
}
