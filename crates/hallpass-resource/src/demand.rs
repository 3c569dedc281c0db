//! What a part of the resource demands of a token.

use hallpass_types::{Scope, Timestamp};

use crate::{AccessToken, Refusal};

/// What is demanded of a token, beside that it is good.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Demand {
    /// Every one of these scopes.
    pub scopes: Scope,
    /// One of these authentication context classes (RFC 9470).
    pub acr_values: Vec<String>,
    /// The person signed in at most so many seconds ago (RFC 9470).
    pub max_age: Option<i64>,
    /// What was written down is no scope, so nobody has it.
    impossible: bool,
}

impl Demand {
    /// Any good token.
    #[must_use]
    pub fn nothing() -> Self {
        Self::default()
    }

    /// These scopes, separated by spaces. A text that is no scope demands one that no token has.
    #[must_use]
    pub fn scope(text: &str) -> Self {
        let scopes = Scope::parse(text);
        Self {
            impossible: scopes.is_err(),
            scopes: scopes.unwrap_or_default(),
            ..Self::default()
        }
    }

    /// And one of these authentication context classes.
    #[must_use]
    pub fn acr(mut self, values: &[&str]) -> Self {
        self.acr_values = values.iter().map(|value| (*value).to_owned()).collect();
        self
    }

    /// And that the person signed in at most so many seconds ago.
    #[must_use]
    pub const fn max_age(mut self, seconds: i64) -> Self {
        self.max_age = Some(seconds);
        self
    }

    /// # Errors
    /// What is missing.
    pub(crate) fn check(&self, token: &AccessToken, now: Timestamp) -> Result<(), Refusal> {
        //= RFC6750#3.1 SHOULD: a token without the scopes that are needed is answered with those that are
        if self.impossible || !self.scopes.is_subset(&token.scope) {
            // With those that it has, or a client that asks for just these loses the others.
            let all = token.scope.union(&self.scopes);
            return Err(Refusal::InsufficientScope(all));
        }
        let context = self.acr_values.is_empty()
            || token
                .acr
                .as_ref()
                .is_some_and(|acr| self.acr_values.contains(acr));
        let recent = self.max_age.is_none_or(|most| {
            let ago = token.auth_time.map(|at| now.since(at));
            ago.is_some_and(|ago| ago <= most)
        });
        //= RFC9470#3 MUST: an authentication that is too weak or too old is answered with what is needed
        if !context || !recent {
            return Err(Refusal::StepUp {
                acr_values: self.acr_values.clone(),
                max_age: self.max_age,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    fn token(scope: &str, acr: Option<&str>, auth_time: Option<i64>) -> AccessToken {
        AccessToken {
            subject: "s".to_owned(),
            client_id: "c".to_owned(),
            scope: Scope::parse(scope).unwrap(),
            expires_at: Timestamp(1000),
            auth_time: auth_time.map(Timestamp),
            acr: acr.map(str::to_owned),
            claims: Map::new(),
        }
    }

    //= test RFC6750#3.1 a token without the scopes that are needed is answered with those that are
    #[test]
    fn a_missing_scope_is_asked_for_together_with_those_that_are_there() {
        let now = Timestamp(500);
        let check = |demand: &Demand, scope: &str| demand.check(&token(scope, None, None), now);
        assert_eq!(check(&Demand::nothing(), ""), Ok(()));
        assert_eq!(check(&Demand::scope("a b"), "c b a"), Ok(()));
        let Err(Refusal::InsufficientScope(scope)) = check(&Demand::scope("a b"), "c b") else {
            panic!("a is missing");
        };
        assert_eq!(scope.to_string(), "c b a");
        assert!(
            check(&Demand::scope("a\"b"), "a").is_err(),
            "nobody has what is no scope"
        );
    }

    //= test RFC9470#3 an authentication that is too weak or too old is answered with what is needed
    #[test]
    fn a_weak_or_old_authentication_is_asked_for_again() {
        let now = Timestamp(500);
        let strong = Demand::nothing().acr(&["gold", "silver"]);
        let recent = Demand::nothing().max_age(60);
        for (demand, acr, auth_time, good) in [
            (&strong, Some("silver"), None, true),
            (&strong, Some("bronze"), None, false),
            (&strong, None, Some(500), false),
            (&recent, None, Some(440), true),
            (&recent, None, Some(439), false),
            (&recent, Some("gold"), None, false),
        ] {
            let checked = demand.check(&token("", acr, auth_time), now);
            assert_eq!(checked.is_ok(), good, "{demand:?} {acr:?} {auth_time:?}");
            assert!(good || matches!(checked, Err(Refusal::StepUp { .. })));
        }
    }
}
