//! What introspection asks.

use hallpass_core::record::{CodeRecord, GrantRecord, RefreshState, SessionRecord};
use hallpass_types::{Key, Session};

use super::{
    Trial,
    sample::{
        NOW, client_id, code, consent, grant, grant_id, grant_of_session, key, session, token_id,
        user,
    },
};
use crate::{Spend, Standing, UserRecord, Write};

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

/// The grant names its session by key. One that is not bound to it does not ask.
pub async fn a_session_that_ended_is_noticed(t: Trial) {
    let issuer = t.issuer().await;
    let k: Key<Session> = key("s");
    let alive_of = |name| {
        let store = &t.store;
        async move {
            let (grant, token) = (Some(grant_id(name)), token_id("t"));
            let apart = store.standing(issuer, grant, token, NOW).await.unwrap();
            let together = store.standing_with_user(issuer, grant, token, NOW).await;
            assert_eq!(together.unwrap().0, apart);
            apart.session_alive
        }
    };
    let alive = || alive_of("g");
    let unbound = GrantRecord {
        session_bound: false,
        ..grant_of_session("unbound", k)
    };
    t.write(vec![
        Write::Session(k, Box::new(session("alice"))),
        Write::Session(key("another"), Box::new(session("alice"))),
        Write::Grant(Box::new(grant_of_session("g", k))),
        Write::Grant(Box::new(unbound)),
    ])
    .await;
    assert!(alive().await && alive_of("unbound").await);
    let found = t.store.grant(issuer, grant_id("g")).await.unwrap();
    assert_eq!(found.unwrap().record, grant_of_session("g", k));
    t.write(vec![Write::EndSession(k)]).await;
    assert!(!alive().await);
    assert!(alive_of("unbound").await);
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

/// What is read together is what is read apart.
pub async fn questions_that_bring_the_user_answer_the_same(t: Trial) {
    let issuer = t.issuer().await;
    let s = &t.store;
    let (here, alone) = (user("here"), user("gone"));
    let bound = |name: &str, subject: &UserRecord, at: Option<&str>| GrantRecord {
        subject: subject.subject.clone(),
        session: at.map(key),
        session_bound: at.is_some(),
        ..grant(name)
    };
    let of = |subject: &UserRecord| SessionRecord {
        subject: subject.subject.clone(),
        ..session("s")
    };
    t.spend(Spend::NewUser(Box::new(here.clone()))).await;
    t.write(vec![
        Write::Session(key("s"), Box::new(of(&here))),
        Write::Session(key("lonely"), Box::new(of(&alone))),
        Write::Consent(
            here.subject.clone(),
            client_id("c"),
            Box::new(consent("openid")),
        ),
    ])
    .await;
    for (name, owner, at) in [
        ("unbound", &here, None),
        ("alive", &here, Some("s")),
        ("ended", &here, Some("none")),
        ("nobody", &alone, Some("lonely")),
    ] {
        let record = bound(name, owner, at);
        let made = CodeRecord {
            grant: record.clone(),
            ..code(name)
        };
        let unbound = CodeRecord {
            grant: GrantRecord {
                session_bound: false,
                ..record.clone()
            },
            ..code(name)
        };
        let other = format!("{name} unbound");
        t.write(vec![
            Write::Grant(Box::new(record)),
            Write::Code(key(name), Box::new(made)),
            Write::Code(key(&other), Box::new(unbound)),
        ])
        .await;
        let user = s.user(issuer, &owner.subject).await.unwrap();
        for (name, alive) in [(name, at != Some("none")), (other.as_str(), true)] {
            let found = s.code_with_user(issuer, key(name)).await.unwrap().unwrap();
            let apart = s.code(issuer, key(name)).await.unwrap().unwrap();
            assert_eq!(found.code, apart, "{name}");
            assert_eq!(found.user, user, "{name}");
            assert_eq!(found.session_alive, alive, "{name}");
        }
        let grant = Some(grant_id(name));
        let together = s.standing_with_user(issuer, grant, token_id(name), NOW);
        let apart = s.standing(issuer, grant, token_id(name), NOW).await;
        assert_eq!(together.await.unwrap(), (apart.unwrap(), user), "{name}");
    }
    for grant in [None, Some(grant_id("unknown"))] {
        let together = s.standing_with_user(issuer, grant, token_id("t"), NOW);
        let apart = s.standing(issuer, grant, token_id("t"), NOW).await;
        assert_eq!(together.await.unwrap(), (apart.unwrap(), None));
    }
    assert!(
        s.code_with_user(issuer, key("none"))
            .await
            .unwrap()
            .is_none()
    );
    for (name, owner) in [("s", &here), ("lonely", &alone)] {
        for client in [None, Some(client_id("c")), Some(client_id("other"))] {
            let client = client.as_ref();
            let found = s.session_with_user(issuer, key(name), client).await;
            let found = found.unwrap().unwrap();
            assert_eq!(found.session, of(owner));
            assert_eq!(found.user, s.user(issuer, &owner.subject).await.unwrap());
            let apart = match client {
                Some(client) => s.consent(issuer, &owner.subject, client).await.unwrap(),
                None => None,
            };
            assert_eq!(found.consent, apart);
        }
    }
    let none = s.session_with_user(issuer, key("none"), None).await;
    assert!(none.unwrap().is_none());
}
