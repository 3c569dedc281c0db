//! The metadata document says the truth: each advertised value is accepted, its unadvertised neighbour is refused, and no
//! member is there that nobody tries.
//!
//! [`PROBES`] has a row for every member of the document. Each issuer below is asked for its document, and every row is
//! tried with all the values that any issuer could advertise: what is listed has to work, what is not listed has to be
//! refused, and a member that is absent lists nothing.

mod algorithms;
mod attestation;
mod authentication;
mod backchannel;
mod certificates;
mod clients;
mod desk;
mod encryption;
mod endpoints;
mod logout;
mod objects;
mod people;
mod probes;
mod requests;
mod switches;

use std::{collections::BTreeMap, future::Future, pin::Pin, sync::Arc};

use hallpass_core::{
    authorization_details::DetailType,
    authorize::ResponseType,
    policy::{
        AttestationPolicy, DeliveryMode, Documents, DpopNonce, ExchangeRule, Policy, Roots, Signal,
        TrustedIssuer,
    },
};
use hallpass_jose::{JweAlgorithm, JwsAlgorithm};
use hallpass_testkit::{Ask, fixture};
use hallpass_types::{Issuer, Scope};

use serde_json::Value;

use self::{desk::Desk, probes::PROBES};

/// Whether something was accepted.
type Tried<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

/// How the values of a member are tried.
enum Probe {
    /// A list of words.
    List {
        /// Values to be refused where they are not listed: all that any issuer could list, and some that none may.
        neighbours: &'static [&'static str],
        /// Tries one value of the member.
        accepts: for<'a> fn(&'a Desk, &'a str, &'a str) -> Tried<'a>,
    },
    /// A flag.
    Flag {
        /// What its absence means.
        absent: bool,
        /// Whether the issuer behaves as the flag says when it is true.
        holds: for<'a> fn(&'a Desk) -> Tried<'a>,
    },
    /// The URL of an endpoint, which is not there when it is not advertised.
    Endpoint {
        /// Where it is, under the issuer.
        path: &'static str,
        /// A request that it takes or refuses, but knows.
        ask: fn(&str) -> Ask,
    },
    /// Anything else, as text; says whether the value is right.
    Text {
        /// Holds the value against what it says.
        fits: for<'a> fn(&'a Desk, &'a str) -> Tried<'a>,
    },
}

/// A change of the policy.
type Switch = fn(&mut Policy);

/// Everything that can be switched on, and what switches it on.
const ON: &[(&str, Switch)] = &[
    ("every algorithm for signatures", |policy| {
        policy.signing_algs = JwsAlgorithm::ALL
            .iter()
            .copied()
            .filter(|alg| !alg.is_symmetric())
            .collect();
    }),
    ("every algorithm for encryption", |policy| {
        policy.encryption.own = JweAlgorithm::ALL
            .iter()
            .copied()
            .filter(|alg| !alg.is_symmetric())
            .collect();
    }),
    ("every response type", |policy| {
        policy.response_types = ResponseType::ALL.to_vec();
    }),
    ("sign-up", |policy| {
        policy.people.sign_up = hallpass_core::policy::SignUp::Open;
    }),
    ("signed answers", |policy| policy.jarm = true),
    ("messages", |policy| policy.web_message = true),
    ("devices", |policy| policy.device.enabled = true),
    ("token exchange", |policy| {
        policy.token_exchange = vec![ExchangeRule {
            clients: vec!["web".to_owned()],
            ..ExchangeRule::default()
        }];
    }),
    ("assertions of partners", |policy| {
        policy.jwt_bearer = vec![TrustedIssuer {
            issuer: "https://partner.test".to_owned(),
            jwks: None,
            jwks_uri: Some("https://partner.test/jwks".to_owned()),
            algs: vec![JwsAlgorithm::ES256],
            clients: vec!["web".to_owned()],
            subjects: None,
            scopes: Scope::default(),
            resources: Vec::new(),
            max_lifetime: 300,
        }];
    }),
    ("session management", |policy| {
        policy.logout.session_management = true;
    }),
    ("backchannel requests", |policy| {
        policy.backchannel.enabled = true;
        policy.backchannel.delivery_modes = DeliveryMode::ALL.to_vec();
        policy.backchannel.user_code = true;
        policy.backchannel.pending_per_person = 1000;
    }),
    ("attesters", |policy| {
        policy.attesters = vec![attestation::attester()];
        policy.attestation = AttestationPolicy {
            challenges: true,
            signal: Signal::Accepted,
        };
    }),
    ("certificates", |policy| {
        policy.mtls.enabled = true;
        policy.mtls.roots = Roots::new(vec![certificates::authority()]);
        policy.mtls.base = Some("https://mtls.op.test".to_owned());
    }),
    ("classes of sign-ins", |policy| {
        policy.acr_values = ["bronze", "silver"].map(str::to_owned).to_vec();
    }),
    ("documents of clients", |policy| {
        policy.client_documents.enabled = true;
    }),
    ("requests by reference", |policy| {
        policy.requests.by_reference = true;
    }),
    ("details", |policy| {
        policy.detail_types = vec![DetailType::new("payment".to_owned())];
    }),
    ("nonces", |policy| policy.dpop.nonce = DpopNonce::Always),
    ("pages about the issuer", |policy| {
        policy.documents = Documents {
            service_documentation: Some("https://op.test/docs".to_owned()),
            op_policy_uri: Some("https://op.test/policy".to_owned()),
            op_tos_uri: Some("https://op.test/terms".to_owned()),
        };
    }),
];

/// What is on by itself, and what switches it off.
const OFF: &[(&str, Switch)] = &[
    ("algorithms but one", |policy| {
        policy.signing_algs = vec![JwsAlgorithm::ES256];
    }),
    ("the claims parameter", |policy| {
        policy.claims_parameter = false;
    }),
    ("claims of others", |policy| policy.external_claims = false),
    ("DPoP", |policy| policy.dpop.enabled = false),
    ("back-channel logout", |policy| {
        policy.logout.back_channel = false;
    }),
    ("front-channel logout", |policy| {
        policy.logout.front_channel = false;
    }),
    ("encryption", |policy| {
        policy.encryption.algs.clear();
        policy.encryption.own.clear();
    }),
    ("registration", |policy| policy.registration.enabled = false),
    ("requests by value", |policy| {
        policy.requests.by_value = false;
    }),
    ("pushed requests", |policy| policy.requests.pushed = false),
];

/// Everything that can be switched on, at once.
fn everything(policy: &mut Policy) {
    for (_, on) in ON {
        on(policy);
    }
}

/// Fields of the policy that [`everything`] leaves as they are: they are no switches, or are on already.
const LEFT_ALONE: &[&str] = &[
    "sign_in",
    "issuer",
    "lifetimes",
    "scopes",
    "resources",
    "grant_types",
    "registration",
    "pkce_for_registered_clients",
    "ui_locales",
    "claims_parameter",
    "claim_sources",
    "external_claims",
    "webfinger",
    "pairwise_salt",
    // Takes away and adds nothing.
    "fapi_profile",
    // No member tells of it.
    "access",
    "choices",
    "upstreams",
    "consent",
    "keys",
    "token_claims",
    "userinfo_step_up",
    // Tried in `switches.rs`.
    "parts",
    // Tried in `additions.rs`.
    "client_members",
    // Tried in `routes.rs` and `loginid.rs`.
    "routes",
    "compatibility",
];

/// As little as there can be.
fn nothing(policy: &mut Policy) {
    for (_, off) in OFF {
        off(policy);
    }
}

// JW-08
#[tokio::test]
async fn an_issuer_with_the_defaults_advertises_what_it_does() {
    Desk::open(|_| ()).await.try_everything().await;
}

#[tokio::test]
async fn an_issuer_with_everything_switched_on_advertises_what_it_does() {
    //= test ATTESTATION#8 the algorithms of attestations and proofs are told
    //= test CIBA#4 endpoint, delivery modes, and whether user codes are known
    //= test RFC9449#5.1 the algorithms of proofs are told where DPoP is supported
    Desk::open(everything).await.try_everything().await;
}

#[tokio::test]
async fn an_issuer_with_next_to_nothing_advertises_what_it_does() {
    Desk::open(nothing).await.try_everything().await;
}

// JW-08: one at a time, with all else as it is by itself
#[tokio::test]
async fn each_switch_works_alone_and_changes_what_is_said_of_it() {
    /// Switches that only mean something: what they add is told in answers.
    const SILENT: &[&str] = &["nonces"];
    let plain = Desk::open(|_| ()).await.metadata;
    for (name, switch) in ON.iter().chain(OFF) {
        let desk = Desk::open(switch).await;
        let changed: Vec<_> = PROBES
            .iter()
            .filter(|(member, _)| desk.metadata.get(*member) != plain.get(*member))
            .collect();
        assert_eq!(changed.is_empty(), SILENT.contains(name), "{name}");
        for (member, probe) in changed {
            desk.try_member(member, probe).await;
        }
    }
}

#[tokio::test]
async fn an_issuer_that_demands_something_says_so_and_insists() {
    type Demand = (&'static str, fn(&mut Policy));
    let demands: [Demand; 2] = [
        ("require_signed_request_object", |policy| {
            policy.requests.require_signed = true;
        }),
        ("require_pushed_authorization_requests", |policy| {
            policy.requests.require_pushed = true;
        }),
    ];
    for (member, change) in demands {
        let desk = Desk::empty(change).await;
        assert_eq!(desk.metadata[member], true, "{member}");
        let probe = PROBES.iter().find(|(name, _)| *name == member);
        let Some((_, Probe::Flag { holds, .. })) = probe else {
            panic!("{member} is no flag");
        };
        assert!(holds(&desk).await, "{member}");
    }
}

/// A new switch has to be thrown, or what it adds to the document is not tried.
#[test]
fn everything_that_can_be_switched_on_is_switched_on() {
    let issuer = Issuer::parse(fixture::ISSUER).unwrap();
    let mut policy = Policy::new(issuer, Arc::new([0; 32]));
    let before = format!("{policy:#?}");
    everything(&mut policy);
    let after = format!("{policy:#?}");
    let (before, after) = (fields(&before), fields(&after));
    assert!(before.len() > 20, "{before:?}");
    for (name, value) in &before {
        let same = after.get(name) == Some(value);
        let known = LEFT_ALONE.contains(name);
        assert_eq!(same, known, "{name} is {value}");
    }
}

/// Fields of a value that was printed over several lines.
fn fields(printed: &str) -> BTreeMap<&str, String> {
    let mut fields = BTreeMap::new();
    let mut current = None;
    for line in printed.lines() {
        let field = line
            .strip_prefix("    ")
            .filter(|rest| !rest.starts_with(' '));
        if let Some((name, _)) = field.and_then(|field| field.split_once(": ")) {
            current = Some(name);
        }
        if let Some(name) = current {
            fields
                .entry(name)
                .or_insert_with(String::new)
                .push_str(line);
        }
    }
    fields
}

/// A new member needs a probe before anybody can land it, and a probe that no issuer needs is a probe of nothing.
#[tokio::test]
async fn every_member_has_a_probe_and_every_probe_a_member() {
    let desk = Desk::open(everything).await;
    let probed: Vec<&str> = PROBES.iter().map(|(name, _)| *name).collect();
    for member in desk.metadata.keys() {
        assert!(probed.contains(&member.as_str()), "{member} has no probe");
    }
    for (at, name) in probed.iter().enumerate() {
        assert!(
            desk.metadata.contains_key(*name),
            "{name} is not advertised"
        );
        assert!(!probed[..at].contains(name), "{name} is probed twice");
    }
}

impl Desk {
    /// Tries every member, listed or not.
    async fn try_everything(&self) {
        let known = |name: &String| PROBES.iter().any(|(probed, _)| probed == name);
        let unknown: Vec<_> = self.metadata.keys().filter(|name| !known(name)).collect();
        assert!(unknown.is_empty(), "no probe: {unknown:?}");
        for (member, probe) in PROBES {
            self.try_member(member, probe).await;
        }
    }

    async fn try_member(&self, member: &str, probe: &Probe) {
        match probe {
            Probe::List {
                neighbours,
                accepts,
            } => self.try_list(member, neighbours, *accepts).await,
            Probe::Flag { absent, holds } => {
                let said = match self.metadata.get(member) {
                    Some(value) => value.as_bool().expect("a flag is a boolean"),
                    None => *absent,
                };
                assert_eq!(holds(self).await, said, "{member}");
            }
            Probe::Endpoint { path, ask } => self.try_endpoint(member, path, *ask).await,
            Probe::Text { fits } => {
                let said = match self.metadata.get(member) {
                    Some(Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                    None => String::new(),
                };
                assert!(fits(self, &said).await, "{member}: {said:?}");
            }
        }
    }

    async fn try_list(
        &self,
        member: &str,
        neighbours: &[&str],
        accepts: for<'a> fn(&'a Self, &'a str, &'a str) -> Tried<'a>,
    ) {
        let listed = self.listed(member);
        for value in &listed {
            assert!(
                accepts(self, member, value).await,
                "{member} lists {value}, which is refused"
            );
        }
        for value in neighbours {
            if !listed.iter().any(|l| l == value) {
                assert!(
                    !accepts(self, member, value).await,
                    "{member} does not list {value}, which is accepted"
                );
            }
        }
    }

    async fn try_endpoint(&self, member: &str, path: &str, ask: fn(&str) -> Ask) {
        let said = self.metadata.get(member).map(|v| v.as_str().unwrap());
        let answer = self.op.browser().send(ask(path)).await;
        match said {
            Some(url) => {
                assert_eq!(url, format!("https://op.test{path}"), "{member}");
                assert!(!matches!(answer.status, 404 | 405), "{member} is not there");
            }
            None => assert_eq!(answer.status, 404, "{member} is not advertised"),
        }
    }
}
