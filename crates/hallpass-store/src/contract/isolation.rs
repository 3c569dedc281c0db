//! Issuers share nothing, and neither do kinds of keys.

use hallpass_types::{Code, Key, Once, Session, Waiting};

use super::{
    Trial,
    sample::{
        NOW, client, client_id, code, consent, grant, grant_id, key, session, signing_key, subject,
        token_id, user, waiting,
    },
};
use crate::{Commit, Committed, KeyPhase, Spend, Write};

/// The number of an issuer does not change, and two issuers have two.
pub async fn an_issuer_has_one_number_for_good(t: Trial) {
    let names = [
        "https://a.example",
        "https://b.example",
        "https://a.example/",
        "https://A.example",
        "",
    ];
    let mut numbers = Vec::new();
    for name in names {
        numbers.push(t.store.issuer(name).await.unwrap());
    }
    for (name, number) in names.iter().zip(&numbers) {
        assert_eq!(t.store.issuer(name).await.unwrap(), *number, "{name}");
    }
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), names.len());
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = t.store.clone();
        running.spawn(async move { store.issuer("https://new.example").await.unwrap() });
    }
    let raced = running.join_all().await;
    assert!(raced.iter().all(|number| *number == raced[0]));
}

/// Everything that one issuer has is unknown to the other.
pub async fn issuers_share_nothing(t: Trial) {
    let issuer = t.issuer().await;
    let other = t.store.issuer("https://other.example").await.unwrap();
    t.spend(Spend::NewUser(Box::new(user("u")))).await;
    t.spend(Spend::Once(key("o"))).await;
    t.spend(Spend::NewWaiting(key("w"), Box::new(waiting("w"))))
        .await;
    t.write(vec![
        Write::Code(key("c"), Box::new(code("c"))),
        Write::Grant(Box::new(grant("g"))),
        Write::DenyToken(token_id("t"), NOW),
        Write::Session(key("s"), Box::new(session("s"))),
        Write::Consent(subject("s"), client_id("c"), Box::new(consent("openid"))),
        Write::Client(Box::new(client("c"))),
        Write::SigningKey(Box::new(signing_key("k", KeyPhase::Active))),
    ])
    .await;
    for (issuer, here) in [(issuer, true), (other, false)] {
        let s = &t.store;
        let standing = s.standing(issuer, Some(grant_id("g")), token_id("t"), NOW);
        let standing = standing.await.unwrap();
        let consent = s.consent(issuer, &subject("s"), &client_id("c")).await;
        let client = s.client(issuer, &client_id("c")).await.unwrap();
        for (what, found) in [
            ("code", s.code(issuer, key("c")).await.unwrap().is_some()),
            (
                "waiting",
                s.waiting(issuer, key("w")).await.unwrap().is_some(),
            ),
            (
                "grant",
                s.grant(issuer, grant_id("g")).await.unwrap().is_some(),
            ),
            ("standing", standing.grant.is_some()),
            ("denied", standing.token_denied),
            (
                "session",
                s.session(issuer, key("s")).await.unwrap().is_some(),
            ),
            ("consent", consent.unwrap().is_some()),
            ("client", client.is_some()),
            (
                "clients",
                !s.clients(issuer, None, 9).await.unwrap().items.is_empty(),
            ),
            ("name", s.user_by_name(issuer, "u").await.unwrap().is_some()),
            (
                "user",
                s.user(issuer, &user("u").subject).await.unwrap().is_some(),
            ),
            (
                "users",
                !s.users(issuer, None, 9).await.unwrap().items.is_empty(),
            ),
            ("keys", !s.signing_keys(issuer).await.unwrap().is_empty()),
        ] {
            assert_eq!(found, here, "{what} of {issuer:?}");
        }
    }
}

/// What one issuer spends, ends or deletes is the other's to spend.
pub async fn issuers_spend_separately(t: Trial) {
    let issuer = t.issuer().await;
    let other = t.store.issuer("https://other.example").await.unwrap();
    let commit = |issuer, spends, writes| {
        let t = &t;
        async move {
            let commit = Commit { spends, writes };
            t.store.commit(issuer, commit).await.unwrap()
        }
    };
    for issuer in [issuer, other] {
        let spends = vec![
            Spend::Once(key("o")),
            Spend::NewUser(Box::new(user("u"))),
            Spend::NewClient(Box::new(client("c"))),
        ];
        let writes = vec![
            Write::Code(key("c"), Box::new(code("c"))),
            Write::Grant(Box::new(grant("g"))),
            Write::Session(key("s"), Box::new(session("s"))),
        ];
        assert_eq!(commit(issuer, spends, writes).await, Committed::Done);
    }
    let writes = vec![
        Write::RevokeGrant(grant_id("g"), NOW),
        Write::EndSession(key("s")),
        Write::DeleteClient(client_id("c")),
    ];
    let end = commit(issuer, vec![Spend::Code(key("c"))], writes).await;
    assert_eq!(end, Committed::Done);
    let spends = vec![
        Spend::Code(key("c")),
        Spend::Standing(grant_id("g")),
        Spend::Session(key("s")),
    ];
    assert_eq!(commit(other, spends, Vec::new()).await, Committed::Done);
    let client = t.store.client(other, &client_id("c")).await.unwrap();
    assert!(client.is_some());
}

/// The same digest in another table is another thing.
pub async fn a_key_of_one_kind_is_no_other_kind(t: Trial) {
    let issuer = t.issuer().await;
    let code_key: Key<Code> = key("same");
    let session_key: Key<Session> = key("same");
    let once: Key<Once> = key("same");
    t.write(vec![Write::Code(code_key, Box::new(code("c")))])
        .await;
    assert!(
        t.store
            .session(issuer, session_key)
            .await
            .unwrap()
            .is_none()
    );
    assert_eq!(
        t.spend(Spend::Session(session_key)).await,
        Committed::TooLate(0)
    );
    let waiting_key: Key<Waiting> = key("same");
    assert_eq!(t.store.waiting(issuer, waiting_key).await.unwrap(), None);
    t.write(vec![Write::EndSession(session_key)]).await;
    assert_eq!(t.spend(Spend::Once(once)).await, Committed::Done);
    assert_eq!(t.spend(Spend::Code(code_key)).await, Committed::Done);
    t.write(vec![Write::Session(session_key, Box::new(session("s")))])
        .await;
    let found = t.store.code(issuer, code_key).await.unwrap().unwrap();
    assert_eq!(found.record, code("c"));
}
