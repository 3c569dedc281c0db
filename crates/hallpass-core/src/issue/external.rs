//! Aggregated and distributed claims,
//! [OpenID Connect Core §5.6.2](https://openid.net/specs/openid-connect-core-1_0.html#AggregatedDistributedClaims).
//!
//! An account says by `_claim_names` and `_claim_sources` which claims somebody else asserts: as a JWT that is handed on,
//! or as an address where the client may ask. They are released like other claims, one by one, by scope or by request;
//! nobody gets a source from which none of the released claims comes.

use serde_json::{Map, Value};

/// `_claim_names`: which claim comes from which source.
pub(crate) const NAMES: &str = "_claim_names";
/// `_claim_sources`: the sources.
pub(crate) const SOURCES: &str = "_claim_sources";

/// `claim_types_supported`.
pub const CLAIM_TYPES: &[&str] = &["normal", "aggregated", "distributed"];

/// What of an account's claims by others is released with these names: `_claim_names` and `_claim_sources`. None when
/// there is nothing. A claim that the account asserts itself does not come from anywhere else.
//= OIDC-CORE#5.6.2 MUST: every name in _claim_names leads to a member of _claim_sources
pub(crate) fn released<'n>(
    names: impl Iterator<Item = &'n str>,
    account: &Map<String, Value>,
) -> Option<(Value, Value)> {
    let known = account.get(NAMES)?.as_object()?;
    let sources = account.get(SOURCES)?.as_object()?;
    let mut out = (Map::new(), Map::new());
    for name in names {
        let own = account.get(name).is_some_and(|value| !value.is_null());
        if own || super::id_token::is_reserved(name) {
            continue;
        }
        let source = known.get(name).and_then(Value::as_str);
        let found = source.and_then(|source| Some((source, usable(sources.get(source)?)?)));
        if let Some((source, value)) = found {
            out.0.insert(name.to_owned(), source.into());
            out.1.insert(source.to_owned(), value);
        }
    }
    (!out.0.is_empty()).then(|| (out.0.into(), out.1.into()))
}

/// A source with the members that its kind has, and no others.
fn usable(source: &Value) -> Option<Value> {
    let text = |name: &str| source.get(name).and_then(Value::as_str);
    let mut out = Map::new();
    match (text("JWT"), text("endpoint")) {
        //= OIDC-CORE#5.6.2.1 MUST: an aggregated source holds the JWT
        (Some(jwt), None) => {
            out.insert("JWT".to_owned(), jwt.into());
        }
        //= OIDC-CORE#5.6.2.2 MUST: a distributed source holds the endpoint, and the token that opens it if it needs one
        (None, Some(endpoint)) if endpoint.starts_with("https://") => {
            out.insert("endpoint".to_owned(), endpoint.into());
            if let Some(token) = text("access_token") {
                out.insert("access_token".to_owned(), token.into());
            }
        }
        (_, _) => return None,
    }
    Some(out.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn account() -> Map<String, Value> {
        let account = json!({
            "email": "own@op.test",
            "_claim_names": {
                "email": "elsewhere", "shipping": "shop", "payment": "shop", "score": "agency", "lost": "nowhere",
                "plain": "http", "mixed": "mixed", "sub": "shop", "number": 7,
            },
            "_claim_sources": {
                "elsewhere": {"JWT": "e.e.e"},
                "shop": {"JWT": "a.b.c", "secret": "zq"},
                "agency": {"endpoint": "https://agency.test/claims", "access_token": "t", "secret": "zq"},
                "http": {"endpoint": "http://agency.test/claims"},
                "mixed": {"JWT": "a.b.c", "endpoint": "https://agency.test/claims"},
                "unused": {"JWT": "zq"},
            },
        });
        account.as_object().unwrap().clone()
    }

    fn of(names: &[&str]) -> Option<(Value, Value)> {
        released(names.iter().copied(), &account())
    }

    //= test OIDC-CORE#5.6.2 every name in _claim_names leads to a member of _claim_sources
    //= test OIDC-CORE#5.6.2.1 an aggregated source holds the JWT
    //= test OIDC-CORE#5.6.2.2 a distributed source holds the endpoint, and the token that opens it if it needs one
    #[test]
    fn released_claims_come_with_their_sources_and_nothing_else() {
        let (names, sources) = of(&["shipping", "payment", "score", "phone"]).unwrap();
        assert_eq!(
            names,
            json!({"shipping": "shop", "payment": "shop", "score": "agency"})
        );
        assert_eq!(
            sources,
            json!({
                "shop": {"JWT": "a.b.c"},
                "agency": {"endpoint": "https://agency.test/claims", "access_token": "t"},
            })
        );
    }

    #[test]
    fn what_was_not_released_or_leads_nowhere_stays() {
        assert_eq!(of(&[]), None);
        for name in [
            "email", "lost", "plain", "mixed", "sub", "number", "unused", "phone", NAMES, SOURCES,
        ] {
            assert_eq!(of(&[name]), None, "{name}");
        }
        for broken in [
            json!({}),
            json!({"_claim_names": {"a": "s"}}),
            json!({"_claim_names": [], "_claim_sources": {}}),
            json!({"_claim_names": {"a": "s"}, "_claim_sources": {"s": "x"}}),
            json!({"_claim_names": {"a": "s"}, "_claim_sources": {"s": {"JWT": 1}}}),
        ] {
            let account = broken.as_object().unwrap();
            assert_eq!(released(["a"].into_iter(), account), None, "{broken}");
        }
    }
}
