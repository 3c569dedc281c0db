use hallpass_types::Thumbprint;

use super::*;
use crate::token::fixture::{spa, web};

fn proof(key: u8) -> Proved {
    Proved {
        key: Confirmation::Jkt(Thumbprint([key; 32])),
        once: None,
    }
}

fn certificate(content: &str) -> Certificate {
    Certificate::from_der(content.into())
}

fn bound_to(certificate: &Certificate) -> Confirmation {
    Confirmation::X5tS256(certificate.thumbprint())
}

#[test]
fn a_proof_binds_whoever_shows_it() {
    // TK-50
    for client in [web(), spa()] {
        assert_eq!(to_bind(&client, None, None), Ok(None));
        assert_eq!(to_bind(&client, Some(proof(1)), None), Ok(Some(proof(1))));
        // A certificate binds only where that was registered: it may have served to authenticate.
        let shown = certificate("c");
        assert_eq!(to_bind(&client, None, Some(&shown)), Ok(None));
        assert_eq!(
            to_bind(&client, Some(proof(1)), Some(&shown)),
            Ok(Some(proof(1)))
        );
    }
}

#[test]
fn who_registered_bound_tokens_gets_no_others() {
    //= test RFC9449#5.2 without a proof there is no token for a client that registered dpop_bound_access_tokens
    // TK-50
    let by_proof = Client {
        dpop_bound_access_tokens: true,
        ..web()
    };
    let shown = certificate("c");
    for given in [None, Some(&shown)] {
        assert_eq!(
            to_bind(&by_proof, None, given),
            Err(Failure::Proof(dpop::Reason::Missing))
        );
    }
    //= test RFC8705#3 the token of a client that registered it is bound to its certificate
    let by_certificate = Client {
        certificate_bound_access_tokens: true,
        ..web()
    };
    assert_eq!(
        to_bind(&by_certificate, None, None),
        Err(Failure::Binding(Reason::CertificateMissing))
    );
    let bound = to_bind(&by_certificate, None, Some(&shown))
        .unwrap()
        .unwrap();
    assert_eq!(bound.key, bound_to(&shown));
    assert_eq!(bound.once, None);
    for given in [None, Some(&shown)] {
        assert_eq!(
            to_bind(&by_certificate, Some(proof(1)), given),
            Err(Failure::Binding(Reason::TwoKeys))
        );
    }
}

#[test]
fn a_token_is_used_with_its_own_key_and_in_its_own_way() {
    // UI-04
    let shown = certificate("c");
    let other = certificate("d");
    let jkt = Some(proof(1).key);
    let x5t = Some(bound_to(&shown));
    let ok = [
        may_use(None, TokenType::Bearer, None, None),
        may_use(None, TokenType::Bearer, None, Some(&other)),
        may_use(jkt, TokenType::DPoP, Some(proof(1)), None),
        may_use(jkt, TokenType::DPoP, Some(proof(1)), Some(&other)),
        may_use(x5t, TokenType::Bearer, None, Some(&shown)),
    ];
    assert_eq!(ok, [Ok(()); 5]);
    //= test RFC9449#7.2 a DPoP-bound token that is presented as a bearer token is refused
    for given in [None, Some(proof(1))] {
        assert_eq!(
            may_use(jkt, TokenType::Bearer, given, None),
            Err(Reason::ProofMissing)
        );
    }
    //= test RFC9449#7.1 the key of the proof is the one that the token is bound to
    assert_eq!(
        may_use(jkt, TokenType::DPoP, Some(proof(2)), None),
        Err(Reason::AnotherKey)
    );
    assert_eq!(
        may_use(jkt, TokenType::DPoP, None, None),
        Err(Reason::ProofMissing)
    );
    //= test RFC8705#3 a token is refused over a connection with another certificate, or with none
    // TK-52
    assert_eq!(
        may_use(x5t, TokenType::Bearer, None, Some(&other)),
        Err(Reason::AnotherCertificate)
    );
    assert_eq!(
        may_use(x5t, TokenType::Bearer, None, None),
        Err(Reason::ProofMissing)
    );
    for confirmation in [None, x5t] {
        assert_eq!(
            may_use(confirmation, TokenType::DPoP, Some(proof(1)), Some(&shown)),
            Err(Reason::NotBound)
        );
    }
}

#[test]
fn there_is_one_header_at_most() {
    //= test RFC9449#4.3 there is one DPoP header at most
    let facts = dpop::Facts {
        now: hallpass_types::Timestamp(0),
        valid_from: hallpass_types::Timestamp(0),
        method: "POST",
        urls: &[],
        algs: dpop::ALGS,
        access_token: None,
        nonce: dpop::Nonce::Ignored,
    };
    assert_eq!(read_proof(Header::Absent, &facts), Ok(None));
    assert_eq!(
        read_proof(Header::Unusable, &facts),
        Err(dpop::Reason::Repeated)
    );
    assert_eq!(
        read_proof(Header::Once("x"), &facts),
        Err(dpop::Reason::Malformed)
    );
}

#[test]
fn reasons_have_one_identifier_each() {
    let mut ids: Vec<&str> = Reason::ALL.iter().map(|r| r.id()).collect();
    ids.extend(dpop::Reason::ALL.iter().map(|r| r.id()));
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}
