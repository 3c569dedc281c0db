use hallpass_jose::JwsAlgorithm;

use super::*;
use crate::token::fixture::{
    BOTH, ISSUER, READ, SEALED, WRITE, params, policy, resource, scope, texts, web,
};

const JWT: TokenFormat = TokenFormat::Jwt(JwsAlgorithm::ES256);

fn choose(asked: &[&str], granted: Option<&[&str]>) -> Result<Target, Reason> {
    let granted = granted.map(texts);
    Target::choose(&policy(), &web(), &texts(asked), granted.as_deref())
}

fn audience(asked: &[&str], granted: Option<&[&str]>) -> Vec<String> {
    choose(asked, granted).unwrap().audience
}

#[test]
fn the_audience_is_what_was_asked_for_among_what_was_granted() {
    //= test RFC8707#2.2 a token is not for a resource that the grant does not cover
    let granted = Some(&[READ, WRITE][..]);
    assert_eq!(audience(&[READ], granted), [READ]);
    assert_eq!(audience(&[WRITE, READ], granted), [WRITE, READ]);
    assert_eq!(audience(&[], granted), [READ, WRITE]);
    assert_eq!(audience(&[], Some(&[])), [""; 0]);
    assert_eq!(audience(&[], None), [""; 0]);
    for (asked, granted) in [
        (&[BOTH][..], granted),
        (&[READ, BOTH], granted),
        (&[READ], Some(&[][..])),
        (&[SEALED], Some(&[READ])),
    ] {
        assert_eq!(
            choose(asked, granted),
            Err(Reason::TargetUnknown),
            "{asked:?}"
        );
    }
}

#[test]
fn spelling_is_tolerated_and_the_audience_has_the_configured_one() {
    // AS-06
    for uri in ["https://read.test/", "HTTPS://Read.Test", READ] {
        assert_eq!(audience(&[uri], None), [READ], "{uri}");
        assert_eq!(audience(&[uri], Some(&[READ])), [READ], "{uri}");
    }
    let twice = audience(&[READ, "https://READ.test/"], None);
    assert_eq!(twice, [READ], "one resource under two spellings");
}

#[test]
fn what_is_no_resource_is_an_invalid_target() {
    //= test RFC8707#2 a resource that is unknown or not acceptable is refused with invalid_target
    for bad in [
        "https://read.test#",
        "https://read.test/#x",
        "https://read.test/other",
        "https://read.test//",
        "https://read.test?",
        "https://read.test@evil.test",
        "https://evil.test/https://read.test",
        "http://read.test",
        "read.test",
        "//read.test",
        "https://read.test\\",
        "",
        ISSUER,
    ] {
        assert_eq!(choose(&[bad], None), Err(Reason::TargetUnknown), "{bad}");
        let granted = Some(&[READ][..]);
        assert_eq!(choose(&[READ, bad], granted), Err(Reason::TargetUnknown));
    }
    for reason in [Reason::TargetUnknown, Reason::TargetsDisagree] {
        assert_eq!(reason.code().as_str(), "invalid_target");
    }
}

#[test]
fn a_restricted_client_has_only_its_own_resources() {
    let client = Client {
        resources: Some(texts(&["https://read.test/"])),
        ..web()
    };
    let ask = |asked: &[&str], granted: Option<&[String]>| {
        Target::choose(&policy(), &client, &texts(asked), granted).map(|t| t.audience)
    };
    assert_eq!(ask(&[READ], None).unwrap(), [READ]);
    assert_eq!(ask(&[WRITE], None), Err(Reason::TargetUnknown));
    // TK-20: what was granted before the client was restricted is gone too.
    let granted = texts(&[READ, WRITE]);
    assert_eq!(ask(&[WRITE], Some(&granted)), Err(Reason::TargetUnknown));
    assert_eq!(ask(&[], Some(&granted)), Err(Reason::TargetUnknown));
    assert_eq!(ask(&[READ], Some(&granted)).unwrap(), [READ]);
}

#[test]
fn a_granted_resource_that_is_gone_never_becomes_a_token_for_the_provider() {
    let mut policy = policy();
    policy.resources.retain(|r| r.identifier != READ);
    for granted in [&[READ][..], &[READ, WRITE]] {
        let target = Target::choose(&policy, &web(), &[], Some(&texts(granted)));
        assert_eq!(target, Err(Reason::TargetUnknown), "{granted:?}");
    }
}

#[test]
fn resources_with_tokens_of_different_form_cannot_share_one() {
    for asked in [[SEALED, READ], [READ, SEALED]] {
        assert_eq!(choose(&asked, None), Err(Reason::TargetsDisagree));
        assert_eq!(choose(&[], Some(&asked)), Err(Reason::TargetsDisagree));
    }
    let mut policy = policy();
    policy.resources.push(resource(
        "https://ps.test",
        &[],
        TokenFormat::Jwt(JwsAlgorithm::PS256),
    ));
    let asked = texts(&[READ, "https://ps.test"]);
    let target = Target::choose(&policy, &web(), &asked, None);
    assert_eq!(target, Err(Reason::TargetsDisagree), "other algorithms");
    assert_eq!(choose(&[], None).unwrap().format, TokenFormat::Sealed);
    assert_eq!(choose(&[READ, WRITE], None).unwrap().format, JWT);
}

#[test]
fn a_token_lives_as_long_as_the_strictest_of_its_resources_allows() {
    let mut policy = policy();
    let lifetime = |policy: &Policy, asked: &[&str]| {
        let target = Target::choose(policy, &web(), &texts(asked), None);
        target.unwrap().lifetime
    };
    assert_eq!(lifetime(&policy, &[]), 600);
    assert_eq!(lifetime(&policy, &[READ]), 600);
    for (own, alone, together) in [
        (Some(3600), 3600, 600),
        (Some(60), 60, 60),
        (None, 600, 600),
    ] {
        policy.resources[1].access_token_lifetime = own;
        assert_eq!(lifetime(&policy, &[READ]), alone);
        assert_eq!(lifetime(&policy, &[READ, WRITE]), together);
        assert_eq!(lifetime(&policy, &[WRITE, READ]), together);
        assert_eq!(lifetime(&policy, &[]), 600);
    }
}

#[test]
fn the_scope_of_a_token_means_something_to_its_audience() {
    //= test RFC9068#2.2.3 every scope in a token means something to the resources in its aud
    let granted = "openid email api:read api:write";
    for (asked, expected) in [
        (&[][..], granted),
        (&[SEALED], granted),
        (&[READ], "api:read"),
        (&[WRITE], "api:write"),
        (&[BOTH], "api:read api:write"),
        (&[READ, WRITE], "api:read api:write"),
    ] {
        let target = choose(asked, None).unwrap();
        let left = target.scope(&policy(), &scope(granted)).unwrap();
        assert_eq!(left, scope(expected), "{asked:?}");
    }
    let target = choose(&[READ], None).unwrap();
    let nothing = target.scope(&policy(), &scope("openid email")).unwrap();
    assert!(nothing.is_empty());
    // A resource that names no scopes takes those of the issuer, not any.
    let target = choose(&[SEALED], None).unwrap();
    let left = target.scope(&policy(), &scope("email gone")).unwrap();
    assert_eq!(left, scope("email"));
}

#[test]
fn a_jwt_never_leaves_open_for_which_resource_a_scope_is() {
    //= test RFC9068#3 a JWT is not issued when what it authorizes would be ambiguous
    let target = choose(&[READ, BOTH], None).unwrap();
    for (asked, expected) in [
        ("api:read", Err(Reason::TargetsDisagree)),
        ("api:write api:read", Err(Reason::TargetsDisagree)),
        ("api:write", Ok(scope("api:write"))),
        ("openid", Ok(scope(""))),
        ("", Ok(scope(""))),
    ] {
        assert_eq!(target.scope(&policy(), &scope(asked)), expected, "{asked}");
    }
    // A resource server that introspects is told what a token is worth; there is nothing to guess.
    let mut policy = policy();
    policy
        .resources
        .push(resource("urn:two", &[], TokenFormat::Sealed));
    let asked = texts(&[SEALED, "urn:two"]);
    let sealed = Target::choose(&policy, &web(), &asked, None).unwrap();
    let both = sealed.scope(&policy, &scope("api:read")).unwrap();
    assert_eq!(both, scope("api:read"));
}

#[test]
fn more_than_eight_resources_are_not_looked_at() {
    let many = |n| vec![("resource", READ); n];
    assert_eq!(read(&params(&many(8))).unwrap().len(), 8);
    for n in [9, 200] {
        assert_eq!(read(&params(&many(n))), Err(Reason::TargetUnknown));
    }
    assert_eq!(read(&params(&[("resource", "")])), Ok(Vec::new()));
}
