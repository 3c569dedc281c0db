//! `hallpass config`

use std::path::Path;

use hallpass_types::Issuer;
use serde_json::json;

use super::environment;
use crate::cli;
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
        cli::Config::Openapi => {
            let issuer = Issuer::parse(EXAMPLE).map_err(|_| Failure::new("no issuer"))?;
            let document = hallpass_admin::openapi::document(&issuer, &crate::app::described());
            let text = serde_json::to_string_pretty(&document)
                .map_err(|error| Failure::doing("cannot print", &error))?;
            print(&text)
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
