//! Text that is unusual.

use hallpass_core::record::CodeRecord;

use super::{
    Trial,
    sample::{code, key, signing_key, user},
};
use crate::{Committed, KeyPhase, Spend, UserRecord, Write};

const ODD: [&str; 16] = [
    "",
    " ",
    "a\0b",
    "a\0c",
    "\0",
    "a",
    "ä",
    "a\u{308}",
    "\u{202E}nimda",
    "\u{200B}",
    "\u{FEFF}",
    "👩‍👩‍👧",
    "\u{10FFFF}",
    "'; DROP TABLE users; --",
    "%_*?[]\\\"`",
    "\r\n\t",
];

/// Names are kept and told apart byte for byte.
pub async fn any_text_is_a_user_name(t: Trial) {
    let issuer = t.issuer().await;
    for name in ODD {
        let new = Spend::NewUser(Box::new(user(name)));
        assert_eq!(t.spend(new).await, Committed::Done, "{name:?}");
    }
    for name in ODD {
        let found = t.store.user_by_name(issuer, name).await.unwrap();
        assert_eq!(found, Some(user(name)), "{name:?}");
        let again = UserRecord {
            subject: user("somebody else").subject,
            ..user(name)
        };
        let again = Spend::NewUser(Box::new(again));
        assert_eq!(t.spend(again).await, Committed::TooLate(0), "{name:?}");
    }
}

/// No folding, no normalisation, no trimming: that is the caller's business.
pub async fn names_that_only_look_alike_are_different(t: Trial) {
    let issuer = t.issuer().await;
    t.spend(Spend::NewUser(Box::new(user("José")))).await;
    for other in [
        "josé",
        "Jose\u{301}",
        "José ",
        "José\0",
        "JOSÉ",
        "Jos_",
        "Jos%",
    ] {
        let found = t.store.user_by_name(issuer, other).await.unwrap();
        assert_eq!(found, None, "{other:?}");
    }
}

/// Records keep their text.
pub async fn any_text_survives_in_records(t: Trial) {
    let issuer = t.issuer().await;
    for text in ODD {
        let record = CodeRecord {
            nonce: Some(text.to_owned()),
            ..code(text)
        };
        t.write(vec![Write::Code(key(text), Box::new(record.clone()))])
            .await;
        let found = t.store.code(issuer, key(text)).await.unwrap().unwrap();
        assert_eq!(found.record, record, "{text:?}");
    }
}

/// A cursor is just text: it need not be a name that exists.
pub async fn listing_after_any_text_works(t: Trial) {
    let issuer = t.issuer().await;
    for name in ODD {
        t.spend(Spend::NewUser(Box::new(user(name)))).await;
    }
    let mut sorted = ODD;
    sorted.sort_unstable();
    for after in ODD.iter().chain(&["a\0bb", "zzz", "\u{10FFFF}\u{10FFFF}"]) {
        let page = t.store.users(issuer, Some(after), 100).await.unwrap();
        let names: Vec<_> = page.items.iter().map(|u| u.username.as_str()).collect();
        let expected: Vec<_> = sorted.iter().copied().filter(|n| n > after).collect();
        assert_eq!(names, expected, "after {after:?}");
        t.store.clients(issuer, Some(after), 100).await.unwrap();
    }
}

/// Identifiers of issuers and keys are text too.
pub async fn any_text_is_an_issuer_and_a_key_identifier(t: Trial) {
    let issuer = t.issuer().await;
    let mut numbers = Vec::new();
    for text in ODD {
        numbers.push(t.store.issuer(text).await.unwrap());
        t.write(vec![Write::SigningKey(Box::new(signing_key(
            text,
            KeyPhase::Next,
        )))])
        .await;
    }
    numbers.sort();
    numbers.dedup();
    assert_eq!(numbers.len(), ODD.len());
    assert_eq!(t.store.signing_keys(issuer).await.unwrap().len(), ODD.len());
    t.write(vec![Write::DeleteSigningKey("a\0b".to_owned())])
        .await;
    assert_eq!(
        t.store.signing_keys(issuer).await.unwrap().len(),
        ODD.len() - 1
    );
}
