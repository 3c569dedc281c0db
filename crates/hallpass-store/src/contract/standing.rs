//! What introspection asks.

use hallpass_core::record::RefreshState;
use hallpass_types::{Key, Session};

use super::{
    Trial,
    sample::{NOW, grant, grant_id, grant_of_session, key, session, token_id},
};
use crate::{Spend, Standing, Write};

/// Grant with its state as it is now, the token's own denial, the session.
pub async fn everything_about_a_token_is_one_answer(t: Trial) {
    let issuer = t.issuer().await;
    let ask = || async {
        let answer = t
            .store
            .standing(issuer, Some(grant_id("g")), token_id("t"), NOW.plus(600));
        answer.await.unwrap()
    };
    t.write(vec![Write::Grant(Box::new(grant("g")))]).await;
    let first = ask().await;
    assert_eq!(first.grant.map(|g| g.record), Some(grant("g")));
    assert!(!first.token_denied && first.session_alive);
    t.spend(Spend::Refresh {
        grant: grant_id("g"),
        from: 0,
        at: NOW.plus(1),
        idle_expires_at: NOW.plus(2),
    })
    .await;
    t.write(vec![
        Write::DenyToken(token_id("t"), NOW.plus(600)),
        Write::RevokeGrant(grant_id("g"), NOW.plus(3)),
    ])
    .await;
    let second = ask().await;
    assert!(second.token_denied);
    let found = second.grant.unwrap();
    assert_eq!(found.revoked_at, Some(NOW.plus(3)));
    let rotated = RefreshState {
        generation: 1,
        rotated_at: NOW.plus(1),
        idle_expires_at: NOW.plus(2),
    };
    assert_eq!(found.record.refresh, Some(rotated));
}

/// The grant names its session by key.
pub async fn a_session_that_ended_is_noticed(t: Trial) {
    let issuer = t.issuer().await;
    let k: Key<Session> = key("s");
    let alive = || async {
        let answer = t
            .store
            .standing(issuer, Some(grant_id("g")), token_id("t"), NOW);
        answer.await.unwrap().session_alive
    };
    t.write(vec![
        Write::Session(k, Box::new(session("alice"))),
        Write::Session(key("another"), Box::new(session("alice"))),
        Write::Grant(Box::new(grant_of_session("g", k))),
    ])
    .await;
    assert!(alive().await);
    let found = t.store.grant(issuer, grant_id("g")).await.unwrap();
    assert_eq!(found.unwrap().record, grant_of_session("g", k));
    t.write(vec![Write::EndSession(k)]).await;
    assert!(!alive().await);
}

/// Nothing is known, so nothing stands; a token without a grant has no session to lose.
pub async fn an_unknown_grant_has_no_standing(t: Trial) {
    let issuer = t.issuer().await;
    let unknown = t
        .store
        .standing(issuer, Some(grant_id("g")), token_id("t"), NOW);
    assert_eq!(unknown.await.unwrap(), Standing::default());
    t.write(vec![Write::DenyToken(token_id("d"), NOW)]).await;
    let denied = t
        .store
        .standing(issuer, Some(grant_id("g")), token_id("d"), NOW);
    let expected = Standing {
        token_denied: true,
        ..Standing::default()
    };
    assert_eq!(denied.await.unwrap(), expected);
    let without = t.store.standing(issuer, None, token_id("t"), NOW);
    let expected = Standing {
        grant: None,
        token_denied: false,
        session_alive: true,
    };
    assert_eq!(without.await.unwrap(), expected);
}
