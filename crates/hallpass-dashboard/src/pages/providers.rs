//! Other providers at which people of a project can sign in.

use hallpass_admin::{Problem, Terms, v1::upstreams};
use hallpass_types::Params;
use minijinja::{Value, context};

use super::typed;
use crate::{
    gate::{Visit, segment},
    render::{Answer, Stop, ser},
};

/// Well-known ones.
const PRESETS: &[(&str, &str)] = &[
    ("google", "Google"),
    (MICROSOFT, "Microsoft"),
    ("apple", "Apple"),
    ("github", "GitHub"),
    ("gitlab", "GitLab"),
    ("linkedin", "LinkedIn"),
    ("facebook", "Facebook"),
    ("discord", "Discord"),
];

/// The one of them whose issuer is that of a directory.
const MICROSOFT: &str = "microsoft";

/// What came of trying one.
struct Tried {
    id: String,
    answers: Result<upstreams::test::Answers, String>,
}

async fn view(
    visit: &Visit,
    form: Option<&Params>,
    stop: Option<&Stop>,
    tried: Option<Tried>,
) -> Result<Value, Stop> {
    let project = visit.record().await?;
    let found = visit
        .call::<upstreams::List>(upstreams::list::Input {})
        .await?;
    let form = form.filter(|form| form.get("do") == Some("add"));
    let value = |name: &str| form.and_then(|form| typed(form, name)).unwrap_or_default();
    let presets: Vec<Value> = PRESETS
        .iter()
        .map(
            |(id, label)| context! { id => *id, label => *label, chosen => value("preset") == *id },
        )
        .collect();
    Ok(context! {
        own => found.items.iter().any(|one| one.own) || found.items.is_empty(),
        items => ser(&found.items),
        presets,
        typed => context! {
            id => value("id"),
            name => value("name"),
            issuer => value("issuer"),
            client_id => value("client_id"),
            create => value("first_time") == "create",
            link_by_email => value("link_by_email") == "yes",
            keyed => value("client_auth") == "private_key_jwt",
        },
        opened => form.is_some(),
        tried => tried.map(|tried| context! {
            id => tried.id,
            answers => tried.answers.as_ref().ok().map(ser),
            why => tried.answers.as_ref().err(),
        }),
        configured => project.configured,
        revision => project.revision.as_str(),
        may_change => visit.may_set(&project),
        may_test => visit.may(hallpass_core::admin::Permission::ChangeProject),
        done => typed(&visit.query, "done"),
        alert => stop.map(Stop::alert),
    })
}

pub(crate) async fn show(visit: &Visit) -> Result<Answer, Stop> {
    let view = view(visit, None, None, None).await?;
    Ok(Answer::shown("providers.html", "Providers", view))
}

pub(crate) async fn take(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    match done(visit, form).await {
        Ok(answer) => Ok(answer),
        Err(stop) if stop.is_typed() => {
            let view = view(visit, Some(form), Some(&stop), None).await?;
            Ok(Answer::with_status(
                stop.status(),
                "providers.html",
                "Providers",
                view,
            ))
        }
        Err(stop) => Err(stop),
    }
}

async fn done(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    let (desk, caller) = (&visit.desk, &visit.caller);
    let terms = Terms::project(visit.project());
    let terms = match form.get("revision") {
        Some(revision) => terms.if_match(revision),
        None => terms,
    };
    let upstream = form.get("upstream").unwrap_or_default().to_owned();
    let said = match form.get("do") {
        Some("add") => {
            let preset = typed(form, "preset");
            let keyed = form.get("client_auth") == Some("private_key_jwt");
            // What is not to be seen for it was typed for another one.
            let own = |name: &str| typed(form, name).filter(|_| preset.is_none());
            let issuer = if preset.as_deref() == Some(MICROSOFT) {
                let text =
                    "is that of your directory, https://login.microsoftonline.com/DIRECTORY/v2.0";
                let missing = || Problem::unfit("issuer", text);
                Some(typed(form, "issuer").ok_or_else(missing)?)
            } else {
                own("issuer")
            };
            let input = upstreams::create::Input {
                id: own("id"),
                name: own("name"),
                issuer,
                preset,
                client_id: typed(form, "client_id").unwrap_or_default(),
                client_secret: typed(form, "client_secret"),
                client_auth: keyed.then(|| "private_key_jwt".to_owned()),
                scopes: None,
                first_time: typed(form, "first_time"),
                link_by_email: form.get("link_by_email") == Some("yes"),
            };
            desk.call::<upstreams::Create>(caller, terms, input).await?;
            "added"
        }
        Some("test") => {
            let which = upstreams::Which {
                upstream: upstream.clone(),
            };
            let terms = Terms::project(visit.project());
            let answers = desk.call::<upstreams::Test>(caller, terms, which).await;
            let answers = answers.map_err(Stop::from);
            let answers = match answers {
                Ok(answers) => Ok(answers),
                Err(stop) if stop.is_typed() => Err(stop.text().to_owned()),
                Err(stop) => return Err(stop),
            };
            let tried = Tried {
                id: upstream,
                answers,
            };
            let view = view(visit, None, None, Some(tried)).await?;
            return Ok(Answer::shown("providers.html", "Providers", view));
        }
        Some("remove") => {
            let which = upstreams::Which { upstream };
            desk.call::<upstreams::Delete>(caller, terms, which).await?;
            "removed"
        }
        Some(_) | None => {
            return Err(Stop::of(
                400,
                "decision_missing",
                "The form carries no decision.",
            ));
        }
    };
    Ok(Answer::GoTo(format!(
        "/p/{}/providers?done={said}",
        segment(visit.project())
    )))
}
