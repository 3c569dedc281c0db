use hallpass_types::Timestamp;

use super::*;
use crate::{
    client::{Client, SubjectType},
    policy::{Policy, TokenFormat},
    record::CodeRecord,
    token::fixture::{
        ALICE, CALLBACK, CHALLENGE, NOW, READ, SEALED, VERIFIER, WRITE, code, code_record, other,
        params, policy, proven, scope, spa, texts, web,
    },
};

/// A redemption that a test may change.
struct Scene {
    policy: Policy,
    client: Client,
    record: CodeRecord,
    spent: bool,
    account: Option<AccountFacts>,
    session_alive: bool,
    now: Timestamp,
    sent: Vec<(&'static str, String)>,
}

impl Scene {
    /// A web client redeems its code at once and correctly.
    fn new() -> Self {
        Self::of(web())
    }

    fn of(client: Client) -> Self {
        Self {
            policy: policy(),
            record: code_record(&client),
            client,
            spent: false,
            account: ALICE,
            session_alive: true,
            now: NOW,
            sent: vec![
                ("code", code().expose().to_owned()),
                ("redirect_uri", CALLBACK.to_owned()),
                ("code_verifier", VERIFIER.to_owned()),
            ],
        }
    }

    /// With another value; an empty one takes the parameter away.
    fn sending(mut self, name: &'static str, value: &str) -> Self {
        self.sent.retain(|(n, _)| *n != name);
        self.sent.push((name, value.to_owned()));
        self
    }

    fn asking_also(mut self, resource: &str) -> Self {
        self.sent.push(("resource", resource.to_owned()));
        self
    }

    fn decide(&self) -> Result<Issuance, Refused> {
        let pairs: Vec<(&str, &str)> = self.sent.iter().map(|(n, v)| (*n, &**v)).collect();
        let request = AuthorizationCode::parse(&params(&pairs).only(AuthorizationCode::PARAMS))?;
        let CodeKey(key) = AuthorizationCode::key(&request);
        let cx = Context {
            now: self.now,
            policy: &self.policy,
            client: &proven(&self.client),
            binding: None,
        };
        let found = CodeFound {
            code: key.filter(|k| *k == code().key()).map(|_| FoundCode {
                record: self.record.clone(),
                spent: self.spent,
            }),
            account: self.account,
            session_alive: self.session_alive,
        };
        AuthorizationCode::decide(&cx, request, found)
    }

    fn issued(&self) -> Issuance {
        self.decide().unwrap()
    }

    fn refused(&self) -> Refused {
        self.decide().unwrap_err()
    }

    /// Refused without any effect.
    fn reason(&self) -> Reason {
        let refused = self.refused();
        assert_eq!(refused.effect, None);
        refused.reason
    }
}

fn burnt(reason: Reason) -> Refused {
    Refused {
        reason,
        effect: Some(Effect::BurnCode(code().key())),
    }
}

#[test]
fn a_code_becomes_its_grant_and_all_its_tokens() {
    let scene = Scene::new();
    let grant = scene.record.grant.clone();
    let issued = scene.issued();
    assert_eq!(issued.spend, Some(Spend::Code(code().key())));
    assert_eq!(issued.replay_revokes, Some(grant.id));
    assert_eq!(issued.new_grant.as_deref(), Some(&grant));
    assert_eq!(issued.touch_idle, None);
    assert_eq!(issued.access.grant, Some(grant.id));
    assert_eq!(issued.access.subject, "alice");
    assert_eq!(issued.access.scope, grant.scope);
    assert_eq!(issued.access.target.audience, [""; 0]);
    assert_eq!(issued.access.format(), TokenFormat::Sealed);
    assert_eq!(issued.access.target.lifetime, 600);
    let refresh = RefreshToken {
        grant: grant.id,
        generation: 0,
    };
    assert_eq!(issued.refresh, Some(refresh));
    let id_token = issued.id_token.unwrap();
    assert_eq!(id_token.subject, "alice");
    assert_eq!(id_token.nonce.as_deref(), Some("n-1"));
    assert_eq!(id_token.authentication, grant.authentication);
    assert_eq!(id_token.sid, grant.sid);
}

#[test]
fn without_openid_there_is_no_id_token() {
    let mut scene = Scene::new();
    scene.record.grant.scope = scope("api:read");
    assert_eq!(scene.issued().id_token, None);
}

#[test]
fn a_request_without_code_is_malformed_and_one_with_another_text_is_no_grant() {
    assert_eq!(
        Scene::new().sending("code", "").reason(),
        Reason::CodeMissing
    );
    assert_eq!(Reason::CodeMissing.code().as_str(), "invalid_request");
    let good = code().expose().to_owned();
    for bad in [
        "x",
        "hpc_",
        &good.replace("hpc_", "hps_"),
        &good.replace("hpc_", "HPC_"),
        &format!("{good}A"),
        &format!(" {good}"),
        &"a".repeat(1_000_000),
    ] {
        let scene = Scene::new().sending("code", bad);
        assert_eq!(scene.reason(), Reason::CodeUnknown, "{bad:.60}");
    }
}

#[test]
fn every_bad_code_gets_the_same_answer() {
    for reason in [
        Reason::CodeUnknown,
        Reason::CodeSpent,
        Reason::CodeExpired,
        Reason::CodeOfAnotherClient,
        Reason::RedirectUriMismatch,
        Reason::VerifierMissing,
        Reason::VerifierWrong,
        Reason::VerifierUnexpected,
        Reason::GrantExpired,
        Reason::AccountGone,
        Reason::SessionEnded,
    ] {
        assert_eq!(reason.code().as_str(), "invalid_grant");
        assert_eq!(reason.text(), Reason::CodeUnknown.text());
    }
}

#[test]
fn a_code_of_another_client_is_refused_and_stays_good() {
    // TK-03
    //= test RFC6749#4.1.3 the code was issued to the client that presents it
    for spent in [false, true] {
        for thief in [other("web2"), spa()] {
            let mut scene = Scene::new();
            scene.client = thief;
            scene.spent = spent;
            assert_eq!(scene.reason(), Reason::CodeOfAnotherClient);
        }
    }
}

#[test]
fn the_redirect_uri_is_the_same_byte_for_byte() {
    // TK-05
    //= test RFC6749#4.1.3 the redirect_uri sent here is the one the authorization request used
    for bad in [
        "",
        "https://rp.test/cb/",
        "https://rp.test/CB",
        "https://RP.test/cb",
        "https://rp.test:443/cb",
        "https://rp.test/cb?a=1",
        "https://rp.test/cb#",
        "https://rp.test/%63b",
    ] {
        let scene = Scene::new().sending("redirect_uri", bad);
        assert_eq!(scene.reason(), Reason::RedirectUriMismatch, "{bad}");
    }
}

#[test]
fn without_the_right_verifier_there_is_no_token_and_the_code_is_burnt() {
    // TK-06, TK-08
    //= test RFC7636#4.6 without the right verifier there is no token
    for client in [web(), spa()] {
        let missing = Scene::of(client.clone()).sending("code_verifier", "");
        assert_eq!(missing.refused(), burnt(Reason::VerifierMissing));
        for bad in [
            CHALLENGE,
            &VERIFIER.to_lowercase(),
            &"a".repeat(43),
            &"a".repeat(42),
            &"a".repeat(129),
            &"a".repeat(1_000_000),
            &format!("{VERIFIER}="),
            &format!("{VERIFIER} "),
            &"\u{e9}".repeat(43),
        ] {
            let scene = Scene::of(client.clone()).sending("code_verifier", bad);
            assert_eq!(scene.refused(), burnt(Reason::VerifierWrong), "{bad:.60}");
        }
    }
}

#[test]
fn a_verifier_without_challenge_is_a_downgrade() {
    // TK-07
    //= test RFC9700#2.1.1 a verifier is refused where the authorization request had no challenge
    let mut scene = Scene::new();
    scene.record.code_challenge = None;
    assert_eq!(scene.refused(), burnt(Reason::VerifierUnexpected));
    assert!(scene.sending("code_verifier", "").decide().is_ok());
}

#[test]
fn a_second_use_ends_the_grant() {
    // TK-01
    //= test RFC6749#4.1.2 a second use of a code is refused; SHOULD: what it had produced is revoked
    for client in [web(), spa()] {
        let mut scene = Scene::of(client);
        scene.spent = true;
        let revoked = Refused {
            reason: Reason::CodeSpent,
            effect: Some(Effect::RevokeGrant(scene.record.grant.id)),
        };
        assert_eq!(scene.refused(), revoked);
        scene.now = scene.record.expires_at.plus(300);
        assert_eq!(scene.refused(), revoked, "also when it would be over");
    }
}

#[test]
fn who_only_finds_a_used_code_cannot_end_the_grant() {
    let spent = |scene: Scene| Scene {
        spent: true,
        ..scene
    };
    let wrong = "a".repeat(43);
    for (scene, reason) in [
        (
            Scene::of(spa()).sending("code_verifier", ""),
            Reason::VerifierMissing,
        ),
        (
            Scene::of(spa()).sending("code_verifier", &wrong),
            Reason::VerifierWrong,
        ),
        (
            Scene::of(spa()).sending("redirect_uri", "https://evil.test"),
            Reason::RedirectUriMismatch,
        ),
    ] {
        assert_eq!(spent(scene).reason(), reason);
    }
}

#[test]
fn a_code_ends_with_its_minute() {
    // TK-09
    //= test RFC6749#4.1.2 a code expires shortly after it was issued
    let mut scene = Scene::new();
    scene.now = scene.record.expires_at.plus(-1);
    assert!(scene.decide().is_ok());
    for late in [0, 1, 100_000] {
        scene.now = scene.record.expires_at.plus(late);
        // It stays refused when the clock is set back.
        assert_eq!(scene.refused(), burnt(Reason::CodeExpired));
    }
    // Nothing is written for a code that is over anyway.
    let wrong = Scene {
        now: scene.now,
        ..Scene::new().sending("code_verifier", &"a".repeat(43))
    };
    assert_eq!(wrong.reason(), Reason::VerifierWrong);
}

#[test]
fn what_happened_since_the_code_was_made_counts() {
    // TK-59
    let mut gone = Scene::new();
    gone.account = None;
    assert_eq!(gone.reason(), Reason::AccountGone);
    let mut changed = Scene::new();
    changed.account = Some(AccountFacts { epoch: 4 });
    assert_eq!(changed.reason(), Reason::AccountGone);
    let mut signed_out = Scene::new();
    signed_out.session_alive = false;
    assert!(signed_out.decide().is_ok(), "offline access");
    signed_out.record.grant.session_bound = true;
    assert_eq!(signed_out.reason(), Reason::SessionEnded);
    let mut over = Scene::new();
    over.record.grant.expires_at = NOW;
    assert_eq!(over.reason(), Reason::GrantExpired);
}

#[test]
fn what_the_client_lost_since_is_not_handed_out() {
    let mut scene = Scene::new();
    scene.client.grant_types = texts(&["authorization_code"]);
    let issued = scene.issued();
    assert_eq!(issued.refresh, None);
    assert_eq!(issued.new_grant.unwrap().refresh, None);

    let mut scene = Scene::new();
    scene.client.scope = Some(scope("openid email"));
    let issued = scene.issued();
    assert_eq!(issued.access.scope, scope("openid email"));
    scene.client.scope = Some(scope("api:read"));
    let issued = scene.issued();
    assert_eq!(issued.access.scope, scope("api:read"));
    assert_eq!(issued.id_token, None);

    let mut scene = Scene::new();
    scene.policy.scopes.retain(|s| s.name != "api:read");
    assert!(!scene.issued().access.scope.contains("api:read"));
}

#[test]
fn a_token_is_for_what_was_granted() {
    // AS-06, AS-11
    let mut scene = Scene::new();
    assert_eq!(
        Scene::new().asking_also(READ).reason(),
        Reason::TargetUnknown,
        "the person was not asked for it"
    );
    scene.record.grant.resources = texts(&[READ, WRITE]);
    let issued = scene.issued();
    assert_eq!(issued.access.target.audience, [READ, WRITE]);
    assert_eq!(issued.access.scope, scope("api:read"));
    assert!(issued.id_token.is_some(), "the ID token is no less granted");
    assert_eq!(
        issued.new_grant.unwrap().scope,
        scene.record.grant.scope,
        "the grant keeps all of it"
    );
    let scene = scene.asking_also("HTTPS://write.test/");
    let issued = scene.issued();
    assert_eq!(issued.access.target.audience, [WRITE]);
    assert!(issued.access.scope.is_empty());
    assert_eq!(
        scene.asking_also(SEALED).reason(),
        Reason::TargetUnknown,
        "the code stays good for a better request"
    );
}

#[test]
fn an_access_token_does_not_outlive_its_grant() {
    let mut scene = Scene::new();
    scene.record.grant.expires_at = NOW.plus(5);
    assert_eq!(scene.issued().access.target.lifetime, 5);
}

#[test]
fn every_token_has_the_pairwise_subject() {
    let mut scene = Scene::new();
    scene.client.subject_type = SubjectType::Pairwise;
    scene.client.sector = Some("rp.test".to_owned());
    let issued = scene.issued();
    let subject = issued.access.subject;
    assert_eq!(subject.len(), 43);
    assert_eq!(issued.id_token.unwrap().subject, subject);
    assert_eq!(issued.new_grant.unwrap().subject.as_str(), "alice");
}

#[test]
fn other_parameters_have_no_influence() {
    // TK-57
    let plain = Scene::new().issued();
    let loaded = Scene::new()
        .sending("scope", "openid admin")
        .sending("nonce", "other")
        .sending("sub", "bob")
        .sending("expires_in", "99999")
        .sending("refresh_token", "hpr_x");
    assert_eq!(loaded.issued(), plain);
}

#[test]
fn a_request_does_not_print_its_secrets() {
    let code = code();
    let sent = [("code", code.expose()), ("code_verifier", VERIFIER)];
    let printed = format!("{:?}", AuthorizationCode::parse(&params(&sent)).unwrap());
    assert!(!printed.contains(VERIFIER) && !printed.contains(code.expose()));
}

#[test]
fn a_code_beside_which_tokens_went_out_spends_its_standing_grant() {
    let mut scene = Scene::new();
    scene.record.grant_stands = true;
    let grant = scene.record.grant.id;
    let issued = scene.issued();
    assert_eq!(
        issued.spend,
        Some(Spend::CodeOf {
            code: code().key(),
            grant
        })
    );
    assert_eq!(issued.new_grant, None);
    assert_eq!(issued.replay_revokes, Some(grant));
    assert!(issued.refresh.is_some());
    scene.spent = true;
    assert_eq!(scene.refused().effect, Some(Effect::RevokeGrant(grant)));
}

#[test]
fn a_public_client_whose_standing_grant_is_not_bound_gets_no_refresh_token_for_its_proof() {
    //= test RFC9449#5 a refresh token of a public client that shows a proof is bound to its key
    use crate::record::Confirmation;
    let jkt = Confirmation::Jkt(hallpass_types::Thumbprint([1; 32]));
    for (stands, bound, refreshes) in [
        (false, None, true),
        (true, None, false),
        (true, Some(jkt), true),
    ] {
        let mut scene = Scene::of(Client {
            auth_method: "none".to_owned(),
            ..web()
        });
        scene.record.grant_stands = stands;
        scene.record.grant.confirmation = bound;
        let request = AuthorizationCode::parse(&params(
            &scene
                .sent
                .iter()
                .map(|(n, v)| (*n, &**v))
                .collect::<Vec<_>>(),
        ))
        .unwrap();
        let cx = Context {
            now: scene.now,
            policy: &scene.policy,
            client: &proven(&scene.client),
            binding: Some(jkt),
        };
        let found = CodeFound {
            code: Some(FoundCode {
                record: scene.record.clone(),
                spent: false,
            }),
            account: scene.account,
            session_alive: true,
        };
        let issued = AuthorizationCode::decide(&cx, request, found).unwrap();
        assert_eq!(issued.refresh.is_some(), refreshes, "{stands} {bound:?}");
    }
}
