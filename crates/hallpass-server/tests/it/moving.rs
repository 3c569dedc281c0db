//! Moving in from other systems: twice, with old passwords and old ID tokens.

use std::fmt::Write as _;
use std::process::Command;

use base64::Engine as _;
use hallpass_jose::{Jwks, JwksPolicy, JwsAlgorithm, SigningKey, UnverifiedJws, VerifyingKey};
use serde_json::{Value, json};

use crate::dashboard::person::{PASSWORD, Person, location};
use crate::process::{Folder, Serving};

/// Of [`PASSWORD`].
pub(crate) const BCRYPT: &str = "$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.";
const PEOPLE: usize = 2000;

/// A key of the old system, an ID token that it signed, and its PEM.
pub(crate) fn old_key(kid: Option<&str>) -> (String, String) {
    let key = SigningKey::generate(JwsAlgorithm::RS256).unwrap();
    let pkcs8 = base64::engine::general_purpose::STANDARD.encode(key.to_pkcs8().unwrap());
    let kid = kid.map_or_else(|| key.spki_digest().unwrap(), str::to_owned);
    let named = key.with_kid(&kid).unwrap();
    let token = named.sign_compact(None, b"{\"sub\":\"p1\"}").unwrap();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{pkcs8}\n-----END PRIVATE KEY-----");
    (token, pem)
}

/// Whether the published keys verify a token.
fn is_good(server: &Serving, token: &str) -> bool {
    let metadata = server.get("/.well-known/openid-configuration").json();
    let issuer = server.said["issuer"].as_str().unwrap();
    let path = metadata["jwks_uri"].as_str().unwrap();
    is_signed_by(&server.get(path.strip_prefix(issuer).unwrap()).body, token)
}

/// Whether a set of keys verifies a token.
pub(crate) fn is_signed_by(jwks: &str, token: &str) -> bool {
    let keys = Jwks::parse(jwks.as_bytes(), JwksPolicy::Fetched).unwrap();
    let kid = UnverifiedJws::parse(token)
        .unwrap()
        .kid()
        .unwrap()
        .to_owned();
    keys.keys().any(|key| {
        key.kid() == Some(kid.as_str())
            && VerifyingKey::from_jwk(key).is_ok_and(|key| {
                UnverifiedJws::parse(token)
                    .unwrap()
                    .verify(&[JwsAlgorithm::RS256], [&key])
                    .is_ok()
            })
    })
}

/// Where signing in with that password leads.
fn signs_in(server: &Serving, client: &str, name: &str, password: &str) -> bool {
    let mut person = Person::default();
    let asked = person.get(
        server,
        &format!("/authorize?client_id={client}&response_type=code&scope=openid&redirect_uri=https%3A%2F%2Frp.test%2Fcb"),
    );
    assert_eq!(asked.status, 303, "{}", asked.body);
    let page = location(server, &asked);
    person.get(server, &page);
    let form = [("username", name), ("password", password)];
    person.post(server, &page, &form).status == 303
}

fn counts(told: &Value, kind: &str) -> (u64, u64, u64) {
    let count = |what: &str| told[kind][what].as_u64().unwrap();
    (count("imported"), count("already_there"), count("refused"))
}

/// What the service's tables look like, and what is in them.
pub(crate) fn schema(pem: &str) -> String {
    format!(
        "CREATE SCHEMA main;
        CREATE TABLE main.auth_clients (id integer PRIMARY KEY, client_id varchar(50), client_secret varchar(50), redirect_url varchar(200),
            secret varchar(50), access_token_expiration int DEFAULT 900, refresh_token_expiration int DEFAULT 86400,
            auth_code_expiration int DEFAULT 180, grant_types varchar(50)[], response_types varchar(50)[], deleted bool DEFAULT false);
        CREATE TABLE main.users (id uuid PRIMARY KEY, first_name varchar(50), last_name varchar(50), username varchar(150), email varchar(150),
            auth_client_ids integer[], gender char(1), dob date, deleted bool DEFAULT false);
        CREATE TABLE main.user_credentials (id uuid, user_id uuid, auth_provider varchar(50) DEFAULT 'internal', auth_id varchar(100), password varchar(60),
            secret_key varchar(100), deleted bool DEFAULT false);
        CREATE TABLE main.tenants (id uuid, name varchar(100), status int, key varchar(20), deleted bool DEFAULT false);
        CREATE TABLE main.roles (id uuid, name varchar(100), permissions text[], deleted bool DEFAULT false);
        CREATE TABLE main.user_tenants (id uuid, user_id uuid, tenant_id uuid, role_id uuid, status int, locale varchar(5), deleted bool DEFAULT false);
        CREATE TABLE main.user_permissions (user_tenant_id uuid, permission text, allowed bool, deleted bool DEFAULT false);
        CREATE TABLE main.jwt_keys (key_id varchar(100), private_key text);
        INSERT INTO main.auth_clients (id, client_id, client_secret, redirect_url, grant_types, access_token_expiration, auth_code_expiration) VALUES
            (1, 'web', 'plain secret', 'https://rp.test/cb, https://rp.test/other', '{{authorization_code,refresh_token}}', 120, 99999);
        INSERT INTO main.auth_clients (id, client_id, client_secret, redirect_url, grant_types) VALUES
            (2, 'nowhere', 's', NULL, NULL), (3, 'web', 'twice', 'https://rp.test/cb', NULL);
        INSERT INTO main.auth_clients (id, client_id, deleted) VALUES (4, 'gone', true);
        INSERT INTO main.users SELECT md5(n::text)::uuid, 'Given' || n, 'It''s \\ me', 'p' || n, 'p' || n || '@rp.test', '{{1}}', 'F', '1990-02-03'
            FROM generate_series(1, {PEOPLE}) n;
        INSERT INTO main.user_credentials SELECT md5('c' || n)::uuid, md5(n::text)::uuid, 'internal', NULL, '{BCRYPT}',
            CASE WHEN n = 2 THEN 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP' END FROM generate_series(1, {PEOPLE}) n;
        INSERT INTO main.tenants VALUES (md5('t')::uuid, 'Acme', 1, 'acme'), (md5('u')::uuid, 'Old', 0, 'old');
        INSERT INTO main.roles VALUES (md5('r')::uuid, 'Editor', '{{ViewPost,EditPost}}');
        INSERT INTO main.user_tenants SELECT md5('m' || n)::uuid, md5(n::text)::uuid, md5('t')::uuid, md5('r')::uuid,
            CASE n WHEN 3 THEN 2 WHEN 4 THEN 3 ELSE 1 END, 'en' FROM generate_series(1, {PEOPLE}) n;
        INSERT INTO main.user_permissions VALUES (md5('m1')::uuid, 'EditPost', false), (md5('m1')::uuid, 'Publish', true);
        INSERT INTO main.jwt_keys VALUES ('old-key', '{pem}');"
    )
}

fn imports_twice(folder: &Folder, import: &[&str]) {
    let dry = folder.json(&[import, &["--dry-run", "--json"]].concat());
    let people = u64::try_from(PEOPLE).unwrap();
    assert_eq!(counts(&dry, "users"), (people, 0, 0), "{dry}");
    assert_eq!(folder.json(&["user", "list", "--json"]), json!([]));
    let first = folder.json(&[import, &["--json"]].concat());
    assert_eq!(counts(&first, "users"), (people, 0, 0), "{first}");
    let web = folder.json(&["client", "show", "web", "--json"]);
    assert_eq!(web["id_token_signed_response_alg"], "RS256", "{web}");
    assert_eq!(counts(&first, "clients"), (2, 0, 1), "{first}");
    assert_eq!(counts(&first, "keys"), (1, 0, 0), "{first}");
    assert_eq!(
        counts(&first, "roles_and_organizations"),
        (3, 0, 0),
        "{first}"
    );
    let before = folder.json(&["user", "list", "--json"]);
    let second = folder.json(&[import, &["--json"]].concat());
    assert_eq!(counts(&second, "users"), (0, people, 0), "{second}");
    assert_eq!(counts(&second, "clients"), (0, 2, 1), "{second}");
    assert_eq!(counts(&second, "keys"), (0, 1, 0), "{second}");
    assert_eq!(folder.json(&["user", "list", "--json"]), before);
    assert!(!second.to_string().contains("plain secret") && !second.to_string().contains("$2b$"));
}

fn everything_works(folder: &Folder, token: &str) {
    let server = Serving::start(folder, &[]);
    assert!(is_good(&server, token));
    // S26
    for name in ["p1", "P1999"] {
        assert!(signs_in(&server, "web", name, PASSWORD), "{name}");
        assert!(
            !signs_in(&server, "web", name, "correct horse batter"),
            "{name}"
        );
    }
    // S29: turned away everywhere.
    assert!(!signs_in(&server, "web", "p3", PASSWORD));
    // S12: nowhere to go.
    let nowhere = server.get("/authorize?client_id=nowhere&response_type=code&scope=openid");
    assert!(nowhere.status >= 400 && !nowhere.head.contains("location:"));
    let wrong = server.client_credentials("web", "plain secre");
    assert_eq!(wrong.json()["error"], "invalid_client");
    // Right secret, a grant that it has not.
    let right = server.client_credentials("web", "plain%20secret");
    assert_eq!(
        right.json()["error"],
        "unauthorized_client",
        "{}",
        right.body
    );
    server.stop();
    let users = folder.json(&["user", "list", "--json"]);
    let all = users.as_array().unwrap();
    let of = |name: &str| all.iter().find(|u| u["username"] == name).unwrap().clone();
    assert_eq!(of("p1")["subject"], "p1");
    assert_eq!(of("p1")["claims"]["family_name"], "It's \\ me");
    assert_eq!(of("p1")["claims"]["birthdate"], "1990-02-03");
    // S14: what somebody chose and is no longer than usual; not what the schema writes into every row.
    let web = folder.json(&["client", "show", "web", "--json"]);
    assert_eq!(web["access_token_lifetime"], 120, "{web}");
    let nowhere = folder.json(&["client", "show", "nowhere", "--json"]);
    for (client, name) in [
        (&web, "code_lifetime"),
        (&web, "refresh_token_lifetime"),
        (&nowhere, "access_token_lifetime"),
    ] {
        assert!(client.get(name).is_none(), "{name}: {client}");
    }
    let member = folder.json(&["member", "show", "p1", "--json"]);
    assert_eq!(member[0]["organization"], "acme");
    assert_eq!(member[0]["permissions"], json!(["Publish", "ViewPost"]));
    let held = folder.json(&["user", "credential", "list", "p2", "--json"]);
    assert!(held.to_string().contains("totp"), "{held}");
}

#[test]
fn s54_a_sourceloop_database_moves_in_twice_with_its_passwords_and_keys() {
    let Some(cluster) = hallpass_testpg::Cluster::start(&["fsync=off"]) else {
        return;
    };
    let (token, pem) = old_key(Some("old-key"));
    cluster.sql(&schema(&pem));
    let url = cluster.url();
    let folder = Folder::new();
    imports_twice(&folder, &["import", "sourceloop", "--database", &url]);
    everything_works(&folder, &token);
    // Nothing was written there.
    assert_eq!(
        cluster.sql("SELECT count(*) FROM main.users"),
        PEOPLE.to_string()
    );

    let dumped = Command::new("pg_dump")
        .args(["--dbname", &url])
        .output()
        .unwrap();
    assert!(dumped.status.success(), "{dumped:?}");
    let folder = Folder::new();
    folder.write("dump.sql", std::str::from_utf8(&dumped.stdout).unwrap());
    imports_twice(&folder, &["import", "sourceloop", "--dump", "dump.sql"]);
    everything_works(&folder, &token);

    let secret = url.replace("hallpass@", "hallpass:hunter2@");
    let refused = folder.run(&["import", "sourceloop", "--database", &secret]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(
        said.contains("--database-password-file") && !said.contains("hunter2"),
        "{said}"
    );
}

#[test]
fn a_mysql_dump_of_sourceloop_moves_in() {
    let (token, pem) = old_key(Some("old-key"));
    let mut dump = "-- MySQL dump 10.13\n/*!40101 SET NAMES utf8 */;\n\
        CREATE TABLE `auth_clients` (\n  `id` int NOT NULL,\n  `client_id` varchar(50),\n  `client_secret` varchar(50),\n  `redirect_url` varchar(200),\n  `access_token_expiration` int,\n  `auth_code_expiration` int,\n  `grant_types` json,\n  `deleted` tinyint(1),\n  PRIMARY KEY (`id`)\n);\n\
        INSERT INTO `auth_clients` VALUES (1,'web','plain secret','https://rp.test/cb',120,99999,'[\\\"authorization_code\\\"]',0),(2,'nowhere','s',NULL,900,180,NULL,0),(3,'web','x','https://rp.test/cb',900,180,NULL,0);\n\
        CREATE TABLE `users` (`id` varchar(36), `first_name` varchar(50), `last_name` varchar(50), `username` varchar(150), `dob` date, `deleted` bit(1));\n\
        CREATE TABLE `user_credentials` (`user_id` varchar(36), `password` varchar(60), `secret_key` varchar(100));\n\
        CREATE TABLE `tenants` (`id` varchar(36), `name` varchar(100), `status` int, `key` varchar(20));\n\
        INSERT INTO `tenants` VALUES ('t','Acme',1,'acme'),('u','Old',0,'old');\n\
        CREATE TABLE `roles` (`id` varchar(36), `name` varchar(100), `permissions` json);\n\
        INSERT INTO `roles` VALUES ('r','Editor','[\\\"ViewPost\\\",\\\"EditPost\\\"]');\n\
        CREATE TABLE `user_tenants` (`id` varchar(36), `user_id` varchar(36), `tenant_id` varchar(36), `role_id` varchar(36), `status` int);\n\
        INSERT INTO `user_permissions` (`user_tenant_id`,`permission`,`allowed`) VALUES ('m1','EditPost',0),('m1','Publish',1);\n".to_owned();
    let pem = pem.replace('\n', "\\n");
    writeln!(
        dump,
        "INSERT INTO `jwt_keys` (`key_id`,`private_key`) VALUES ('old-key','{pem}');"
    )
    .unwrap();
    for n in 1..=PEOPLE {
        let totp = if n == 2 {
            "'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'"
        } else {
            "NULL"
        };
        let status = match n {
            3 => 2,
            4 => 3,
            _ => 1,
        };
        writeln!(
            dump,
            "INSERT INTO `users` VALUES ('id{n}','Given','It\\'s \\\\ me','p{n}','1990-02-03',_binary '\\0');\n\
             INSERT INTO `user_credentials` VALUES ('id{n}','{BCRYPT}',{totp});\n\
             INSERT INTO `user_tenants` VALUES ('m{n}','id{n}','t','r',{status});"
        )
        .unwrap();
    }
    let folder = Folder::new();
    folder.write("dump.sql", &dump);
    imports_twice(&folder, &["import", "sourceloop", "--dump", "dump.sql"]);
    everything_works(&folder, &token);
}

#[test]
fn a_keycloak_realm_moves_in_twice_with_its_passwords_and_keys() {
    let (token, pem) = old_key(None);
    let pem = pem.lines().nth(1).unwrap();
    let user = |n: usize| {
        json!({
            "id": format!("kc-{n}"), "username": format!("k{n}"), "enabled": n != 3, "email": format!("k{n}@rp.test"),
            "emailVerified": true, "firstName": "Kay", "realmRoles": ["editor", "default-roles-acme"], "groups": ["/staff/night"],
            "credentials": [{
                "type": "password",
                "credentialData": json!({"hashIterations": 1000, "algorithm": "pbkdf2-sha256", "additionalParameters": {}}).to_string(),
                "secretData": json!({"value": "FR9Zs8h7eX6Y7D3B+m3Zepk5DP6mMXNac85I63StulE=", "salt": "c2l4dGVlbiBieXRlIHNsdA=="}).to_string(),
            }],
        })
    };
    let realm = json!({
        "realm": "acme", "roles": {"realm": [{"name": "editor"}, {"name": "offline_access"}], "client": {"web": [{"name": "admin"}]}},
        "groups": [{"name": "staff", "subGroups": [{"name": "night", "clientRoles": {"web": ["admin"]}}]}],
        "clients": [
            {"clientId": "web", "secret": "plain secret", "redirectUris": ["https://rp.test/cb", "https://rp.test/*"], "protocol": "openid-connect"},
            {"clientId": "account", "protocol": "openid-connect"}, {"clientId": "saml", "protocol": "saml"},
        ],
        "users": (1..=PEOPLE).map(user).collect::<Vec<_>>(),
        "components": {"org.keycloak.keys.KeyProvider": [
            {"name": "rsa", "config": {"privateKey": [pem], "algorithm": ["RS256"]}}, {"name": "hmac", "config": {"secret": ["x"]}},
        ]},
    });
    let folder = Folder::new();
    folder.write("realm.json", &realm.to_string());
    let people = u64::try_from(PEOPLE).unwrap();
    let import = ["import", "keycloak", "realm.json", "--json"];
    let first = folder.json(&import);
    assert_eq!(counts(&first, "users"), (people, 0, 0), "{first}");
    assert_eq!(counts(&first, "clients"), (1, 0, 0), "{first}");
    assert_eq!(counts(&first, "keys"), (1, 0, 0), "{first}");
    let before = folder.json(&["user", "list", "--json"]);
    let second = folder.json(&import);
    assert_eq!(counts(&second, "users"), (0, people, 0), "{second}");
    assert_eq!(folder.json(&["user", "list", "--json"]), before);
    let server = Serving::start(&folder, &[]);
    assert!(is_good(&server, &token));
    assert!(signs_in(&server, "web", "k1", PASSWORD));
    assert!(!signs_in(&server, "web", "k1", "another"));
    assert!(!signs_in(&server, "web", "k3", PASSWORD), "disabled there");
    server.stop();
    let member = folder.json(&["member", "show", "k1", "--json"]);
    assert_eq!(member[0]["groups"], json!(["/staff/night"]));
    // An export of the roles of a realm makes nobody an operator.
    assert_eq!(folder.json(&["operator", "list", "--json"]), json!([]));
}

#[test]
fn clients_of_node_oidc_provider_move_in_and_bring_no_trust() {
    let folder = Folder::new();
    let clients = json!([
        {"client_id": "app", "client_secret": "plain secret", "redirect_uris": ["https://rp.test/cb"], "grant_types": ["authorization_code"],
         "response_types": ["code"], "skip_consent": true, "scope": "openid hallpass:admin hallpass:admin:read email"},
        {"client_id": "bad", "client_secret": "s", "redirect_uris": ["https://rp.test/cb#fragment"]},
        {"client_secret": "nobody's"},
    ]);
    folder.write("clients.json", &clients.to_string());
    let first = folder.json(&["import", "clients", "clients.json", "--json"]);
    assert_eq!(counts(&first, "clients"), (1, 0, 1), "{first}");
    let second = folder.json(&["import", "clients", "clients.json", "--json"]);
    assert_eq!(counts(&second, "clients"), (0, 1, 1), "{second}");
    let shown = folder.json(&["client", "show", "app", "--json"]);
    assert_eq!(shown.get("skip_consent"), None, "{shown}");
    // AD-03: nor does it bring along that it may ask for administration.
    assert_eq!(shown["scope"], "openid email", "{shown}");
    assert!(first.to_string().contains("administration"), "{first}");
    for (name, content) in [("a", "{"), ("b", "{}"), ("c", "3")] {
        folder.write(name, content);
        for command in ["clients", "keycloak"] {
            assert_eq!(
                folder.run(&["import", command, name]).status.code(),
                Some(1)
            );
        }
    }
}

/// What a client gets that never said how its ID tokens are signed: the same as where it was, whatever is first here.
#[test]
fn a_client_that_moves_in_is_signed_for_as_it_was() {
    //= test OIDC-REG#2 the default algorithm of ID tokens is RS256
    let folder = Folder::new();
    let client = |id: &str| json!({"client_id": id, "client_secret": "plain secret", "redirect_uris": ["https://rp.test/cb"]});
    let mut named = client("named");
    named["id_token_signed_response_alg"] = json!("ES256");
    let clients = json!([client("silent"), named]);
    folder.write("clients.json", &clients.to_string());
    let told = folder.json(&["import", "clients", "clients.json", "--json"]);
    assert_eq!(counts(&told, "clients"), (2, 0, 0), "{told}");
    for (id, alg) in [("silent", "RS256"), ("named", "ES256")] {
        let shown = folder.json(&["client", "show", id, "--json"]);
        assert_eq!(shown["id_token_signed_response_alg"], alg, "{shown}");
    }
    // One that an operator makes here gets what this issuer signs with first.
    let made = folder.json(&[
        "client",
        "create",
        "--id",
        "own",
        "--redirect-uri",
        "https://rp.test/cb",
        "--json",
    ]);
    let shown = folder.json(&["client", "show", "own", "--json"]);
    assert_eq!(shown["id_token_signed_response_alg"], "ES256", "{made}");
    // Where there is no such key, the report says so.
    let folder = Folder::new();
    folder.write("hallpass.toml", "protocol.signing_algs = ['ES256']\n");
    folder.write("clients.json", &json!([client("silent")]).to_string());
    let import = ["import", "clients", "clients.json"];
    let told = folder.json(&[&import[..], &["--config", "hallpass.toml", "--json"]].concat());
    assert_eq!(counts(&told, "clients"), (1, 0, 0), "{told}");
    let notes = told["notes"].as_array().unwrap();
    let about = notes
        .iter()
        .find(|note| note["text"].as_str().unwrap().contains("RS256"));
    assert_eq!(about.unwrap()["names"], json!(["silent"]), "{told}");
}
