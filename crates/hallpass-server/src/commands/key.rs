//! `hallpass key`

use hallpass_admin::{Kind, v1::keys};
use hallpass_provider::keys::KeySet;
use hallpass_store::KeyPhase;
use hallpass_types::Timestamp;
use serde_json::{Value, json};

use super::office::{Office, refused};
use crate::audit::Changed;
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;

pub(super) async fn run(command: cli::Key, office: Office, output: Output) -> Result<(), Failure> {
    match command {
        cli::Key::List => list(&office, output),
        cli::Key::Rotate(options) => rotate(&options, &office, output).await,
        cli::Key::Retire(options) => retire(&options.kid, &office, output).await,
        // It needs no office, and goes its own way.
        cli::Key::RotateMaster => Ok(()),
    }
}

async fn rotate(options: &cli::KeyRotate, office: &Office, output: Output) -> Result<(), Failure> {
    let input = keys::change::Input {
        alg: options.alg.clone(),
        now: options.now,
    };
    let rotated = office.call::<keys::Rotate>(input).await;
    let rotated = rotated.map_err(|problem| {
        if problem.kind() == Kind::Changed {
            let text = "another process changed the keys at the same moment, nothing is rotated";
            return Failure::new(text);
        }
        refused(&problem, Kind::Unfit, || {
            let alg = options.alg.as_deref().unwrap_or_default();
            format!("--alg {alg}: there is no such key here")
        })
    })?;
    for algorithm in &rotated.done.rotated {
        audited("rotated", Some(algorithm), None, office);
    }
    if let Some(why) = undone(&rotated.done) {
        return Err(Failure::new(why));
    }
    list(office, output)
}

async fn retire(kid: &str, office: &Office, output: Output) -> Result<(), Failure> {
    let input = keys::change::Which {
        kid: kid.to_owned(),
    };
    let retired = office.call::<keys::Retire>(input).await;
    retired.map_err(|problem| {
        refused(&problem, Kind::NotFound, || {
            "there is no key of that identifier".to_owned()
        })
    })?;
    audited("retired", None, Some(kid), office);
    list(office, output)
}

fn audited(action: &str, alg: Option<&str>, kid: Option<&str>, office: &Office) {
    let changed = Changed {
        action,
        issuer: Some(office.provider.policy().issuer.as_str()),
        key: kid,
        key_alg: alg,
        ..Changed::default()
    };
    changed.tell("key changed");
}

/// Why a rotation did not do all that was asked.
fn undone(rotated: &keys::change::Rotated) -> Option<String> {
    let waiting: Vec<String> = rotated
        .waiting
        .iter()
        .map(|keys::change::Waiting { alg, seconds }| {
            format!(
                "{alg} is not rotated yet: its next key was published too recently for clients to know it. \
                 Try again in {seconds} seconds, or use --now"
            )
        })
        .collect();
    (!waiting.is_empty()).then(|| waiting.join("\n"))
}

fn list(office: &Office, output: Output) -> Result<(), Failure> {
    let now = office.provider.now();
    let ripe = office.provider.policy().keys.ripe();
    let keys = office.provider.signing_keys();
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
