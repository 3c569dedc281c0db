use serde_json::json;

use super::*;
use crate::{
    client::SubjectType,
    token::fixture::{NOW, grant, policy, scope, wanted, web},
};

fn account() -> Map<String, Value> {
    let Value::Object(claims) = json!({
        "name": "Alice \"A\" \u{c4}ngstr\u{f6}m",
        "email": "alice@test",
        "email_verified": false,
        "address": {"country": "DE"},
        "groups": ["a", "b"],
        "name#de": "Alicia",
        "nickname": null,
        "iss": "https://evil.test",
        "sub": "bob",
        "aud": "other",
        "exp": 1,
        "nonce": "evil",
        "auth_time": 1,
        "acr": "urn:acr:9",
        "amr": ["hwk"],
        "azp": "other",
        "sid": "evil",
        "at_hash": "evil",
        "client_id": "other",
        "scope": "admin",
        "cnf": {},
    }) else {
        unreachable!()
    };
    claims
}

fn request(names: &[&str]) -> IdTokenRequest {
    let mut grant = grant(&web());
    grant.claims.id_token = wanted(names);
    IdTokenRequest::of_grant(&grant, "alice".to_owned(), None).unwrap()
}

fn written(request: &IdTokenRequest) -> String {
    claims(request, &web(), &policy(), &account(), NOW)
}

fn read(request: &IdTokenRequest) -> Map<String, Value> {
    // Strict: a member that stands twice is an error.
    let text = written(request);
    hallpass_jose::json::parse_object(text.as_bytes(), 8).unwrap()
}

fn names(claims: &Map<String, Value>) -> Vec<&str> {
    let mut names: Vec<&str> = claims.keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

const ALWAYS: [&str; 8] = ["acr", "amr", "aud", "auth_time", "exp", "iat", "iss", "sub"];

#[test]
fn the_claims_are_exactly_these() {
    //= test OIDC-CORE#2 aud contains the client_id
    //= test OIDC-CORE#2 auth_time is there when max_age was sent or the client registered require_auth_time
    let mut request = request(&[]);
    request.nonce = Some("n-1".to_owned());
    assert_eq!(
        written(&request),
        concat!(
            r#"{"iss":"https://op.test:8443","sub":"alice","aud":"web","exp":1800000600,"iat":1800000000,"#,
            r#""auth_time":1799999900,"nonce":"n-1","acr":"urn:acr:1","amr":["pwd","otp"]}"#
        )
    );
}

#[test]
fn what_is_not_known_is_not_said() {
    let mut request = request(&[]);
    request.authentication.acr = None;
    request.authentication.amr.clear();
    assert_eq!(
        names(&read(&request)),
        ["aud", "auth_time", "exp", "iat", "iss", "sub"]
    );
}

#[test]
fn no_openid_no_id_token() {
    for (granted, expected) in [
        ("openid", true),
        ("email openid", true),
        ("email", false),
        ("", false),
        ("OPENID openid2", false),
    ] {
        let grant = GrantRecord {
            scope: scope(granted),
            ..grant(&web())
        };
        let request = IdTokenRequest::of_grant(&grant, "alice".to_owned(), None);
        assert_eq!(request.is_some(), expected, "{granted}");
    }
}

#[test]
fn the_nonce_comes_back_untouched() {
    //= test OIDC-CORE#3.1.2.1 the nonce is returned unmodified
    let long = "n".repeat(1000);
    for nonce in [
        "n-0S6_WzA2Mj",
        " ",
        "\"\\/\u{8}\u{c}\n\r\t",
        "\u{1}\u{1f}\u{7f}\u{80}",
        "</script><!--",
        "\u{e9}\u{20ac}\u{1f600}\u{2028}\u{2029}\u{feff}",
        "e\u{301}",
        "{\"a\":1}",
        "null",
        &long,
    ] {
        let mut request = request(&[]);
        request.nonce = Some(nonce.to_owned());
        assert_eq!(read(&request)["nonce"], nonce);
    }
}

#[test]
fn claims_of_scopes_stay_at_userinfo() {
    // The grant has the email scope.
    assert_eq!(names(&read(&request(&[]))), ALWAYS);
}

#[test]
fn what_the_operator_lets_openid_release_goes_in_and_nothing_reserved() {
    let mut policy = policy();
    let request = request(&[]);
    let as_it_comes = request.with_claims_of_openid(&policy);
    assert!(matches!(as_it_comes, Cow::Borrowed(_)), "nothing to add");
    let openid = policy.scopes.iter_mut().find(|s| s.name == "openid");
    let released = ["sub", "name", "nickname", "exp", "nonce", "cnf"];
    openid.unwrap().claims = released.map(str::to_owned).to_vec();
    let request = request.with_claims_of_openid(&policy);
    let text = claims(&request, &web(), &policy, &account(), NOW);
    let told = hallpass_jose::json::parse_object(text.as_bytes(), 8).unwrap();
    let mut expected = ALWAYS.to_vec();
    expected.insert(7, "name");
    expected.sort_unstable();
    assert_eq!(names(&told), expected);
    assert_eq!(
        (&told["sub"], &told["exp"]),
        (&json!("alice"), &read(&request)["exp"])
    );
}

#[test]
fn claims_that_were_asked_for_one_by_one_go_in() {
    let request = request(&[
        "name",
        "name#de",
        "email_verified",
        "address",
        "groups",
        "nickname",
        "unknown",
    ]);
    let claims = read(&request);
    for (name, value) in [
        ("name", json!("Alice \"A\" \u{c4}ngstr\u{f6}m")),
        ("name#de", json!("Alicia")),
        ("email_verified", json!(false)),
        ("address", json!({"country": "DE"})),
        ("groups", json!(["a", "b"])),
    ] {
        assert_eq!(claims[name], value);
    }
    assert_eq!(
        claims.len(),
        ALWAYS.len() + 5,
        "null and unknown are not said"
    );
    assert!(!claims.contains_key("email"));
}

#[test]
fn an_account_never_overrides_what_the_provider_says() {
    let plain = read(&request(&[]));
    let all: Vec<String> = account().keys().cloned().collect();
    let reserved: Vec<&str> = all
        .iter()
        .map(String::as_str)
        .filter(|n| is_reserved(n) && *n != "sid")
        .collect();
    assert_eq!(reserved.len(), 13);
    assert_eq!(read(&request(&reserved)), plain);
    for name in [
        "iss", "sub", "aud", "exp", "iat", "nbf", "jti", "at_hash", "c_hash", "s_hash",
    ] {
        assert!(is_reserved(name), "{name}");
    }
    for name in CLAIMS {
        assert!(is_reserved(name), "{name} is the provider's to say");
    }
}

#[test]
fn the_session_is_named_only_on_request() {
    assert!(!read(&request(&[])).contains_key("sid"));
    let mut asked = request(&["sid"]);
    assert_eq!(read(&asked)["sid"], "sid-1");
    asked.sid = None;
    assert!(
        !read(&asked).contains_key("sid"),
        "and never by the account"
    );
}

#[test]
fn a_pairwise_client_sees_its_own_subject_and_the_account_is_still_found() {
    let client = Client {
        subject_type: SubjectType::Pairwise,
        sector: Some("rp.test".to_owned()),
        ..web()
    };
    let policy = policy();
    let grant = grant(&client);
    let subject = client.subject(&policy, &grant.subject);
    let request = IdTokenRequest::of_grant(&grant, subject.clone(), None).unwrap();
    assert_eq!(request.account.as_str(), "alice");
    let text = claims(&request, &client, &policy, &account(), NOW);
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["sub"], subject);
    assert!(!text.contains("\"alice\""));
}

#[test]
fn the_lifetime_is_the_policys() {
    let mut policy = policy();
    policy.lifetimes.id_token = 77;
    let text = claims(&request(&[]), &web(), &policy, &account(), NOW);
    let read: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(read["exp"], 1_800_000_077);
}
