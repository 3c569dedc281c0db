//! Clients.

use hallpass_core::client::{ClientOrigin, ClientRecord};

use super::{
    Trial,
    sample::{client, client_id},
};
use crate::{Commit, Committed, MAX_PAGE, Spend, Write};

async fn found(t: &Trial, id: &str) -> Option<ClientRecord> {
    let issuer = t.issuer().await;
    t.store.client(issuer, &client_id(id)).await.unwrap()
}

/// Clients have no equality of their own (a digest is compared in constant time).
fn same(a: Option<&ClientRecord>, b: Option<&ClientRecord>) -> bool {
    serde_json::to_value(a).unwrap() == serde_json::to_value(b).unwrap()
}

/// What was written is what is found, and similar identifiers find nothing.
pub async fn a_client_is_found_by_its_exact_identifier_alone(t: Trial) {
    t.write(vec![Write::Client(Box::new(client("Web 1")))])
        .await;
    assert!(same(
        found(&t, "Web 1").await.as_ref(),
        Some(&client("Web 1"))
    ));
    for other in ["web 1", "Web 1 ", " Web 1", "Web", "Web 1%", "Web_1", "%"] {
        assert!(found(&t, other).await.is_none(), "{other}");
    }
}

/// A second client of the same identifier is refused and leaves the first as it was.
pub async fn a_client_identifier_is_given_once(t: Trial) {
    let new = |c: ClientRecord| Spend::NewClient(Box::new(c));
    assert_eq!(t.spend(new(client("c"))).await, Committed::Done);
    let second = ClientRecord {
        disabled: true,
        ..client("c")
    };
    assert_eq!(t.spend(new(second)).await, Committed::TooLate(0));
    assert!(same(found(&t, "c").await.as_ref(), Some(&client("c"))));
    t.write(vec![Write::DeleteClient(client_id("c"))]).await;
    assert_eq!(t.spend(new(client("c"))).await, Committed::Done);
}

/// An update replaces the whole record.
pub async fn writing_a_client_replaces_it(t: Trial) {
    t.write(vec![Write::Client(Box::new(client("c")))]).await;
    let second = ClientRecord {
        secret: None,
        disabled: true,
        ..client("c")
    };
    t.write(vec![Write::Client(Box::new(second.clone()))]).await;
    assert!(same(found(&t, "c").await.as_ref(), Some(&second)));
}

/// Whoever read a client before it was changed or deleted does not undo that.
pub async fn a_client_that_has_changed_since_it_was_read_is_not_replaced(t: Trial) {
    let change = |expected: ClientRecord, record: ClientRecord| Spend::Client {
        expected: Box::new(expected),
        record: Box::new(record),
    };
    let off = || ClientRecord {
        disabled: true,
        ..client("c")
    };
    let bare = || ClientRecord {
        secret: None,
        ..client("c")
    };
    assert_eq!(
        t.spend(change(client("c"), off())).await,
        Committed::TooLate(0),
        "unknown"
    );
    t.write(vec![Write::Client(Box::new(client("c")))]).await;
    assert_eq!(
        t.spend(change(client("c"), off())).await,
        Committed::Done,
        "as it was read"
    );
    assert_eq!(
        t.spend(change(client("c"), bare())).await,
        Committed::TooLate(0),
        "changed"
    );
    assert!(same(found(&t, "c").await.as_ref(), Some(&off())));
    let twice = vec![change(off(), bare()), change(off(), client("c"))];
    assert_eq!(t.commit(twice, Vec::new()).await, Committed::TooLate(1));
    assert!(same(found(&t, "c").await.as_ref(), Some(&off())), "undone");
    t.write(vec![Write::DeleteClient(client_id("c"))]).await;
    assert_eq!(
        t.spend(change(off(), bare())).await,
        Committed::TooLate(0),
        "deleted"
    );
    assert!(found(&t, "c").await.is_none());
}

/// Deleting is idempotent.
pub async fn a_deleted_client_is_unknown(t: Trial) {
    t.write(vec![Write::Client(Box::new(client("c")))]).await;
    t.write(vec![Write::DeleteClient(client_id("c"))]).await;
    assert!(found(&t, "c").await.is_none());
    t.write(vec![Write::DeleteClient(client_id("c"))]).await;
}

/// The count follows inserts, replacements with another origin, and deletions.
pub async fn registered_clients_are_counted_and_no_others(t: Trial) {
    let issuer = t.issuer().await;
    let of = |id: &str, origin| {
        Box::new(ClientRecord {
            origin,
            ..client(id)
        })
    };
    let count = || async { t.store.count_registered_clients(issuer).await.unwrap() };
    assert_eq!(count().await, 0);
    for id in ["a", "b", "c"] {
        t.spend(Spend::NewClient(of(id, ClientOrigin::Registration)))
            .await;
    }
    t.write(vec![Write::Client(of("d", ClientOrigin::Administration))])
        .await;
    t.write(vec![Write::Client(of("e", ClientOrigin::Configuration))])
        .await;
    assert_eq!(count().await, 3);
    let again = Spend::NewClient(of("a", ClientOrigin::Registration));
    assert_eq!(t.spend(again).await, Committed::TooLate(0));
    t.write(vec![Write::Client(of("a", ClientOrigin::Registration))])
        .await;
    assert_eq!(count().await, 3);
    t.write(vec![
        Write::Client(of("a", ClientOrigin::Administration)),
        Write::DeleteClient(client_id("b")),
        Write::DeleteClient(client_id("d")),
        Write::DeleteClient(client_id("unknown")),
    ])
    .await;
    assert_eq!(count().await, 1);
    t.write(vec![Write::Client(of("e", ClientOrigin::Registration))])
        .await;
    assert_eq!(count().await, 2);
    let late = vec![
        Spend::NewClient(of("f", ClientOrigin::Registration)),
        Spend::NewClient(of("f", ClientOrigin::Registration)),
    ];
    assert_eq!(t.commit(late, Vec::new()).await, Committed::TooLate(1));
    assert_eq!(count().await, 2);
}

/// Pages are in byte order, whole, without repetition, and never larger than the most.
pub async fn clients_are_listed_in_pages(t: Trial) {
    let issuer = t.issuer().await;
    let mut ids: Vec<_> = (0..23).map(|n| format!("c{n}")).collect();
    ids.extend(["A".to_owned(), "~".to_owned(), "a b".to_owned()]);
    let writes = ids.iter().map(|id| Write::Client(Box::new(client(id))));
    t.write(writes.collect()).await;
    ids.sort();
    for limit in [0, 1, 2, 7, 26, 27, usize::MAX] {
        let mut listed = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = t.store.clients(issuer, after.as_deref(), limit).await;
            let page = page.unwrap();
            assert!(page.items.len() <= limit.clamp(1, MAX_PAGE));
            listed.extend(page.items.iter().map(|c| c.client_id.to_string()));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(listed, ids, "limit {limit}");
    }
}

/// Of many that change a client as they have read it, one does; nothing of the others is there.
pub async fn a_client_that_many_change_is_changed_once(t: Trial) {
    let named = |name: &str| {
        let mut record = client("c");
        record
            .metadata
            .insert("client_name".to_owned(), name.into());
        record
    };
    t.write(vec![Write::Client(Box::new(named("first")))]).await;
    for round in 0..t.rounds.div_ceil(10) {
        let expected = found(&t, "c").await.unwrap();
        let change = |task: u8| {
            std::future::ready(Commit {
                spends: vec![Spend::Client {
                    expected: Box::new(expected.clone()),
                    record: Box::new(named(&format!("{round} {task}"))),
                }],
                writes: vec![Write::Client(Box::new(client(&format!("{round} {task}"))))],
            })
        };
        assert_eq!(t.race(8, change).await, 1, "round {round}");
        let mut won = Vec::new();
        for task in 0..8 {
            if found(&t, &format!("{round} {task}")).await.is_some() {
                won.push(named(&format!("{round} {task}")));
            }
        }
        let now = found(&t, "c").await;
        assert!(won.len() == 1 && same(won.first(), now.as_ref()));
    }
}
