//! Roles, groups and organizations of a project.

use hallpass_admin::{Terms, v1::access};
use hallpass_core::admin::Permission;
use hallpass_types::Params;
use minijinja::{Value, context};

use super::{lines, typed};
use crate::{
    gate::{Visit, segment},
    render::{Answer, Stop, ser},
};

async fn view(visit: &Visit, stop: Option<&Stop>) -> Result<Value, Stop> {
    let found = visit.call::<access::Show>(access::show::Input {}).await?;
    Ok(context! {
        enabled => found.enabled,
        roles => ser(&found.roles),
        groups => ser(&found.groups),
        organizations => ser(&found.organizations),
        revision => found.revision,
        may_change => visit.may(Permission::ChangeAccess),
        done => typed(&visit.query, "done"),
        alert => stop.map(Stop::alert),
    })
}

pub(crate) async fn show(visit: &Visit) -> Result<Answer, Stop> {
    Ok(Answer::shown(
        "access.html",
        "Roles",
        view(visit, None).await?,
    ))
}

pub(crate) async fn take(visit: &Visit, form: &Params) -> Result<Answer, Stop> {
    match done(visit, form).await {
        Ok(()) => Ok(Answer::GoTo(format!(
            "/p/{}/roles?done=saved",
            segment(visit.project())
        ))),
        Err(stop) if stop.is_typed() => {
            let view = view(visit, Some(&stop)).await?;
            Ok(Answer::with_status(
                stop.status(),
                "access.html",
                "Roles",
                view,
            ))
        }
        Err(stop) => Err(stop),
    }
}

async fn done(visit: &Visit, form: &Params) -> Result<(), Stop> {
    let terms = Terms::project(visit.project());
    let terms = match form.get("revision") {
        Some(revision) => terms.if_match(revision),
        None => terms,
    };
    let (desk, caller) = (&visit.desk, &visit.caller);
    let name = typed(form, "name").unwrap_or_default();
    let which = || access::Which { name: name.clone() };
    match form.get("do") {
        Some("role") => {
            let input = access::roles::Input {
                name,
                description: typed(form, "description"),
                permissions: lines(form, "permissions"),
            };
            desk.call::<access::SetRole>(caller, terms, input).await?;
        }
        Some("delete_role") => {
            desk.call::<access::DeleteRole>(caller, terms, which())
                .await?;
        }
        Some("group") => {
            let input = access::groups::Input {
                name,
                description: typed(form, "description"),
                roles: lines(form, "roles"),
            };
            desk.call::<access::SetGroup>(caller, terms, input).await?;
        }
        Some("delete_group") => {
            desk.call::<access::DeleteGroup>(caller, terms, which())
                .await?;
        }
        Some("organization") => {
            let input = access::organizations::Input {
                name,
                title: typed(form, "title"),
                disabled: false,
            };
            desk.call::<access::SetOrganization>(caller, terms, input)
                .await?;
        }
        Some("delete_organization") => {
            desk.call::<access::DeleteOrganization>(caller, terms, which())
                .await?;
        }
        Some(_) | None => {
            return Err(Stop::of(
                400,
                "decision_missing",
                "The form carries no decision.",
            ));
        }
    }
    Ok(())
}
