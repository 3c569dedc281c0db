//! Proofs of possession, [RFC 9449 §4.3](https://www.rfc-editor.org/rfc/rfc9449#section-4.3).

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use hallpass_jose::{
    HeaderPolicy, JwsAlgorithm, ParseOptions, UnverifiedJws, VerifyingKey, base64url,
    constant_time_eq,
};
use hallpass_types::{MAX_AHEAD, Timestamp, sha256};

/// Algorithms of proofs: those that the authorization server binds tokens by.
pub(crate) const ALGS: &[JwsAlgorithm] = &[
    JwsAlgorithm::ES256,
    JwsAlgorithm::ES384,
    JwsAlgorithm::ES512,
    JwsAlgorithm::PS256,
    JwsAlgorithm::PS384,
    JwsAlgorithm::PS512,
    JwsAlgorithm::EdDSA,
];

/// A proof is good for so long after its `iat` (seconds).
const WINDOW: i64 = 60;
const MAX_LEN: usize = 8192;
const MAX_JTI: usize = 256;
/// More proofs than this are not remembered at once.
const CAPACITY: usize = 100_000;
/// One key has this part of the memory at most.
const SHARE: usize = 2;

/// What a proof has to fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) now: Timestamp,
    pub(crate) method: &'a str,
    /// The URL of the request as clients know it, without query and fragment.
    pub(crate) url: &'a str,
    pub(crate) token: &'a str,
}

/// A good proof.
#[derive(Debug)]
pub(crate) struct Proof {
    /// Thumbprint of its key.
    pub(crate) key: String,
    /// Names it for [`Seen`].
    once: [u8; 32],
    expires_at: Timestamp,
}

/// # Errors
/// Nothing more is said than that the proof is not good.
pub(crate) fn verify(text: &str, facts: Facts<'_>) -> Result<Proof, ()> {
    let options = ParseOptions {
        max_bytes: MAX_LEN,
        header: HeaderPolicy::EmbeddedJwk,
    };
    let jws = UnverifiedJws::parse_with(text, options).map_err(|_| ())?;
    //= RFC9449#4.3 MUST: the typ of a proof is dpop+jwt
    let typ = jws
        .typ()
        .is_some_and(|typ| typ.eq_ignore_ascii_case("dpop+jwt"));
    if !typ || !ALGS.contains(&jws.algorithm()) {
        return Err(());
    }
    let jwk = jws.embedded_jwk().map_err(|_| ())?.ok_or(())?;
    let key = VerifyingKey::from_jwk(&jwk).map_err(|_| ())?;
    //= RFC9449#4.3 MUST: the proof is signed with the key in its header
    let claims = jws
        .verify(ALGS, [&key])
        .and_then(|verified| verified.claims())
        .map_err(|_| ())?;
    let text = |name: &str| {
        claims
            .str(name)
            .ok()
            .flatten()
            .filter(|text| !text.is_empty())
    };
    let (Some(method), Some(url), Some(jti)) = (text("htm"), text("htu"), text("jti")) else {
        return Err(());
    };
    //= RFC9449#4.3 MUST: method and URL are those of the request
    let here = method == facts.method && same_url(url, facts.url) && jti.len() <= MAX_JTI;
    //= RFC9449#4.3 MUST: the proof was made a short while ago
    let made = claims
        .int_seconds("iat")
        .ok()
        .flatten()
        .map(Timestamp)
        .ok_or(())?;
    let expires_at = made.plus(WINDOW);
    let time = |name: &str| claims.int_seconds(name).map_err(|_| ());
    //= RFC7519#4.1.4 MUST: a proof that says when it is over is not taken afterwards
    let over =
        time("exp")?.is_some_and(|at| Timestamp(at.saturating_add(MAX_AHEAD)).is_over(facts.now));
    let early = time("nbf")?.is_some_and(|at| Timestamp(at).is_ahead(facts.now));
    let recent = !expires_at.is_over(facts.now) && !made.is_ahead(facts.now) && !over && !early;
    //= RFC9449#7.1 MUST: ath is the hash of the access token
    let hash = base64url::encode(sha256(facts.token.as_bytes()));
    let bound = text("ath").is_some_and(|ath| constant_time_eq(ath.as_bytes(), hash.as_bytes()));
    if !here || !recent || !bound {
        return Err(());
    }
    let key = jwk.thumbprint();
    Ok(Proof {
        once: sha256(format!("{key}\n{jti}").as_bytes()),
        key,
        expires_at,
    })
}

/// URLs that differ in what RFC 3986 §6.2.2 and §6.2.3 normalise are the same.
fn same_url(claimed: &str, actual: &str) -> bool {
    let plain = |text: &str| {
        let mut url = url::Url::parse(text).ok()?;
        url.set_query(None);
        url.set_fragment(None);
        Some(url)
    };
    match (plain(claimed), plain(actual)) {
        (Some(claimed), Some(actual)) => claimed == actual,
        (None, _) | (_, None) => false,
    }
}

/// Proofs that were used, in the memory of this process, by the key that signed them.
///
/// The memory is bounded. When it is full, the keys with the most proofs lose their oldest ones, which only their own holders
/// could have replayed: nobody is turned away because of what others do.
#[derive(Debug)]
pub(crate) struct Seen {
    capacity: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    keys: HashMap<String, Used>,
    total: usize,
}

/// The proofs of one key.
#[derive(Debug, Default)]
struct Used {
    proofs: HashSet<[u8; 32]>,
    /// The same, those that are over first before all others.
    by_end: BTreeSet<(Timestamp, [u8; 32])>,
}

impl Used {
    /// Forgets those that are over. Answers how many.
    fn settle(&mut self, now: Timestamp) -> usize {
        let before = self.proofs.len();
        while let Some((end, _)) = self.by_end.first()
            && end.is_over(now)
        {
            self.forget_first();
        }
        before.saturating_sub(self.proofs.len())
    }

    fn forget_first(&mut self) {
        if let Some((_, proof)) = self.by_end.pop_first() {
            self.proofs.remove(&proof);
        }
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl Seen {
    fn with_capacity(capacity: usize) -> Self {
        Self {
            capacity,
            state: Mutex::default(),
        }
    }

    /// Whether the proof is used for the first time.
    //= RFC9449#11.1 SHOULD: a proof is taken once
    pub(crate) fn is_new(&self, proof: &Proof, now: Timestamp) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.total >= self.capacity && !state.make_room(self.capacity, now) {
            return false;
        }
        let State { keys, total } = &mut *state;
        let used = keys.entry(proof.key.clone()).or_default();
        *total = total.saturating_sub(used.settle(now));
        // Rather refuse than forget what could be replayed, as long as that is no other's harm.
        if used.proofs.len() >= self.capacity.div_ceil(SHARE) || !used.proofs.insert(proof.once) {
            return false;
        }
        used.by_end.insert((proof.expires_at, proof.once));
        *total = total.saturating_add(1);
        true
    }
}

impl State {
    /// Forgets what is over, and if that is too little, the oldest proofs of the keys that have the most, until a tenth is
    /// free. False when every key has one alone.
    fn make_room(&mut self, capacity: usize, now: Timestamp) -> bool {
        self.keys.retain(|_, used| {
            used.settle(now);
            !used.proofs.is_empty()
        });
        let wanted = capacity.saturating_sub(capacity.div_ceil(10));
        let level = level(self.keys.values().map(|used| used.proofs.len()), wanted);
        self.total = 0;
        for used in self.keys.values_mut() {
            while level > 0 && used.proofs.len() > level {
                used.forget_first();
            }
            self.total = self.total.saturating_add(used.proofs.len());
        }
        self.total < capacity
    }
}

/// The largest number that every count may be lowered to so that their sum is at most `wanted`.
fn level(counts: impl Iterator<Item = usize>, wanted: usize) -> usize {
    let mut counts: Vec<usize> = counts.collect();
    counts.sort_unstable();
    let (mut left, mut keys) = (wanted, counts.len());
    for count in counts {
        let share = left.checked_div(keys).unwrap_or_default();
        if count > share {
            return share;
        }
        left = left.saturating_sub(count);
        keys = keys.saturating_sub(1);
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn proof(key: &str, number: u32) -> Proof {
        Proof {
            key: key.to_owned(),
            once: sha256(format!("{key} {number}").as_bytes()),
            expires_at: NOW.plus(i64::from(number % 60).saturating_add(1)),
        }
    }

    #[test]
    fn a_proof_is_taken_once() {
        let seen = Seen::with_capacity(100);
        assert!(seen.is_new(&proof("a", 1), NOW));
        assert!(!seen.is_new(&proof("a", 1), NOW));
        assert!(seen.is_new(&proof("b", 1), NOW));
    }

    #[test]
    fn who_fills_the_memory_does_not_turn_others_away() {
        let seen = Seen::with_capacity(100);
        for number in 0..500 {
            seen.is_new(&proof("flood", number), NOW);
            seen.is_new(&proof("flood too", number), NOW);
        }
        for number in 0..20 {
            let key = format!("quiet {number}");
            assert!(seen.is_new(&proof(&key, 1), NOW), "{number}");
        }
        for number in 0..20 {
            let key = format!("quiet {number}");
            assert!(
                !seen.is_new(&proof(&key, 1), NOW),
                "{number} is not forgotten"
            );
        }
        assert!(seen.state.lock().unwrap().total <= 100);
    }

    #[test]
    fn one_key_alone_is_refused_before_its_proofs_are_forgotten() {
        let seen = Seen::with_capacity(100);
        let taken = (0..500).filter(|n| seen.is_new(&proof("a", *n), NOW));
        assert_eq!(taken.count(), 50);
        assert!(!seen.is_new(&proof("a", 0), NOW));
        assert!(
            seen.is_new(&proof("a", 1000), NOW.plus(30)),
            "some are over"
        );
    }

    #[test]
    fn where_every_key_has_one_proof_none_is_forgotten() {
        let seen = Seen::with_capacity(10);
        for number in 0..10 {
            assert!(seen.is_new(&proof(&number.to_string(), 59), NOW));
        }
        assert!(!seen.is_new(&proof("more", 59), NOW));
        assert!(seen.is_new(&proof("more", 59), NOW.plus(60)));
    }
}
