//! Each example, walked through as its reader would.

use hallpass::jose::{SigningKey, base64url};
use serde_json::json;
use walk::{Browser, Example, claims, encode, parameter, redeem, request};

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
    assert!(other.status == 403 && other.body.contains("interaction_other_browser"), "{other:?}");
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

#[test]
fn actix_serves_a_provider_below_a_prefix_of_its_own_program() {
    let example = Example::start("actix-app");
    let mut browser = example.browser();
    browser.host = format!("localhost:{}", example.port());
    assert_eq!(browser.get("/").body, "whatever the program does");
    let metadata = browser.get("/login/.well-known/openid-configuration").json();
    assert_eq!(metadata["issuer"], example.address.as_str());
    let at_root = browser.get("/.well-known/oauth-authorization-server/login").json();
    assert_eq!(at_root["issuer"], metadata["issuer"]);
    let code = sign_in(&mut browser, "/login", "openid", "");
    let tokens = redeem(&mut browser, "/login/token", &code);
    assert_eq!(claims(tokens["id_token"].as_str().unwrap())["iss"], example.address.as_str());
    assert_eq!(redeem(&mut browser, "/login/token", &code)["error"], "invalid_grant");
    for path in ["/token", "/.well-known/openid-configuration", "/loginx/token"] {
        let nothing = browser.get(path);
        assert_eq!((nothing.status, nothing.body.as_str()), (404, "no such page of this program"), "{path}");
    }
}

#[test]
fn a_store_of_ones_own_knows_after_a_kill_what_it_promised() {
    let folder = std::env::temp_dir().join(format!("own-store-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("state.redb");
    let file = [file.to_str().unwrap()];
    let mut example = Example::start_with("own-store", &file);
    assert_eq!(example.line(), "alice is new");
    let port = example.port().to_owned();
    let mut browser = example.browser();
    let code = sign_in(&mut browser, "", "openid", "");
    let again = |example: Example| {
        // The process is killed, not asked.
        drop(example);
        let mut example = Example::start_at(&port, "own-store", &file);
        assert_eq!(example.line(), "alice is known");
        example
    };
    let example = again(example);
    let tokens = redeem(&mut browser, "/token", &code);
    assert_eq!(claims(tokens["id_token"].as_str().unwrap())["aud"], "app");
    // What was spent before a kill stays spent, and the session stays.
    let example = again(example);
    assert_eq!(redeem(&mut browser, "/token", &code)["error"], "invalid_grant");
    let silent = browser.get(&request("/authorize", "openid", "&prompt=none"));
    assert!(silent.location().contains("code="), "{silent:?}");
    drop(example);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_device_is_signed_in_by_its_person_elsewhere() {
    let example = Example::start("minimal");
    let mut device = Example::start_with("device-client", &[&example.address]);
    let mut browser = example.browser();
    let place = device.address.clone();
    assert!(place.starts_with(&example.address), "{place}");
    // The code stands in the address; the person says that it is theirs, signs in and allows it.
    let shown = browser.get(&place);
    let code = parameter(&place, "user_code");
    let answer = browser.post("/device", &[("user_code", &code)]);
    let page = answer.header("location").unwrap_or_else(|| panic!("{shown:?} {answer:?}")).to_owned();
    let consent = browser.post(&page, &[("username", "alice"), ("password", "wonderland-1865")]);
    let consent = consent.location().to_owned();
    browser.post(&consent, &[("decision", "allow"), ("scope.openid", "on")]);
    assert!(device.line().starts_with("signed in as "));
}

#[test]
fn a_grant_of_ones_own_gives_tokens_for_vouchers() {
    let example = Example::start("custom-grant");
    let mut browser = example.browser();
    let metadata = browser.get("/.well-known/openid-configuration").json();
    let grants = metadata["grant_types_supported"].as_array().unwrap();
    assert!(grants.contains(&json!("urn:example:voucher")));
    let mut ask = |voucher: &str| {
        let form = [("grant_type", "urn:example:voucher"), ("client_id", "machine"), ("voucher", voucher)];
        browser.post("/token", &form).json()
    };
    assert_eq!(ask("golden")["scope"], "coffee");
    assert_eq!(ask("tin")["error"], "invalid_grant");
    assert_eq!(ask("")["error"], "invalid_request");
}

#[test]
fn issuers_of_one_program_have_nothing_in_common() {
    let example = Example::start("several-issuers");
    let mut browser = example.browser();
    assert_eq!(browser.get("/").body, "red or blue");
    for colour in ["red", "blue"] {
        let metadata = browser.get(&format!("/{colour}/.well-known/openid-configuration")).json();
        assert_eq!(metadata["issuer"], format!("{}/{colour}", example.address));
        let at_root = browser.get(&format!("/.well-known/oauth-authorization-server/{colour}")).json();
        assert_eq!(at_root["issuer"], metadata["issuer"]);
    }
    let code = sign_in(&mut browser, "/red", "openid", "");
    // The code of one is nothing to the other, nor is its session.
    assert_eq!(redeem(&mut browser, "/blue/token", &code)["error"], "invalid_grant");
    assert!(redeem(&mut browser, "/red/token", &code)["id_token"].is_string());
    let page = browser.get(&request("/blue/authorize", "openid", ""));
    let page = page.location().to_owned();
    assert!(page.contains("/blue/sign-in?"), "{page}");
    // Alice has no account there.
    let form = [("username", "alice"), ("password", "wonderland-1865")];
    assert_eq!(browser.post(&page, &form).header("location"), None);
    // Neither answers for another host.
    browser.host = "other.example".to_owned();
    assert_eq!(browser.get("/red/.well-known/openid-configuration").status, 404);
    assert_eq!(browser.get("/green/token").status, 404);
}

#[test]
fn a_provider_behind_a_proxy_is_what_the_world_sees() {
    let example = Example::start("behind-a-proxy");
    let mut browser = example.browser();
    for host in ["login.example.com", "evil.example", "127.0.0.1"] {
        browser.host = host.to_owned();
        let more = [
            ("X-Forwarded-Host", "evil.example"),
            ("X-Forwarded-Proto", "http"),
            ("X-Forwarded-For", "203.0.113.9"),
        ];
        let answer = browser.send("GET", "/.well-known/openid-configuration", &more, "");
        assert_eq!(answer.json()["token_endpoint"], "https://login.example.com/token");
    }
    let redirect = encode("https://app.example.com/callback");
    let asked = request("/authorize", "openid", "").replace(&encode(walk::REDIRECT), &redirect);
    let answer = browser.get(&asked);
    assert!(answer.location().starts_with("https://login.example.com/sign-in?"));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("__Host-") && cookie.contains("Secure"), "{cookie}");
}

#[test]
fn a_provider_of_the_second_profile_takes_nothing_less() {
    let example = Example::start("fapi2");
    let mut browser = example.browser();
    let metadata = browser.get("/.well-known/openid-configuration").json();
    assert_eq!(metadata["require_pushed_authorization_requests"], true);
    let methods = metadata["token_endpoint_auth_methods_supported"].as_array().unwrap();
    assert!(methods.contains(&json!("private_key_jwt")));
    assert!(!methods.contains(&json!("client_secret_basic")) && !methods.contains(&json!("none")));
    // A request that was not pushed, and one that is pushed without proof of who asks.
    let redirect = encode("https://bank.example.com/callback");
    let asked = request("/authorize", "openid", "").replace(&encode(walk::REDIRECT), &redirect);
    let asked = asked.replace("client_id=app", "client_id=bank");
    let answer = browser.get(&asked);
    assert_eq!(parameter(answer.location(), "error"), "invalid_request");
    let form = [
        ("client_id", "bank"),
        ("response_type", "code"),
        ("redirect_uri", "https://bank.example.com/callback"),
    ];
    let pushed = browser.post("/par", &form);
    assert_eq!((pushed.status, &pushed.json()["error"]), (401, &json!("invalid_client")));
}

/// What the client of the example proves itself with.
fn bank(issuer: &str, number: u32) -> String {
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"});
    let jwk = hallpass::jose::Jwk::from_value(&jwk).unwrap();
    let key = SigningKey::from_jwk(&jwk, hallpass::jose::JwsAlgorithm::ES256).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({"iss": "bank", "sub": "bank", "aud": issuer, "jti": format!("bank-{now}-{number}"),
        "iat": now, "exp": now + 60});
    walk::sign(&key, &json!({"alg": "ES256", "kid": "1"}), &claims)
}

#[test]
fn a_bank_gets_a_token_that_is_bound_to_its_key_from_a_request_that_it_pushed() {
    const ASSERTION: (&str, &str) =
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let example = Example::start("fapi2");
    let mut browser = example.browser();
    let issuer = example.address.clone();
    let redirect = "https://bank.example.com/callback";
    let challenge = base64url::encode(hallpass::types::sha256(walk::VERIFIER.as_bytes()));
    let assertion = bank(&issuer, 1);
    let push = [
        ASSERTION,
        ("client_assertion", &assertion),
        ("client_id", "bank"),
        ("response_type", "code"),
        ("redirect_uri", redirect),
        ("scope", "openid"),
        ("state", "s"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let pushed = browser.post("/par", &push);
    assert_eq!(pushed.status, 201, "{pushed:?}");
    // The same assertion again is nobody's.
    assert_eq!(browser.post("/par", &push).json()["error"], "invalid_client");
    let uri = pushed.json()["request_uri"].as_str().unwrap().to_owned();
    let page = browser.get(&format!("/authorize?client_id=bank&request_uri={}", encode(&uri)));
    let page = page.location().to_owned();
    let consent = browser.post(&page, &[("username", "alice"), ("password", "wonderland-1865")]);
    let consent = consent.location().to_owned();
    let answer = browser.post(&consent, &[("decision", "allow"), ("scope.openid", "on")]);
    assert!(answer.location().starts_with(redirect), "{answer:?}");
    assert_eq!(parameter(answer.location(), "iss"), encode(&issuer));
    let code = parameter(answer.location(), "code");
    let token = format!("{issuer}/token");
    let key = walk::key();
    let mut redeem = |number: u32, proof: Option<String>| {
        let assertion = bank(&issuer, number);
        let form = [
            ASSERTION,
            ("client_assertion", &assertion),
            ("client_id", "bank"),
            ("grant_type", "authorization_code"),
            ("redirect_uri", redirect),
            ("code_verifier", walk::VERIFIER),
            ("code", &code),
        ];
        let headers: Vec<_> = proof.iter().map(|proof| ("DPoP", proof.as_str())).collect();
        browser.post_with("/token", &form, &headers).json()
    };
    // A bearer token is not given.
    assert_eq!(redeem(2, None)["error"], "invalid_dpop_proof");
    let tokens = redeem(3, Some(proof(&key, &token, None, 6)));
    assert_eq!(tokens["token_type"], "DPoP", "{tokens}");
    assert_eq!(claims(tokens["id_token"].as_str().unwrap())["aud"], "bank");
    assert_eq!(redeem(4, Some(proof(&key, &token, None, 7)))["error"], "invalid_grant");
}

/// A proof of possession (RFC 9449).
fn proof(key: &SigningKey, url: &str, token: Option<&str>, number: u32) -> String {
    let method = if token.is_some() { "GET" } else { "POST" };
    proof_of(key, method, url, token, number)
}

fn proof_of(key: &SigningKey, method: &str, url: &str, token: Option<&str>, number: u32) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let mut claims = json!({"jti": format!("proof-{now}-{number}"), "htm": method, "htu": url, "iat": now});
    if let Some(token) = token {
        claims["ath"] = json!(base64url::encode(hallpass::types::sha256(token.as_bytes())));
    }
    walk::sign(key, &json!({"typ": "dpop+jwt", "alg": "ES256", "jwk": walk::public(key)}), &claims)
}

#[test]
fn an_api_takes_a_token_with_the_key_that_it_is_bound_to_and_no_other() {
    let example = Example::start("resource-server");
    let mut browser = example.browser();
    let orders = format!("{}/orders", example.address);
    let challenge = browser.get("/orders");
    assert_eq!(challenge.status, 401);
    assert!(challenge.header("www-authenticate").unwrap().starts_with("DPoP "));
    let document = browser.get("/.well-known/oauth-protected-resource/orders").json();
    assert_eq!(document["authorization_servers"], json!([example.address]));
    let more = format!("&resource={}", encode(&orders));
    let code = sign_in(&mut browser, "", "openid orders:read", &more);
    let (key, other) = (walk::key(), walk::key());
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "app"),
        ("redirect_uri", walk::REDIRECT),
        ("code_verifier", walk::VERIFIER),
        ("resource", &orders),
        ("code", &code),
    ];
    let dpop = proof(&key, &format!("{}/token", example.address), None, 1);
    let tokens = browser.post_with("/token", &form, &[("DPoP", &dpop)]).json();
    assert_eq!(tokens["token_type"], "DPoP", "{tokens}");
    let token = tokens["access_token"].as_str().unwrap().to_owned();
    let mut ask = |scheme: &str, proof: Option<&str>| {
        let authorization = format!("{scheme} {token}");
        let mut headers = vec![("Authorization", authorization.as_str())];
        headers.extend(proof.map(|proof| ("DPoP", proof)));
        browser.send("GET", "/orders", &headers, "")
    };
    let good = proof(&key, &orders, Some(&token), 2);
    let answer = ask("DPoP", Some(&good));
    assert!(answer.status == 200 && answer.body.starts_with("orders of "), "{answer:?}");
    for (scheme, wrong) in [
        ("DPoP", Some(good)), // once
        ("DPoP", Some(proof(&other, &orders, Some(&token), 3))),
        ("DPoP", Some(proof(&key, &example.address, Some(&token), 4))),
        ("DPoP", Some(proof(&key, &orders, Some("another"), 5))),
        ("DPoP", None),
        ("Bearer", None),
    ] {
        assert_eq!(ask(scheme, wrong.as_deref()).status, 401, "{scheme} {wrong:?}");
    }
}

/// An MCP client that has found its way from the challenge to where it asks for tokens.
struct McpClient<'e> {
    browser: Browser,
    example: &'e Example,
    id: String,
    resource: String,
    /// Pages were signed in on before.
    known: bool,
}

const JSON: (&str, &str) = ("Content-Type", "application/json");

fn call(method: &str, tool: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"name": tool}}).to_string()
}

/// What a challenge says under a name.
fn said(challenge: &str, name: &str) -> String {
    let (_, rest) =
        challenge.split_once(&format!("{name}=\"")).unwrap_or_else(|| panic!("{name}: {challenge}"));
    rest.split('"').next().unwrap().to_owned()
}

impl<'e> McpClient<'e> {
    fn find(example: &'e Example) -> Self {
        let mut browser = example.browser();
        let challenge = browser.send("POST", "/mcp", &[JSON], &call("initialize", ""));
        assert_eq!(challenge.status, 401);
        let challenge = challenge.header("www-authenticate").unwrap().to_owned();
        let document = browser.get(&said(&challenge, "resource_metadata")).json();
        assert_eq!(document["scopes_supported"], json!(["greet", "remember"]));
        let server = document["authorization_servers"][0].as_str().unwrap().to_owned();
        let metadata = browser.get("/.well-known/oauth-authorization-server").json();
        assert_eq!(metadata["issuer"], server);
        assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
        assert_eq!(metadata["client_id_metadata_document_supported"], json!(true));
        let wanted = json!({"client_name": "Inspector", "redirect_uris": [walk::REDIRECT],
            "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"]});
        let endpoint = metadata["registration_endpoint"].as_str().expect("whoever comes may register");
        let registered = browser.send("POST", endpoint, &[JSON], &wanted.to_string());
        assert_eq!(registered.status, 201, "{registered:?}");
        let id = registered.json()["client_id"].as_str().unwrap().to_owned();
        let resource = document["resource"].as_str().unwrap().to_owned();
        Self { browser, example, id, resource, known: false }
    }

    /// Tokens for these scopes, bound to a key or not.
    fn tokens(&mut self, scope: &str, key: Option<(&SigningKey, u32)>) -> serde_json::Value {
        let asked = request("/authorize", scope, &format!("&resource={}", encode(&self.resource)));
        let asked = asked.replace("client_id=app", &format!("client_id={}", self.id));
        let mut page = self.browser.get(&asked).location().to_owned();
        if !self.known {
            let form = [("username", "alice"), ("password", "wonderland-1865")];
            page = self.browser.post(&page, &form).location().to_owned();
            self.known = true;
        }
        let boxes: Vec<String> = scope.split(' ').map(|scope| format!("scope.{scope}")).collect();
        let mut form = vec![("decision", "allow")];
        form.extend(boxes.iter().map(|name| (name.as_str(), "on")));
        let code = parameter(self.browser.post(&page, &form).location(), "code");
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", self.id.as_str()),
            ("redirect_uri", walk::REDIRECT),
            ("code_verifier", walk::VERIFIER),
            ("resource", &self.resource),
            ("code", &code),
        ];
        let url = format!("{}/token", self.example.address);
        let dpop = key.map(|(key, number)| proof(key, &url, None, number));
        let headers: Vec<(&str, &str)> = dpop.iter().map(|proof| ("DPoP", proof.as_str())).collect();
        self.browser.post_with("/token", &form, &headers).json()
    }

    fn call(&mut self, authorization: &str, method: &str, tool: &str) -> walk::Answer {
        let headers = [JSON, ("Authorization", authorization)];
        self.browser.send("POST", "/mcp", &headers, &call(method, tool))
    }
}

#[test]
fn an_mcp_client_finds_its_way_from_the_challenge_to_the_tool() {
    let example = Example::start("mcp-server");
    let mut client = McpClient::find(&example);
    let tokens = client.tokens("greet", None);
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let tools = client.call(&bearer, "tools/list", "").json();
    assert_eq!(tools["result"]["tools"][0]["name"], "greet");
    let greeting = client.call(&bearer, "tools/call", "greet").json();
    assert!(greeting["result"]["content"][0]["text"].as_str().unwrap().starts_with("Hello, "));
    let unknown = client.call(&bearer, "resources/list", "").json();
    assert_eq!(unknown["error"]["code"], -32601);
    // A token for the provider itself is none for the server.
    let id = client.id.clone();
    let form = [("grant_type", "refresh_token"), ("client_id", id.as_str()), ("refresh_token", "nonsense")];
    assert_eq!(client.browser.post("/token", &form).json()["error"], "invalid_grant");
    assert_eq!(client.call("Bearer x", "tools/list", "").status, 401);
}

#[test]
fn an_mcp_tool_that_needs_more_says_what_to_ask_for() {
    // AS-10
    let example = Example::start("mcp-server");
    let mut client = McpClient::find(&example);
    let tokens = client.tokens("greet", None);
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let refused = client.call(&bearer, "tools/call", "remember");
    assert_eq!(refused.status, 403, "{refused:?}");
    let challenge = refused.header("www-authenticate").unwrap().to_owned();
    assert_eq!(said(&challenge, "error"), "insufficient_scope");
    let scope = said(&challenge, "scope");
    assert_eq!(scope, "greet remember", "what it has is not lost");
    let more = client.tokens(&scope, None);
    assert_eq!(claims(more["access_token"].as_str().unwrap())["scope"], scope.as_str());
    let bearer = format!("Bearer {}", more["access_token"].as_str().unwrap());
    let done = client.call(&bearer, "tools/call", "remember").json();
    assert!(done["result"]["content"][0]["text"].as_str().unwrap().ends_with(" it is"));
}

#[test]
fn an_mcp_client_may_have_its_token_bound_to_its_key() {
    let example = Example::start("mcp-server");
    let mut client = McpClient::find(&example);
    let (key, other) = (walk::key(), walk::key());
    let tokens = client.tokens("greet", Some((&key, 1)));
    assert_eq!(tokens["token_type"], "DPoP", "{tokens}");
    let token = tokens["access_token"].as_str().unwrap().to_owned();
    let resource = client.resource.clone();
    let mut ask = |scheme: &str, proof: Option<&str>| {
        let authorization = format!("{scheme} {token}");
        let mut headers = vec![JSON, ("Authorization", authorization.as_str())];
        headers.extend(proof.map(|proof| ("DPoP", proof)));
        client.browser.send("POST", "/mcp", &headers, &call("tools/call", "greet")).status
    };
    let good = proof_of(&key, "POST", &resource, Some(&token), 2);
    assert_eq!(ask("DPoP", Some(&good)), 200);
    assert_eq!(ask("DPoP", Some(&good)), 401, "a proof is good once");
    assert_eq!(ask("Bearer", None), 401);
    assert_eq!(ask("DPoP", None), 401);
    let foreign = proof_of(&other, "POST", &resource, Some(&token), 3);
    assert_eq!(ask("DPoP", Some(&foreign)), 401);
    let get = proof_of(&key, "GET", &resource, Some(&token), 4);
    assert_eq!(ask("DPoP", Some(&get)), 401);
}

#[test]
fn an_mcp_client_of_a_document_on_this_machine_is_none() {
    // CI-03
    let example = Example::start("mcp-server");
    let mut browser = example.browser();
    for id in ["https://127.0.0.1/client.json", "https://localhost/client.json", "https://[::1]/client.json"]
    {
        let asked = request("/authorize", "greet", "");
        let answer = browser.get(&asked.replace("client_id=app", &format!("client_id={}", encode(id))));
        assert!(answer.status == 400 && answer.header("location").is_none(), "{id}: {answer:?}");
    }
}
