//! Sessions.

use hallpass_core::record::SessionRecord;
use hallpass_types::{Bucket, Key, Session};

use super::{
    Trial,
    sample::{NOW, key, session},
};
use crate::{Committed, Spend, Write};

/// Ending is idempotent.
pub async fn a_session_is_found_until_it_ends(t: Trial) {
    let issuer = t.issuer().await;
    let k: Key<Session> = key("s");
    let elsewhere = Key::from_parts(Bucket(k.bucket.0 + 1), k.digest);
    assert_eq!(t.store.session(issuer, k).await.unwrap(), None);
    t.write(vec![Write::Session(k, Box::new(session("alice")))])
        .await;
    t.write(vec![Write::EndSession(elsewhere)]).await;
    assert_eq!(
        t.store.session(issuer, k).await.unwrap(),
        Some(session("alice"))
    );
    assert_eq!(t.store.session(issuer, elsewhere).await.unwrap(), None);
    for _ in 0..2 {
        t.write(vec![Write::EndSession(k)]).await;
        assert_eq!(t.store.session(issuer, k).await.unwrap(), None);
    }
}

/// A new sign-in in the same session replaces its record.
pub async fn writing_a_session_replaces_it(t: Trial) {
    let issuer = t.issuer().await;
    let k: Key<Session> = key("s");
    let newer = SessionRecord {
        expires_at: NOW.plus(7),
        ..session("alice")
    };
    for record in [session("alice"), newer] {
        t.write(vec![Write::Session(k, Box::new(record.clone()))])
            .await;
        assert_eq!(t.store.session(issuer, k).await.unwrap(), Some(record));
    }
}

/// Asserting it beside the write keeps a signed-out session out.
pub async fn an_ended_session_cannot_be_renewed(t: Trial) {
    let issuer = t.issuer().await;
    let k: Key<Session> = key("s");
    let renew = || async {
        let write = Write::Session(k, Box::new(session("alice")));
        t.commit(vec![Spend::Session(k)], vec![write]).await
    };
    assert_eq!(renew().await, Committed::TooLate(0));
    t.write(vec![Write::Session(k, Box::new(session("alice")))])
        .await;
    assert_eq!(renew().await, Committed::Done);
    t.write(vec![Write::EndSession(k)]).await;
    assert_eq!(renew().await, Committed::TooLate(0));
    assert_eq!(t.store.session(issuer, k).await.unwrap(), None);
}
