//! What the tests share.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use hallpass_core::{
    client::{ClientOrigin, ClientRecord},
    record::{Authentication, ClaimsRequest, CodeRecord, GrantRecord, RefreshState, SessionRecord},
};
use hallpass_store::{Commit, KeyPhase, KeyRecord, Spend, UserRecord, Write};
use hallpass_types::{
    Bucket, ClientId, GrantId, Key, Scope, Sid, Subject, Timestamp, TokenId, sha256,
};

/// A new folder, removed in the end.
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("store-{}-{n}", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        // Left over by an earlier process of the same number.
        drop(std::fs::remove_dir_all(&path));
        std::fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.path.join("hallpass.sqlite")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.path));
    }
}

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000);

pub(crate) fn key<K>(kind: &str, n: u32) -> Key<K> {
    let name = format!("{kind} {n}");
    Key::from_parts(Bucket::holding(NOW), sha256(name.as_bytes()))
}

pub(crate) fn once(n: u32) -> Commit {
    Commit {
        spends: vec![Spend::Once(key("once", n))],
        writes: Vec::new(),
    }
}

pub(crate) fn grant_id(n: u32) -> GrantId {
    GrantId {
        bucket: Bucket::holding(NOW),
        random: *sha256(&n.to_be_bytes()).first_chunk().unwrap(),
    }
}

pub(crate) fn subject(n: u32) -> Subject {
    Subject::parse(&format!("subject-{n}")).unwrap()
}

pub(crate) fn client_id(n: u32) -> ClientId {
    ClientId::parse(&format!("client-{n}")).unwrap()
}

pub(crate) fn grant(n: u32) -> GrantRecord {
    GrantRecord {
        authorization_details: Vec::new(),
        id: grant_id(n),
        client_id: client_id(n),
        subject: subject(n),
        account_epoch: 1,
        scope: Scope::parse("openid").unwrap(),
        resources: Vec::new(),
        claims: ClaimsRequest::default(),
        authentication: Authentication {
            auth_time: NOW,
            acr: None,
            amr: Vec::new(),
        },
        session: Some(key("session", n)),
        sid: None,
        organization: None,
        session_bound: false,
        issued_at: NOW,
        expires_at: NOW,
        refresh: Some(RefreshState {
            generation: 0,
            rotated_at: NOW,
            idle_expires_at: NOW,
        }),
        confirmation: None,
    }
}

pub(crate) fn code(n: u32) -> CodeRecord {
    CodeRecord {
        grant: grant(n),
        redirect_uri: "https://rp.example/cb".to_owned(),
        code_challenge: None,
        nonce: None,
        dpop_jkt: None,
        grant_stands: false,
        issued_at: NOW,
        expires_at: NOW,
    }
}

pub(crate) fn session(n: u32) -> SessionRecord {
    SessionRecord {
        subject: subject(n),
        account_epoch: 1,
        authentication: grant(n).authentication,
        sid: Sid::parse("sid").unwrap(),
        created_at: NOW,
        expires_at: NOW,
        superseded: false,
        proofs: Vec::new(),
        earlier: Vec::new(),
        visit: None,
        seen_at: NOW,
        fleeting: false,
        lowered: false,
    }
}

pub(crate) fn user(n: u32) -> UserRecord {
    UserRecord {
        subject: subject(n),
        username: format!("user{n}"),
        username_key: format!("user{n}"),
        password: None,
        must_change_password: false,
        claims: serde_json::Map::new(),
        disconnected: std::collections::BTreeMap::new(),
        memberships: Vec::new(),
        disabled: false,
        epoch: 1,
        revision: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

pub(crate) fn client(n: u32) -> ClientRecord {
    ClientRecord {
        client_id: client_id(n),
        metadata: serde_json::Map::new(),
        secret: None,
        secret_sealed: None,
        secret_expires_at: None,
        vouched: false,
        decided: serde_json::Map::new(),
        registration_token: None,
        policies: Vec::new(),
        origin: ClientOrigin::Registration,
        disabled: false,
        created_at: NOW,
        updated_at: NOW,
    }
}

/// A commit that touches every table.
pub(crate) fn one_of_each(n: u32) -> Commit {
    let signing_key = KeyRecord {
        kid: format!("key-{n}"),
        alg: "ES256".to_owned(),
        phase: KeyPhase::Active,
        sealed: vec![0; 100],
        created_at: NOW,
        phase_since: NOW,
        keep_until: None,
    };
    Commit {
        spends: vec![
            Spend::Once(key("once", n)),
            Spend::NewUser(Box::new(user(n))),
            Spend::NewClient(Box::new(client(n))),
        ],
        writes: vec![
            Write::Code(key("code", n), Box::new(code(n))),
            Write::Grant(Box::new(grant(n))),
            Write::Session(key("session", n), Box::new(session(n))),
            Write::DenyToken(TokenId([0; 16]), NOW),
            Write::Consent(subject(n), client_id(n), Box::default()),
            Write::SigningKey(Box::new(signing_key)),
        ],
    }
}
