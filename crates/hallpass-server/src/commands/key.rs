//! `hallpass key`

use hallpass_jose::JwsAlgorithm;
use hallpass_provider::keys::{HeldKey, Rotate, Rotated};
use serde_json::{Value, json};

use crate::cli;
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::Engine;

pub(super) async fn run(command: cli::Key, engine: Engine, output: Output) -> Result<(), Failure> {
    match command {
        cli::Key::List => list(&engine, output),
        cli::Key::Rotate(options) => {
            let only = options.alg.as_deref().map(algorithm).transpose()?;
            let used = |alg| engine.provider.signing_keys().active(alg).is_some();
            if let Some(alg) = only.filter(|alg| !used(*alg)) {
                return Err(Failure::new(format!(
                    "--alg {}: there is no such key here",
                    alg.name()
                )));
            }
            let when = if options.force {
                Rotate::Forced
            } else {
                Rotate::Ripe
            };
            let rotated = engine.provider.rotate_keys(only, when).await;
            let rotated = rotated.map_err(|error| Failure::doing("key", &error))?;
            if let Some(why) = undone(&rotated) {
                return Err(Failure::new(why));
            }
            list(&engine, output)
        }
    }
}

/// Why a rotation did not do all that was asked.
fn undone(rotated: &Rotated) -> Option<String> {
    if rotated.overtaken {
        return Some(
            "another process changed the keys at the same moment, nothing is rotated".into(),
        );
    }
    let waiting: Vec<String> = rotated
        .waiting
        .iter()
        .map(|(alg, seconds)| {
            let alg = alg.name();
            format!(
                "{alg} is not rotated yet: its next key was published too recently for clients to know it. \
                 Try again in {seconds} seconds, or use --force"
            )
        })
        .collect();
    (!waiting.is_empty()).then(|| waiting.join("\n"))
}

fn list(engine: &Engine, output: Output) -> Result<(), Failure> {
    let now = engine.provider.now();
    let keys = engine.provider.signing_keys();
    let values: Vec<Value> = keys
        .iter()
        .map(|held| {
            json!({
                "kid": held.key.kid(),
                "alg": held.key.algorithm().name(),
                "phase": phase_name(held),
                "created_at": held.created_at,
                "phase_since": held.phase_since,
            })
        })
        .collect();
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|held| {
            let days = now.since(held.phase_since).div_euclid(86_400);
            let (alg, kid) = (
                held.key.algorithm().name().to_owned(),
                held.key.kid().to_owned(),
            );
            vec![
                alg,
                phase_name(held).to_owned(),
                format!("{days} days"),
                kid,
            ]
        })
        .collect();
    output.table(&values, &["ALG", "PHASE", "SINCE", "KID"], &rows)
}

fn phase_name(held: &HeldKey) -> &'static str {
    crate::telemetry::phase_name(held.phase)
}

fn algorithm(name: &str) -> Result<JwsAlgorithm, Failure> {
    JwsAlgorithm::parse(name)
        .filter(|alg| !alg.is_symmetric())
        .ok_or_else(|| Failure::new(format!("--alg {name:?} is no signature algorithm")))
}
