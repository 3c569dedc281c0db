//! What is tried again: transactions that the database takes back for the sake of others, at any moment up to their end.

use hallpass_core::record::{Authentication, SessionRecord};
use hallpass_store::{Commit, Committed, Spend, Store as _, StoreError, Write};
use hallpass_store_postgres::{Options, PostgresStore};
use hallpass_testpg::Cluster;
use hallpass_types::{Bucket, IssuerId, Key, Session, Sid, Subject, Timestamp, sha256};

use crate::common::{address, quoted};

fn session() -> Box<SessionRecord> {
    Box::new(SessionRecord {
        subject: Subject::parse("alice").unwrap(),
        account_epoch: 1,
        authentication: Authentication {
            auth_time: Timestamp(1),
            acr: None,
            amr: Vec::new(),
        },
        sid: Sid::parse("sid").unwrap(),
        created_at: Timestamp(1),
        expires_at: Timestamp(2),
        superseded: false,
        proofs: Vec::new(),
        earlier: Vec::new(),
        visit: None,
        seen_at: Timestamp(1),
        fleeting: false,
        lowered: false,
    })
}

fn key<K>(n: u32) -> Key<K> {
    Key::from_parts(Bucket(30_000_000), sha256(&n.to_be_bytes()))
}

/// A commit that is done with others of its shape, and one that is done by itself, change by change.
fn commits(n: u32) -> [Commit; 2] {
    let (one, other): (Key<Session>, Key<Session>) = (key(n), key(n + 1));
    let spends = vec![Spend::Once(key(n))];
    let begin = Write::Session(other, session());
    [
        Commit {
            spends,
            writes: vec![begin.clone()],
        },
        Commit {
            spends: vec![Spend::Once(key(n + 1))],
            writes: vec![Write::EndSession(one), begin],
        },
    ]
}

struct Scene {
    cluster: &'static Cluster,
    schema: String,
    store: PostgresStore,
    issuer: IssuerId,
}

impl Scene {
    async fn open() -> Option<Self> {
        let cluster = hallpass_testpg::shared()?;
        let options = Options {
            schema: cluster.schema(),
            ..Options::default()
        };
        let schema = quoted(&options.schema);
        let store = PostgresStore::open(address(cluster), options)
            .await
            .unwrap();
        let issuer = store.issuer("https://op.example").await.unwrap();
        cluster.sql(&format!("CREATE SEQUENCE {schema}.turns"));
        Some(Self {
            cluster,
            schema,
            store,
            issuer,
        })
    }

    /// From now on the first `times` that ask this function fail with that code. Numbers of a sequence are never taken back.
    fn gives_in(&self, code: &str, times: u32) {
        let schema = &self.schema;
        self.cluster.sql(&format!(
            "ALTER SEQUENCE {schema}.turns RESTART;
            CREATE OR REPLACE FUNCTION {schema}.turn() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('{schema}.turns') <= {times} THEN RAISE EXCEPTION 'again' USING ERRCODE = '{code}'; END IF;
                RETURN true; END $$;
            CREATE OR REPLACE FUNCTION {schema}.gives_in() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                PERFORM {schema}.turn(); RETURN coalesce(NEW, OLD); END $$"
        ));
    }

    fn sql(&self, sql: &str) {
        self.cluster.sql(&sql.replace("{schema}", &self.schema));
    }

    fn retries(&self) -> u64 {
        self.store.stats().snapshot().retries
    }
}

/// While the change is made, and at the end of the transaction, where engines that let all go on until then say it.
const MOMENTS: [(&str, &str); 2] = [
    (
        "CREATE TRIGGER moment BEFORE INSERT ON {schema}.sessions FOR EACH ROW EXECUTE FUNCTION {schema}.gives_in()",
        "DROP TRIGGER moment ON {schema}.sessions",
    ),
    (
        "CREATE CONSTRAINT TRIGGER moment AFTER INSERT ON {schema}.sessions DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION {schema}.gives_in()",
        "DROP TRIGGER moment ON {schema}.sessions",
    ),
];

#[tokio::test]
async fn a_commit_that_fails_with_40001_or_40p01_is_done_again_and_once() {
    let Some(scene) = Scene::open().await else {
        return;
    };
    let mut n = 0;
    for (begin, end) in MOMENTS {
        for code in ["40001", "40P01"] {
            for which in 0..2 {
                scene.gives_in(code, 3);
                scene.sql(begin);
                let before = scene.retries();
                let commit = commits(n)[which].clone();
                let done = scene.store.commit(scene.issuer, commit).await;
                assert_eq!(done.unwrap(), Committed::Done, "{code} {begin}");
                assert_eq!(scene.retries() - before, 3, "{code} {begin}");
                scene.sql(end);
                let commit = commits(n)[which].clone();
                let again = scene.store.commit(scene.issuer, commit).await;
                assert_eq!(again.unwrap(), Committed::TooLate(0));
                n += 2;
            }
        }
    }
}

#[tokio::test]
async fn whoever_is_taken_back_for_ever_is_told_to_come_back_and_nothing_is_left() {
    let Some(scene) = Scene::open().await else {
        return;
    };
    for (n, (begin, end)) in (0..).zip(MOMENTS) {
        for which in 0..2 {
            let n = n * 4 + u32::try_from(which).unwrap() * 2;
            scene.gives_in("40001", 1_000);
            scene.sql(begin);
            let commit = commits(n)[which].clone();
            let failed = scene.store.commit(scene.issuer, commit.clone()).await;
            let failed = failed.unwrap_err();
            assert!(matches!(failed, StoreError::Busy { .. }), "{failed:?}");
            scene.sql(end);
            let found = scene.store.session(scene.issuer, key(n + 1)).await;
            assert_eq!(found.unwrap(), None);
            // What it would have used is free.
            let done = scene.store.commit(scene.issuer, commit).await;
            assert_eq!(done.unwrap(), Committed::Done);
        }
    }
}

#[tokio::test]
async fn a_question_that_fails_with_40001_is_asked_again() {
    let Some(scene) = Scene::open().await else {
        return;
    };
    let [commit, _] = commits(1);
    scene.store.commit(scene.issuer, commit).await.unwrap();
    scene.gives_in("40001", 3);
    scene.sql(
        "ALTER TABLE {schema}.sessions RENAME TO kept;
        CREATE VIEW {schema}.sessions AS SELECT * FROM {schema}.kept WHERE {schema}.turn()",
    );
    let found = scene.store.session(scene.issuer, key(2)).await;
    assert_eq!(found.unwrap(), Some(*session()));
    assert_eq!(scene.retries(), 3);
    scene.gives_in("40001", 1_000);
    let failed = scene.store.session(scene.issuer, key(2)).await;
    assert!(matches!(failed, Err(StoreError::Busy { .. })), "{failed:?}");
}

#[tokio::test]
async fn purging_and_making_issuers_go_on_after_40001() {
    let Some(scene) = Scene::open().await else {
        return;
    };
    let [commit, _] = commits(1);
    scene.store.commit(scene.issuer, commit).await.unwrap();
    scene.gives_in("40001", 3);
    scene.sql(
        "CREATE TRIGGER moment BEFORE DELETE ON {schema}.once_keys FOR EACH ROW EXECUTE FUNCTION {schema}.gives_in()",
    );
    let gone = scene.store.purge(Bucket(30_000_001), 10).await;
    assert_eq!(gone.unwrap(), 2, "a session and a key");
    assert_eq!(scene.retries(), 3);
    scene.gives_in("40001", 3);
    scene.sql(
        "CREATE TRIGGER moment BEFORE INSERT ON {schema}.issuers FOR EACH ROW EXECUTE FUNCTION {schema}.gives_in()",
    );
    let made = scene.store.issuer("https://other.example").await.unwrap();
    assert_ne!(made, scene.issuer);
    assert_eq!(scene.retries(), 6);
}
