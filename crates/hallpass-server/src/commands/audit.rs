//! `hallpass audit`: who changed what.

use hallpass_admin::{Caller, Terms, v1::audit};
use serde_json::json;

use super::operator::failed;
use crate::cli;
use crate::config::Config;
use crate::failure::Failure;
use crate::issuers::manage::OWN;
use crate::issuers::platform::{Commanded, desk};
use crate::output::{Output, print};
use crate::wiring::Engine;

pub(super) async fn run(
    command: cli::Audit,
    of: Option<&str>,
    config: &Config,
    engine: Engine,
    output: Output,
) -> Result<(), Failure> {
    let project = of.unwrap_or(OWN);
    let caller = Caller::command(crate::audit::user());
    let desk = desk(Commanded::new(engine, config.clone()));
    let terms = || Terms::project(project);
    match command {
        cli::Audit::Verify => {
            let mut input = audit::verify::Input::default();
            let found = loop {
                let found = desk.call::<audit::Verify>(&caller, terms(), input).await;
                let found = found.map_err(|problem| failed(&problem))?;
                if found.next.is_none() {
                    break found;
                }
                let (cursor, limit) = (found.next, None);
                input = audit::verify::Input { cursor, limit };
            };
            let value = json!({
                "issuer": project, "intact": found.intact, "lines": found.lines,
                "broken_at": found.broken_at, "head": found.head,
            });
            let text = match (found.broken_at, &found.head) {
                (Some(line), _) => format!("line {line} does not follow from the one before"),
                (None, Some(head)) => format!(
                    "{} lines, each follows from the one before; the last is {head}",
                    found.lines
                ),
                (None, None) => "no lines".to_owned(),
            };
            output.say(&value, text)?;
            if found.intact {
                Ok(())
            } else {
                Err(Failure::Told(1))
            }
        }
        cli::Audit::Export(options) => {
            let mut after = options.after;
            loop {
                let input = audit::export::Input { after: Some(after) };
                let lines = desk.call::<audit::Export>(&caller, terms(), input).await;
                let lines = lines.map_err(|problem| failed(&problem))?;
                let Some(last) = lines.last() else {
                    return Ok(());
                };
                after = last.seq;
                for line in &lines {
                    let text = serde_json::to_string(line)
                        .map_err(|error| Failure::doing("cannot print", &error))?;
                    print(&text)?;
                }
            }
        }
    }
}
