use super::*;
use crate::{
    client::{Client, SubjectType},
    policy::Policy,
    token::fixture::{
        ALICE, NOW, READ, SEALED, WRITE, after, found, grant, other, params, policy, proven, scope,
        spa, texts, web,
    },
};

/// A refresh that a test may change.
struct Scene {
    policy: Policy,
    client: Client,
    generation: u32,
    grant: Option<FoundGrant>,
    account: Option<AccountFacts>,
    session_alive: bool,
    now: Timestamp,
    sent: Vec<(&'static str, String)>,
}

impl Scene {
    /// A client refreshes for the first time, half a minute after the grant.
    fn of(client: Client) -> Self {
        Self {
            policy: policy(),
            generation: 0,
            grant: Some(found(grant(&client))),
            client,
            account: ALICE,
            session_alive: true,
            now: NOW,
            sent: vec![("refresh_token", "hpr_x".to_owned())],
        }
    }

    fn sending(mut self, name: &'static str, value: &str) -> Self {
        self.sent.push((name, value.to_owned()));
        self
    }

    fn record(&mut self) -> &mut GrantRecord {
        &mut self.grant.as_mut().unwrap().record
    }

    /// The family as it was left at `generation`, `ago` seconds ago.
    fn rotated(mut self, generation: u32, ago: i64) -> Self {
        let rotated_at = Timestamp(self.now.0.saturating_sub(ago));
        self.record().refresh = Some(RefreshState {
            generation,
            rotated_at,
            idle_expires_at: rotated_at.plus(14 * 86_400),
        });
        self
    }

    fn presenting(mut self, generation: u32) -> Self {
        self.generation = generation;
        self
    }

    fn decide(&self) -> Result<Issuance, Refused> {
        let pairs: Vec<(&str, &str)> = self.sent.iter().map(|(n, v)| (*n, &**v)).collect();
        let request = Refresh::parse(&params(&pairs).only(Refresh::PARAMS))?;
        assert_eq!(Refresh::key(&request).0, "hpr_x");
        let cx = Context {
            now: self.now,
            policy: &self.policy,
            client: &proven(&self.client),
            binding: None,
        };
        let found = RefreshFound {
            token: self.grant.as_ref().map(|g| RefreshToken {
                grant: g.record.id,
                generation: self.generation,
            }),
            grant: self.grant.clone(),
            account: self.account,
            session_alive: self.session_alive,
        };
        Refresh::decide(&cx, request, found)
    }

    fn issued(&self) -> Issuance {
        self.decide().unwrap()
    }

    /// Refused without any effect.
    fn reason(&self) -> Reason {
        let refused = self.decide().unwrap_err();
        assert_eq!(refused.effect, None);
        refused.reason
    }
}

#[test]
fn the_newest_token_of_a_public_client_is_replaced() {
    //= test RFC9700#4.14.2 refresh tokens of public clients are bound to a key or rotate
    let mut scene = Scene::of(spa());
    let id = scene.record().id;
    let issued = scene.issued();
    assert_eq!(
        issued.spend,
        Some(Spend::Refresh {
            grant: id,
            from: 0,
            idle_expires_at: NOW.plus(14 * 86_400),
        })
    );
    assert_eq!(
        issued.refresh,
        Some(RefreshToken {
            grant: id,
            generation: 1,
        })
    );
    assert_eq!(issued.new_grant, None);
    assert_eq!(issued.touch_idle, None);
    assert_eq!(issued.replay_revokes, None);
    assert_eq!(issued.access.grant, Some(id));
    assert_eq!(issued.access.scope, scene.record().scope);
}

#[test]
fn a_confidential_client_keeps_its_token() {
    let mut scene = Scene::of(web());
    let id = scene.record().id;
    let issued = scene.issued();
    assert_eq!(issued.spend, Some(Spend::Standing(id)));
    assert_eq!(issued.refresh.unwrap().generation, 0);
    assert_eq!(issued.touch_idle, None, "half a minute is worth no write");
    scene.now = NOW.plus(3571);
    let idle = scene.now.plus(14 * 86_400);
    assert_eq!(scene.issued().touch_idle, Some((id, idle)));
}

#[test]
fn however_short_the_idle_time_a_token_in_use_does_not_run_into_it() {
    for idle in [60, 600, 7200, 14 * 86_400] {
        let mut scene = Scene::of(web());
        scene.policy.lifetimes.refresh_idle = idle;
        scene.record().refresh.as_mut().unwrap().idle_expires_at = NOW.plus(idle);
        for _ in 0..11 {
            scene.now = scene.now.plus(idle / 2);
            if let Some((_, limit)) = scene.issued().touch_idle {
                scene.record().refresh.as_mut().unwrap().idle_expires_at = limit;
            }
        }
    }
}

#[test]
fn a_family_that_is_not_used_or_too_old_is_over() {
    // TK-22
    for client in [web(), spa()] {
        let mut scene = Scene::of(client);
        let idle_end = scene.record().refresh.unwrap().idle_expires_at;
        scene.now = idle_end.plus(-1);
        assert!(scene.decide().is_ok());
        scene.now = idle_end;
        assert_eq!(scene.reason(), Reason::RefreshTokenExpired);

        // Used as often as can be, it ends with the grant all the same.
        let end = scene.record().expires_at;
        scene.record().refresh.as_mut().unwrap().idle_expires_at = end.plus(1000);
        scene.now = end.plus(-5);
        let issued = scene.issued();
        assert_eq!(issued.access.target.lifetime, 5);
        if let Some(Spend::Refresh {
            idle_expires_at, ..
        }) = issued.spend
        {
            assert_eq!(idle_expires_at, end);
        }
        for now in [end, after(end)] {
            scene.now = now;
            assert_eq!(scene.reason(), Reason::GrantExpired);
        }
    }
}

#[test]
fn the_parent_yields_the_same_successor_for_a_moment() {
    let retried = Scene::of(spa()).rotated(4, 59).presenting(3);
    let issued = retried.issued();
    assert_eq!(issued.refresh.unwrap().generation, 4);
    assert!(matches!(issued.spend, Some(Spend::Standing(_))));
    assert_eq!(issued.touch_idle, None);
}

#[test]
fn a_replaced_token_ends_its_family() {
    // TK-13
    //= test RFC9700#4.14.2 a refresh token that was replaced ends its family when it is shown again
    let mut off = Scene::of(spa()).rotated(4, 0).presenting(3);
    off.policy.lifetimes.refresh_retry = 0;
    for mut scene in [
        Scene::of(spa()).rotated(4, 60).presenting(3),
        Scene::of(spa()).rotated(4, 1_000_000).presenting(3),
        Scene::of(spa()).rotated(4, 0).presenting(2),
        Scene::of(spa()).rotated(4, 0).presenting(0),
        Scene::of(web()).rotated(4, 0).presenting(2),
        off,
        // Whatever else it asks for.
        Scene::of(spa())
            .rotated(4, 0)
            .presenting(2)
            .sending("scope", "admin"),
    ] {
        scene.record().refresh.as_mut().unwrap().idle_expires_at = NOW.plus(1_000_000);
        let revoked = Refused {
            reason: Reason::RefreshTokenReused,
            effect: Some(Effect::RevokeGrant(scene.record().id)),
        };
        assert_eq!(scene.decide().unwrap_err(), revoked);
    }
}

#[test]
fn turns_by_generation_and_time() {
    let state = RefreshState {
        generation: 5,
        rotated_at: NOW,
        idle_expires_at: NOW.plus(1000),
    };
    for (generation, window, age, expected) in [
        (5, 60, 0, Turn::Current),
        (5, 0, 1_000_000, Turn::Current),
        (4, 60, 0, Turn::Retry),
        (4, 60, 59, Turn::Retry),
        (4, 60, 60, Turn::Reused),
        (4, 0, 0, Turn::Reused),
        (4, -1, -5, Turn::Reused),
        (4, 60, -5, Turn::Retry),
        (4, 60, -59, Turn::Retry),
        // A clock that was set back does not make the window longer.
        (4, 60, -60, Turn::Reused),
        (4, 60, -1_000_000, Turn::Reused),
        (3, 60, 0, Turn::Reused),
        (0, i64::MAX, 0, Turn::Reused),
        (6, 60, 0, Turn::Unknown),
        (u32::MAX, 60, 0, Turn::Unknown),
    ] {
        let found = turn(state, generation, window, NOW.plus(age));
        assert_eq!(found, expected, "{generation} {window} {age}");
    }
}

#[test]
fn the_last_generation_is_kept_rather_than_wrapped() {
    let scene = Scene::of(spa()).rotated(u32::MAX, 0).presenting(u32::MAX);
    let issued = scene.issued();
    assert_eq!(issued.refresh.unwrap().generation, u32::MAX);
    assert!(matches!(issued.spend, Some(Spend::Standing(_))));
}

#[test]
fn a_token_of_another_client_is_refused_and_stays_good() {
    // TK-17
    //= test RFC6749#6 the refresh token belongs to the client that presents it
    for generation in [0, 3, 4, 9] {
        for (owner, thief) in [
            (web(), other("web2")),
            (
                spa(),
                Client {
                    id: other("spa2").id,
                    ..spa()
                },
            ),
        ] {
            let mut scene = Scene::of(owner).rotated(4, 100).presenting(generation);
            scene.client = thief;
            assert_eq!(scene.reason(), Reason::RefreshTokenOfAnotherClient);
        }
    }
}

#[test]
fn what_is_unknown_is_refused() {
    assert_eq!(
        Scene {
            sent: Vec::new(),
            ..Scene::of(web())
        }
        .reason(),
        Reason::RefreshTokenMissing
    );
    let unknown = Scene {
        grant: None,
        ..Scene::of(web())
    };
    assert_eq!(unknown.reason(), Reason::RefreshTokenUnknown);
    let mut never = Scene::of(web());
    never.record().refresh = None;
    assert_eq!(never.reason(), Reason::RefreshTokenUnknown);
    // A store that was set back does not know what it handed out.
    let future = Scene::of(web()).presenting(1);
    assert_eq!(future.reason(), Reason::RefreshTokenUnknown);
}

#[test]
fn nothing_is_refreshed_for_a_grant_that_does_not_stand() {
    // TK-21
    for client in [web(), spa()] {
        let mut revoked = Scene::of(client.clone());
        revoked.grant.as_mut().unwrap().revoked_at = Some(NOW);
        assert_eq!(revoked.reason(), Reason::GrantRevoked);
        let gone = Scene {
            account: None,
            ..Scene::of(client.clone())
        };
        assert_eq!(gone.reason(), Reason::AccountGone);
        for epoch in [2, 4] {
            let changed = Scene {
                account: Some(AccountFacts { epoch }),
                ..Scene::of(client.clone())
            };
            assert_eq!(changed.reason(), Reason::AccountGone);
        }
        let mut ended = Scene {
            session_alive: false,
            ..Scene::of(client)
        };
        assert!(ended.decide().is_ok(), "offline access");
        ended.record().session_bound = true;
        assert_eq!(ended.reason(), Reason::SessionEnded);
    }
}

#[test]
fn a_refresh_narrows_for_one_token_and_never_widens() {
    // TK-19
    //= test RFC6749#6 a refresh never widens the scope
    //= test RFC6749#6 a new refresh token has the same scope as the one that it replaces
    let with = |asked: &str| Scene::of(spa()).sending("scope", asked);
    for asked in [
        "openid",
        "email openid",
        "openid email api:read offline_access",
    ] {
        let issued = with(asked).issued();
        assert_eq!(issued.access.scope, scope(asked));
        assert!(matches!(issued.spend, Some(Spend::Refresh { from: 0, .. })));
    }
    for asked in ["openid api:write", "admin", "OPENID", "profile"] {
        assert_eq!(with(asked).reason(), Reason::ScopeNotGranted, "{asked}");
    }
    for asked in [" ", "openid  email", "openid\n", "\""] {
        assert_eq!(with(asked).reason(), Reason::ScopeMalformed, "{asked:?}");
    }
    assert_eq!(with("").issued().access.scope, grant(&spa()).scope);
}

#[test]
fn an_id_token_from_a_refresh_is_of_the_first_sign_in() {
    //= test OIDC-CORE#12.2 an ID token from a refresh has no nonce
    let mut scene = Scene::of(web());
    scene.now = NOW.plus(86_400);
    let id_token = scene.issued().id_token.unwrap();
    assert_eq!(id_token.nonce, None);
    assert_eq!(id_token.subject, "alice");
    assert_eq!(id_token.authentication, scene.record().authentication);
    let narrowed = scene.sending("scope", "email");
    assert_eq!(narrowed.issued().id_token, None);
}

#[test]
fn what_the_client_may_not_have_any_more_falls_away() {
    // TK-21
    let mut scene = Scene::of(web());
    scene.client.scope = Some(scope("openid api:read offline_access"));
    assert_eq!(
        scene.issued().access.scope,
        scope("openid api:read offline_access")
    );
    scene.policy.scopes.retain(|s| s.name != "api:read");
    assert_eq!(scene.issued().access.scope, scope("openid offline_access"));
    let scene = scene.sending("scope", "openid email");
    assert_eq!(scene.reason(), Reason::ScopeNotGranted);
}

#[test]
fn offline_access_that_was_taken_away_ends_the_refreshing() {
    // TK-23
    let mut scene = Scene::of(web());
    scene.client.scope = Some(scope("openid email api:read"));
    assert_eq!(scene.reason(), Reason::OfflineAccessWithdrawn);
    // Plain OAuth never had it.
    scene.record().scope = scope("email api:read");
    assert!(scene.decide().is_ok());
}

#[test]
fn a_refresh_is_for_granted_resources_only() {
    // TK-20, AS-11
    let mut scene = Scene::of(web());
    scene.record().resources = texts(&[READ, WRITE]);
    let issued = scene.issued();
    assert_eq!(issued.access.target.audience, [READ, WRITE]);
    assert_eq!(issued.access.scope, scope("api:read"));
    assert!(issued.id_token.is_some());
    let one = scene.sending("resource", READ);
    assert_eq!(one.issued().access.target.audience, [READ]);
    let more = one.sending("resource", SEALED);
    assert_eq!(more.reason(), Reason::TargetUnknown);
    for bad in [SEALED, "https://unknown.test", "https://read.test#"] {
        let mut scene = Scene::of(web()).sending("resource", bad);
        assert_eq!(scene.reason(), Reason::TargetUnknown, "none was granted");
        scene.record().resources = texts(&[READ]);
        assert_eq!(scene.reason(), Reason::TargetUnknown);
    }
}

#[test]
fn a_narrowed_scope_that_means_nothing_there_is_refused() {
    let mut scene = Scene::of(web()).sending("resource", READ);
    scene.record().resources = texts(&[READ]);
    let scene = scene.sending("scope", "openid email");
    assert_eq!(scene.reason(), Reason::ScopeNotGranted);
}

#[test]
fn the_subject_is_the_clients() {
    let mut scene = Scene::of(web());
    scene.client.subject_type = SubjectType::Pairwise;
    scene.client.sector = Some("rp.test".to_owned());
    let issued = scene.issued();
    assert_eq!(issued.access.subject.len(), 43);
    assert_eq!(issued.id_token.unwrap().subject, issued.access.subject);
}

#[test]
fn a_request_does_not_print_its_token() {
    let request = Refresh::parse(&params(&[("refresh_token", "hpr_secret")])).unwrap();
    let printed = format!("{request:?} {:?}", Refresh::key(&request));
    assert!(!printed.contains("hpr_secret"), "{printed}");
}

#[test]
fn what_was_granted_to_a_deleted_client_is_not_for_one_of_the_same_name() {
    let mut scene = Scene::of(spa());
    scene.client.created_at = scene.record().issued_at.plus(1);
    assert_eq!(scene.reason(), Reason::RefreshTokenOfAnotherClient);
}
