//! The configuration of an issuer that was made at run time: its own settings over those of the file, read and checked by
//! the same declarations.

use serde_json::{Map, Value};
use toml::Table;

use super::authorization_details::AuthorizationDetails;
use super::checker::Checker;
use super::policy;
use super::problem::{Problem, Problems};
use super::source::Source;
use super::upstreams::Sealed;
use super::{Config, Raw, attesters, jwt_bearer, token_exchange, upstreams};

/// The sections that an issuer may have for itself.
pub const PER_ISSUER: &[&str] = &[
    "account",
    "attesters",
    "authorization_details",
    "client_attestation",
    "client_documents",
    "compatibility",
    "dpop",
    "lifetimes",
    "logout",
    "pages",
    "protocol",
    "pushed_requests",
    "rate_limits",
    "registration",
    "request_objects",
    "routes",
    "sign_in",
    "sign_up",
    "upstreams",
    "webfinger",
];

/// What the checks of those sections look at as well.
const LOOKED_AT: &[&str] = &["danger", "experimental"];

/// What belongs to the issuer of the file alone.
const NOT_INHERITED: &[(&str, &str)] = &[
    ("registration", "initial_access_tokens"),
    ("registration", "initial_access_tokens_file"),
];

/// Bytes of settings that one issuer may have, as JSON.
const LONGEST: usize = 64 * 1024;

/// What all issuers begin with, out of the file and the environment. It says again what stands in the configuration, so it
/// does not print.
#[derive(Clone, Default)]
pub(super) struct Defaults(Table);

impl std::fmt::Debug for Defaults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Defaults(..)")
    }
}

pub(super) fn defaults(mut all: Table) -> Defaults {
    all.retain(|section, _| {
        let of = |names: &[&str]| names.contains(&section);
        of(PER_ISSUER) || of(LOOKED_AT)
    });
    for (section, name) in NOT_INHERITED {
        if let Some(toml::Value::Table(section)) = all.get_mut(*section) {
            section.remove(*name);
        }
    }
    // Each issuer says for itself whether it puts up with weak habits.
    all.remove("compatibility");
    // Either all of these are the file's, or all are its own.
    all.remove("upstreams");
    Defaults(all)
}

impl Config {
    /// The configuration of another issuer: these settings, and where they say nothing, those of this configuration.
    /// Clients and users of the file are not among them.
    ///
    /// # Errors
    /// Everything that is wrong with the settings, by the settings' names.
    pub fn of_issuer(
        &self,
        identifier: &str,
        settings: &Map<String, Value>,
    ) -> Result<Self, Problems> {
        let own = table(settings)?;
        let Defaults(mut merged) = self.issuer_defaults.clone();
        lay_over(&mut merged, own);
        let one = |problem| Problems(vec![problem]);
        let text =
            toml::to_string(&merged).map_err(|_| one(wrong("", "cannot be written down")))?;
        let mut source = Source::parse(None, text, std::iter::empty()).map_err(one)?;
        let raw: Raw = source.deserialize().map_err(one)?;
        let mut checker = Checker::new(&source);
        let check = &mut checker;
        let Raw {
            lifetimes,
            protocol,
            routes,
            compatibility,
            dpop,
            logout,
            webfinger,
            registration,
            client_documents,
            request_objects,
            pushed_requests,
            rate_limits,
            sign_in,
            sign_up,
            account,
            experimental,
            danger,
            pages,
            authorization_details,
            attesters,
            client_attestation,
            upstreams,
            ..
        } = raw;
        lifetimes.check(check);
        webfinger.check(check);
        protocol.check(&experimental, check);
        routes.check(check);
        compatibility.check(&danger, &protocol, check);
        let registration = registration.parse(&danger, check);
        client_documents.check(&experimental, check);
        request_objects.check(&pushed_requests, check);
        AuthorizationDetails::check(&authorization_details, check);
        let attesters = if settings.contains_key("attesters") {
            attesters::parse(attesters, &experimental, check)
        } else {
            self.attesters.clone()
        };
        client_attestation.check(&attesters, &experimental, check);
        let (upstreams, sealed_upstreams) = if settings.contains_key("upstreams") {
            let sealed = Sealed::of(settings);
            let algs = &protocol.signing_algs;
            let parsed = upstreams::parse(upstreams, algs, &sealed, check);
            (parsed, sealed)
        } else {
            (self.upstreams.clone(), self.sealed_upstreams.clone())
        };
        rate_limits.check(check);
        sign_in.check(&account, self.sms.is_some(), check);
        sign_up.check(check);
        account.check(check);
        // Templates are tried out, which takes a while.
        let own_pages = settings.contains_key("pages");
        if own_pages {
            pages.check(check);
        }
        if let Some(mut policy) =
            policy::provisional(identifier, &lifetimes, &protocol, &registration)
        {
            dpop.apply(&mut policy);
            token_exchange::check(&protocol.token_exchange, &policy, check);
            jwt_bearer::check(&protocol.jwt_bearer, &policy, check);
        }
        let problems = checker.into_problems();
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        let mut server = self.server.clone();
        server.issuer = Some(identifier.to_owned());
        Ok(Self {
            server,
            lifetimes,
            protocol,
            routes,
            compatibility,
            dpop,
            logout,
            webfinger,
            registration,
            client_documents,
            request_objects,
            pushed_requests,
            rate_limits,
            sign_in,
            sign_up,
            account,
            authorization_details,
            attesters,
            client_attestation,
            upstreams,
            sealed_upstreams,
            pages: if own_pages { pages } else { self.pages.clone() },
            has_own_look: has_own_look(settings),
            clients: Vec::new(),
            users: Vec::new(),
            ..self.clone()
        })
    }
}

/// Whether the pages need templates of their own: for more than another name or other languages.
fn has_own_look(settings: &Map<String, Value>) -> bool {
    let pages = settings.get("pages").and_then(Value::as_object);
    let look = |name: &String| !matches!(name.as_str(), "name" | "languages");
    pages.is_some_and(|pages| pages.keys().any(look))
}

/// The settings as TOML has them, if all of them may be an issuer's own.
fn table(settings: &Map<String, Value>) -> Result<Table, Problems> {
    let mut problems = Vec::new();
    for name in ["templates_dir", "reload_templates"] {
        if settings
            .get("pages")
            .is_some_and(|pages| pages.get(name).is_some())
        {
            let text = "is about this machine's files, and no issuer's own";
            problems.push(wrong(&format!("pages.{name}"), text));
        }
    }
    for (section, value) in settings {
        if !PER_ISSUER.contains(&section.as_str()) {
            let text = "is the same for all issuers, or unknown";
            problems.push(wrong(section, text));
        }
        for (of, name) in NOT_INHERITED {
            if section == of && value.get(name).is_some() {
                let text = "cannot be an issuer's own; make tokens with: hallpass registration-token create --issuer NAME";
                problems.push(wrong(&format!("{section}.{name}"), text));
            }
        }
        files(section, value, &mut problems);
    }
    let others = settings.get("upstreams").and_then(Value::as_array);
    for (index, entry) in others.into_iter().flatten().enumerate() {
        if entry.get("client_secret").is_some() {
            let text = "would stand in the database for everybody to read; the operation upstreams.create seals it";
            problems.push(wrong(&format!("upstreams[{index}].client_secret"), text));
        }
    }
    if serde_json::to_vec(settings).map_or(usize::MAX, |text| text.len()) > LONGEST {
        problems.push(wrong("", "are longer than 64 KiB"));
    }
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    Table::try_from(settings).map_err(|_| {
        Problems(vec![wrong(
            "",
            "have a null somewhere, or a number out of range",
        )])
    })
}

/// Whoever may change an issuer's settings need not be somebody who may read this machine's files.
fn files(name: &str, value: &Value, problems: &mut Vec<Problem>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let name = format!("{name}.{key}");
                if key.ends_with("_file") {
                    problems.push(wrong(
                        &name,
                        "names a file, which an issuer's own settings cannot",
                    ));
                }
                files(&name, value, problems);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                files(&format!("{name}[{index}]"), value, problems);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Tables are merged, everything else is replaced.
fn lay_over(below: &mut Table, above: Table) {
    for (key, value) in above {
        match (below.get_mut(&key), value) {
            (Some(toml::Value::Table(below)), toml::Value::Table(above)) => lay_over(below, above),
            (_, value) => drop(below.insert(key, value)),
        }
    }
}

fn wrong(setting: &str, message: &str) -> Problem {
    Problem {
        place: None,
        setting: setting.to_owned(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn file(text: &str) -> Config {
        let environment = [("HALLPASS__LIFETIMES__ID_TOKEN".to_owned(), "77".to_owned())];
        let source = Source::parse(None, text.to_owned(), environment.into_iter()).unwrap();
        Config::parse(source).unwrap()
    }

    fn of(config: &Config, settings: Value) -> Result<Config, Problems> {
        let settings = settings.as_object().unwrap();
        config.of_issuer("https://op.example/p/acme", settings)
    }

    fn problem(settings: Value) -> String {
        of(&file(""), settings).unwrap_err().to_string()
    }

    #[test]
    fn what_an_issuer_does_not_say_is_what_the_file_says() {
        let text = "lifetimes.code = 50\nlifetimes.access_token = 300\n\
            [protocol]\nsigning_algs = ['ES256', 'EdDSA']\n[protocol.scopes]\n'api:read' = 'Read'\n\
            [[clients]]\nclient_id = 'x'\nclient_secret = 'a secret of 32 characters ......'\n\
            grant_types = ['client_credentials']\n[[users]]\nusername = 'u'\npassword = 'long enough'";
        let config = file(text);
        let own = json!({
            "lifetimes": {"code": 30, "session": "2h"},
            "protocol": {"signing_algs": ["ES256"], "scopes": {"b": "B"}},
        });
        let acme = of(&config, own).unwrap();
        let lifetimes = &acme.lifetimes;
        assert_eq!(lifetimes.code.0, 30);
        assert_eq!(lifetimes.session.0, 7200);
        assert_eq!(lifetimes.access_token.0, 300, "of the file");
        assert_eq!(lifetimes.id_token.0, 77, "of the environment");
        assert_eq!(acme.protocol.signing_algs.len(), 1, "lists are replaced");
        assert_eq!(acme.protocol.scopes.len(), 2, "tables are merged");
        assert_eq!(
            acme.server.issuer.as_deref(),
            Some("https://op.example/p/acme")
        );
        assert!(acme.clients.is_empty() && acme.users.is_empty());
        assert_eq!(config.lifetimes.code.0, 50, "the file's stay");
    }

    #[test]
    fn an_issuer_has_attesters_of_its_own_or_those_of_the_file() {
        let of_file = hallpass_jose::SigningKey::generate(hallpass_jose::JwsAlgorithm::ES256)
            .unwrap()
            .public_jwk();
        let keys = json!({"keys": [of_file.to_public_value()]});
        let text = format!(
            "experimental.client_attestation = 'draft-10'\n[[attesters]]\nissuer = 'https://a.test'\n\
            jwks = {}",
            toml::Value::try_from(&keys).unwrap()
        );
        let config = file(&text);
        let names = |settings: Value| -> Vec<String> {
            let config = of(&config, settings).unwrap();
            config.attesters.into_iter().map(|a| a.issuer).collect()
        };
        assert_eq!(names(json!({})), ["https://a.test"]);
        let own = json!([{"issuer": "https://b.test", "jwks": keys}]);
        assert_eq!(names(json!({ "attesters": own })), ["https://b.test"]);
        assert!(names(json!({"attesters": []})).is_empty());
        let settings = json!({"client_attestation": {"signal": "demanded"}});
        let demanding = of(&config, settings.clone()).unwrap();
        assert_eq!(
            demanding.client_attestation.signal,
            super::super::SignalSetting::Demanded
        );
        // Without anybody who attests there is nothing to demand, and a draft that nobody knows is not switched on.
        for (config, settings) in [
            (
                &config,
                json!({"attesters": [], "client_attestation": {"signal": "demanded"}}),
            ),
            (&file(""), settings),
            (&file(""), json!({ "attesters": own })),
            (
                &config,
                json!({"attesters": [{"issuer": "x", "jwks_file": "/etc/passwd"}]}),
            ),
        ] {
            assert!(of(config, settings.clone()).is_err(), "{settings}");
        }
    }

    #[test]
    fn tokens_of_the_file_let_nobody_register_elsewhere() {
        let config = file(
            "registration.initial_access_tokens = ['a token of the file']\nregistration.enabled = true",
        );
        let acme = of(&config, json!({})).unwrap();
        assert!(acme.registration.enabled);
        assert!(acme.registration.initial_access_tokens.is_empty());
    }

    #[test]
    fn unknown_and_wrong_settings_are_refused_by_name() {
        for (settings, says) in [
            (json!({"lifetime": {}}), "lifetime: "),
            (json!({"lifetimes": {"cod": 1}}), "lifetimes.cod"),
            (json!({"lifetimes": {"code": 601}}), "lifetimes.code"),
            (json!({"lifetimes": 5}), "lifetimes"),
            (json!({"lifetimes": {"code": null}}), "null"),
            (json!({"rate_limits": {"window": 0}}), "rate_limits.window"),
        ] {
            let text = problem(settings.clone());
            assert!(text.contains(says), "{settings}: {text}");
        }
    }

    #[test]
    fn what_is_the_machines_is_no_issuers_own() {
        for section in [
            "server",
            "tls",
            "mtls",
            "operations",
            "store",
            "keys",
            "passwords",
            "log",
            "danger",
            "experimental",
            "clients",
            "users",
            "signers",
            "mail",
            "sms",
        ] {
            let text = problem(json!({section: {}}));
            assert!(text.starts_with(section), "{section}: {text}");
        }
        for settings in [
            json!({"registration": {"initial_access_tokens": ["x".repeat(20)]}}),
            json!({"registration": {"initial_access_tokens_file": "/etc/passwd"}}),
            json!({"registration": {"statement_issuers": [{"issuer": "x", "jwks_file": "/etc/passwd"}]}}),
            json!({"protocol": {"op_tos_uri": "x".repeat(70_000)}}),
            json!({"pages": {"templates_dir": "/etc"}}),
            json!({"pages": {"reload_templates": true}}),
            json!({"pages": {"logo_file": "/etc/passwd"}}),
            json!({"pages": {"name": ""}}),
        ] {
            assert!(of(&file(""), settings.clone()).is_err(), "{settings}");
        }
    }
}
