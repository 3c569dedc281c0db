use serde_json::json;

use super::*;

fn set(names: &str) -> BTreeSet<String> {
    names.split_whitespace().map(str::to_owned).collect()
}

fn directory() -> Directory {
    let role = |permissions| Role {
        description: None,
        permissions: set(permissions),
    };
    let group = |roles| Group {
        description: None,
        roles: set(roles),
    };
    let organization = |name: &str, disabled| Organization {
        name: name.to_owned(),
        disabled,
    };
    Directory {
        revision: 1,
        roles: [
            ("reader", role("read")),
            ("editor", role("read write")),
            ("boss", role("read write delete")),
        ]
        .map(|(name, role)| (name.to_owned(), role))
        .into(),
        groups: [
            ("staff", group("reader")),
            ("press", group("editor nobody")),
        ]
        .map(|(name, group)| (name.to_owned(), group))
        .into(),
        organizations: [
            ("acme", organization("Zenith", false)),
            ("umbrella", organization("Aurora", false)),
            ("closed", organization("Closed", true)),
        ]
        .map(|(name, organization)| (name.to_owned(), organization))
        .into(),
    }
}

fn member(organization: Option<&str>, roles: &str, allowed: &str, denied: &str) -> Membership {
    Membership {
        organization: organization.map(str::to_owned),
        roles: set(roles),
        allowed: set(allowed),
        denied: set(denied),
        ..Membership::default()
    }
}

#[test]
fn s32_role_permissions_plus_allowed_minus_denied() {
    for (roles, allowed, denied, expected) in [
        ("", "", "", ""),
        ("reader", "", "", "read"),
        ("reader editor", "", "", "read write"),
        ("editor", "export", "", "export read write"),
        ("editor", "", "write", "read"),
        ("editor", "export", "export", "read write"),
        ("", "export", "", "export"),
        ("", "", "read", ""),
        ("boss", "audit", "delete read", "audit write"),
        ("unknown", "", "", ""),
    ] {
        let memberships = [member(None, roles, allowed, denied)];
        let effective = directory().effective(&memberships, None).unwrap();
        assert_eq!(
            effective.permissions,
            set(expected),
            "{roles}+{allowed}-{denied}"
        );
    }
}

#[test]
fn groups_give_the_roles_that_exist() {
    let mut membership = member(None, "", "", "");
    membership.groups = set("staff press gone");
    let effective = directory().effective(&[membership], None).unwrap();
    assert_eq!(effective.groups, set("staff press"));
    assert_eq!(effective.roles, set("reader editor"));
    assert_eq!(effective.permissions, set("read write"));
}

#[test]
fn what_is_denied_anywhere_is_denied() {
    let memberships = [
        member(None, "", "", "write"),
        member(Some("acme"), "editor", "write", ""),
    ];
    let effective = directory().effective(&memberships, Some("acme")).unwrap();
    assert_eq!(effective.permissions, set("read"));
}

#[test]
fn s33_what_somebody_is_in_one_organization_says_nothing_about_another() {
    let memberships = [
        member(Some("acme"), "boss", "", ""),
        member(Some("umbrella"), "reader", "", ""),
    ];
    let permissions = |organization| {
        let effective = directory().effective(&memberships, organization);
        effective.map(|effective| effective.permissions)
    };
    assert_eq!(permissions(Some("acme")), Some(set("delete read write")));
    assert_eq!(permissions(Some("umbrella")), Some(set("read")));
    assert_eq!(permissions(None), Some(set("")));
    for other in ["closed", "nothing", "", "ACME"] {
        assert_eq!(permissions(Some(other)), None, "{other}");
    }
    assert_eq!(
        directory().choices(&memberships),
        [("umbrella", "Aurora"), ("acme", "Zenith")]
    );
}

#[test]
fn a_membership_that_does_not_count_gives_nothing() {
    let mut memberships = [
        member(None, "boss", "all", ""),
        member(Some("acme"), "boss", "all", ""),
        member(Some("closed"), "boss", "all", ""),
    ];
    memberships.iter_mut().for_each(|m| m.inactive = true);
    let directory = directory();
    assert_eq!(
        directory.effective(&memberships, None),
        Some(Effective::default())
    );
    assert_eq!(directory.effective(&memberships, Some("acme")), None);
    assert_eq!(directory.choices(&memberships), []);
    memberships.iter_mut().for_each(|m| m.inactive = false);
    assert_eq!(
        directory.effective(&memberships, Some("closed")),
        None,
        "disabled"
    );
}

#[test]
fn a_client_is_for_those_whom_it_admits() {
    let restriction = |groups: &[&str], roles: &[&str]| Restriction {
        groups: groups.iter().map(|g| (*g).to_owned()).collect(),
        roles: roles.iter().map(|r| (*r).to_owned()).collect(),
    };
    let mut membership = member(None, "boss", "", "");
    membership.groups = set("staff");
    let effective = directory().effective(&[membership], None).unwrap();
    for (groups, roles, admitted) in [
        (&[][..], &[][..], true),
        (&["staff"], &[], true),
        (&["press"], &[], false),
        (&[], &["boss"], true),
        (&[], &["reader"], true),
        (&[], &["editor"], false),
        (&["press"], &["boss"], true),
        (&["gone"], &["gone"], false),
        (&["Staff"], &["Boss"], false),
    ] {
        let restriction = restriction(groups, roles);
        assert_eq!(
            restriction.admits(&effective),
            admitted,
            "{groups:?} {roles:?}"
        );
        assert_eq!(
            restriction.admits(&Effective::default()),
            restriction.is_open(),
            "{groups:?} {roles:?}"
        );
    }
}

#[test]
fn claims_have_the_names_that_the_operator_gives_them() {
    let effective = directory()
        .effective(
            &[member(Some("acme"), "reader", "export", "")],
            Some("acme"),
        )
        .unwrap();
    let names = AccessClaims {
        organization: "tenant_id".to_owned(),
        ..AccessClaims::default()
    };
    assert_eq!(
        Value::Object(names.of(&effective, &directory())),
        json!({
            "roles": ["reader"], "groups": [], "permissions": ["export", "read"],
            "tenant_id": "acme", "organization_name": "Zenith",
        })
    );
}

#[test]
fn names_are_plain() {
    for good in ["a", "orders:read", "team/ops", &"x".repeat(MAX_NAME)] {
        assert!(is_name(good), "{good}");
    }
    for bad in [
        "",
        "a b",
        "a\"b",
        "a\\b",
        "é",
        "a\n",
        &"x".repeat(MAX_NAME + 1),
    ] {
        assert!(!is_name(bad), "{bad}");
    }
}

#[test]
fn what_is_taken_away_is_noticed() {
    let held = member(Some("acme"), "boss", "export", "audit");
    let changed = |change: fn(&mut Membership)| {
        let mut now = held.clone();
        change(&mut now);
        takes_away(std::slice::from_ref(&held), &[now])
    };
    for (what, change, taken) in [
        ("nothing", (|_| {}) as fn(&mut Membership), false),
        ("a role more", |m| m.roles.extend(set("reader")), false),
        ("a group more", |m| m.groups.extend(set("staff")), false),
        ("less denied", |m| m.denied.clear(), false),
        ("a role less", |m| m.roles.clear(), true),
        ("less allowed", |m| m.allowed.clear(), true),
        ("more denied", |m| m.denied.extend(set("read")), true),
        ("inactive", |m| m.inactive = true, true),
        ("elsewhere", |m| m.organization = None, true),
    ] {
        assert_eq!(changed(change), taken, "{what}");
    }
    assert!(takes_away(std::slice::from_ref(&held), &[]));
    assert!(!takes_away(&[], &[held]));
}
