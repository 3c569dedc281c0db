//! `hallpass key`

use hallpass_provider::keys::{KeyAlgorithm, KeySet, Rotate, Rotated};
use hallpass_store::KeyPhase;
use hallpass_types::Timestamp;
use serde_json::{Value, json};

use crate::audit::Changed;
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::Engine;

pub(super) async fn run(command: cli::Key, engine: Engine, output: Output) -> Result<(), Failure> {
    match command {
        cli::Key::List => list(&engine, output),
        cli::Key::Rotate(options) => rotate(&options, &engine, output).await,
        cli::Key::Retire(options) => retire(&options.kid, &engine, output).await,
        // It needs no engine, and goes its own way.
        cli::Key::RotateMaster => Ok(()),
    }
}

async fn rotate(options: &cli::KeyRotate, engine: &Engine, output: Output) -> Result<(), Failure> {
    let only = options.alg.as_deref().map(algorithm).transpose()?;
    let used = |alg: KeyAlgorithm| {
        all(&engine.provider.signing_keys())
            .iter()
            .any(|held| held.alg == alg.name() && held.phase == Some(KeyPhase::Active))
    };
    if let Some(alg) = only.filter(|alg| !used(*alg)) {
        return Err(Failure::new(format!(
            "--alg {}: there is no such key here",
            alg.name()
        )));
    }
    let when = if options.now {
        Rotate::Forced
    } else {
        Rotate::Ripe
    };
    let rotated = engine.provider.rotate_keys(only, when).await;
    let rotated = rotated.map_err(|error| Failure::doing("key", &error))?;
    for algorithm in &rotated.done {
        audited("rotated", Some(algorithm.name()), None, engine);
    }
    if let Some(why) = undone(&rotated) {
        return Err(Failure::new(why));
    }
    list(engine, output)
}

async fn retire(kid: &str, engine: &Engine, output: Output) -> Result<(), Failure> {
    let outside = engine.provider.signing_keys();
    if outside.outside().any(|key| key.signer().key().kid() == kid) {
        return Err(Failure::new(
            "this key is elsewhere: take it out of the configuration, and its service",
        ));
    }
    let gone = engine.provider.retire_key(kid).await;
    if !gone.map_err(|error| Failure::doing("key", &error))? {
        return Err(Failure::new("there is no key of that identifier"));
    }
    audited("retired", None, Some(kid), engine);
    list(engine, output)
}

fn audited(action: &str, alg: Option<&str>, kid: Option<&str>, engine: &Engine) {
    let changed = Changed {
        action,
        issuer: Some(engine.provider.policy().issuer.as_str()),
        key: kid,
        key_alg: alg,
        ..Changed::default()
    };
    changed.tell("key changed");
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
                 Try again in {seconds} seconds, or use --now"
            )
        })
        .collect();
    (!waiting.is_empty()).then(|| waiting.join("\n"))
}

fn list(engine: &Engine, output: Output) -> Result<(), Failure> {
    let now = engine.provider.now();
    let ripe = engine.provider.policy().keys.ripe();
    let keys = engine.provider.signing_keys();
    let keys = all(&keys);
    let values: Vec<Value> = keys
        .iter()
        .map(|held| {
            let next = held.phase == Some(KeyPhase::Next);
            let ripe_at = held.phase_since.filter(|_| next).map(|at| at.plus(ripe));
            json!({
                "kid": held.kid,
                "alg": held.alg,
                "use": held.purpose,
                "phase": held.phase_name(),
                "created_at": held.created_at,
                "phase_since": held.phase_since,
                "ripe_at": ripe_at,
                "published_until": held.published_until,
            })
        })
        .collect();
    let rows: Vec<Vec<String>> = keys
        .iter()
        .map(|held| {
            let since = held.phase_since.map(|since| {
                let days = now.since(since).div_euclid(86_400);
                format!("{days} days")
            });
            vec![
                held.alg.to_owned(),
                held.phase_name().to_owned(),
                since.unwrap_or_default(),
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
    /// None for a key elsewhere, whose life is elsewhere, too.
    phase: Option<KeyPhase>,
    published: bool,
    created_at: Option<Timestamp>,
    phase_since: Option<Timestamp>,
    published_until: Option<Timestamp>,
}

impl Listed {
    fn phase_name(&self) -> &'static str {
        match self.phase {
            None => "elsewhere",
            Some(KeyPhase::Retiring) if !self.published => "retired",
            Some(phase) => crate::telemetry::phase_name(phase),
        }
    }
}

/// Keys that sign, then those elsewhere, then keys that decrypt.
fn all(keys: &KeySet) -> Vec<Listed> {
    let signing = keys.iter().map(|held| Listed {
        kid: held.key.kid().to_owned(),
        alg: held.key.algorithm().name(),
        purpose: "sig",
        phase: Some(held.phase),
        published: held.published,
        created_at: Some(held.created_at),
        phase_since: Some(held.phase_since),
        published_until: held.published_until,
    });
    let outside = keys.outside().map(|key| Listed {
        kid: key.signer().key().kid().to_owned(),
        alg: key.signer().key().algorithm().name(),
        purpose: "sig",
        phase: None,
        published: true,
        created_at: None,
        phase_since: None,
        published_until: None,
    });
    let decryption = keys.decryption().map(|held| Listed {
        kid: held.kid.clone(),
        alg: held.algorithm.name(),
        purpose: "enc",
        phase: Some(held.phase),
        published: held.phase == KeyPhase::Active,
        created_at: Some(held.created_at),
        phase_since: Some(held.phase_since),
        published_until: None,
    });
    signing.chain(outside).chain(decryption).collect()
}

fn algorithm(name: &str) -> Result<KeyAlgorithm, Failure> {
    KeyAlgorithm::parse(name)
        .ok_or_else(|| Failure::new(format!("--alg {name:?} is no algorithm of a key")))
}
