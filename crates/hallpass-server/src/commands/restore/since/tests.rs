use std::collections::BTreeMap;

use hallpass_core::access::{Membership, Role};
use hallpass_core::record::ConsentRecord;
use hallpass_store::{
    KeyPhase, KeyRecord, MemoryStore, NewIssuer, RecoveryCodes, Totp, operator_of_person,
};
use hallpass_types::{ClientId, ContentDigest, CredentialId, Scope};
use serde_json::json;

use super::*;

const THEN: Timestamp = Timestamp(1_790_000_000);
const NOW: Timestamp = Timestamp(1_790_100_000);

fn subject(name: &str) -> Subject {
    Subject::parse(name).unwrap()
}

fn client_id(name: &str) -> ClientId {
    ClientId::parse(name).unwrap()
}

fn user(name: &str) -> UserRecord {
    UserRecord {
        subject: subject(name),
        username: name.to_owned(),
        username_key: name.to_owned(),
        password: Some("old".to_owned()),
        must_change_password: false,
        claims: json!({"name": "N", "email": "old@a.test"})
            .as_object()
            .unwrap()
            .clone(),
        disconnected: BTreeMap::new(),
        memberships: Vec::new(),
        disabled: false,
        epoch: 1,
        revision: 1,
        created_at: THEN,
        updated_at: THEN,
    }
}

fn an_app(id: &str) -> ClientRecord {
    ClientRecord {
        client_id: client_id(id),
        metadata: serde_json::Map::new(),
        secret: Some(ContentDigest([1; 32])),
        secret_sealed: None,
        secret_expires_at: None,
        registration_token: None,
        origin: ClientOrigin::Administration,
        policies: Vec::new(),
        vouched: false,
        decided: serde_json::Map::new(),
        disabled: false,
        created_at: THEN,
        updated_at: THEN,
    }
}

fn credential(name: &str, id: u8, data: CredentialData) -> CredentialRecord {
    CredentialRecord {
        subject: subject(name),
        id: CredentialId([id; 16]),
        data,
        lookup: None,
        name: String::new(),
        created_at: THEN,
        last_used_at: None,
        revision: 1,
    }
}

fn recovery_codes(left: &[u8]) -> CredentialData {
    CredentialData::RecoveryCodes(RecoveryCodes {
        left: left.iter().map(|n| ContentDigest([*n; 32])).collect(),
        of: 2,
    })
}

fn app(last_step: u64) -> CredentialData {
    CredentialData::Totp(Totp {
        sealed: vec![1],
        last_step,
    })
}

fn key(kid: &str, phase: KeyPhase) -> KeyRecord {
    KeyRecord {
        kid: kid.to_owned(),
        alg: "ES256".to_owned(),
        phase,
        sealed: vec![1],
        created_at: THEN,
        phase_since: THEN,
        keep_until: None,
    }
}

fn consent(scope: &str) -> Box<ConsentRecord> {
    Box::new(ConsentRecord {
        scope: Scope::parse(scope).unwrap(),
        refused: Scope::default(),
        claims: Vec::new(),
        refused_claims: Vec::new(),
        resources: Vec::new(),
        redirect_uris: None,
        at: THEN,
    })
}

fn operator(name: &str, revision: u64) -> Box<AdminRecord> {
    Box::new(AdminRecord {
        id: operator_of_person(&subject(name)),
        revision,
        value: json!({ "revision": revision }),
    })
}

async fn commit(store: &MemoryStore, issuer: IssuerId, spends: Vec<Spend>, writes: Vec<Write>) {
    let done = store.commit(issuer, Commit { spends, writes }).await;
    assert_eq!(done.unwrap(), Committed::Done);
}

fn admin(from: Option<u64>, name: &str, next: Option<Box<AdminRecord>>) -> Spend {
    Spend::Admin {
        kind: AdminKind::Operator,
        id: operator_of_person(&subject(name)),
        from,
        next,
    }
}

fn master() -> MasterKey {
    MasterKey::new([7; 32])
}

/// The same database twice: the backup, and the one that went on.
async fn twice() -> (MemoryStore, MemoryStore, IssuerId) {
    let (backup, last) = (MemoryStore::new(), MemoryStore::new());
    let issuer = backup.issuer("https://op.example").await.unwrap();
    assert_eq!(last.issuer("https://op.example").await.unwrap(), issuer);
    roots::open(&backup, issuer, &master(), THEN).await.unwrap();
    let record = Box::new(backup.root(issuer).await.unwrap().unwrap());
    let root = Spend::Root { from: None, record };
    commit(&last, issuer, vec![root], Vec::new()).await;
    for store in [&backup, &last] {
        let mut spends: Vec<Spend> = ["ada", "bob", "carol", "dora"]
            .map(|name| Spend::NewUser(Box::new(user(name))))
            .into();
        spends.extend(
            [
                credential("ada", 1, recovery_codes(&[1, 2])),
                credential("ada", 2, app(5)),
                credential("dora", 1, recovery_codes(&[3, 4])),
            ]
            .map(|record| Spend::NewCredential(Box::new(record))),
        );
        spends.push(admin(None, "ada", Some(operator("ada", 1))));
        spends.push(admin(None, "bob", Some(operator("bob", 1))));
        let mut writes: Vec<Write> = ["app", "gone", "kept"]
            .map(|id| Write::Client(Box::new(an_app(id))))
            .into();
        writes.push(Write::SigningKey(Box::new(key("a", KeyPhase::Active))));
        writes.push(Write::Consent(
            subject("ada"),
            client_id("app"),
            consent("openid"),
        ));
        commit(store, issuer, spends, writes).await;
    }
    (backup, last, issuer)
}

/// What people and operators did after the backup.
async fn go_on(last: &MemoryStore, issuer: IssuerId) {
    let changed = |name: &str, change: fn(&mut UserRecord)| {
        let mut record = user(name);
        change(&mut record);
        record.revision = 2;
        Spend::User {
            revision: 1,
            record: Box::new(record),
        }
    };
    let spends = vec![
        changed("ada", |user| {
            user.password = Some("new".to_owned());
            user.epoch = 4;
            user.claims.insert("email".to_owned(), json!("new@a.test"));
            user.claims.insert("name".to_owned(), json!("M"));
        }),
        changed("bob", |user| user.disabled = true),
        Spend::DeleteUser {
            subject: subject("carol"),
            revision: 1,
        },
        changed_credential("ada", 1, Some(recovery_codes(&[2]))),
        changed_credential("ada", 2, None),
        Spend::NewCredential(Box::new(credential("ada", 3, app(9)))),
        admin(Some(1), "ada", Some(operator("ada", 2))),
        admin(Some(1), "bob", None),
    ];
    let leaked = ClientRecord {
        secret: Some(ContentDigest([2; 32])),
        updated_at: THEN.plus(9),
        ..an_app("app")
    };
    let writes = vec![
        Write::Client(Box::new(leaked)),
        Write::DeleteClient(client_id("gone")),
        Write::DeleteSigningKey("a".to_owned()),
        Write::SigningKey(Box::new(key("b", KeyPhase::Active))),
        Write::ForgetConsent(subject("ada"), client_id("app")),
    ];
    commit(last, issuer, spends, writes).await;
    let mut record = Directory {
        revision: 1,
        ..Directory::default()
    };
    record.roles.insert("less".to_owned(), Role::default());
    let record = Box::new(record);
    let spend = Spend::Directory { from: 0, record };
    commit(last, issuer, vec![spend], Vec::new()).await;
}

fn changed_credential(name: &str, id: u8, data: Option<CredentialData>) -> Spend {
    Spend::Credential {
        subject: subject(name),
        id: CredentialId([id; 16]),
        revision: 1,
        next: data.map(|data| {
            Box::new(CredentialRecord {
                revision: 2,
                ..credential(name, id, data)
            })
        }),
    }
}

async fn carried(
    last: &MemoryStore,
    backup: &MemoryStore,
    issuer: IssuerId,
    restored: bool,
) -> (Known, Carried) {
    let mut carried = Carried::default();
    let before = Before {
        store: last,
        restored,
    };
    let with = (&master(), NOW);
    let known = carry(&before, backup, issuer, with, &mut carried).await;
    (known.unwrap(), carried)
}

// F14, I3
#[tokio::test]
async fn what_ended_since_the_backup_has_ended_in_it() {
    let (backup, last, issuer) = twice().await;
    go_on(&last, issuer).await;
    let (known, done) = carried(&last, &backup, issuer, false).await;
    assert_eq!(known, Known::Same);
    let expected = Carried {
        accounts: 3,
        credentials: 3,
        consents: 1,
        clients: 2,
        operators: 2,
        issuers: 1,
        recovery_codes: 0,
    };
    assert_eq!(done, expected);
    let person = async |name: &str| backup.user(issuer, &subject(name)).await.unwrap().unwrap();
    let ada = person("ada").await;
    assert_eq!(ada.password.as_deref(), Some("new"), "the old one is over");
    assert_eq!(ada.claims["email"], "new@a.test");
    assert_eq!(ada.claims["name"], "N", "what opens nothing is restored");
    assert!(!ada.disabled && ada.epoch == 4);
    assert!(person("bob").await.disabled, "disabled");
    assert!(person("carol").await.disabled, "deleted");
    assert_eq!(person("dora").await, user("dora"));
    let held = backup.credentials(issuer, &subject("ada")).await.unwrap();
    let mut held: Vec<_> = held.into_iter().map(|held| (held.id, held.data)).collect();
    held.sort_by_key(|(id, _)| id.0);
    let expected = [
        (CredentialId([1; 16]), recovery_codes(&[2])),
        (CredentialId([3; 16]), app(9)),
    ];
    assert_eq!(held, expected, "a used code is used, a removed app is gone");
    let app = async |id: &str| {
        backup
            .client(issuer, &client_id(id))
            .await
            .unwrap()
            .unwrap()
    };
    assert!(app("app").await.secret == Some(ContentDigest([2; 32])));
    assert!(app("gone").await.disabled && !app("kept").await.disabled);
    let keys = backup.signing_keys(issuer).await.unwrap();
    assert_eq!(keys, [key("b", KeyPhase::Active)]);
    let allowed = backup.consents_of(issuer, &ada.subject).await.unwrap();
    assert!(allowed.is_empty(), "{allowed:?}");
    let operators = backup.admin_records(issuer, AdminKind::Operator, None, 9);
    let operators = operators.await.unwrap().items;
    assert_eq!(operators, [*operator("ada", 2)]);
    let roles = backup.directory(issuer).await.unwrap().roles;
    assert!(roles.contains_key("less"), "{roles:?}");
    let (_, again) = carried(&last, &backup, issuer, false).await;
    assert_eq!(again, Carried::default(), "there is nothing left to do");
}

#[tokio::test]
async fn where_another_backup_was_put_in_place_meanwhile_absence_says_nothing() {
    let (backup, last, issuer) = twice().await;
    go_on(&last, issuer).await;
    let (known, done) = carried(&last, &backup, issuer, true).await;
    assert_eq!(known, Known::Same);
    let expected = Carried {
        accounts: 2,
        credentials: 1,
        clients: 1,
        operators: 1,
        issuers: 1,
        ..Carried::default()
    };
    assert_eq!(done, expected);
    let person = async |name: &str| backup.user(issuer, &subject(name)).await.unwrap().unwrap();
    assert!(person("bob").await.disabled && !person("carol").await.disabled);
    let keys = backup.signing_keys(issuer).await.unwrap();
    assert_eq!(keys, [key("a", KeyPhase::Active)]);
}

#[tokio::test]
async fn a_database_of_an_earlier_time_takes_nothing_away() {
    let (last, backup, issuer) = twice().await;
    go_on(&backup, issuer).await;
    let before = backup.user(issuer, &subject("ada")).await.unwrap();
    let (known, done) = carried(&last, &backup, issuer, true).await;
    assert_eq!((known, done), (Known::Same, Carried::default()));
    assert_eq!(backup.user(issuer, &subject("ada")).await.unwrap(), before);
}

#[tokio::test]
async fn a_database_of_another_installation_says_nothing() {
    let (backup, _, issuer) = twice().await;
    let (empty, other) = (MemoryStore::new(), MemoryStore::new());
    for store in [&empty, &other] {
        store.issuer("https://op.example").await.unwrap();
    }
    roots::open(&other, issuer, &master(), THEN).await.unwrap();
    for (last, expected) in [(&empty, Known::Gone), (&other, Known::Other)] {
        let (known, done) = carried(last, &backup, issuer, false).await;
        assert_eq!((known, done), (expected, Carried::default()));
    }
    let ada = backup.user(issuer, &subject("ada")).await.unwrap();
    assert_eq!(ada, Some(user("ada")));
}

#[tokio::test]
async fn recovery_codes_of_which_nobody_knows_anything_are_over_and_nothing_else_is() {
    let (backup, _, issuer) = twice().await;
    let mut carried = Carried::default();
    let done = without_recovery_codes(&backup, issuer, &mut carried).await;
    done.unwrap();
    assert_eq!(carried.recovery_codes(), 2);
    let held = backup.credentials(issuer, &subject("ada")).await.unwrap();
    assert_eq!(held, [credential("ada", 2, app(5))]);
    let held = backup.credentials(issuer, &subject("dora")).await.unwrap();
    assert_eq!(held, []);
}

#[tokio::test]
async fn an_issuer_that_was_disabled_or_deleted_since_comes_back_disabled() {
    let (backup, last) = (MemoryStore::new(), MemoryStore::new());
    for store in [&backup, &last] {
        for name in ["disabled", "gone", "kept"] {
            let new = NewIssuer {
                name: name.to_owned(),
                identifier: format!("https://op.example/{name}"),
                settings: serde_json::Map::new(),
                at: THEN,
            };
            store.create_issuer(new).await.unwrap().unwrap();
        }
    }
    for (name, state) in [
        ("disabled", IssuerState::Disabled),
        ("gone", IssuerState::Deleting),
    ] {
        let record = last.issuer_named(name).await.unwrap().unwrap();
        let changed = IssuerRecord {
            state,
            ..record.clone()
        };
        assert!(last.change_issuer(record.revision, changed).await.unwrap());
    }
    let gone = last.issuer_named("gone").await.unwrap().unwrap().id;
    while last.erase_issuer(gone, 10).await.unwrap() > 0 {}
    let mut carried = Carried::default();
    let before = Before {
        store: &last,
        restored: false,
    };
    issuers(&before, &backup, NOW, &mut carried).await.unwrap();
    let mut states = Vec::new();
    for name in ["disabled", "gone", "kept"] {
        states.push(backup.issuer_named(name).await.unwrap().unwrap().state);
    }
    let (off, on) = (IssuerState::Disabled, IssuerState::Enabled);
    assert_eq!((states, carried.issuers), (vec![off, off, on], 2));
}

#[test]
fn memberships_are_those_of_the_last_time_and_a_client_of_the_configuration_is_left_alone() {
    let member = |role: &str| Membership {
        roles: [role.to_owned()].into(),
        ..Membership::default()
    };
    let then = UserRecord {
        memberships: vec![member("admin")],
        ..user("ada")
    };
    let last = UserRecord {
        memberships: vec![member("guest")],
        revision: 2,
        ..user("ada")
    };
    let record = account(&then, Some(last), false, NOW).unwrap();
    assert_eq!(record.memberships, [member("guest")]);
    assert_eq!((record.revision, record.updated_at), (2, NOW));
    assert_eq!(account(&then, Some(then.clone()), true, NOW), None);
    let configured = ClientRecord {
        origin: ClientOrigin::Configuration,
        ..an_app("app")
    };
    assert!(client(&configured, None, true, NOW).is_none());
}
