//! Logout tokens, [OpenID Connect Back-Channel Logout §2.4](https://openid.net/specs/openid-connect-backchannel-1_0.html#LogoutToken).

use hallpass_types::{Sid, Timestamp};
use serde_json::json;

use crate::{client::Client, policy::Policy};

/// `typ` of a logout token.
//= OIDC-BACKCHANNEL#2.4 SHOULD: a logout token says by its type that it is none of the other JWTs
pub const TYP: &str = "logout+jwt";

/// Seconds that a logout token is good for.
//= OIDC-BACKCHANNEL#4 SHOULD: a logout token lives for two minutes at most
pub const LIFETIME: i64 = 120;

/// The member of `events` that makes a JWT a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The claims of a logout token for a client, as JSON. `subject` is the person as the client knows them, `sid` the session
/// that ended, `jti` fresh.
#[must_use]
pub fn claims(
    client: &Client,
    policy: &Policy,
    subject: &str,
    sid: &Sid,
    jti: &str,
    now: Timestamp,
) -> String {
    //= OIDC-BACKCHANNEL#2.4 MUST: iss, aud, iat, exp, jti and events are there
    //= OIDC-BACKCHANNEL#2.4 MUST: sub or sid or both are there
    //= OIDC-BACKCHANNEL#2.4 MUST: nonce is not, so that nobody takes it for an ID token
    let mut claims = json!({
        "iss": policy.issuer.as_str(),
        "sub": subject,
        "aud": client.id.as_str(),
        "iat": now.0,
        "exp": now.plus(LIFETIME).0,
        "jti": jti,
        "events": { EVENT: {} },
    });
    let by_session = client.backchannel_logout.as_ref();
    //= OIDC-BACKCHANNEL#2.2 MUST: a client that asked for it is told which session ended
    if by_session.is_some_and(|to| to.session_required)
        && let Some(members) = claims.as_object_mut()
    {
        members.insert("sid".to_owned(), sid.as_str().into());
    }
    claims.to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::client::fixtures::{NOW, policy, registered};

    fn made(session_required: bool) -> Value {
        let client = registered(
            "c",
            &json!({
                "redirect_uris": ["https://rp.test/cb"],
                "backchannel_logout_uri": "https://rp.test/out",
                "backchannel_logout_session_required": session_required,
            }),
        );
        let sid = Sid::parse("the-sid").unwrap();
        let text = claims(&client, &policy(), "alice", &sid, "j1", NOW);
        serde_json::from_str(&text).unwrap()
    }

    //= test OIDC-BACKCHANNEL#2.4 iss, aud, iat, exp, jti and events are there
    //= test OIDC-BACKCHANNEL#2.4 sub or sid or both are there
    //= test OIDC-BACKCHANNEL#2.4 nonce is not, so that nobody takes it for an ID token
    //= test OIDC-BACKCHANNEL#4 a logout token lives for two minutes at most
    #[test]
    fn a_logout_token_holds_what_it_must_and_nothing_else() {
        let expected = json!({
            "iss": "https://op.test",
            "sub": "alice",
            "aud": "c",
            "iat": NOW.0,
            "exp": NOW.0 + 120,
            "jti": "j1",
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        });
        assert_eq!(made(false), expected);
    }

    //= test OIDC-BACKCHANNEL#2.2 a client that asked for it is told which session ended
    #[test]
    fn the_session_is_named_where_it_was_asked_for() {
        assert_eq!(made(true)["sid"], "the-sid");
        assert_eq!(made(true)["sub"], "alice");
    }
}
