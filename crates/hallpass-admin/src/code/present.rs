//! What a project has.

use std::collections::BTreeMap;

use hallpass_core::client::ClientRecord;
use hallpass_store::MAX_PAGE;

use crate::{
    Caller, Context, Desk, Kind, Operation, Problem, Terms,
    v1::{access, clients, projects, webhooks},
};

/// What a project has that files can speak of.
#[derive(Debug)]
pub(super) struct Present {
    /// The project itself.
    pub(super) view: projects::ProjectView,
    /// In which it is; clients are judged by its policy.
    pub(super) cx: Context,
    pub(super) access: access::show::Access,
    pub(super) clients: BTreeMap<String, ClientRecord>,
    pub(super) webhooks: Vec<webhooks::WebhookView>,
}

impl Present {
    /// Looks. None: there is no such project.
    pub(super) async fn look(
        desk: &Desk,
        caller: &Caller,
        name: &str,
    ) -> Result<Option<Self>, Problem> {
        let terms = || Terms::project(name);
        let shown = desk.call::<projects::Show>(caller, terms(), projects::show::Input::default());
        let view = match shown.await {
            Ok(view) => view,
            Err(problem) if problem.kind() == Kind::NotFound => return Ok(None),
            Err(problem) => return Err(problem),
        };
        if view.state == projects::State::Deleting {
            return Err(Problem::new(Kind::WrongState).because("the project is being deleted"));
        }
        let input = access::show::Input::default();
        let access = desk.call::<access::Show>(caller, terms(), input).await?;
        let input = webhooks::list::Input::default();
        let webhooks = desk.call::<webhooks::List>(caller, terms(), input).await?;
        let cx = desk.context(clients::List::INFO, caller, terms()).await?;
        let mut found = BTreeMap::new();
        let mut after = None;
        loop {
            let page = cx.store().clients(cx.issuer(), after.as_deref(), MAX_PAGE);
            let page = page.await?;
            let named = page.items.into_iter();
            found.extend(named.map(|client| (client.client_id.as_str().to_owned(), client)));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(Some(Self {
            view,
            cx,
            access,
            clients: found,
            webhooks: webhooks.items,
        }))
    }
}
