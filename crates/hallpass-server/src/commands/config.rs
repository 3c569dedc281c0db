//! `hallpass config`

use std::path::Path;

use clap::CommandFactory as _;
use hallpass_types::Issuer;
use serde_json::json;

use super::environment;
use crate::cli::{self, Cli};
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{Output, print};
use crate::tls::Certificate;

pub(super) fn run(
    command: &cli::Config,
    path: Option<&Path>,
    output: Output,
) -> Result<(), Failure> {
    match command {
        cli::Config::Check => check(path, output),
        cli::Config::Schema => {
            let schema = serde_json::to_string_pretty(&Config::schema())
                .map_err(|error| Failure::doing("cannot print", &error))?;
            print(&schema)
        }
        cli::Config::CommandLine => print(&command_line()),
        cli::Config::Openapi => {
            let issuer = Issuer::parse(EXAMPLE).map_err(|_| Failure::new("no issuer"))?;
            let document = hallpass_admin::openapi::document(&issuer, &crate::app::described());
            let text = serde_json::to_string_pretty(&document)
                .map_err(|error| Failure::doing("cannot print", &error))?;
            print(&text)
        }
    }
}

/// What `--help` says of every command, as they are registered.
fn command_line() -> String {
    let mut root = Cli::command();
    root.build();
    let mut out =
        String::from("# Command line\n\nWritten by `cargo xtask generate` from `--help`.\n");
    describe(&root, "hallpass", &mut out);
    out
}

fn describe(command: &clap::Command, path: &str, out: &mut String) {
    let help = command.clone().render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let help = help.join("\n");
    out.push_str(&format!(
        "\n## `{path}`\n\n```text\n{}\n```\n",
        help.trim_end()
    ));
    for inner in command.get_subcommands() {
        if inner.get_name() != "help" && !inner.is_hide_set() {
            describe(inner, &format!("{path} {}", inner.get_name()), out);
        }
    }
}

fn check(path: Option<&Path>, output: Output) -> Result<(), Failure> {
    let config = Config::load(path, environment())?;
    if let Some((cert, key)) = config.tls.files() {
        Certificate::load(cert, key).map_err(|error| Failure::doing("tls", &error))?;
    }
    config.pages.build().map_err(Failure::new)?;
    let warnings = config.danger.warnings();
    let mut text: String = warnings
        .iter()
        .map(|warning| format!("{warning}\n"))
        .collect();
    let sign_in = config.sign_in_explained();
    if let Some(sentence) = &sign_in {
        text.push_str(&format!("{sentence}\n"));
    }
    text.push_str("the configuration is in order");
    let value = json!({ "ok": true, "dangers": warnings, "sign_in": sign_in });
    output.say(&value, text)
}

/// The issuer that documents speak of.
const EXAMPLE: &str = "https://op.example";
