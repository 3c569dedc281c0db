//! `id_token_hint`,
//! [OpenID Connect Core §3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest).

use hallpass_jose::Claims;

use super::Reason;
use crate::{client::Client, policy::Policy};

/// Reads an ID token that a client gave back. The engine has verified its signature with our own keys; whether it has
/// expired does not matter.
///
/// Answers the subject as this client knows it.
///
/// # Errors
/// When it is not an ID token of this issuer for this client. Other tokens that the same keys sign are refused.
pub fn check(claims: &Claims, client: &Client, policy: &Policy) -> Result<String, Reason> {
    let subject = subject(claims, policy).ok_or(Reason::IdTokenHintInvalid)?;
    let audience = claims.audience().map_err(|_| Reason::IdTokenHintInvalid)?;
    //= OIDC-CORE#3.1.2.1 implication: the hint was issued to the client that presents it
    if !audience.contains(&client.id.as_str()) {
        return Err(Reason::IdTokenHintForAnotherClient);
    }
    Ok(subject.to_owned())
}

/// The `sub` of an ID token of this issuer; none for anything else that our keys sign: access tokens carry
/// `client_id` or `scope`, logout tokens carry `events`, UserInfo responses have no `exp`.
pub(crate) fn subject<'a>(claims: &'a Claims, policy: &Policy) -> Option<&'a str> {
    let ours = claims.str("iss").ok().flatten() == Some(policy.issuer.as_str());
    let timed = ["exp", "iat"]
        .iter()
        .all(|name| matches!(claims.int_seconds(name), Ok(Some(_))));
    let other_kind = ["events", "client_id", "scope"]
        .iter()
        .any(|name| claims.get(name).is_some());
    if !ours || !timed || other_kind {
        return None;
    }
    claims
        .str("sub")
        .ok()
        .flatten()
        .filter(|sub| !sub.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{ISSUER, policy, web},
        *,
    };

    fn hint(json: &str) -> Result<String, Reason> {
        check(&Claims::parse(json.as_bytes()).unwrap(), &web(), &policy())
    }

    #[test]
    fn a_genuine_hint_names_its_person_even_when_it_has_expired() {
        for aud in [r#""web""#, r#"["web"]"#, r#"["other","web"]"#] {
            let json = format!(r#"{{"iss":"{ISSUER}","aud":{aud},"sub":"alice","iat":1,"exp":2}}"#);
            assert_eq!(hint(&json), Ok("alice".to_owned()), "{aud}");
        }
    }

    #[test]
    fn a_hint_of_another_client_is_refused() {
        //= test OIDC-CORE#3.1.2.1 the hint was issued to the client that presents it
        for aud in [r#""web2""#, r#"["web2"]"#, "[]", r#""""#, r#""WEB""#] {
            let json = format!(r#"{{"iss":"{ISSUER}","aud":{aud},"sub":"alice","iat":1,"exp":2}}"#);
            assert_eq!(
                hint(&json),
                Err(Reason::IdTokenHintForAnotherClient),
                "{aud}"
            );
        }
    }

    #[test]
    fn whatever_is_not_an_id_token_of_this_issuer_is_refused() {
        let cases = [
            "{}".to_owned(),
            r#"{"iss":"https://evil.example","aud":"web","sub":"alice","iat":1,"exp":2}"#
                .to_owned(),
            r#"{"aud":"web","sub":"alice","iat":1,"exp":2}"#.to_owned(),
            format!(r#"{{"iss":"{ISSUER}/","aud":"web","sub":"alice","iat":1,"exp":2}}"#),
            format!(r#"{{"iss":["{ISSUER}"],"aud":"web","sub":"alice","iat":1,"exp":2}}"#),
            format!(r#"{{"iss":"{ISSUER}","aud":["web",null],"sub":"alice","iat":1,"exp":2}}"#),
            format!(r#"{{"iss":"{ISSUER}","aud":{{"web":1}},"sub":"alice","iat":1,"exp":2}}"#),
            format!(r#"{{"iss":"{ISSUER}","aud":"web","sub":"","iat":1,"exp":2}}"#),
            format!(r#"{{"iss":"{ISSUER}","aud":"web","sub":7,"iat":1,"exp":2}}"#),
            format!(r#"{{"iss":"{ISSUER}","aud":"web","iat":1,"exp":2}}"#),
            format!(r#"{{"iss":"{ISSUER}","aud":"web","sub":"alice"}}"#),
            format!(r#"{{"iss":"{ISSUER}","aud":"web","sub":"alice","iat":1,"exp":"2"}}"#),
            format!(
                r#"{{"iss":"{ISSUER}","aud":"web","sub":"alice","iat":1,"exp":2,"events":{{}}}}"#
            ),
            format!(
                r#"{{"iss":"{ISSUER}","aud":"web","sub":"alice","iat":1,"exp":2,"client_id":"web"}}"#
            ),
        ];
        for json in cases {
            assert_eq!(hint(&json), Err(Reason::IdTokenHintInvalid), "{json}");
        }
    }
}
