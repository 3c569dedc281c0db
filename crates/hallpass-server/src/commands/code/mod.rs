//! `hallpass plan`, `hallpass apply` and `hallpass export`: configuration as code.

mod document;
mod folder;
mod reading;
mod render;
mod secrets;
mod writing;

use std::path::Path;

use hallpass_admin::code::{self, Plan, Secrets, Trouble, Wanted};
use hallpass_admin::{Caller, Desk};
use serde_json::{Value, json};

use self::folder::Folder;
use self::render::Colours;
use self::secrets::Keeper;
use super::operator::failed;
use crate::cli;
use crate::config::Config;
use crate::failure::Failure;
use crate::issuers::platform::{Commanded, desk};
use crate::output::{Output, print};
use crate::wiring::Engine;

/// The exit code of a plan that would change something.
const WOULD_CHANGE: u8 = 2;

/// What a folder wants, and which of its files say nothing.
struct Read {
    wanted: Wanted,
    passed_over: Vec<String>,
    keeper: Option<Keeper>,
}

fn read(
    folder: &Path,
    secrets: Option<&Path>,
    of: Option<&str>,
    output: Output,
) -> Result<Read, Failure> {
    let Folder {
        mut files,
        passed_over,
    } = Folder::read(folder)?;
    if let Some(of) = of {
        files.retain(|file| file.project == of);
    }
    if files.is_empty() {
        let text = format!("{}: there is no file of a project", folder.display());
        return Err(Failure::new(text));
    }
    let wanted = reading::wanted(&files);
    let wanted = wanted.map_err(|troubles| refused(folder, &troubles, output))?;
    let keeper = secrets.map(Keeper::open).transpose()?;
    Ok(Read {
        wanted,
        passed_over,
        keeper,
    })
}

/// Says what is wrong with the files, each with its place.
fn refused(folder: &Path, troubles: &[Trouble], output: Output) -> Failure {
    let mut text = String::from("the folder is refused, and nothing was changed");
    let mut values = Vec::new();
    for trouble in troubles {
        let place = folder.join(&trouble.place);
        let line = format!("{}: {}", place.display(), trouble.text);
        text.push_str("\n  ");
        text.push_str(&render::plain(&line));
        values.push(json!({ "place": trouble.place, "message": trouble.text }));
    }
    if output.is_json() {
        output.fail_with(&json!({ "error": "folder", "problems": values }));
        return Failure::Told(1);
    }
    Failure::new(text)
}

struct Session {
    desk: Desk,
    caller: Caller,
}

impl Session {
    fn new(engine: Engine, config: &Config) -> Self {
        Self {
            desk: desk(Commanded::new(engine, config.clone())),
            caller: Caller::command(crate::audit::user()),
        }
    }

    async fn plan(
        &self,
        folder: &Path,
        read: &Read,
        prune: bool,
        output: Output,
    ) -> Result<Plan, Failure> {
        let keeper = read.keeper.as_ref();
        let secrets = keeper.map_or_else(Secrets::default, Keeper::secrets);
        let made = Plan::make(&self.desk, &self.caller, &read.wanted, &secrets, prune);
        let made = made.await.map_err(|problem| failed(&problem))?;
        made.map_err(|troubles| refused(folder, &troubles, output))
    }
}

pub(super) async fn plan(
    options: &cli::Plan,
    of: Option<&str>,
    config: &Config,
    engine: Engine,
    output: Output,
) -> Result<(), Failure> {
    let read = read(&options.folder, options.secrets.as_deref(), of, output)?;
    let session = Session::new(engine, config);
    let plan = session.plan(&options.folder, &read, options.prune, output);
    let plan = plan.await?;
    let text = render::text(&plan, &read.passed_over, Colours::of_stdout());
    output.say(&render::json(&plan, &read.passed_over), text)?;
    if plan.steps.is_empty() {
        Ok(())
    } else {
        Err(Failure::Told(WOULD_CHANGE))
    }
}

pub(super) async fn apply(
    options: &cli::Apply,
    of: Option<&str>,
    config: &Config,
    engine: Engine,
    output: Output,
) -> Result<(), Failure> {
    let mut read = read(&options.folder, options.secrets.as_deref(), of, output)?;
    let session = Session::new(engine, config);
    let plan = session.plan(&options.folder, &read, options.prune, output);
    let plan = plan.await?;
    let colours = Colours::of_stdout();
    let mut done: Vec<Value> = Vec::new();
    for step in plan.steps {
        let mut value = render::json_step(&step);
        let mut line = format!("project {}: {}", step.project, render::line(&step, colours));
        let (project, id) = (step.project.clone(), step.id.clone());
        let mut given = None;
        if step.makes_secret()
            && let Some(keeper) = &mut read.keeper
        {
            let home = session.desk.platform().home();
            let secret = home.provider.new_client_secret();
            // Whatever happens from here on: it is known to whoever needs it.
            keeper.client(&project, &id, secret.clone())?;
            given = Some(secret);
        }
        let kept = given.is_some();
        let taken = step.take(&session.desk, &session.caller, given).await;
        let taken = match taken {
            Ok(taken) => taken,
            Err(problem) => {
                if output.is_json() {
                    output.say(&json!({ "changes": done }), "")?;
                }
                let why = failed(&problem);
                return Err(Failure::new(format!(
                    "{line}: {why}\nwhat was done before stays; the rest is done by the same command again"
                )));
            }
        };
        let mut tell = |member: &str, secret: &str| {
            line.push_str(&format!("\n      {member}: {secret}"));
            if let Some(value) = value.as_object_mut() {
                value.insert(member.to_owned(), secret.into());
            }
        };
        if let Some(secret) = taken.client_secret.filter(|_| !kept) {
            tell("client_secret", secret.expose());
        }
        if let Some((webhook, key)) = taken.webhook_key {
            // There can be several of one URL.
            let called = format!("{id} {webhook}");
            match &mut read.keeper {
                Some(keeper) => keeper.webhook(&project, &called, key)?,
                None => tell("webhook_key", key.expose()),
            }
        }
        // At once: what is shown once is lost with a process that ends before it says so.
        if !output.is_json() {
            print(&line)?;
        }
        done.push(value);
    }
    let text = match done.len() {
        0 => "nothing to change".to_owned(),
        count => format!("{count} done"),
    };
    output.say(&json!({ "changes": done }), text)
}

pub(super) async fn export(
    options: &cli::Export,
    of: Option<&str>,
    config: &Config,
    engine: Engine,
    output: Output,
) -> Result<(), Failure> {
    let session = Session::new(engine, config);
    let (desk, caller) = (&session.desk, &session.caller);
    let names = match of {
        Some(of) => vec![of.to_owned()],
        None => {
            let names = code::projects(desk, caller).await;
            names.map_err(|problem| failed(&problem))?
        }
    };
    let folder = &options.folder;
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::doing(&folder.display().to_string(), &error))?;
    let mut counts = Vec::new();
    for name in &names {
        let exported = code::export(desk, caller, name).await;
        let exported = exported.map_err(|problem| failed(&problem))?;
        let files = writing::files(&exported)?;
        writing::write(folder, name, &files, options.replace)?;
        counts.push(json!({
            "project": name, "clients": exported.clients.len(), "roles": exported.roles.len(),
            "groups": exported.groups.len(), "organizations": exported.organizations.len(),
            "providers": exported.providers.len(), "webhooks": exported.webhooks.len(),
        }));
    }
    let clients: u64 = counts
        .iter()
        .filter_map(|count| count["clients"].as_u64())
        .sum();
    let text = format!(
        "{} projects with {clients} clients are in {}",
        counts.len(),
        folder.display()
    );
    output.say(&json!({ "projects": counts }), text)
}
