use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;

mod secrets;

const EXAMPLE: &str = include_str!("../../../../../hallpass.example.toml");

fn parse_with(text: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Source::parse(
        Some("hallpass.toml".to_owned()),
        text.to_owned(),
        environment,
    )
    .map_err(|problem| Problems(vec![problem]))
    .and_then(Config::parse)
    .map_err(|problems| problems.0.iter().map(ToString::to_string).collect())
}

fn parse(text: &str) -> Result<Config, Vec<String>> {
    parse_with(text, &[])
}

/// The one problem that there must be.
fn problem(text: &str) -> String {
    problem_with(text, &[])
}

fn problem_with(text: &str, environment: &[(&str, &str)]) -> String {
    let mut problems = parse_with(text, environment).expect_err(text);
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

/// A file of its own, removed when dropped.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, content: &str, mode: u32) -> Self {
        let path =
            std::env::temp_dir().join(format!("hallpass-config-{}-{name}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        Self(path)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let config = parse("").unwrap();
    assert_eq!(config.server.listen.0, ["127.0.0.1:3000".parse().unwrap()]);
    assert_eq!(config.lifetimes.code, Seconds(60));
    assert!(config.danger.warnings().is_empty());
}

#[test]
fn the_example_file_says_the_defaults() {
    assert_eq!(
        format!("{:?}", parse(EXAMPLE).unwrap()),
        format!("{:?}", parse("").unwrap())
    );
}

#[test]
fn the_example_file_shows_every_setting() {
    let schema = Config::schema();
    let shown: BTreeSet<&str> = EXAMPLE
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once(" ="))
        .map(|(name, _)| name.trim())
        .chain(
            EXAMPLE
                .lines()
                .map(|line| line.trim_start_matches('#'))
                .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']'))
                .map(|name| name.trim_start_matches('[').trim_end_matches(']')),
        )
        .flat_map(|name| name.split('.'))
        .chain(["clients", "users", "resources"])
        .collect();
    let aside = [
        "client_secret",
        "client_secret_sealed",
        "jwks",
        "password",
        "master_key",
        "master_key_previous",
    ];
    let definitions = schema["$defs"].as_object().unwrap();
    let objects = definitions
        .values()
        .chain([&schema])
        .filter_map(|each| each["properties"].as_object());
    for name in objects.flat_map(serde_json::Map::keys) {
        assert!(
            shown.contains(name.as_str()) || aside.contains(&name.as_str()),
            "{name} is not shown"
        );
    }
}

#[test]
fn the_example_file_works_with_its_comments_taken_away() {
    let text: String = EXAMPLE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') && !rest.contains("_file") => format!("{rest}\n"),
            Some(_) | None => format!("{line}\n"),
        })
        .collect();
    let text = text.replace(
        "\nclient_name",
        "\nclient_secret = \"0123456789abcdef\"\nclient_name",
    );
    let text = text.replace(
        "/send\"",
        "/send\"\nsecret = \"0123456789abcdef0123456789abcdef\"",
    );
    // Files that are not there are left out, and with them the certificate that this listener needs.
    let text = text.replace("listen = \"0.0.0.0:8443\"", "");
    let text = text.replace(
        "claims = { name = \"Alice",
        "password = \"correct horse\"\nclaims = { name = \"Alice",
    );
    let config = parse(&text).unwrap();
    assert_eq!(config.clients[0].metadata["client_name"], "The shop");
    assert_eq!(config.users[0].claims["email_verified"], true);
    assert_eq!(config.protocol.resources[0].lifetime, Some(Seconds(300)));
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_name() {
    #[rustfmt::skip]
    let cases = [
        ("[server]\nlistne = 1", "hallpass.toml:2: server.listne: unknown field `listne`"),
        ("\n[sever]\n", "hallpass.toml:2: sever: unknown field `sever`"),
        ("x = 1", "hallpass.toml:1: x: unknown field `x`"),
        ("[[users]]\nusername = \"a\"\npasswort = \"12345678\"", "hallpass.toml:3: users[0].passwort: unknown field"),
        ("[[protocol.resources]]\nidentifier = \"https://a\"\n\nscope = []", "hallpass.toml:4: protocol.resources[0].scope: "),
    ];
    for (text, expected) in cases {
        let problem = problem(text);
        assert!(problem.starts_with(expected), "{problem}");
    }
}

#[test]
fn a_value_of_a_wrong_type_is_refused_with_its_line_and_name() {
    #[rustfmt::skip]
    let cases = [
        ("[server]\n\nmax_connections = \"many\"", "hallpass.toml:3: server.max_connections: invalid type: string \"many\""),
        ("[lifetimes]\ncode = \"1 minute\"", "hallpass.toml:2: lifetimes.code: invalid value: string \"1 minute\", expected whole seconds"),
        ("server.listen = \"localhost:3000\"", "hallpass.toml:1: server.listen: \"localhost:3000\" is no IP address"),
        ("server.listen = []", "hallpass.toml:1: server.listen: the list is empty"),
        ("[server]\ntrusted_proxies = [\"10.0.0.0/8\",\n \"10.0.0.1/8\"]", "hallpass.toml:2: server.trusted_proxies: \"10.0.0.1/8\" is no address range"),
        ("server.forwarded_header = \"all\"", "hallpass.toml:1: server.forwarded_header: unknown variant `all`"),
        ("protocol.signing_algs = [\"none\"]", "hallpass.toml:1: protocol.signing_algs[0]: unknown variant `none`"),
        ("[[users]]\npassword = \"12345678\"", "hallpass.toml:1: users[0]: missing field `username`"),
        ("a = \n", "hallpass.toml:1: "),
        ("[server]\n[server]\n", "hallpass.toml:2: "),
    ];
    for (text, expected) in cases {
        let problem = problem(text);
        assert!(problem.starts_with(expected), "{problem}");
    }
}

//= test RFC6749#3.3 a scope token is printable ASCII without space, quote and backslash
//= test RFC6749#4.1.2 a code lives no longer than ten minutes
//= test RFC6749#appendix-A.1 a client identifier is printable ASCII
//= test RFC8707#2 a resource is named by an absolute URI without fragment
#[test]
fn a_bad_setting_is_refused_with_its_line_and_name() {
    //= test RFC9126#2.2 a pushed request lives for a short time, five to 600 seconds
    #[rustfmt::skip]
    let cases = [
        ("[lifetimes]\n\ncode = 0", "hallpass.toml:3: lifetimes.code: must be from 1s to 10m, not 0s"),
        ("lifetimes.code = 601", "hallpass.toml:1: lifetimes.code: must be from 1s to 10m, not 601s"),
        ("lifetimes.access_token = \"2d\"", "hallpass.toml:1: lifetimes.access_token: "),
        ("lifetimes.id_token = 0", "hallpass.toml:1: lifetimes.id_token: "),
        ("lifetimes.session = 0", "hallpass.toml:1: lifetimes.session: "),
        ("lifetimes.refresh_idle = \"91d\"", "hallpass.toml:1: lifetimes.refresh_idle: 91d is longer than lifetimes.refresh_absolute, 90d"),
        ("lifetimes.refresh_retry_seconds = 601", "hallpass.toml:1: lifetimes.refresh_retry_seconds: "),
        ("server.issuer = \"https://a.example/?b\"", "hallpass.toml:1: server.issuer: must not have a query"),
        ("server.issuer = \"http://a.example\"", "hallpass.toml:1: server.issuer: must begin with https://"),
        ("server.issuer = \"\"", "hallpass.toml:1: server.issuer: is empty"),
        ("server.max_connections = 0", "hallpass.toml:1: server.max_connections: must be from 16"),
        ("server.trusted_proxies = [\"10.0.0.0/8\"]", "hallpass.toml:1: server.forwarded_header: say which header"),
        ("server.forwarded_header = \"forwarded\"", "hallpass.toml:1: server.trusted_proxies: is empty"),
        ("tls.cert_file = \"x.pem\"", "hallpass.toml:1: tls.key_file: is missing"),
        ("store = { kind = \"postgres\" }", "hallpass.toml:1: store.postgres.host: is missing"),
        ("store = { kind = \"postgres\", postgres = { url = \"postgres://u:p@db/h\", port = 1 } }", "hallpass.toml:1: store.postgres.url: is given both whole and in parts"),
        ("store = { kind = \"postgres\", postgres = { url = \"postgres://u:p@db/h?sslmode=require\" } }", "hallpass.toml:1: store.postgres.url: has an sslmode other than verify-full"),
        ("store = { kind = \"postgres\", postgres = { url = \"postgres://u:p@db/h?sslmode=disable\" } }", "hallpass.toml:1: store.postgres.url: switches TLS off for a database on another machine"),
        ("store = { kind = \"postgres\", postgres = { host = \"db\", schema = \"\" } }", "hallpass.toml:1: store.postgres.schema: is the name of a schema"),
        ("store = { kind = \"postgres\", postgres = { host = \"db\", writers = 0 } }", "hallpass.toml:1: store.postgres.writers: must be from 1"),
        ("store = { kind = \"memory\", path = \"x\" }", "hallpass.toml:1: store.path: has no meaning"),
        ("protocol.signing_algs = []", "hallpass.toml:1: protocol.signing_algs: is empty"),
        ("protocol.signing_algs = [\"ES256\", \"ES256\"]", "hallpass.toml:1: protocol.signing_algs: holds a value twice"),
        ("[protocol.scopes]\nopenid = \"x\"", "hallpass.toml:2: protocol.scopes.openid: is a scope of OpenID Connect"),
        ("[protocol.scopes]\n\"a b\" = \"x\"", "hallpass.toml:2: protocol.scopes.a b: is no scope"),
        ("protocol.claims.a = []", "hallpass.toml:1: protocol.claims.a: there is no such scope"),
        ("[[protocol.resources]]\nidentifier = \"https://a/#b\"", "hallpass.toml:2: protocol.resources[0].identifier: must be an absolute URI"),
        ("[[protocol.resources]]\nidentifier = \"https://a\"\nscopes = [\"b\"]", "hallpass.toml:3: protocol.resources[0].scopes: there is no scope \"b\""),
        ("[[protocol.resources]]\nidentifier = \"https://a\"\nsigning_alg = \"PS256\"", "hallpass.toml:3: protocol.resources[0].signing_alg: PS256 is not among"),
        ("registration.policies = [\"spa\"]", "hallpass.toml:1: registration.policies: there is no registration.policy.spa"),
        ("registration.unused = \"1h\"", "hallpass.toml:1: registration.unused: must be whole days"),
        ("registration.require_software_statement = true", "hallpass.toml:1: registration.require_software_statement: is on, yet nobody"),
        ("[[registration.statement_issuers]]\nissuer = \"https://a\"", "hallpass.toml:1: registration.statement_issuers[0]: needs its keys"),
        ("[[registration.statement_issuers]]\nissuer = \"https://a\"\njwks_uri = \"http://a\"", "hallpass.toml:3: registration.statement_issuers[0].jwks_uri: is no https URL"),
        ("registration.initial_access_tokens = [\"short\"]", "hallpass.toml:1: registration.initial_access_tokens: holds a token of fewer than 16"),
        ("passwords.memory_kib = 8192", "hallpass.toml:1: passwords.memory_kib: too little memory"),
        ("registration.enabled = false\ndanger.open_registration = true", "hallpass.toml:1: registration.enabled: is false"),
        ("registration.initial_access_tokens = [\"0123456789abcdef\"]\ndanger.open_registration = true", "hallpass.toml:1: registration.initial_access_tokens: is pointless beside"),
        ("passwords.memory_kib = 1048577", "hallpass.toml:1: passwords.memory_kib: must be from 7168 to 1048576"),
        ("passwords.threads = 0", "hallpass.toml:1: passwords.threads: "),
        ("rate_limits.window = 0", "hallpass.toml:1: rate_limits.window: "),
        ("log.level = \"loud=very\"", "hallpass.toml:1: log.level: is no level"),
        ("client_documents.enabled = true", "hallpass.toml:1: client_documents.enabled: is experimental (draft-ietf-oauth-client-id-metadata-document); say that you know it: experimental.client_documents = \"draft-03\""),
        ("lifetimes.pushed_request = 600", "hallpass.toml:1: lifetimes.pushed_request: must be from 5s to 599s"),
        ("lifetimes.pushed_request = 1", "hallpass.toml:1: lifetimes.pushed_request: must be from 5s to 599s"),
        ("request_objects.by_value = false\nrequest_objects.required = true", "hallpass.toml:2: request_objects.required: is true"),
        ("pushed_requests.enabled = false\npushed_requests.required = true", "hallpass.toml:2: pushed_requests.required: is true"),
        ("pushed_requests.max_waiting = 0", "hallpass.toml:1: pushed_requests.max_waiting: must be at least 1"),
        ("[[authorization_details]]\ntype = \"\"", "hallpass.toml:2: authorization_details[0].type: must have 1 to 256"),
        ("[[authorization_details]]\ntype = \"a\"\nmembers.type = {}", "hallpass.toml:3: authorization_details[0].members.type: is in every one already"),
        ("client_documents.cache_min = \"0s\"", "hallpass.toml:1: client_documents.cache_min: must be from 1s to 1d"),
        ("client_documents.deny_hosts = [\"a.example/x\"]", "hallpass.toml:1: client_documents.deny_hosts[0]: is no host"),
        ("client_documents.allow_hosts = [\"*\"]", "hallpass.toml:1: client_documents.allow_hosts[0]: is no host"),
        ("experimental.flying = \"draft-01\"", "hallpass.toml:1: experimental.flying: there is no experimental feature"),
        ("experimental.client_documents = \"draft-00\"", "hallpass.toml:1: experimental.client_documents: is draft-03 of draft-ietf-oauth"),
        ("danger.fetch_extra_roots_file = \"/nowhere\"", "hallpass.toml:1: danger.fetch_extra_roots_file: cannot read /nowhere"),
        ("[[clients]]\ngrant_types = ['client_credentials']\nclient_secret = '0123456789abcdef'\nclient_id = \"\"", "hallpass.toml:4: clients[0].client_id: must be printable"),
        ("[[clients]]\ngrant_types = ['client_credentials']\nclient_secret = '0123456789abcdef'\nclient_id = \"a\"\n[[clients]]\ngrant_types = ['client_credentials']\nclient_secret = '0123456789abcdef'\nclient_id = \"a\"", "hallpass.toml:8: clients[1].client_id: there are two clients with the id \"a\""),
        ("[[clients]]\ngrant_types = ['client_credentials']\nclient_id = \"a\"\nclient_secret = \"\"", "hallpass.toml:4: clients[0].client_secret: is empty"),
        ("[[clients]]\ngrant_types = ['client_credentials']\nclient_id = \"a\"\nclient_secret = \"0123456789abcde\"", "hallpass.toml:4: clients[0].client_secret: is shorter than 16"),
        ("[[clients]]\ngrant_types = ['client_credentials']\nclient_id = \"a\"\nclient_secret = \"0123456789abcdefé\"", "hallpass.toml:4: clients[0].client_secret: may hold at most 1024"),
        ("[[clients]]\ngrant_types = ['client_credentials']\nclient_id = \"a\"\nclient_secret = \"0123456789\\tabcdef\"", "hallpass.toml:4: clients[0].client_secret: may hold at most 1024"),
        ("[[users]]\nusername = \"a\"\npassword = \"12345678\"\nclaims.when = 1979-05-27", "hallpass.toml:4: users[0].claims.when: holds a date"),
        ("[[users]]\nusername = \"a\"", "hallpass.toml:1: users[0].password: is missing"),
        ("[[users]]\nusername = \"a\"\npassword = \"1234567\"", "hallpass.toml:3: users[0].password: is shorter than passwords.min_length"),
        ("[[users]]\nusername = \"a b\"\npassword = \"12345678\"", "hallpass.toml:2: users[0].username: must be 1 to 200"),
        ("[[users]]\nusername = \"a\"\npassword = \"12345678\"\n[[users]]\nusername = \"A\"\npassword = \"12345678\"", "hallpass.toml:5: users[1].username: there are two users"),
        ("[[users]]\nusername = \"a\"\npassword = \"12345678\"\nclaims.sub = \"x\"", "hallpass.toml:4: users[0].claims.sub: is for the server to say"),
    ];
    for (text, expected) in cases {
        let problem = problem(text);
        assert!(problem.starts_with(expected), "{problem}");
    }
}

/// What has to be written for each experimental feature; a new one needs its line here.
fn switching_on(feature: &str) -> &'static str {
    match feature {
        "client_attestation" => {
            "[[attesters]]\nissuer = \"https://attester.example.com\"\njwks = { keys = [{ kty = \"EC\", crv = \"P-256\", \
             x = \"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\", y = \"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\" }] }\n"
        }
        "client_documents" => "[client_documents]\nenabled = true\n",
        "ml_dsa" => "[protocol]\nsigning_algs = [\"ES256\", \"ML-DSA-65\"]\n",
        "web_message" => "[protocol]\nweb_message = true\n",
        other => panic!("{other} is not tried"),
    }
}

#[test]
fn what_is_experimental_is_on_only_for_who_knows_its_version() {
    for feature in hallpass_core::policy::EXPERIMENTS {
        let (name, version) = (feature.name, feature.version);
        let on = switching_on(name);
        let unknown = problem(on);
        let demand = format!("say that you know it: experimental.{name} = \"{version}\"");
        assert!(unknown.contains(&demand), "{unknown}");
        assert!(unknown.contains(feature.document), "{unknown}");
        let known = |version: &str| format!("[experimental]\n{name} = \"{version}\"\n{on}");
        parse(&known(version)).unwrap();
        for other in ["draft-1000", "", "true"] {
            let problem = problem(&known(other));
            assert!(problem.contains("has changed"), "{problem}");
        }
    }
}

#[test]
fn a_client_is_checked_whole() {
    let cases = [
        (
            "redirect_urls = ['https://a.example/cb']",
            "clients[0].redirect_urls: is no client metadata",
        ),
        (
            "redirect_uris = ['https://a.example/#x']",
            "clients[0].redirect_uris: a redirect URI has a fragment",
        ),
        (
            "redirect_uris = 'https://a.example/'",
            "clients[0].redirect_uris: a metadata member has the wrong type",
        ),
        (
            "token_endpoint_auth_method = 'magic'",
            "clients[0].token_endpoint_auth_method: ",
        ),
        (
            "token_endpoint_auth_method = 'none'",
            "clients[0].client_secret: is there, but",
        ),
        (
            "token_endpoint_auth_method = 'private_key_jwt'",
            "clients[0].jwks",
        ),
        (
            "token_endpoint_auth_method = 'client_secret_jwt'",
            "clients[0].client_secret: ",
        ),
        (
            "id_token_signed_response_alg = 'PS256'",
            "clients[0].id_token_signed_response_alg: ",
        ),
        ("scope = 'openid magic'", "clients[0].scope: "),
        (
            "resources = ['https://a.example']",
            "clients[0].resources: ",
        ),
    ];
    let client = "[[clients]]\nclient_id = 'a'\nclient_secret = '0123456789abcdef'\n";
    for (member, expected) in cases {
        let uris = if member.starts_with("redirect_uris") {
            ""
        } else {
            "redirect_uris = ['https://a.example/cb']\n"
        };
        let problem = problem(&format!("{client}{uris}{member}"));
        assert!(problem.contains(expected), "{problem}");
    }
    let without = "[[clients]]\nclient_id = 'a'\nredirect_uris = ['https://a.example/cb']";
    assert!(problem(without).contains("clients[0].client_secret: is missing"));
    let config = parse(&format!(
        "{client}redirect_uris = ['https://a.example/cb']\n'client_name#de' = 'A'"
    ))
    .unwrap();
    assert_eq!(
        config.clients[0].metadata["token_endpoint_auth_method"],
        "client_secret_basic"
    );
}

#[test]
fn what_a_client_is_told_travels_encrypted() {
    //= test CIBA#4 the endpoint of a client that is told uses https
    let client = |mode: &str, url: &str| {
        format!(
            "[protocol.backchannel]\nenabled = true\ndelivery_modes = ['ping', 'push']\n\
             [[clients]]\nclient_id = 'a'\nclient_secret = '0123456789abcdef'\n\
             grant_types = ['urn:openid:params:grant-type:ciba']\nresponse_types = []\n\
             backchannel_token_delivery_mode = '{mode}'\nbackchannel_client_notification_endpoint = '{url}'"
        )
    };
    for mode in ["ping", "push"] {
        parse(&client(mode, "https://client.example/notify")).unwrap();
        for url in [
            "http://127.0.0.1/notify",
            "http://localhost/notify",
            "http://[::1]/notify",
            "http://client.example/notify",
        ] {
            let problem = problem(&client(mode, url));
            let expected = "clients[0].backchannel_client_notification_endpoint: ";
            assert!(problem.contains(expected), "{url}: {problem}");
        }
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let problems = parse("[lifetimes]\ncode = 0\nsession = 0\n[log]\nlevel = \"\"").unwrap_err();
    assert_eq!(problems.len(), 3, "{problems:?}");
}

#[test]
fn the_environment_overrides_the_file() {
    let text = "[lifetimes]\ncode = 10\n[[clients]]\ngrant_types = ['client_credentials']\nclient_secret = '0123456789abcdef'\nclient_id = \"a\"";
    let config = parse_with(
        text,
        &[
            ("HALLPASS__LIFETIMES__CODE", "20"),
            ("HALLPASS__LIFETIMES__SESSION", "2d"),
            ("HALLPASS__SERVER__ISSUER", "https://op.example.com"),
            ("HALLPASS__SERVER__LISTEN", "[\"127.0.0.1:1\", \"[::1]:1\"]"),
            ("HALLPASS__OPERATIONS", "{ enabled = true }"),
            ("HALLPASS__OPERATIONS__ENABLED", "false"),
            ("HALLPASS__PROTOCOL__SIGNING_ALGS", "[\"PS256\"]"),
            (
                "HALLPASS__CLIENTS__0__CLIENT_SECRET",
                "0123456789012345678901234567890",
            ),
            (
                "HALLPASS__USERS",
                "[{ username = \"u\", password = \"12345678\" }]",
            ),
            ("OTHER__LIFETIMES__CODE", "x"),
        ],
    )
    .unwrap();
    assert_eq!(config.lifetimes.code, Seconds(20));
    assert_eq!(config.lifetimes.session, Seconds(172_800));
    assert_eq!(
        config.server.issuer.as_deref(),
        Some("https://op.example.com")
    );
    assert_eq!(config.server.listen.0.len(), 2);
    assert!(!config.operations.enabled);
    assert_eq!(config.protocol.signing_algs, [SigningAlg::PS256]);
    let secret = config.clients[0].client_secret.as_ref().unwrap();
    assert_eq!(secret.expose(), "0123456789012345678901234567890");
    assert_eq!(config.users[0].username, "u");
}

#[test]
fn a_problem_of_the_environment_names_the_variable() {
    #[rustfmt::skip]
    let cases = [
        ("HALLPASS__LIFETIMES__CODE", "0", "HALLPASS__LIFETIMES__CODE: lifetimes.code: must be from"),
        ("HALLPASS__LIFETIMES__CODE", "[1]", "HALLPASS__LIFETIMES__CODE: lifetimes.code: invalid type"),
        ("HALLPASS__LIFETIMES__CODE", "true", "HALLPASS__LIFETIMES__CODE: lifetimes.code: invalid value"),
        ("HALLPASS__LIFETIMES__COD", "1", "HALLPASS__LIFETIMES__COD: lifetimes.cod: unknown field `cod`"),
        ("HALLPASS__LIFE__CODE", "1", "HALLPASS__LIFE__CODE: life.code: unknown field `life`"),
        ("HALLPASS__LIFETIMES__CODE__X", "1", "HALLPASS__LIFETIMES__CODE__X: lifetimes.code.x: goes into"),
        ("HALLPASS__CLIENTS__0__CLIENT_SECRET", "", "HALLPASS__CLIENTS__0__CLIENT_SECRET: clients[0].client_secret: is empty"),
        ("HALLPASS__CLIENTS__1__CLIENT_SECRET", "x", "HALLPASS__CLIENTS__1__CLIENT_SECRET: clients.1.client_secret: names an entry"),
        ("HALLPASS__", "x", "HALLPASS__: : names no setting"),
        ("HALLPASS__SERVER____X", "x", "HALLPASS__SERVER____X: server..x: names no setting"),
    ];
    for (name, value, expected) in cases {
        let text = "[lifetimes]\ncode = 1\n[[clients]]\ngrant_types = ['client_credentials']\nclient_secret = '0123456789abcdef'\nclient_id = \"a\"";
        let problem = problem_with(text, &[(name, value)]);
        let expected = expected.replace(": : ", ": ");
        assert!(problem.starts_with(&expected), "{problem}");
    }
}

#[test]
fn registration_needs_a_token_or_a_danger_switch() {
    let token = "registration = { enabled = true, initial_access_tokens = [\"0123456789abcdef\"] }";
    let config = parse(token).unwrap();
    assert!(config.registration.enabled && !config.registration.open);
    let config = parse("danger.open_registration = true").unwrap();
    assert!(config.registration.enabled && config.registration.open);
    assert_eq!(config.danger.warnings().len(), 1);
}

#[test]
fn the_schema_knows_what_the_file_may_hold() {
    let schema = Config::schema();
    assert_eq!(schema["additionalProperties"], false);
    let sections: Vec<&str> = schema["properties"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert!(
        sections.contains(&"lifetimes") && sections.contains(&"clients"),
        "{sections:?}"
    );
    assert_eq!(
        schema["$defs"]["Lifetimes"]["properties"]["refresh_idle"]["default"],
        "14d"
    );
    assert_eq!(schema["$defs"]["Lifetimes"]["additionalProperties"], false);
}
