use super::*;
use crate::{
    record::FoundGrant,
    token::fixture::{ALICE, NOW, access_token, found, grant, other, scope, web},
};

const RESOURCE: &str = "https://op.test/admin/v1";

/// A request that a test may change.
struct Scene {
    token: AccessToken,
    grant: Option<FoundGrant>,
    token_denied: bool,
    client: Client,
    now: Timestamp,
}

impl Scene {
    /// A token of a person.
    fn new() -> Self {
        let client = Client {
            origin: ClientOrigin::Administration,
            scope: Some(scope("openid hallpass:admin")),
            ..web()
        };
        let mut token = access_token(&client);
        token.scope = scope("hallpass:admin");
        token.audience = vec![RESOURCE.to_owned()];
        Self {
            grant: Some(found(grant(&client))),
            token_denied: false,
            token,
            client,
            now: NOW,
        }
    }

    fn holder(&self) -> Result<Holder, Reason> {
        let facts = Facts {
            grant: self.grant.as_ref(),
            token_denied: self.token_denied,
            session_alive: true,
            account: ALICE,
        };
        holder(&self.token, &facts, &self.client, RESOURCE, self.now)
    }
}

#[test]
fn a_token_stands_for_its_person_or_for_its_client() {
    let mut scene = Scene::new();
    let subject = scene.grant.as_ref().unwrap().record.subject.clone();
    for (amr, strength) in [
        (&[][..], None),
        (&["pwd"], Some(Strength::Single)),
        // A code that was mailed to confirm a new browser is a word and no factor.
        (&["pwd", "otp"], Some(Strength::Single)),
        (&["pwd", "otp", "mfa"], Some(Strength::Multi)),
        (&["hwk", "user", "mfa"], Some(Strength::PhishingResistant)),
    ] {
        let grant = scene.grant.as_mut().unwrap();
        grant.record.authentication.amr = amr.iter().map(|word| (*word).to_owned()).collect();
        let person = Holder::Person(subject.clone(), strength);
        assert_eq!(scene.holder(), Ok(person));
    }
    scene.token.grant = None;
    scene.grant = None;
    assert_eq!(scene.holder(), Ok(Holder::Client));
}

// AD-01, AD-03
#[test]
//= test RFC9068#4 a token whose audience is another resource is refused
//= test RFC7009#2.1 a revoked token does not work any more
fn a_token_that_is_not_for_this_or_does_not_stand_is_refused() {
    type Change = (fn(&mut Scene), Reason);
    let changes: Vec<Change> = vec![
        (|s| s.now = s.token.expires_at, Reason::TokenExpired),
        (|s| s.token.audience.clear(), Reason::WrongAudience),
        (
            |s| s.token.audience.push("https://other.test".to_owned()),
            Reason::WrongAudience,
        ),
        (
            |s| s.token.audience = vec!["https://op.test/admin".to_owned()],
            Reason::WrongAudience,
        ),
        (|s| s.token_denied = true, Reason::TokenRevoked),
        (
            |s| s.client.created_at = s.token.issued_at.plus(1),
            Reason::TokenRevoked,
        ),
        (
            |s| s.token.client_id = other("other").id,
            Reason::TokenRevoked,
        ),
        (|s| s.token.scope = scope("openid"), Reason::ScopeMissing),
        (|s| s.client.scope = None, Reason::ClientNotMeant),
        (
            |s| s.client.scope = Some(scope("openid hallpass:admin:read")),
            Reason::ClientNotMeant,
        ),
        (
            |s| s.client.origin = ClientOrigin::Registration,
            Reason::ClientNotMeant,
        ),
        (
            |s| s.client.origin = ClientOrigin::Document,
            Reason::ClientNotMeant,
        ),
        (|s| s.grant = None, Reason::TokenUnknown),
        (
            |s| s.grant.as_mut().unwrap().revoked_at = Some(NOW),
            Reason::TokenRevoked,
        ),
        (
            |s| s.grant.as_mut().unwrap().record.client_id = other("other").id,
            Reason::ClientNotMeant,
        ),
    ];
    for (place, (change, reason)) in changes.into_iter().enumerate() {
        let mut scene = Scene::new();
        change(&mut scene);
        assert_eq!(scene.holder(), Err(reason), "{place}");
    }
}

#[test]
fn other_scopes_are_everybodys_to_ask_for() {
    let mut client = Scene::new().client;
    client.origin = ClientOrigin::Registration;
    assert!(may_ask(&client, "openid"));
    assert!(!may_ask(&client, SCOPE));
    assert!(!may_ask(&client, READ_SCOPE));
}

const PERMISSIONS: &[Permission] = &[
    Permission::ReadProject,
    Permission::CreateProject,
    Permission::ChangeProject,
    Permission::DeleteProject,
    Permission::ReadClients,
    Permission::ChangeClients,
    Permission::ReadUsers,
    Permission::HelpUsers,
    Permission::ChangeUsers,
    Permission::ReadKeys,
    Permission::ChangeKeys,
    Permission::ReadAccess,
    Permission::ChangeAccess,
    Permission::ReadAudit,
    Permission::ReadStatistics,
    Permission::ReadOperators,
    Permission::ChangeOperators,
    Permission::ReadWebhooks,
    Permission::ChangeWebhooks,
];

#[test]
fn read_only_changes_nothing_and_support_sees_no_keys() {
    for permission in PERMISSIONS {
        assert_eq!(
            Role::ReadOnly.may(*permission),
            permission.only_looks(),
            "{permission:?}"
        );
        assert!(Role::Owner.may(*permission));
    }
    let support: Vec<_> = PERMISSIONS
        .iter()
        .filter(|permission| Role::Support.may(**permission))
        .collect();
    assert!(!support.contains(&&Permission::ReadKeys));
    let changes: Vec<_> = support.iter().filter(|p| !p.only_looks()).collect();
    assert_eq!(changes, [&&Permission::HelpUsers]);
    let withheld: Vec<_> = PERMISSIONS
        .iter()
        .filter(|permission| !Role::Administrator.may(**permission))
        .collect();
    assert_eq!(
        withheld,
        [&Permission::DeleteProject, &Permission::ChangeOperators]
    );
}

#[test]
fn names_of_roles_are_read_back_and_no_others_are() {
    for role in Role::ALL {
        assert_eq!(Role::parse(role.as_str()), Some(*role));
    }
    for text in ["", "Owner", "owner ", "root"] {
        assert_eq!(Role::parse(text), None);
    }
}
