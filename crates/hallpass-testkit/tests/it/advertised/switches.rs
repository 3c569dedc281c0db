//! Every row of what the protocol is made of can be switched, and says so: `docs/reference/switches.md`.

use hallpass_core::{
    client::{ClientOrigin, metadata},
    policy::Policy,
};
use hallpass_testkit::{Ask, Setup};
use serde_json::{Value, json};

use super::{Desk, OFF, ON, PROBES, Switch};

/// What is there by itself and can be left out, and what is gone then.
struct Part {
    name: &'static str,
    switch: Switch,
    /// Members that the document has no more.
    gone: &'static [&'static str],
    /// A path where nothing is any more.
    path: Option<&'static str>,
    /// What a client may not register any more, or what is left of it.
    registration: Option<fn() -> Value>,
}

const PARTS: &[Part] = &[
    Part {
        name: "introspection",
        switch: |policy| policy.parts.introspection = false,
        gone: &[
            "introspection_endpoint",
            "introspection_endpoint_auth_methods_supported",
            "introspection_endpoint_auth_signing_alg_values_supported",
            "introspection_signing_alg_values_supported",
            "introspection_encryption_alg_values_supported",
            "introspection_encryption_enc_values_supported",
        ],
        path: Some("/introspect"),
        registration: None,
    },
    Part {
        name: "revocation",
        switch: |policy| policy.parts.revocation = false,
        gone: &[
            "revocation_endpoint",
            "revocation_endpoint_auth_methods_supported",
            "revocation_endpoint_auth_signing_alg_values_supported",
        ],
        path: Some("/revoke"),
        registration: None,
    },
    Part {
        name: "pairwise subjects",
        switch: |policy| policy.parts.pairwise_subjects = false,
        gone: &[],
        path: None,
        registration: Some(|| json!({"subject_type": "pairwise"})),
    },
    Part {
        name: "native applications",
        switch: |policy| policy.parts.native_apps = false,
        gone: &[],
        path: None,
        registration: Some(|| json!({"application_type": "native"})),
    },
    Part {
        name: "sign-in that begins elsewhere",
        switch: |policy| policy.parts.initiated_login = false,
        gone: &[],
        path: Some("/initiate"),
        registration: None,
    },
    Part {
        name: "ways to authenticate",
        switch: |policy| {
            let left = ["client_secret_basic", "private_key_jwt"];
            policy.parts.auth_methods = Some(left.map(str::to_owned).to_vec());
        },
        gone: &[],
        path: None,
        registration: Some(|| json!({"token_endpoint_auth_method": "client_secret_post"})),
    },
    Part {
        name: "WebFinger",
        switch: |policy| policy.webfinger.enabled = false,
        gone: &[],
        path: Some("/.well-known/webfinger"),
        registration: None,
    },
];

fn registers(policy: &Policy, members: &Value) -> bool {
    let mut all = json!({"redirect_uris": [super::desk::CALLBACK]});
    for (name, value) in members.as_object().unwrap() {
        all[name] = value.clone();
    }
    let all = all.as_object().unwrap();
    metadata::normalize(all, ClientOrigin::Registration, policy).is_ok()
}

// JW-08: what is not advertised is not reachable
#[tokio::test]
async fn what_is_left_out_is_gone_from_the_document_and_from_the_paths_and_nobody_registers_for_it()
{
    let all = Desk::of(Setup::default().without_clients()).await;
    for part in PARTS {
        let name = part.name;
        let desk = Desk::of(Setup::default().without_clients().policy(part.switch)).await;
        for member in part.gone {
            assert!(all.metadata.contains_key(*member), "{name}: {member}");
            assert!(!desk.metadata.contains_key(*member), "{name}: {member}");
        }
        // What is said of anything else is the same, or it is tried.
        for (member, probe) in PROBES {
            if desk.metadata.get(*member) != all.metadata.get(*member) {
                desk.try_member(member, probe).await;
            }
        }
        if let Some(path) = part.path {
            for ask in [Ask::get(path), Ask::form(path, &[("token", "x")])] {
                let answer = desk.op.browser().send(ask).await;
                assert_eq!(answer.status, 404, "{name}");
            }
        }
        if let Some(members) = part.registration {
            assert!(registers(all.op.provider.policy(), &members()), "{name}");
            assert!(!registers(desk.op.provider.policy(), &members()), "{name}");
            assert!(desk.register(members()).await.is_none(), "{name}");
        }
    }
}

// TK-33: a client that is there already does not go on with what its issuer does not take any more
#[tokio::test]
async fn a_client_cannot_authenticate_as_its_issuer_does_not_want_any_more() {
    let before = Setup::default().start().await;
    let after = Setup::default()
        .policy(|policy| policy.parts.auth_methods = Some(vec!["none".to_owned()]))
        .joining(&before)
        .start()
        .await;
    let pairs = [("grant_type", "client_credentials")];
    for client in ["web", "post", "pkjwt"] {
        let answer = before.browser().call(client, "/token", &pairs).await;
        assert_eq!(answer.status, 200, "{client}: {}", answer.text());
        let answer = after.browser().call(client, "/token", &pairs).await;
        assert_eq!(
            (answer.status, &*answer.error()),
            (401, "invalid_client"),
            "{client}"
        );
    }
}

/// A row of what the protocol is made of.
struct Row {
    id: &'static str,
    what: &'static str,
    /// What switches it for an issuer.
    issuer: &'static [&'static str],
    /// Members of the metadata of one client that choose it for that client.
    client: &'static [&'static str],
    /// Which of [`ON`], [`OFF`] and [`PARTS`] throws it, and tries what the document says then.
    thrown: &'static [&'static str],
}

macro_rules! rows {
    ($($id:literal $what:literal: $issuer:tt, $client:tt, $thrown:tt;)+) => {
        &[$(Row { id: $id, what: $what, issuer: &$issuer, client: &$client, thrown: &$thrown }),+]
    };
}

#[rustfmt::skip]
const ROWS: &[Row] = rows! {
    "P01" "the code flow, ID tokens, UserInfo; the `claims` parameter; classes of sign-ins":
        ["protocol.claims_parameter", "protocol.acr_values"], ["response_types", "grant_types", "userinfo_signed_response_alg"],
        ["the claims parameter", "classes of sign-ins", "algorithms but one"];
    "P02" "implicit and hybrid flows, `none`": ["protocol.response_types"], ["response_types"], ["every response type"];
    "P03" "WebFinger (the metadata document itself is always there)": ["webfinger.enabled"], [], ["WebFinger"];
    "P04" "registration; software statements; policies": ["registration.enabled", "registration.policies", "registration.statement_issuers"], [],
        ["registration"];
    "P05" "third-party initiated login": ["protocol.parts.initiated_login"], ["initiate_login_uri"], ["sign-in that begins elsewhere"];
    "P06" "logout: back channel, front channel, session management": ["logout.back_channel", "logout.front_channel", "logout.session_management"],
        ["backchannel_logout_uri", "frontchannel_logout_uri", "post_logout_redirect_uris"],
        ["back-channel logout", "front-channel logout", "session management"];
    "P07" "pairwise subjects; aggregated and distributed claims": ["protocol.parts.pairwise_subjects", "protocol.external_claims"],
        ["subject_type", "sector_identifier_uri"], ["pairwise subjects", "claims of others"];
    "P08" "ways in which clients authenticate": ["protocol.parts.client_auth_methods", "mtls.enabled", "attesters"],
        ["token_endpoint_auth_method", "token_endpoint_auth_signing_alg"], ["ways to authenticate", "certificates", "attesters"];
    "P09" "revocation, introspection": ["protocol.parts.revocation", "protocol.parts.introspection"],
        ["introspection_signed_response_alg", "introspection_resources"], ["revocation", "introspection"];
    "P10" "native applications": ["protocol.parts.native_apps"], ["application_type"], ["native applications"];
    "P11" "device grant": ["protocol.device.enabled"], ["grant_types"], ["devices"];
    "P12" "mutual TLS": ["mtls.enabled"], ["token_endpoint_auth_method", "tls_client_certificate_bound_access_tokens"], ["certificates"];
    "P13" "DPoP, with nonces": ["dpop.enabled", "dpop.nonce"], ["dpop_bound_access_tokens"], ["DPoP", "nonces"];
    "P14" "resources and the form of their tokens": ["protocol.resources"], ["resources"], [];
    "P15" "pushed, signed and referenced requests, JARM, authorization details":
        ["pushed_requests.enabled", "request_objects.by_value", "request_objects.by_reference", "protocol.signed_responses", "authorization_details"],
        ["require_pushed_authorization_requests", "require_signed_request_object", "request_uris", "response_modes", "authorization_details_types"],
        ["pushed requests", "requests by value", "requests by reference", "signed answers", "details"];
    "P16" "CIBA: poll, ping, push": ["protocol.backchannel.enabled", "protocol.backchannel.delivery_modes"],
        ["grant_types", "backchannel_token_delivery_mode"], ["backchannel requests"];
    "P17" "FAPI profiles": ["protocol.fapi_profile"], ["fapi_profile"], [];
    "P18" "encryption": ["protocol.encryption.algs", "protocol.encryption.encs", "protocol.encryption.decryption_algs"], [],
        ["encryption", "every algorithm for encryption"];
    "P19" "token exchange, assertions as grants, step-up": ["protocol.token_exchange", "protocol.jwt_bearer", "protocol.userinfo_acr"],
        ["grant_types", "required_acr"], ["token exchange", "assertions of partners"];
    "P20" "client documents": ["client_documents.enabled"], [], ["documents of clients"];
    "P21" "web messages, external signing keys, ML-DSA": ["protocol.web_message", "signers", "protocol.signing_algs"], ["response_modes"],
        ["messages", "every algorithm for signatures"];
};

/// Every setting of the example, commented out or not.
fn settings() -> Vec<String> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in include_str!("../../../../../hallpass.example.toml").lines() {
        let line = line.strip_prefix('#').unwrap_or(line).trim_start();
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_matches(['[', ']']).to_owned();
            found.push(section.clone());
        } else if let Some((name, _)) = line.split_once(" = ") {
            found.push(format!("{section}.{name}"));
        }
    }
    found
}

fn table() -> String {
    let mut out =
        String::from("| row | what | for an issuer | for a client |\n|---|---|---|---|\n");
    let code = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        names.join(", ")
    };
    for row in ROWS {
        let (issuer, client) = (code(row.issuer), code(row.client));
        out.push_str(&format!(
            "| {} | {} | {issuer} | {client} |\n",
            row.id, row.what
        ));
    }
    out
}

#[test]
fn every_row_of_the_protocol_has_its_switch_and_the_page_says_which() {
    let ids: Vec<String> = (1..=21).map(|number| format!("P{number:02}")).collect();
    assert_eq!(ROWS.iter().map(|row| row.id).collect::<Vec<_>>(), ids);
    let settings = settings();
    let members = include_str!("../../../../hallpass-core/src/client/load/mod.rs");
    for row in ROWS {
        assert!(!row.issuer.is_empty(), "{} has no switch", row.id);
        for setting in row.issuer {
            assert!(settings.iter().any(|known| known == setting), "{setting}");
        }
        for member in row.client {
            assert!(members.contains(&format!("\"{member}\"")), "{member}");
        }
        for name in row.thrown {
            let switches = ON.iter().chain(OFF).map(|(known, _)| *known);
            let known = switches.chain(PARTS.iter().map(|part| part.name));
            assert_eq!(known.filter(|known| known == name).count(), 1, "{name}");
        }
        // What the document does not tell of has tests of its own.
        let untold = ["P14", "P17"].contains(&row.id);
        assert_eq!(row.thrown.is_empty(), untold, "{}", row.id);
    }
    let page = include_str!("../../../../../docs/reference/switches.md");
    assert!(
        page.contains(&table()),
        "docs/reference/switches.md has to say:\n{}",
        table()
    );
}

/// Whatever can be thrown belongs to a row.
#[test]
fn every_switch_belongs_to_a_row() {
    /// Of no specification.
    const OWN: &[&str] = &["sign-up", "pages about the issuer"];
    let switches = ON.iter().chain(OFF).map(|(name, _)| *name);
    for name in switches.chain(PARTS.iter().map(|part| part.name)) {
        let rows = ROWS.iter().filter(|row| row.thrown.contains(&name)).count();
        assert_eq!(rows == 0, OWN.contains(&name), "{name}");
    }
}
