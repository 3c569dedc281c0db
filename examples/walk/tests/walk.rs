//! Each example, walked through as its reader would.

use walk::{Browser, Example, claims, parameter, redeem, request};

/// Signs alice in on the built-in pages and allows what is asked for. The code.
fn sign_in(browser: &mut Browser, base: &str, scope: &str, more: &str) -> String {
    let page = browser.get(&request(&format!("{base}/authorize"), scope, more));
    let page = page.location().to_owned();
    assert!(browser.get(&page).body.contains("password"));
    let form = [("username", "alice"), ("password", "wonderland-1865")];
    let answer = browser.post(&page, &form);
    let consent = answer.location().to_owned();
    assert!(consent.contains("/consent?"), "{consent}");
    let boxes: Vec<String> = scope.split(' ').map(|scope| format!("scope.{scope}")).collect();
    let mut form = vec![("decision", "allow")];
    form.extend(boxes.iter().map(|name| (name.as_str(), "on")));
    let answer = browser.post(&consent, &form);
    parameter(answer.location(), "code")
}

#[test]
fn minimal_signs_a_person_in() {
    let example = Example::start("minimal");
    let mut browser = example.browser();
    let metadata = browser.get("/.well-known/openid-configuration").json();
    assert_eq!(metadata["issuer"], example.address.as_str());
    let code = sign_in(&mut browser, "", "openid", "");
    let tokens = redeem(&mut browser, "/token", &code);
    let claims = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(claims["aud"], "app");
    assert_eq!(browser.get("/nothing").status, 404);
    let again = redeem(&mut browser, "/token", &code);
    assert_eq!(again["error"], "invalid_grant");
}

#[test]
fn a_program_signs_people_in_with_its_own_users_and_pages() {
    let example = Example::start("axum-app");
    let mut browser = example.browser();
    assert_eq!(browser.get("/").body, "whatever the program does");
    let page = browser.get(&request("/authorize", "openid profile", ""));
    let page = page.location().to_owned();
    assert!(page.starts_with(&format!("{}/my/sign-in?handle=", example.address)));
    assert!(browser.get(&page).body.contains("<form"));
    let wrong = browser.post(&page, &[("name", "alice"), ("password", "x")]);
    assert!(wrong.body.contains("not right"));
    let right = [("name", "alice"), ("password", "wonderland-1865")];
    // Another site's form, and another browser, are not listened to.
    let foreign = browser.post_with(&page, &right, &[("Sec-Fetch-Site", "cross-site")]);
    assert_eq!(foreign.status, 403);
    let other = example.browser().post(&page, &right);
    assert!(other.status == 400 && other.body.contains("interaction_other_browser"), "{other:?}");
    let consent = browser.post(&page, &right).location().to_owned();
    assert!(consent.contains("/my/consent?"), "{consent}");
    // Back to the page that was answered: what must come next comes.
    assert_eq!(
        browser
            .get(&page.replace(parameter(&page, "handle").as_str(), &parameter(&consent, "handle")))
            .location(),
        consent
    );
    let shown = browser.get(&consent);
    assert!(shown.body.contains("127.0.0.1: openid, profile"), "{}", shown.body);
    let answer = browser.post(&consent, &[]);
    let code = parameter(answer.location(), "code");
    let tokens = redeem(&mut browser, "/token", &code);
    assert_eq!(claims(tokens["id_token"].as_str().unwrap())["sub"], "user-1");
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let person = browser.send("GET", "/userinfo", &[("Authorization", &bearer)], "");
    assert_eq!(person.json()["name"], "Alice Liddell");
}
