//! What must hold, whatever was broken.
//!
//! The invariants carry the numbers by which the reports name them.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Deed, Entry, Outcome};

/// What the audit found after the fault, by asking the server.
#[derive(Clone, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "tests write it down")]
pub struct Found {
    /// Access tokens and whether each node said that they are good.
    pub active: Vec<(String, bool)>,
    /// Codes that were sent once more, and whether they gave tokens.
    pub redeemed: Vec<(String, bool)>,
    /// JWTs that did not verify with the published keys.
    pub unverified: Vec<String>,
}

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// Which invariant.
    pub invariant: &'static str,
    /// What happened.
    pub what: String,
}

/// Compares a history with what was found afterwards.
#[must_use]
pub fn check(history: &[Entry], found: &Found) -> Vec<Violation> {
    let families = Families::of(history);
    let mut violations = Vec::new();
    violations.extend(lost_tokens(history, found, &families));
    violations.extend(codes_used_twice(history, found));
    violations.extend(revived(history, found, &families));
    violations.extend(several_leaves(history));
    violations.extend(not_read_back(history, &families));
    violations.extend(found.unverified.iter().map(|token| Violation {
        invariant: "I9 keys",
        what: format!("does not verify with the published keys: {}", short(token)),
    }));
    violations
}

/// Which tokens hang together, and until when they were allowed to live.
struct Families {
    /// The family of each token.
    of: BTreeMap<String, usize>,
    /// For each family: when it may have ended first (asked), and when it had ended for certain (answered).
    ended: Vec<(Option<u64>, Option<u64>)>,
}

impl Families {
    fn of(history: &[Entry]) -> Self {
        let mut families = Self {
            of: BTreeMap::new(),
            ended: Vec::new(),
        };
        // By the time of the answer, so that a token is known before it is used.
        let mut entries: Vec<&Entry> = history.iter().collect();
        entries.sort_by_key(|entry| entry.answered_us);
        let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in &entries {
            match &entry.deed {
                Deed::Exchange { code, tokens } => {
                    let family = *codes.entry(code).or_insert_with(|| {
                        families.ended.push((None, None));
                        families.ended.len().saturating_sub(1)
                    });
                    if let Some(tokens) = tokens {
                        families.join(family, &tokens.access, tokens.refresh.as_deref());
                    }
                }
                Deed::Refresh { parent, tokens } => {
                    if let (Some(family), Some(tokens)) = (families.of.get(parent).copied(), tokens)
                    {
                        families.join(family, &tokens.access, tokens.refresh.as_deref());
                    }
                }
                Deed::Authorize { .. } | Deed::Revoke { .. } | Deed::Introspect { .. } => {}
            }
        }
        let mut exchanges: BTreeMap<&str, u32> = BTreeMap::new();
        for entry in &entries {
            match &entry.deed {
                Deed::Revoke { token } => {
                    if let Some(family) = families.of.get(token).copied() {
                        families.end(family, entry);
                    }
                }
                // The second use of a code may end what the first one gave.
                Deed::Exchange { code, .. } => {
                    let times = exchanges.entry(code).or_default();
                    *times = times.saturating_add(1);
                    if *times > 1
                        && let Some(family) = codes.get(code.as_str()).copied()
                    {
                        families.may_end(family, entry.asked_us);
                    }
                }
                Deed::Authorize { .. } | Deed::Refresh { .. } | Deed::Introspect { .. } => {}
            }
        }
        families
    }

    fn join(&mut self, family: usize, access: &str, refresh: Option<&str>) {
        self.of.insert(access.to_owned(), family);
        if let Some(refresh) = refresh {
            self.of.insert(refresh.to_owned(), family);
        }
    }

    fn end(&mut self, family: usize, entry: &Entry) {
        self.may_end(family, entry.asked_us);
        if entry.outcome == Outcome::Ok
            && let Some((_, certain)) = self.ended.get_mut(family)
        {
            *certain = Some(certain.map_or(entry.answered_us, |at| at.min(entry.answered_us)));
        }
    }

    fn may_end(&mut self, family: usize, at: u64) {
        if let Some((possible, _)) = self.ended.get_mut(family) {
            *possible = Some(possible.map_or(at, |earlier| earlier.min(at)));
        }
    }

    /// Whether everything of the token's family was allowed to be over at that time.
    fn may_be_over(&self, token: &str, at: u64) -> bool {
        let ended = self
            .of
            .get(token)
            .and_then(|family| self.ended.get(*family));
        ended.is_some_and(|(possible, _)| possible.is_some_and(|end| end <= at))
    }

    /// Whether everything of the token's family was over for certain at that time.
    fn is_over(&self, token: &str, at: u64) -> bool {
        let ended = self
            .of
            .get(token)
            .and_then(|family| self.ended.get(*family));
        ended.is_some_and(|(_, certain)| certain.is_some_and(|end| end < at))
    }
}

/// The tokens of answers that were seen.
fn given(history: &[Entry]) -> impl Iterator<Item = &str> {
    history.iter().filter_map(|entry| match &entry.deed {
        Deed::Exchange { tokens, .. } | Deed::Refresh { tokens, .. } => {
            tokens.as_ref().map(|tokens| tokens.access.as_str())
        }
        Deed::Authorize { .. } | Deed::Revoke { .. } | Deed::Introspect { .. } => None,
    })
}

fn lost_tokens(history: &[Entry], found: &Found, families: &Families) -> Vec<Violation> {
    let dead: BTreeSet<&str> = found
        .active
        .iter()
        .filter(|(_, active)| !active)
        .map(|(token, _)| token.as_str())
        .collect();
    given(history)
        .filter(|token| dead.contains(token) && !families.may_be_over(token, u64::MAX))
        .map(|token| Violation {
            invariant: "I1 no acknowledged token lost",
            what: format!(
                "an access token that was answered is not good any more: {}",
                short(token)
            ),
        })
        .collect()
}

fn codes_used_twice(history: &[Entry], found: &Found) -> Vec<Violation> {
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for entry in history {
        if let (Deed::Exchange { code, .. }, Outcome::Ok) = (&entry.deed, entry.outcome) {
            let times = times.entry(code).or_default();
            *times = times.saturating_add(1);
        }
    }
    for (code, redeemed) in &found.redeemed {
        let times = times.entry(code).or_default();
        *times = times.saturating_add(u32::from(*redeemed));
    }
    times
        .into_iter()
        .filter(|(_, times)| *times > 1)
        .map(|(code, times)| Violation {
            invariant: "I2 code at most once",
            what: format!("a code gave tokens {times} times: {}", short(code)),
        })
        .collect()
}

fn revived(history: &[Entry], found: &Found, families: &Families) -> Vec<Violation> {
    let introspected = history.iter().filter_map(|entry| match &entry.deed {
        Deed::Introspect {
            token,
            active: Some(true),
        } => Some((token.as_str(), entry.asked_us)),
        Deed::Refresh {
            parent,
            tokens: Some(_),
        } => Some((parent.as_str(), entry.asked_us)),
        Deed::Introspect { .. }
        | Deed::Refresh { .. }
        | Deed::Authorize { .. }
        | Deed::Exchange { .. }
        | Deed::Revoke { .. } => None,
    });
    let audited = found.active.iter().filter(|(_, active)| *active);
    introspected
        .chain(audited.map(|(token, _)| (token.as_str(), u64::MAX)))
        .filter(|(token, at)| families.is_over(token, *at))
        .map(|(token, _)| Violation {
            invariant: "I3 no revival",
            what: format!("a revoked token worked: {}", short(token)),
        })
        .collect()
}

fn several_leaves(history: &[Entry]) -> Vec<Violation> {
    let mut successors: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for entry in history {
        if let Deed::Refresh {
            parent,
            tokens: Some(tokens),
        } = &entry.deed
            && let Some(refresh) = &tokens.refresh
        {
            successors.entry(parent).or_default().insert(refresh);
        }
    }
    successors
        .into_iter()
        .filter(|(_, leaves)| leaves.len() > 1)
        .map(|(parent, leaves)| Violation {
            invariant: "I4 one live leaf",
            what: format!(
                "{} successors of one refresh token: {}",
                leaves.len(),
                short(parent)
            ),
        })
        .collect()
}

/// A token that an answer gave is good at whichever node is asked from then on.
fn not_read_back(history: &[Entry], families: &Families) -> Vec<Violation> {
    let mut since: BTreeMap<&str, u64> = BTreeMap::new();
    for entry in history {
        if let Deed::Exchange {
            tokens: Some(tokens),
            ..
        }
        | Deed::Refresh {
            tokens: Some(tokens),
            ..
        } = &entry.deed
        {
            since.insert(&tokens.access, entry.answered_us);
        }
    }
    history
        .iter()
        .filter_map(|entry| match &entry.deed {
            Deed::Introspect {
                token,
                active: Some(false),
            } => Some((token, entry)),
            Deed::Introspect { .. }
            | Deed::Authorize { .. }
            | Deed::Exchange { .. }
            | Deed::Refresh { .. }
            | Deed::Revoke { .. } => None,
        })
        .filter(|(token, entry)| {
            let given = since
                .get(token.as_str())
                .is_some_and(|at| *at <= entry.asked_us);
            given && !families.may_be_over(token, entry.answered_us)
        })
        .map(|(token, _)| Violation {
            invariant: "I10 read your writes",
            what: format!("a live token was called inactive: {}", short(token)),
        })
        .collect()
}

/// Enough of a bearer value to find it in the history.
fn short(value: &str) -> String {
    value.chars().take(16).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Tokens;

    fn entry(asked_us: u64, deed: Deed, outcome: Outcome) -> Entry {
        Entry {
            actor: 0,
            deed,
            outcome,
            asked_us,
            answered_us: asked_us.saturating_add(5),
        }
    }

    fn tokens(access: &str, refresh: &str) -> Option<Tokens> {
        Some(Tokens {
            access: access.to_owned(),
            refresh: Some(refresh.to_owned()),
        })
    }

    fn exchange(at: u64, code: &str, tokens: Option<Tokens>, outcome: Outcome) -> Entry {
        let code = code.to_owned();
        entry(at, Deed::Exchange { code, tokens }, outcome)
    }

    fn refresh(at: u64, parent: &str, tokens: Option<Tokens>) -> Entry {
        let parent = parent.to_owned();
        entry(at, Deed::Refresh { parent, tokens }, Outcome::Ok)
    }

    fn revoke(at: u64, token: &str, outcome: Outcome) -> Entry {
        let token = token.to_owned();
        entry(at, Deed::Revoke { token }, outcome)
    }

    fn introspect(at: u64, token: &str, active: bool) -> Entry {
        let deed = Deed::Introspect {
            token: token.to_owned(),
            active: Some(active),
        };
        entry(at, deed, Outcome::Ok)
    }

    fn found(active: &[(&str, bool)]) -> Found {
        Found {
            active: active
                .iter()
                .map(|(token, is)| ((*token).to_owned(), *is))
                .collect(),
            ..Found::default()
        }
    }

    fn invariants(history: &[Entry], found: &Found) -> Vec<&'static str> {
        let violations = check(history, found);
        violations
            .iter()
            .map(|violation| violation.invariant)
            .collect()
    }

    #[test]
    fn a_good_history_has_no_violations() {
        let history = [
            exchange(10, "c", tokens("a1", "r1"), Outcome::Ok),
            refresh(20, "r1", tokens("a2", "r2")),
            introspect(30, "a1", true),
            revoke(40, "r2", Outcome::Ok),
            introspect(50, "a1", false),
        ];
        let found = found(&[("a1", false), ("a2", false)]);
        assert!(check(&history, &found).is_empty());
    }

    #[test]
    fn a_lost_token_is_found() {
        let history = [exchange(10, "c", tokens("a", "r"), Outcome::Ok)];
        let found = found(&[("a", false)]);
        assert_eq!(
            invariants(&history, &found),
            ["I1 no acknowledged token lost"]
        );
    }

    #[test]
    fn a_token_may_go_when_its_revocation_had_no_answer() {
        let history = [
            exchange(10, "c", tokens("a", "r"), Outcome::Ok),
            revoke(20, "r", Outcome::Unknown),
        ];
        for active in [true, false] {
            assert!(check(&history, &found(&[("a", active)])).is_empty());
        }
    }

    #[test]
    fn a_code_that_gave_tokens_twice_is_found() {
        let twice = [
            exchange(10, "c", tokens("a", "r"), Outcome::Ok),
            exchange(20, "c", tokens("b", "s"), Outcome::Ok),
        ];
        assert_eq!(
            invariants(&twice, &Found::default()),
            ["I2 code at most once"]
        );
        let found = Found {
            redeemed: vec![("c".to_owned(), true)],
            ..Found::default()
        };
        assert_eq!(invariants(&twice[..1], &found), ["I2 code at most once"]);
    }

    #[test]
    fn a_code_whose_exchange_had_no_answer_may_still_work_once() {
        let history = [exchange(10, "c", None, Outcome::Unknown)];
        let found = Found {
            redeemed: vec![("c".to_owned(), true)],
            ..Found::default()
        };
        assert!(check(&history, &found).is_empty());
    }

    #[test]
    fn a_revoked_token_that_works_is_found() {
        let mut history = vec![
            exchange(10, "c", tokens("a", "r"), Outcome::Ok),
            revoke(20, "r", Outcome::Ok),
        ];
        assert_eq!(
            invariants(&history, &found(&[("a", true)])),
            ["I3 no revival"]
        );
        history.push(introspect(40, "a", true));
        assert_eq!(invariants(&history, &Found::default()), ["I3 no revival"]);
        history.pop();
        history.push(refresh(40, "r", tokens("b", "s")));
        assert_eq!(invariants(&history, &Found::default()), ["I3 no revival"]);
    }

    #[test]
    fn an_answer_that_crosses_the_revocation_is_not_held_against_it() {
        let history = [
            exchange(10, "c", tokens("a", "r"), Outcome::Ok),
            revoke(20, "r", Outcome::Ok),
            introspect(22, "a", true),
        ];
        assert!(check(&history, &found(&[("a", false)])).is_empty());
    }

    #[test]
    fn two_successors_of_one_refresh_token_are_found() {
        let history = [
            exchange(10, "c", tokens("a", "r"), Outcome::Ok),
            refresh(20, "r", tokens("b", "s")),
            refresh(30, "r", tokens("d", "t")),
        ];
        assert_eq!(
            invariants(&history, &Found::default()),
            ["I4 one live leaf"]
        );
    }

    #[test]
    fn a_token_that_another_node_does_not_know_is_found() {
        let history = [
            exchange(10, "c", tokens("a", "r"), Outcome::Ok),
            introspect(20, "a", false),
        ];
        assert_eq!(
            invariants(&history, &Found::default()),
            ["I10 read your writes"]
        );
    }

    #[test]
    fn a_token_that_does_not_verify_is_found() {
        let found = Found {
            unverified: vec!["t".to_owned()],
            ..Found::default()
        };
        assert_eq!(invariants(&[], &found), ["I9 keys"]);
    }
}
