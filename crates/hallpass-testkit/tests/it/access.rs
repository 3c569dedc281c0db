//! Roles, groups, permissions and organizations.

use hallpass_core::{
    access::{Directory, Group, Membership, Organization, Role},
    policy::{AccessPolicy, ScopeSpec},
};
use hallpass_store::{Commit, Committed, Spend};
use hallpass_testkit::{Ask, Browser, Op, Request, Setup, fixture, html, wire};
use serde_json::{Value, json};

use crate::{backchannel, jwt_bearer};

fn names(list: &str) -> std::collections::BTreeSet<String> {
    list.split_whitespace().map(str::to_owned).collect()
}

fn membership(organization: Option<&str>, roles: &str) -> Membership {
    Membership {
        organization: organization.map(str::to_owned),
        roles: names(roles),
        ..Membership::default()
    }
}

/// A provider with roles, groups and organizations; its client `web` is restricted as said.
async fn start(restriction: Value, in_id_token: bool) -> Op {
    start_with(restriction, in_id_token, &[]).await
}

async fn start_with(
    restriction: Value,
    in_id_token: bool,
    resources: &'static [&'static str],
) -> Op {
    let op = Setup::default()
        .policy(move |policy| {
            let mut access = AccessPolicy {
                enabled: true,
                in_id_token,
                resources: resources.iter().map(|name| (*name).to_owned()).collect(),
                ..AccessPolicy::default()
            };
            access.claims.organization = "tenant_id".to_owned();
            policy.scopes.push(ScopeSpec {
                name: "roles".to_owned(),
                title: None,
                description: Some("What you may do".to_owned()),
                required: false,
                claims: access.claims.names().map(str::to_owned).to_vec(),
            });
            policy.access = access;
        })
        .metadata(
            "web",
            &json!({"scope": "openid email offline_access roles"}),
        )
        .metadata("web", &restriction)
        .start()
        .await;
    let role = |permissions| Role {
        description: None,
        permissions: names(permissions),
    };
    write(&op, |directory| {
        directory.roles.insert("reader".to_owned(), role("read"));
        directory
            .roles
            .insert("editor".to_owned(), role("read write"));
        let staff = Group {
            description: None,
            roles: names("reader"),
        };
        directory.groups.insert("staff".to_owned(), staff);
        for (id, name) in [("acme", "Acme Bakery"), ("zenith", "Zenith Club")] {
            let organization = Organization {
                name: name.to_owned(),
                disabled: false,
            };
            directory.organizations.insert(id.to_owned(), organization);
        }
    })
    .await;
    op
}

async fn write(op: &Op, change: impl FnOnce(&mut Directory)) {
    let (store, issuer) = (op.provider.store(), op.provider.issuer_id());
    let mut directory = store.directory(issuer).await.unwrap();
    let from = directory.revision;
    change(&mut directory);
    directory.revision = from + 1;
    let commit = Commit {
        spends: vec![Spend::Directory {
            from,
            record: Box::new(directory),
        }],
        writes: Vec::new(),
    };
    assert_eq!(store.commit(issuer, commit).await.unwrap(), Committed::Done);
}

async fn joins(op: &Op, person: &str, memberships: &[Membership]) {
    op.accounts
        .set_memberships(op.provider.issuer_id(), op.subject(person), |held| {
            *held = memberships.to_vec();
        })
        .await
        .unwrap();
}

/// What UserInfo says after a whole flow.
async fn told(browser: &mut Browser, person: &str, request: &Request) -> Value {
    let tokens = browser.flow_of(person, "web", request).await;
    browser.userinfo(&tokens.access).await.json()
}

#[tokio::test]
async fn s32_roles_and_permissions_are_told_when_their_scope_is_asked_for() {
    let op = start(json!({}), false).await;
    let mut alice = membership(None, "editor");
    alice.groups = names("staff");
    alice.allowed = names("export");
    alice.denied = names("write");
    joins(&op, "alice", &[alice]).await;
    let request = Request::of("web", "openid roles");
    let info = told(&mut op.browser(), "alice", &request).await;
    assert_eq!(info["roles"], json!(["editor", "reader"]));
    assert_eq!(info["groups"], json!(["staff"]));
    assert_eq!(info["permissions"], json!(["export", "read"]));
    assert_eq!(info.get("tenant_id"), None);
    // Nobody's member has none, and nothing is said to whom it was not allowed.
    let info = told(&mut op.browser(), "bob", &request).await;
    assert_eq!(
        (&info["roles"], &info["permissions"]),
        (&json!([]), &json!([]))
    );
    let info = told(
        &mut op.browser(),
        "alice",
        &Request::of("web", "openid email"),
    )
    .await;
    assert_eq!((info.get("roles"), info.get("permissions")), (None, None));
}

#[tokio::test]
async fn id_tokens_tell_of_roles_where_the_operator_says_so() {
    for (in_id_token, told) in [(true, true), (false, false)] {
        let op = start(json!({}), in_id_token).await;
        joins(&op, "alice", &[membership(None, "reader")]).await;
        let request = Request::of("web", "openid roles");
        let tokens = op.browser().flow_of("alice", "web", &request).await;
        let claims = tokens.claims();
        assert_eq!(claims.get("permissions").is_some(), told, "{claims}");
        assert!(claims.get("sub").is_some());
    }
}

#[tokio::test]
async fn s32_access_tokens_for_a_resource_that_wants_to_know_say_what_somebody_may_do() {
    //= test RFC9068#2.2.3.1 groups and roles of the person are told under the names of SCIM
    let told_to: &[&str] = &[fixture::API1];
    for (resources, told) in [(told_to, true), (&[], false)] {
        let op = start_with(json!({}), false, resources).await;
        joins(&op, "alice", &[membership(None, "editor")]).await;
        for resource in [fixture::API1, fixture::API2] {
            let request = Request::of("web", "openid offline_access");
            let request = request.with("resource", resource);
            let mut browser = op.browser();
            let tokens = browser.flow_of("alice", "web", &request).await;
            let expected = told && resource == fixture::API1;
            if resource == fixture::API1 {
                let claims = hallpass_testkit::assertion::payload(&tokens.access);
                let permissions = claims.get("permissions");
                let all = json!(["read", "write"]);
                assert_eq!(permissions, expected.then_some(&all), "{claims}");
            }
            // What was taken away is not in the next one.
            let mut less = membership(None, "editor");
            less.groups = names("staff");
            joins(&op, "alice", &[less]).await;
            let answer = browser.refresh("web", tokens.refresh()).await.json();
            let token = answer["access_token"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            if expected && !token.is_empty() {
                let claims = hallpass_testkit::assertion::payload(&token);
                let told = (&claims["roles"], &claims["groups"]);
                assert_eq!(told, (&json!(["editor", "reader"]), &json!(["staff"])));
            }
        }
    }
}

#[tokio::test]
async fn s31_a_client_for_some_is_not_for_others() {
    for restriction in [
        json!({"allowed_groups": ["staff"]}),
        json!({"allowed_roles": ["reader"]}),
    ] {
        let op = start(restriction, false).await;
        let mut staff = membership(None, "");
        staff.groups = names("staff");
        joins(&op, "alice", std::slice::from_ref(&staff)).await;
        let request = Request::of("web", "openid offline_access");
        let mut bob = op.browser();
        bob.sign_in("bob").await;
        let refused = bob.send(request.get()).await;
        assert!(refused.location().starts_with(fixture::WEB_CB));
        assert_eq!(refused.error(), "access_denied");
        let silent = bob.send(request.clone().with("prompt", "none").get()).await;
        assert_eq!(silent.error(), "access_denied");
        // Who is one of them may, and what they got is over when they are no more.
        let mut alice = op.browser();
        let tokens = alice.flow_of("alice", "web", &request).await;
        assert!(alice.is_active("web", &tokens.access).await);
        joins(&op, "alice", &[]).await;
        assert!(!alice.is_active("web", &tokens.access).await);
        let again = alice.refresh("web", tokens.refresh()).await;
        assert_eq!(again.error(), "invalid_grant");
    }
}

/// Switches groups on, for the provider of somebody else's setup.
fn with_groups(setup: Setup) -> Setup {
    setup.policy(|policy| policy.access.enabled = true)
}

async fn with_staff(setup: Setup) -> Op {
    let op = with_groups(setup).start().await;
    write(&op, |directory| {
        directory
            .groups
            .insert("staff".to_owned(), Group::default());
    })
    .await;
    op
}

async fn is_staff(op: &Op, person: &str) {
    let mut staff = membership(None, "");
    staff.groups = names("staff");
    joins(op, person, std::slice::from_ref(&staff)).await;
}

#[tokio::test]
async fn a_client_for_some_gets_nothing_for_others_who_answer_it_elsewhere() {
    for client in ["poll", "push"] {
        let mut seed = backchannel::bank("some", client);
        seed.metadata["allowed_groups"] = json!(["staff"]);
        let op = with_staff(backchannel::setup().client(seed)).await;
        op.fetcher.answer_posts(backchannel::ENDPOINT, 204);
        let token = [("client_notification_token", backchannel::TOKEN)];
        let token = if client == "push" { &token[..] } else { &[] };
        let answer = async |op: &Op| {
            let id = backchannel::begin(op, "some", token).await;
            backchannel::answer_all(op, "alice", "allow").await;
            if client == "push" {
                op.provider.deliver_due().await.unwrap();
                let posted = op.fetcher.posted();
                return serde_json::from_str(&posted.last().unwrap().body).unwrap();
            }
            backchannel::poll(op, "some", &id).await.json()
        };
        let refused: Value = answer(&op).await;
        assert_eq!(refused["error"], "access_denied", "{client}: {refused}");
        assert_eq!(refused.get("id_token"), None, "{client}: {refused}");
        is_staff(&op, "alice").await;
        let answered: Value = answer(&op).await;
        assert!(answered["id_token"].is_string(), "{client}: {answered}");
    }
}

#[tokio::test]
async fn a_client_for_some_gets_nothing_for_others_on_the_word_of_somebody_else() {
    let op = with_staff(jwt_bearer::setup_for(&json!({"allowed_groups": ["staff"]}))).await;
    let refused = jwt_bearer::present_new(&op, "first").await;
    assert_eq!(refused.error(), "invalid_grant", "{}", refused.text());
    is_staff(&op, "alice").await;
    let answered = jwt_bearer::present_new(&op, "second").await;
    assert_eq!(answered.status, 200, "{}", answered.text());
}

// TK-21: the client is narrowed, not the person
#[tokio::test]
async fn what_was_granted_is_over_when_the_client_is_no_longer_for_its_person() {
    let op = start(json!({}), false).await;
    let mut alice = op.browser();
    let request = Request::of("web", "openid offline_access");
    let tokens = alice.flow_of("alice", "web", &request).await;
    op.change_client("web", |metadata| {
        metadata.insert("allowed_groups".to_owned(), json!(["staff"]));
    })
    .await;
    op.clock.advance(2);
    let again = alice.refresh("web", tokens.refresh()).await;
    assert_eq!(again.error(), "invalid_grant");
    assert_eq!(alice.userinfo(&tokens.access).await.status, 401);
}

#[tokio::test]
async fn s33_somebody_in_several_organizations_chooses_and_switches() {
    let op = start(json!({}), false).await;
    let both = [
        membership(Some("acme"), "editor"),
        membership(Some("zenith"), "reader"),
    ];
    joins(&op, "alice", &both).await;
    let mut browser = op.browser();
    browser.sign_in("alice").await;
    let request = Request::of("web", "openid roles");
    let asked = browser.send(request.get()).await;
    assert!(
        asked
            .location()
            .starts_with("https://op.test/organization?"),
        "{}",
        asked.location()
    );
    let target = asked
        .location()
        .strip_prefix("https://op.test")
        .unwrap()
        .to_owned();
    let page = browser.follow(&asked).await.text();
    html::form(&page, "organization");
    assert!(
        page.contains("Acme Bakery") && page.contains("Zenith Club"),
        "{page}"
    );
    // One that the person is no member of cannot be chosen.
    for foreign in ["other", "", "../acme"] {
        let ask =
            Ask::form(&target, &[("organization", foreign)]).header("Origin", fixture::ISSUER);
        let answer = browser.send(ask).await;
        let code = answer
            .header("location")
            .and_then(|l| wire::param(l, "code"));
        assert_eq!(code, None, "{foreign}");
    }
    let ask = Ask::form(&target, &[("organization", "zenith")]).header("Origin", fixture::ISSUER);
    let chosen = browser.send(ask).await;
    let answer = browser.through_pages("alice", chosen).await;
    let code = wire::param(answer.location(), "code").unwrap();
    let tokens = browser.redeem("web", &code).await.json();
    let info = browser
        .userinfo(tokens["access_token"].as_str().unwrap())
        .await
        .json();
    assert_eq!(info["tenant_id"], "zenith");
    assert_eq!(info["organization_name"], "Zenith Club");
    assert_eq!(info["permissions"], json!(["read"]));
    // The client names another one, and gets a token for that.
    let switched = request.clone().with("organization", "acme");
    let info = told(&mut browser, "alice", &switched).await;
    assert_eq!(info["tenant_id"], "acme");
    assert_eq!(info["permissions"], json!(["read", "write"]));
    // Or one that is none of theirs.
    for (organization, error) in [("other", "access_denied"), ("a b", "invalid_request")] {
        let request = request.clone().with("organization", organization);
        let refused = browser.send(request.get()).await;
        assert_eq!(refused.error(), error, "{organization}");
    }
    let silent = browser.send(request.with("prompt", "none").get()).await;
    assert_eq!(silent.error(), "interaction_required");
}

#[tokio::test]
async fn what_was_granted_for_an_organization_is_over_when_that_is_disabled() {
    let op = start(json!({}), false).await;
    joins(&op, "alice", &[membership(Some("acme"), "reader")]).await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid roles offline_access").with("organization", "acme");
    let tokens = browser.flow_of("alice", "web", &request).await;
    assert!(browser.is_active("web", &tokens.access).await);
    write(&op, |directory| {
        directory.organizations.get_mut("acme").unwrap().disabled = true;
    })
    .await;
    assert!(!browser.is_active("web", &tokens.access).await);
    assert_eq!(
        browser.refresh("web", tokens.refresh()).await.error(),
        "invalid_grant"
    );
    assert_eq!(browser.send(request.get()).await.error(), "access_denied");
}

#[tokio::test]
async fn where_there_are_no_organizations_nobody_is_asked_and_the_parameter_means_nothing() {
    let op = Op::start().await;
    let mut browser = op.browser();
    let request = Request::of("web", "openid").with("organization", "acme");
    let tokens = browser.flow_of("alice", "web", &request).await;
    let info = browser.userinfo(&tokens.access).await.json();
    assert_eq!(info.as_object().unwrap().len(), 1, "{info}");
    assert_eq!(browser.get("/organization?handle=x").await.status, 404);
}
