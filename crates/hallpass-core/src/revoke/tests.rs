use super::*;
use crate::token::fixture::{
    NOW, access_token as held_token, after, found, grant, other, proven, spa, web,
};

const STRICT: Compatibility = Compatibility {
    loginid: false,
    assertion_lifetime: 0,
};

#[test]
fn where_the_issuer_puts_up_with_it_a_token_ends_its_grant_in_whoevers_hands() {
    //= test RFC7009#2.1 with an access token its grant ends too
    let loginid = Compatibility {
        loginid: true,
        ..STRICT
    };
    let token = held_token(&web());
    let grant = token.grant.unwrap();
    let ended = access_token(&proven(&web()), &token, NOW, loginid);
    assert_eq!(ended, Revocation::Grant(grant));
    let stranger = access_token(&proven(&spa()), &token, NOW, loginid);
    assert_eq!(
        stranger,
        Revocation::Nothing,
        "who authenticates is asked who they are"
    );

    let mut found = found(crate::token::fixture::grant(&web()));
    found.record.id = grant;
    fn facts(found: Option<&FoundGrant>, denied: bool) -> Facts<'_> {
        Facts {
            grant: found,
            token_denied: denied,
            session_alive: true,
            account: None,
        }
    }
    let held = |found: Option<&FoundGrant>, denied, now| {
        access_token_of_holder(&token, &facts(found, denied), now)
    };
    assert_eq!(held(Some(&found), false, NOW), Revocation::Grant(grant));
    assert_eq!(
        refresh_token_of_holder(Some(&found)),
        Revocation::Grant(grant)
    );
    assert_eq!(held(Some(&found), true, NOW), Revocation::Nothing);
    assert_eq!(
        held(Some(&found), false, token.expires_at),
        Revocation::Nothing
    );
    assert_eq!(held(None, false, NOW), Revocation::Nothing);
    assert_eq!(refresh_token_of_holder(None), Revocation::Nothing);
    let mut ended = found;
    ended.revoked_at = Some(NOW);
    assert_eq!(held(Some(&ended), false, NOW), Revocation::Nothing, "twice");
    assert_eq!(refresh_token_of_holder(Some(&ended)), Revocation::Nothing);
    let service = AccessToken {
        grant: None,
        ..held_token(&web())
    };
    let expected = Revocation::Token(service.id, service.expires_at);
    assert_eq!(
        access_token_of_holder(&service, &facts(None, false), NOW),
        expected
    );
}

#[test]
fn the_holder_ends_one_access_token() {
    for client in [web(), spa()] {
        let token = held_token(&client);
        let expected = Revocation::Token(token.id, token.expires_at);
        assert_eq!(
            access_token(&proven(&client), &token, NOW, STRICT),
            expected
        );
        let service = AccessToken {
            grant: None,
            ..token
        };
        assert_eq!(
            access_token(&proven(&client), &service, NOW, STRICT),
            expected
        );
    }
}

#[test]
fn the_holder_of_a_refresh_token_ends_the_whole_grant() {
    // RV-04
    //= test RFC7009#2.1 with a refresh token the access tokens of its grant end too
    for client in [web(), spa()] {
        let mut found = found(grant(&client));
        let expected = Revocation::Grant(found.record.id);
        assert_eq!(refresh_token(&proven(&client), Some(&found)), expected);
        found.revoked_at = Some(NOW);
        assert_eq!(
            refresh_token(&proven(&client), Some(&found)),
            expected,
            "again does no harm"
        );
    }
}

#[test]
fn a_stranger_ends_nothing() {
    // RV-01
    //= test RFC7009#2.1 only the client that holds a token can revoke it
    for stranger in [other("web2"), spa()] {
        let client = proven(&stranger);
        let token = held_token(&web());
        assert_eq!(
            access_token(&client, &token, NOW, STRICT),
            Revocation::Nothing
        );
        let found = found(grant(&web()));
        assert_eq!(refresh_token(&client, Some(&found)), Revocation::Nothing);
    }
}

#[test]
fn what_is_unknown_or_over_needs_no_revocation() {
    // RV-03
    let client = proven(&web());
    assert_eq!(refresh_token(&client, None), Revocation::Nothing);
    let token = held_token(&web());
    for now in [token.expires_at, after(token.expires_at)] {
        assert_eq!(
            access_token(&client, &token, now, STRICT),
            Revocation::Nothing
        );
    }
}
