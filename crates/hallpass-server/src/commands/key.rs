//! `hallpass key`

use hallpass_provider::keys::{KeyAlgorithm, KeySet, Rotate, Rotated};
use hallpass_store::KeyPhase;
use hallpass_types::Timestamp;
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
            let used = |alg: KeyAlgorithm| {
                all(&engine.provider.signing_keys())
                    .iter()
                    .any(|held| held.alg == alg.name() && held.phase == KeyPhase::Active)
            };
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
    let keys = all(&keys);
    let values: Vec<Value> = keys
        .iter()
        .map(|held| {
            json!({
                "kid": held.kid,
                "alg": held.alg,
                "use": held.purpose,
                "phase": crate::telemetry::phase_name(held.phase),
                "created_at": held.created_at,
                "phase_since": held.phase_since,
            })
        })
        .collect();
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|held| {
            let days = now.since(held.phase_since).div_euclid(86_400);
            vec![
                held.alg.to_owned(),
                crate::telemetry::phase_name(held.phase).to_owned(),
                format!("{days} days"),
                held.kid.clone(),
            ]
        })
        .collect();
    output.table(&values, &["ALG", "PHASE", "SINCE", "KID"], &rows)
}

/// A key of either kind, as it is listed.
struct Listed {
    kid: String,
    alg: &'static str,
    purpose: &'static str,
    phase: KeyPhase,
    created_at: Timestamp,
    phase_since: Timestamp,
}

/// Keys that sign, then keys that decrypt.
fn all(keys: &KeySet) -> Vec<Listed> {
    let signing = keys.iter().map(|held| Listed {
        kid: held.key.kid().to_owned(),
        alg: held.key.algorithm().name(),
        purpose: "sig",
        phase: held.phase,
        created_at: held.created_at,
        phase_since: held.phase_since,
    });
    let decryption = keys.decryption().map(|held| Listed {
        kid: held.kid.clone(),
        alg: held.algorithm.name(),
        purpose: "enc",
        phase: held.phase,
        created_at: held.created_at,
        phase_since: held.phase_since,
    });
    signing.chain(decryption).collect()
}

fn algorithm(name: &str) -> Result<KeyAlgorithm, Failure> {
    KeyAlgorithm::parse(name)
        .ok_or_else(|| Failure::new(format!("--alg {name:?} is no algorithm of a key")))
}
