//! Waiting until a server has done what it does by itself after a start.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Result;
use super::running::read;

/// Waits until every signing algorithm of the key set has a successor for the key that signs. They are made some seconds after a
/// start, beside the answers; one for RSA takes a while, under callgrind a minute, and whatever is counted meanwhile is counted with it.
///
/// # Errors
/// They do not come.
pub(crate) fn await_successors(jwks_uri: &str) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < SUCCESSORS {
        if read(jwks_uri).is_some_and(|keys| have_successors(&keys)) {
            return Ok(());
        }
        std::thread::sleep(LOOK);
    }
    Err("makes no successors of its keys".to_owned())
}

fn have_successors(jwks: &str) -> bool {
    let jwks: Value = serde_json::from_str(jwks).unwrap_or_default();
    let mut of_algorithms: BTreeMap<&str, u32> = BTreeMap::new();
    let keys = jwks.get("keys").and_then(Value::as_array);
    for key in keys.into_iter().flatten() {
        let member = |name| key.get(name).and_then(Value::as_str);
        if member("use") == Some("sig") {
            let alg = member("alg").unwrap_or_default();
            let count = of_algorithms.entry(alg).or_default();
            *count = count.saturating_add(1);
        }
    }
    !of_algorithms.is_empty() && of_algorithms.values().all(|count| *count >= 2)
}

/// Waits a second, and on until the process does nothing any more: a first start makes keys beside its answers, and that is
/// not what is measured.
pub(crate) fn settle(pid: u32) {
    std::thread::sleep(SETTLE);
    for _ in 0..PATIENCE {
        let before = ticks(pid);
        std::thread::sleep(SETTLE.div_f32(4.0));
        if ticks(pid) == before {
            return;
        }
    }
}

/// Processor time that a process has used, in ticks of the kernel.
fn ticks(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // Its name may hold spaces; what follows it does not.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user.saturating_add(system))
}

const SETTLE: Duration = Duration::from_secs(1);
/// Quarters of a second in which it must come to rest.
const PATIENCE: u32 = 80;
/// How long keys may take, where a program that runs fifty times slower makes them.
const SUCCESSORS: Duration = Duration::from_secs(600);
const LOOK: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_signs_has_a_successor_of_its_own_algorithm() {
        let set = |keys: &[(&str, &str)]| {
            let keys = keys
                .iter()
                .map(|(alg, use_)| serde_json::json!({"alg": alg, "use": use_}));
            serde_json::json!({"keys": keys.collect::<Vec<_>>()}).to_string()
        };
        let es256 = ("ES256", "sig");
        let rs256 = ("RS256", "sig");
        assert!(have_successors(&set(&[es256, rs256, rs256, es256])));
        assert!(have_successors(&set(&[es256, es256, ("ECDH-ES", "enc")])));
        for missing in [
            set(&[es256, es256, rs256]),
            set(&[es256]),
            set(&[]),
            String::new(),
        ] {
            assert!(!have_successors(&missing), "{missing}");
        }
    }
}
