use hallpass_types::{Bucket, Opaque, RANDOM_LEN, Timestamp};

use super::*;
use crate::{
    authorize::{Endpoint, direct},
    client::Client,
    policy::Policy,
    polling::{Polled, Verdict},
    record::{FoundWaiting, GrantRecord, RefreshState, UserCodePointer},
    token::{
        AccountFacts, Effect, RefreshToken, Spend,
        fixture::{ALICE, NOW, READ, SEALED, grant, other, params, policy, proven, scope, web},
        waiting_key,
    },
};

fn television() -> Client {
    Client {
        grant_types: vec![DeviceCode::TYPE.to_owned(), "refresh_token".to_owned()],
        ..web()
    }
}

fn handle() -> Opaque<Handle> {
    Opaque::from_random(Bucket::holding(NOW), &[3; RANDOM_LEN])
}

struct Scene {
    client: Client,
    policy: Policy,
    polled: Polled,
    account: Option<AccountFacts>,
    session_alive: bool,
    resources: Vec<&'static str>,
}

impl Scene {
    fn waiting() -> Self {
        let client = television();
        let policy = policy();
        let sent = params(&[("scope", "openid email api:read offline_access")]);
        let valid = direct::validate(
            &sent,
            std::sync::Arc::new(client.clone()),
            &policy,
            Endpoint::DeviceAuthorization,
        );
        Self {
            polled: Polled::new(valid.unwrap().request().clone(), NOW.plus(-30), 600, 5),
            client,
            policy,
            account: ALICE,
            session_alive: true,
            resources: Vec::new(),
        }
    }

    fn allowed() -> Self {
        let mut scene = Self::waiting();
        scene.polled.verdict = Verdict::Allowed(Box::new(grant(&scene.client)));
        scene
    }

    fn grant(&mut self) -> &mut GrantRecord {
        match &mut self.polled.verdict {
            Verdict::Allowed(grant) => grant,
            Verdict::Open | Verdict::Denied => panic!("nothing is allowed"),
        }
    }

    fn decide(&self) -> Result<Issuance, Refused> {
        self.decide_at(NOW)
    }

    fn decide_at(&self, now: Timestamp) -> Result<Issuance, Refused> {
        let record = DeviceRecord {
            polled: self.polled.clone(),
        };
        self.decide_on(now, WaitingRecord::Device(Box::new(record)))
    }

    fn decide_on(&self, now: Timestamp, record: WaitingRecord) -> Result<Issuance, Refused> {
        let code = handle();
        let mut sent = vec![("device_code", code.expose())];
        sent.extend(self.resources.iter().map(|r| ("resource", *r)));
        let request = DeviceCode::parse(&params(&sent)).unwrap();
        assert_eq!(DeviceCode::key(&request).0, Some(waiting_key(&code)));
        let client = proven(&self.client);
        let cx = Context {
            now,
            policy: &self.policy,
            client: &client,
            binding: None,
        };
        let found = PolledFound {
            waiting: Some(FoundWaiting {
                record,
                revision: 7,
            }),
            account: self.account,
            session_alive: self.session_alive,
        };
        DeviceCode::decide(&cx, request, found)
    }

    fn reason(&self) -> Reason {
        let refused = self.decide().unwrap_err();
        assert_eq!(refused.effect, None);
        refused.reason
    }
}

#[test]
fn what_a_person_allowed_is_fetched_once() {
    // DV-07
    let issued = Scene::allowed().decide().unwrap();
    let key = waiting_key(&handle());
    assert_eq!(issued.spend, Some(Spend::Waiting { key, revision: 7 }));
    let granted = *issued.new_grant.unwrap();
    assert_eq!(granted, grant(&television()));
    let refresh = RefreshToken {
        grant: granted.id,
        generation: 0,
    };
    assert_eq!(issued.refresh, Some(refresh));
    assert_eq!(issued.access.grant, Some(granted.id));
    assert_eq!(issued.access.scope, granted.scope);
    let id_token = issued.id_token.unwrap();
    assert_eq!((id_token.subject.as_str(), id_token.nonce), ("alice", None));
    assert_eq!(issued.replay_revokes, None);
}

#[test]
fn a_poll_before_the_answer_is_put_back_with_its_time() {
    let refused = Scene::waiting().decide().unwrap_err();
    assert_eq!(refused.reason, Reason::AuthorizationPending);
    let Some(Effect::Polled { revision, next, .. }) = refused.effect else {
        panic!("nothing is remembered");
    };
    let WaitingRecord::Device(next) = *next else {
        panic!("it is still a device");
    };
    assert_eq!((revision, next.polled.polled_at), (7, Some(NOW)));
    assert_eq!(next.polled.verdict, Verdict::Open);
}

#[test]
fn a_refused_poll_says_why_and_leaves_nothing() {
    // DV-02, DV-09, DV-10
    let mut scene = Scene::allowed();
    scene.client = other("web2");
    assert_eq!(scene.reason(), Reason::PolledByAnotherClient);
    let mut scene = Scene::allowed();
    scene.polled.verdict = Verdict::Denied;
    assert_eq!(scene.reason(), Reason::PersonDenied);
    let mut scene = Scene::allowed();
    scene.polled.expires_at = NOW;
    assert_eq!(scene.reason(), Reason::PolledTooLate);
    let mut scene = Scene::allowed();
    scene.account = None;
    assert_eq!(scene.reason(), Reason::AccountGone);
    scene.account = Some(AccountFacts { epoch: 4 });
    assert_eq!(scene.reason(), Reason::AccountGone);
    let mut scene = Scene::allowed();
    scene.grant().session_bound = true;
    scene.session_alive = false;
    assert_eq!(scene.reason(), Reason::SessionEnded);
}

#[test]
fn only_the_handle_of_a_device_leads_to_a_device() {
    let scene = Scene::allowed();
    let pointer = WaitingRecord::UserCode(UserCodePointer {
        device: waiting_key(&handle()),
        expires_at: NOW.plus(60),
    });
    let refused = scene.decide_on(NOW, pointer).unwrap_err();
    assert_eq!(refused, Reason::PolledUnknown.into());
    //= test RFC8628#3.4 device_code is there
    assert_eq!(
        DeviceCode::parse(&params(&[])).unwrap_err(),
        Reason::DeviceCodeMissing
    );
    for odd in ["BCDF-GHJK", "hpc_x", &"a".repeat(10_000)] {
        let request = DeviceCode::parse(&params(&[("device_code", odd)])).unwrap();
        assert!(DeviceCode::key(&request).0.is_none(), "{odd:.20}");
    }
}

#[test]
fn a_token_is_for_what_was_granted_and_still_may_be_had() {
    let mut scene = Scene::allowed();
    scene.grant().resources = vec![SEALED.to_owned(), READ.to_owned()];
    scene.resources = vec![READ];
    let issued = scene.decide().unwrap();
    assert_eq!(issued.access.target.audience, [READ]);
    assert_eq!(issued.access.scope, scope("api:read"));
    scene.resources = vec!["https://write.test"];
    assert_eq!(scene.reason(), Reason::TargetUnknown);
    let mut scene = Scene::allowed();
    scene.client.scope = Some(scope("email"));
    scene.client.grant_types = vec![DeviceCode::TYPE.to_owned()];
    let issued = scene.decide().unwrap();
    assert_eq!(issued.access.scope, scope("email"));
    assert_eq!((issued.id_token, issued.refresh), (None, None));
    let stored: Option<RefreshState> = issued.new_grant.unwrap().refresh;
    assert_eq!(stored, None);
}
