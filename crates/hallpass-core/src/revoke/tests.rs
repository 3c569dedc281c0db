use super::*;
use crate::token::fixture::{
    NOW, access_token as held_token, after, found, grant, other, proven, spa, web,
};

#[test]
fn the_holder_ends_one_access_token() {
    for client in [web(), spa()] {
        let token = held_token(&client);
        let expected = Revocation::Token(token.id, token.expires_at);
        assert_eq!(access_token(&proven(&client), &token, NOW), expected);
        let service = AccessToken {
            grant: None,
            ..token
        };
        assert_eq!(access_token(&proven(&client), &service, NOW), expected);
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
        assert_eq!(access_token(&client, &token, NOW), Revocation::Nothing);
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
        assert_eq!(access_token(&client, &token, now), Revocation::Nothing);
    }
}
