//! What the stores are filled with: everything follows from a number, so that it can be asked for again.

use hallpass_core::record::{
    Authentication, ClaimsRequest, ConsentRecord, GrantRecord, RefreshState, SessionRecord,
};
use hallpass_store::UserRecord;
use hallpass_types::{Bucket, ClientId, GrantId, Key, Scope, Sid, Subject, Timestamp, sha256};

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000);
pub(crate) const CLIENT: &str = "s6BhdRkqt3xyz";

/// What was made at one time lies together, as it does where servers make it.
pub(crate) fn in_time(moment: u64, mut digest: [u8; 32]) -> [u8; 32] {
    let [.., high, low] = moment.to_be_bytes();
    (digest[0], digest[1]) = (high, low);
    digest
}

pub(crate) fn grant_id(n: u64) -> GrantId {
    let digest = sha256(&n.to_le_bytes());
    GrantId {
        bucket: Bucket::holding(NOW.plus(90 * 86_400 + i64::try_from(n / 100).unwrap())),
        random: *digest.first_chunk().unwrap(),
    }
}

pub(crate) fn subject(n: u64) -> Subject {
    let digest = sha256(&(n / 10).to_be_bytes());
    let hex: String = digest[..16].iter().map(|b| format!("{b:02x}")).collect();
    Subject::parse(&hex).unwrap()
}

pub(crate) fn session_key(n: u64) -> Key<hallpass_types::Session> {
    let bucket = Bucket::holding(NOW.plus(14 * 86_400));
    Key::from_parts(bucket, in_time(n / 1_000, sha256(&(n / 10).to_ne_bytes())))
}

pub(crate) fn authentication() -> Authentication {
    Authentication {
        auth_time: NOW,
        acr: None,
        amr: vec!["pwd".to_owned()],
    }
}

pub(crate) fn grant(n: u64) -> GrantRecord {
    GrantRecord {
        authorization_details: Vec::new(),
        id: grant_id(n),
        client_id: ClientId::parse(CLIENT).unwrap(),
        subject: subject(n),
        account_epoch: 1,
        scope: Scope::parse("openid profile email offline_access").unwrap(),
        resources: Vec::new(),
        claims: ClaimsRequest::default(),
        authentication: authentication(),
        session: Some(session_key(n)),
        sid: Some(Sid::parse("08a5019c-17e1-4977-8f42-65a12843ea02").unwrap()),
        session_bound: false,
        issued_at: NOW,
        expires_at: NOW.plus(90 * 86_400),
        refresh: Some(RefreshState {
            generation: 0,
            rotated_at: NOW,
            idle_expires_at: NOW.plus(14 * 86_400),
        }),
        confirmation: None,
        organization: None,
    }
}

pub(crate) fn session(n: u64) -> SessionRecord {
    SessionRecord {
        subject: subject(n),
        account_epoch: 1,
        authentication: authentication(),
        sid: Sid::parse("08a5019c-17e1-4977-8f42-65a12843ea02").unwrap(),
        created_at: NOW,
        expires_at: NOW.plus(14 * 86_400),
        superseded: false,
        proofs: Vec::new(),
        earlier: Vec::new(),
        visit: None,
        seen_at: NOW,
        fleeting: false,
        lowered: false,
    }
}

pub(crate) fn consent() -> ConsentRecord {
    ConsentRecord {
        scope: Scope::parse("openid profile email offline_access").unwrap(),
        refused: Scope::default(),
        claims: Vec::new(),
        refused_claims: Vec::new(),
        resources: Vec::new(),
        redirect_uris: Some([255; 32]),
        at: NOW,
    }
}

pub(crate) fn user(n: u64) -> UserRecord {
    let name = format!("person{}", n / 10);
    let claims = serde_json::json!({
        "email": format!("{name}@example.com"), "email_verified": true, "name": "A Person",
    });
    UserRecord {
        subject: subject(n),
        username: name.clone(),
        username_key: name,
        password: Some(
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$bm90IGEgaGFzaCBidXQgYXMgbG9uZyBhcyBvbmU".to_owned(),
        ),
        must_change_password: false,
        claims: claims.as_object().unwrap().clone(),
        disconnected: std::collections::BTreeMap::new(),
        memberships: Vec::new(),
        disabled: false,
        epoch: 1,
        revision: 1,
        created_at: NOW,
        updated_at: NOW,
    }
}
