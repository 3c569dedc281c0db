//! Records to try a store with.

use std::collections::BTreeMap;

use hallpass_core::{
    client::{ClientOrigin, ClientRecord},
    record::{
        Authentication, ClaimsRequest, CodeRecord, ConsentRecord, GrantRecord, PushedRequest,
        RefreshState, SessionRecord, WaitingRecord,
    },
};
use hallpass_types::{
    Bucket, ClientId, ContentDigest, GrantId, Key, Scope, Session, Sid, Subject, Timestamp,
    TokenId, sha256,
};
use serde_json::json;

use crate::{KeyPhase, KeyRecord, UserRecord};

pub(super) const NOW: Timestamp = Timestamp(1_800_000_000);

/// A bucket in which nothing is purged yet.
pub(super) fn live() -> Bucket {
    Bucket::holding(NOW.plus(600))
}

pub(super) fn key<K>(name: &str) -> Key<K> {
    Key::from_parts(live(), sha256(name.as_bytes()))
}

pub(super) fn client_id(text: &str) -> ClientId {
    ClientId::parse(text).unwrap()
}

pub(super) fn subject(text: &str) -> Subject {
    Subject::parse(text).unwrap()
}

pub(super) fn token_id(name: &str) -> TokenId {
    let mut id = [0; 16];
    id.copy_from_slice(&sha256(name.as_bytes())[..16]);
    TokenId(id)
}

pub(super) fn grant_id(name: &str) -> GrantId {
    let mut random = [0; 12];
    random.copy_from_slice(&sha256(name.as_bytes())[..12]);
    GrantId {
        bucket: live(),
        random,
    }
}

pub(super) fn grant(name: &str) -> GrantRecord {
    GrantRecord {
        authorization_details: Vec::new(),
        id: grant_id(name),
        client_id: client_id("client of grants"),
        subject: subject("subject-of-grants"),
        account_epoch: 3,
        scope: Scope::parse("openid offline_access").unwrap(),
        resources: vec!["https://api.example/".to_owned()],
        claims: ClaimsRequest {
            userinfo: BTreeMap::from([("email".to_owned(), json!(null))]),
            id_token: BTreeMap::from([("acr".to_owned(), json!({"values": ["1"]}))]),
        },
        authentication: Authentication {
            auth_time: NOW,
            acr: Some("1".to_owned()),
            amr: vec!["pwd".to_owned()],
        },
        session: None,
        sid: Some(Sid::parse("sid-1").unwrap()),
        organization: None,
        session_bound: false,
        issued_at: NOW,
        expires_at: NOW.plus(90 * 86_400),
        refresh: Some(RefreshState {
            generation: 0,
            rotated_at: NOW,
            idle_expires_at: NOW.plus(86_400),
        }),
        confirmation: None,
    }
}

pub(super) fn grant_of_session(name: &str, session: Key<Session>) -> GrantRecord {
    GrantRecord {
        session: Some(session),
        session_bound: true,
        ..grant(name)
    }
}

pub(super) fn code(name: &str) -> CodeRecord {
    CodeRecord {
        grant: grant(name),
        redirect_uri: "https://rp.example/cb?x=%20".to_owned(),
        code_challenge: Some("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned()),
        nonce: Some("n-0S6_WzA2Mj".to_owned()),
        dpop_jkt: None,
        grant_stands: false,
        issued_at: NOW,
        expires_at: NOW.plus(60),
    }
}

pub(super) fn waiting(state: &str) -> WaitingRecord {
    WaitingRecord::Pushed(Box::new(PushedRequest {
        client_id: client_id("client that pushes"),
        params: vec![("state".to_owned(), state.to_owned())],
        signed: true,
        instance: None,
        issued_at: NOW,
        expires_at: NOW.plus(60),
    }))
}

pub(super) fn session(user: &str) -> SessionRecord {
    SessionRecord {
        subject: subject(user),
        account_epoch: 1,
        authentication: Authentication {
            auth_time: NOW,
            acr: None,
            amr: Vec::new(),
        },
        sid: Sid::parse("a-sid").unwrap(),
        created_at: NOW,
        expires_at: NOW.plus(86_400),
        superseded: false,
        proofs: Vec::new(),
        earlier: Vec::new(),
        visit: None,
        seen_at: NOW,
        fleeting: false,
        lowered: false,
    }
}

pub(super) fn consent(scope: &str) -> ConsentRecord {
    ConsentRecord {
        scope: Scope::parse(scope).unwrap(),
        refused: Scope::parse("phone").unwrap(),
        claims: vec!["email".to_owned()],
        refused_claims: vec!["birthdate".to_owned()],
        resources: Vec::new(),
        redirect_uris: Some([255; 32]),
        at: NOW,
    }
}

pub(super) fn client(id: &str) -> ClientRecord {
    let metadata = json!({"client_name": "Müller & \u{0} Söhne", "redirect_uris": []});
    ClientRecord {
        client_id: client_id(id),
        metadata: metadata.as_object().unwrap().clone(),
        secret: Some(ContentDigest([7; 32])),
        secret_sealed: Some(vec![0, 255]),
        secret_expires_at: None,
        vouched: false,
        decided: serde_json::Map::new(),
        registration_token: Some(ContentDigest([8; 32])),
        policies: Vec::new(),
        origin: ClientOrigin::Administration,
        disabled: false,
        created_at: NOW,
        updated_at: NOW,
    }
}

pub(super) fn user(name: &str) -> UserRecord {
    UserRecord {
        subject: subject(&hex(&sha256(name.as_bytes()))),
        username: name.to_owned(),
        username_key: name.to_owned(),
        password: Some("$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA".to_owned()),
        must_change_password: false,
        claims: json!({"name": "X"}).as_object().unwrap().clone(),
        disconnected: BTreeMap::new(),
        memberships: Vec::new(),
        disabled: false,
        epoch: 1,
        revision: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}

pub(super) fn signing_key(kid: &str, phase: KeyPhase) -> KeyRecord {
    KeyRecord {
        kid: kid.to_owned(),
        alg: "ES256".to_owned(),
        phase,
        sealed: vec![1, 2, 3],
        created_at: NOW,
        phase_since: NOW,
        keep_until: None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
