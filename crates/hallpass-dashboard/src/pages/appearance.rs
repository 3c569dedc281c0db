//! How the pages of a project look.

use hallpass_admin::{Problem, v1::projects::ProjectView};
use hallpass_pages::{Colour, Lang};
use hallpass_types::Params;
use minijinja::{Value, context};
use serde_json::Map;

use super::{logo, own, typed};
use crate::{
    gate::{Visit, segment},
    render::{Answer, Stop},
};

/// Fields, by what they are called in forms, and the setting that each is.
const FIELDS: &[(&str, &str)] = &[
    ("name", "pages.name"),
    ("accent", "pages.colors.accent"),
    ("dark_accent", "pages.dark_colors.accent"),
    ("radius", "pages.radius"),
    ("font", "pages.font"),
];

fn saved(project: &ProjectView, setting: &str) -> String {
    match own::at(&project.settings, setting) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    }
}

/// The languages that the project has for itself.
fn languages(project: &ProjectView) -> Vec<String> {
    let found = own::at(&project.settings, "pages.languages").and_then(|all| all.as_array());
    let tags = found.into_iter().flatten().filter_map(|tag| tag.as_str());
    tags.map(str::to_owned).collect()
}

async fn view(visit: &Visit, form: Option<&Params>, stop: Option<&Stop>) -> Result<Value, Stop> {
    let project = visit.record().await?;
    let provider = visit.provider().await?;
    let issuer = provider.policy().issuer.clone();
    let value = |name: &str, setting: &str| match form {
        Some(form) => typed(form, name).unwrap_or_default(),
        None => saved(&project, setting),
    };
    let fields: Map<String, serde_json::Value> = FIELDS
        .iter()
        .map(|(name, setting)| ((*name).to_owned(), value(name, setting).into()))
        .collect();
    let spoken = languages(&project);
    let all: Vec<Value> = Lang::ALL
        .iter()
        .map(|lang| {
            let tag = lang.tag();
            let checked = match form {
                Some(form) => form.get(&format!("language.{tag}")) == Some("yes"),
                None => spoken.iter().any(|own| own == tag),
            };
            context! { tag, checked }
        })
        .collect();
    Ok(context! {
        fields => crate::render::ser(fields),
        languages => all,
        first => match form {
            Some(form) => typed(form, "first").unwrap_or_default(),
            None => spoken.first().cloned().unwrap_or_default(),
        },
        logo => logo::saved(&project),
        given_logo => form.and_then(|form| typed(form, "logo")),
        logo_url => form.and_then(|form| typed(form, "logo_url")),
        configured => project.configured,
        revision => project.revision.as_str(),
        may_change => visit.may_set(&project),
        look => issuer.url("/account"),
        done => typed(&visit.query, "done"),
        alert => stop.map(Stop::alert),
    })
}

pub(crate) async fn show(visit: &Visit) -> Result<Answer, Stop> {
    let view = view(visit, None, None).await?;
    Ok(Answer::shown("appearance.html", "Appearance", view))
}

pub(crate) async fn take(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    match done(visit, form).await {
        Ok(()) => Ok(Answer::GoTo(format!(
            "/p/{}/appearance?done=saved",
            segment(visit.project())
        ))),
        Err(stop) if stop.is_typed() => {
            let view = view(visit, Some(form), Some(&stop)).await?;
            Ok(Answer::with_status(
                stop.status(),
                "appearance.html",
                "Appearance",
                view,
            ))
        }
        Err(stop) => Err(stop),
    }
}

/// A colour as it was typed.
fn colour(form: &Params, name: &str) -> Result<Option<String>, Stop> {
    let Some(text) = typed(form, name) else {
        return Ok(None);
    };
    if Colour::parse(&text).is_none() {
        return Err(Problem::unfit(name, "is a colour such as #0b6b58").into());
    }
    Ok(Some(text))
}

async fn done(visit: &Visit, form: &Params) -> Result<(), Stop> {
    let project = visit.record().await?;
    let picture = logo::wanted(visit, form, &project).await?;
    let mut settings = project.settings.clone();
    let pages = settings.get("pages").and_then(|pages| pages.as_object());
    let mut pages = pages.cloned().unwrap_or_default();
    let mut put = |name: &str, value: Option<serde_json::Value>| match value {
        Some(value) => drop(pages.insert(name.to_owned(), value)),
        None => drop(pages.remove(name)),
    };
    put("logo", picture.map(Into::into));
    put("name", typed(form, "name").map(Into::into));
    put("font", typed(form, "font").map(Into::into));
    let radius = match typed(form, "radius") {
        None => None,
        Some(text) => {
            let read = text.parse::<u8>().ok().filter(|radius| *radius <= 32);
            let wrong = || Problem::unfit("radius", "is a number from 0 to 32");
            Some(read.ok_or_else(wrong)?.into())
        }
    };
    put("radius", radius);
    let first = typed(form, "first").unwrap_or_default();
    let mut spoken: Vec<&str> = Lang::ALL.iter().map(|lang| lang.tag()).collect();
    spoken.retain(|tag| form.get(&format!("language.{tag}")) == Some("yes"));
    // The first is for people of whom none is known.
    spoken.sort_by_key(|tag| *tag != first);
    let spoken: Option<serde_json::Value> = (!spoken.is_empty()).then(|| spoken.into());
    put("languages", spoken);
    for (name, section) in [("accent", "colors"), ("dark_accent", "dark_colors")] {
        let colour = colour(form, name)?;
        own::put(&mut pages, section, "accent", colour.map(Into::into));
    }
    if pages.is_empty() {
        settings.remove("pages");
    } else {
        settings.insert("pages".to_owned(), pages.into());
    }
    visit.set(form.get("revision"), settings).await
}
