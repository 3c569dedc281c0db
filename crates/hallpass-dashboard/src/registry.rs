//! The list of all pages.

use hallpass_admin::Place;
use hallpass_core::admin::Permission;
use hallpass_store::BoxFuture;
use hallpass_types::Params;

use crate::{
    gate::Visit,
    pages,
    render::{Answer, Stop},
};

/// Shows a page.
pub(crate) type Show = for<'a> fn(&'a Visit) -> BoxFuture<'a, Result<Answer, Stop>>;
/// Takes a form of a page.
pub(crate) type Take = for<'a> fn(&'a Visit, &'a Params) -> BoxFuture<'a, Result<Answer, Stop>>;

/// A page.
#[derive(Clone, Copy)]
pub struct Page {
    /// Its name.
    pub id: &'static str,
    /// Its path below the dashboard's, with names in braces.
    pub path: &'static str,
    /// Where what it shows is.
    pub place: Place,
    /// What one must be allowed to see it.
    pub needs: Permission,
    /// What it is called in the navigation, with the name of its picture; none for a page that is reached otherwise.
    pub nav: Option<(&'static str, &'static str)>,
    /// The page of the navigation that it belongs to.
    pub within: &'static str,
    /// It is there to change something: who looks at it has signed in recently.
    pub changes: bool,
    pub(crate) show: Show,
    pub(crate) take: Option<Take>,
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Page")
            .field("id", &self.id)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

macro_rules! show {
    ($show:path) => {
        |visit| Box::pin($show(visit))
    };
}
macro_rules! take {
    ($take:path) => {
        Some(|visit, form| Box::pin($take(visit, form)))
    };
}

impl Page {
    const fn new(id: &'static str, path: &'static str, needs: Permission, show: Show) -> Self {
        Self {
            id,
            path,
            place: Place::Project,
            needs,
            nav: None,
            within: id,
            changes: false,
            show,
            take: None,
        }
    }

    const fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    const fn nav(mut self, label: &'static str, picture: &'static str) -> Self {
        self.nav = Some((label, picture));
        self
    }

    const fn within(mut self, id: &'static str) -> Self {
        self.within = id;
        self
    }

    const fn takes(mut self, take: Option<Take>) -> Self {
        self.take = take;
        self
    }

    /// It is there for its form alone.
    const fn to_change(mut self, take: Option<Take>) -> Self {
        self.take = take;
        self.changes = true;
        self
    }
}

/// Every page. Those of a project with a name in the navigation stand there in this order.
pub static PAGES: &[Page] = &[
    Page::new(
        "projects",
        "",
        Permission::ReadProject,
        show!(pages::projects::list),
    )
    .at(Place::Anybody),
    Page::new(
        "projects.new",
        "/new",
        Permission::CreateProject,
        show!(pages::projects::new),
    )
    .at(Place::Platform)
    .to_change(take!(pages::projects::create)),
    Page::new(
        "operators.all",
        "/operators",
        Permission::ReadOperators,
        show!(pages::everybody::show),
    )
    .at(Place::Platform)
    .takes(take!(pages::everybody::take)),
    Page::new(
        "overview",
        "/p/{project}",
        Permission::ReadStatistics,
        show!(pages::overview::show),
    )
    .nav("Overview", "chart"),
    Page::new(
        "applications",
        "/p/{project}/applications",
        Permission::ReadClients,
        show!(pages::applications::list),
    )
    .nav("Applications", "apps"),
    Page::new(
        "applications.new",
        "/p/{project}/applications/new",
        Permission::ChangeClients,
        show!(pages::applications::new::new),
    )
    .within("applications")
    .to_change(take!(pages::applications::new::create)),
    Page::new(
        "applications.show",
        "/p/{project}/applications/{client}",
        Permission::ReadClients,
        show!(pages::applications::show::show),
    )
    .within("applications")
    .takes(take!(pages::applications::show::take)),
    Page::new(
        "applications.edit",
        "/p/{project}/applications/{client}/edit",
        Permission::ChangeClients,
        show!(pages::applications::show::edit),
    )
    .within("applications")
    .to_change(take!(pages::applications::show::save)),
    Page::new(
        "applications.try",
        "/p/{project}/applications/{client}/try",
        Permission::ReadClients,
        show!(pages::applications::attempt::show),
    )
    .within("applications"),
    Page::new(
        "users",
        "/p/{project}/users",
        Permission::ReadUsers,
        show!(pages::users::list),
    )
    .nav("Users", "people"),
    Page::new(
        "users.new",
        "/p/{project}/users/new",
        Permission::ChangeUsers,
        show!(pages::users::new),
    )
    .within("users")
    .to_change(take!(pages::users::create)),
    Page::new(
        "users.invite",
        "/p/{project}/users/invite",
        Permission::ChangeUsers,
        show!(pages::invite::new),
    )
    .within("users")
    .to_change(take!(pages::invite::create)),
    Page::new(
        "users.show",
        "/p/{project}/users/{user}",
        Permission::ReadUsers,
        show!(pages::users::show),
    )
    .within("users")
    .takes(take!(pages::users::take)),
    Page::new(
        "roles",
        "/p/{project}/roles",
        Permission::ReadAccess,
        show!(pages::access::show),
    )
    .nav("Roles", "tag")
    .takes(take!(pages::access::take)),
    Page::new(
        "keys",
        "/p/{project}/keys",
        Permission::ReadKeys,
        show!(pages::keys::show),
    )
    .nav("Keys", "key")
    .takes(take!(pages::keys::take)),
    Page::new(
        "webhooks",
        "/p/{project}/webhooks",
        Permission::ReadWebhooks,
        show!(pages::webhooks::list),
    )
    .nav("Webhooks", "hook"),
    Page::new(
        "webhooks.new",
        "/p/{project}/webhooks/new",
        Permission::ChangeWebhooks,
        show!(pages::webhooks::new),
    )
    .within("webhooks")
    .to_change(take!(pages::webhooks::create)),
    Page::new(
        "webhooks.show",
        "/p/{project}/webhooks/{webhook}",
        Permission::ReadWebhooks,
        show!(pages::webhooks::show),
    )
    .within("webhooks")
    .takes(take!(pages::webhooks::take)),
    Page::new(
        "audit",
        "/p/{project}/audit",
        Permission::ReadAudit,
        show!(pages::audit::list),
    )
    .nav("Audit log", "log"),
    Page::new(
        "operators",
        "/p/{project}/operators",
        Permission::ReadOperators,
        show!(pages::operators::show),
    )
    .at(Place::Record)
    .nav("Operators", "shield")
    .takes(take!(pages::operators::take)),
    Page::new(
        "scopes",
        "/p/{project}/scopes",
        Permission::ReadProject,
        show!(pages::scopes::show),
    )
    .nav("Scopes", "link")
    .takes(take!(pages::scopes::take)),
    Page::new(
        "providers",
        "/p/{project}/providers",
        Permission::ReadProject,
        show!(pages::providers::show),
    )
    .nav("Providers", "door")
    .takes(take!(pages::providers::take)),
    Page::new(
        "appearance",
        "/p/{project}/appearance",
        Permission::ReadProject,
        show!(pages::appearance::show),
    )
    .nav("Appearance", "brush")
    .takes(take!(pages::appearance::take)),
    Page::new(
        "logo",
        "/p/{project}/logo",
        Permission::ReadProject,
        show!(pages::logo::show),
    )
    .at(Place::Record)
    .within("appearance"),
    Page::new(
        "project",
        "/p/{project}/project",
        Permission::ReadProject,
        show!(pages::project::show),
    )
    .at(Place::Record)
    .nav("Project", "gear")
    .takes(take!(pages::project::take)),
    Page::new(
        "settings",
        "/p/{project}/settings",
        Permission::ReadProject,
        show!(pages::settings::show),
    )
    .nav("Settings – OIDC", "plug"),
];

/// A page by its path below the dashboard's, with the names in it.
pub(crate) fn find(path: &str) -> Option<(&'static Page, Vec<(&'static str, String)>)> {
    let given: Vec<&str> = path.split('/').collect();
    let fits = |page: &'static Page| {
        let parts: Vec<&'static str> = page.path.split('/').collect();
        if parts.len() != given.len() {
            return None;
        }
        let mut names = Vec::new();
        for (part, given) in parts.into_iter().zip(&given) {
            match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
                Some(name) => {
                    let decoded = percent_encoding::percent_decode_str(given).decode_utf8();
                    names.push((name, decoded.ok().filter(|d| !d.is_empty())?.into_owned()));
                }
                None if part == *given => {}
                None => return None,
            }
        }
        Some((page, names))
    };
    let found = PAGES.iter().filter_map(fits);
    // A word of the path wins over a name.
    found.min_by_key(|(_, names)| names.len())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_paths_of_pages_are_unique_and_lead_to_them() {
        let ids: BTreeSet<&str> = PAGES.iter().map(|page| page.id).collect();
        assert_eq!(ids.len(), PAGES.len());
        for page in PAGES {
            let filled = page.path.replace('{', "%7B").replace('}', "%7D");
            let (found, _) = find(&filled).unwrap();
            assert_eq!(found.id, page.id);
            assert!(ids.contains(page.within), "{}", page.id);
        }
    }

    #[test]
    fn what_is_no_path_of_a_page_leads_nowhere() {
        for path in [
            "/",
            "/p",
            "/p/",
            "/p//applications",
            "/p/a/nothing",
            "/p/a/applications/",
            "new",
            "/p/%FF",
        ] {
            assert!(find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn a_page_that_changes_something_takes_a_form() {
        assert!(
            PAGES
                .iter()
                .all(|page| !page.changes || page.take.is_some())
        );
    }
}
