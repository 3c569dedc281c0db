use std::collections::BTreeSet;

use super::{
    fixture::{ALICE, NOW, after, grant, web},
    *,
};

#[test]
fn reasons_have_names_of_their_own_and_printable_texts() {
    let ids: BTreeSet<_> = Reason::ALL.iter().map(|r| r.id()).collect();
    assert_eq!(ids.len(), Reason::ALL.len());
    for reason in Reason::ALL {
        let text = reason.text();
        let printable = |b| matches!(b, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E);
        assert!(!text.is_empty() && text.bytes().all(printable), "{text}");
    }
}

#[test]
fn every_bad_grant_is_told_in_the_same_words() {
    let texts: BTreeSet<_> = Reason::ALL
        .iter()
        .filter(|r| r.code().as_str() == "invalid_grant")
        .map(|r| r.text())
        .collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
}

#[test]
fn a_grant_stands_until_something_ends_it() {
    let grant = grant(&web());
    let bound = GrantRecord {
        session_bound: true,
        ..grant.clone()
    };
    let unbound = GrantRecord {
        session: None,
        ..bound.clone()
    };
    let epoch = |epoch| Some(AccountFacts { epoch });
    let end = grant.expires_at;
    for (grant, revoked, account, session, now, expected) in [
        (&grant, None, ALICE, true, NOW, Ok(())),
        (&grant, None, ALICE, false, NOW, Ok(())),
        (&grant, None, ALICE, true, end.plus(-1), Ok(())),
        (&grant, None, ALICE, true, end, Err(Reason::GrantExpired)),
        (
            &grant,
            None,
            ALICE,
            true,
            after(end),
            Err(Reason::GrantExpired),
        ),
        (
            &grant,
            Some(NOW),
            ALICE,
            true,
            NOW,
            Err(Reason::GrantRevoked),
        ),
        (
            &grant,
            Some(end),
            ALICE,
            true,
            NOW,
            Err(Reason::GrantRevoked),
        ),
        (&grant, None, None, true, NOW, Err(Reason::AccountGone)),
        (&grant, None, epoch(2), true, NOW, Err(Reason::AccountGone)),
        (&grant, None, epoch(4), true, NOW, Err(Reason::AccountGone)),
        (&bound, None, ALICE, true, NOW, Ok(())),
        (&bound, None, ALICE, false, NOW, Err(Reason::SessionEnded)),
        (&unbound, None, ALICE, false, NOW, Ok(())),
    ] {
        assert_eq!(standing(grant, revoked, account, session, now), expected);
    }
}
