use hallpass_core::record::Confirmation;
use hallpass_types::{Bucket, ClientId, Scope, Thumbprint, TokenId};

use super::*;

fn secrets(issuer: u32) -> Secrets {
    Secrets::new(Root::of_master(&MasterKey::new([7; 32])), IssuerId(issuer))
}

fn token() -> AccessToken {
    AccessToken {
        id: TokenId([1; 16]),
        grant: None,
        client_id: ClientId::parse("web").unwrap(),
        subject: "alice".into(),
        scope: Scope::parse("openid email").unwrap(),
        audience: vec!["https://api.example".into()],
        issued_at: Timestamp(1_790_000_000),
        expires_at: Timestamp(1_790_000_600),
        confirmation: Some(Confirmation::Jkt(Thumbprint([8; 32]))),
        extra: Some(r#"{"act":{"sub":"agent"}}"#.into()),
    }
}

#[test]
fn a_sealed_token_opens_here_and_nowhere_else() {
    let sealed = secrets(1).seal_access(&token()).unwrap();
    let now = Timestamp(1_790_000_001);
    assert_eq!(secrets(1).open_access(&sealed, now), Some(token()));
    assert_eq!(secrets(2).open_access(&sealed, now), None, "another issuer");
    assert_eq!(
        secrets(1).open_access(&sealed, now.plus(90 * 86_400)),
        None,
        "an old key"
    );
    assert_eq!(
        secrets(1).open_access(&sealed.replace("hpa_", "hpr_"), now),
        None
    );
}

#[test]
fn every_changed_character_of_a_sealed_token_is_noticed() {
    let now = Timestamp(1_790_000_001);
    let sealed = secrets(1).seal_access(&token()).unwrap();
    for index in 0..sealed.len() {
        let mut bytes = sealed.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        assert_eq!(
            secrets(1).open_access(&String::from_utf8(bytes).unwrap(), now),
            None,
            "{index}"
        );
    }
}

#[test]
fn a_refresh_token_names_grant_and_generation_and_cannot_be_forged() {
    let refresh = RefreshToken {
        grant: GrantId {
            bucket: Bucket(9),
            random: [3; 12],
        },
        generation: 4,
    };
    let text = secrets(1).refresh_token(refresh);
    assert_eq!(secrets(1).open_refresh(&text), Some(refresh));
    assert_eq!(secrets(2).open_refresh(&text), None);
    assert_eq!(
        secrets(1).refresh_token(refresh),
        text,
        "derived, so always the same"
    );
    for index in 0..text.len() {
        let mut bytes = text.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        assert_eq!(
            secrets(1).open_refresh(&String::from_utf8(bytes).unwrap()),
            None,
            "{index}"
        );
    }
}

#[test]
fn a_nonce_is_taken_everywhere_for_five_minutes_and_cannot_be_made_up() {
    // TK-48
    let at = Timestamp(1_790_000_000);
    let nonce = secrets(1).dpop_nonce(at);
    assert_eq!(nonce, secrets(1).dpop_nonce(at), "nothing is remembered");
    for later in [0, 59, 200] {
        assert!(secrets(1).is_dpop_nonce(&nonce, at.plus(later)), "{later}");
    }
    for other in [300, 3600, -61] {
        assert!(!secrets(1).is_dpop_nonce(&nonce, at.plus(other)), "{other}");
    }
    assert!(!secrets(2).is_dpop_nonce(&nonce, at), "another issuer's");
    for index in 0..nonce.len() {
        let mut bytes = nonce.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(!secrets(1).is_dpop_nonce(&changed, at), "{index}");
    }
    for bad in [
        "",
        "AAAA",
        nonce.get(1..).unwrap_or_default(),
        &format!("{nonce}AAAA"),
    ] {
        assert!(!secrets(1).is_dpop_nonce(bad, at), "{bad}");
    }
}

#[test]
fn browser_state_of_one_kind_is_not_of_another() {
    let sealed = secrets(1).seal_browser("pending", b"x");
    assert_eq!(
        secrets(1).open_browser("pending", &sealed).as_deref(),
        Some(&b"x"[..])
    );
    assert_eq!(secrets(1).open_browser("logout", &sealed), None);
}
