//! The clients that sign: they push their requests, authenticate by assertions and bind their tokens to keys.

use hallpass_load::{Client, ClientKey};
use serde_json::Value;

use super::Result;

/// One for each algorithm of assertions.
#[derive(Clone, Debug)]
pub(crate) struct KeyedClients {
    es256: ClientKey,
    ps256: ClientKey,
}

impl KeyedClients {
    /// With new keys.
    ///
    /// # Errors
    /// The library makes none.
    pub(crate) fn generate() -> Result<Self> {
        let es256 = ClientKey::generate().map_err(|error| error.to_string())?;
        let ps256 = ClientKey::generate_ps256().map_err(|error| error.to_string())?;
        Ok(Self { es256, ps256 })
    }

    /// The client whose assertions are signed so.
    pub(crate) fn client(&self, ps256: bool) -> Client {
        let (client_id, key) = if ps256 {
            (KEYED_PS256, &self.ps256)
        } else {
            (KEYED, &self.es256)
        };
        Client {
            client_id: client_id.to_owned(),
            client_secret: None,
            key: Some(key.clone()),
            redirect_uris: vec![CALLBACK.to_owned()],
            grant_types: vec!["authorization_code".to_owned()],
        }
    }

    /// The public key for ES256, for a server that knows that client alone.
    pub(crate) fn es256_jwk(&self) -> Value {
        self.es256.public_jwk()
    }

    /// Both, as our configuration has them.
    pub(crate) fn configuration(&self) -> String {
        [(KEYED, &self.es256), (KEYED_PS256, &self.ps256)]
            .map(|(client_id, key)| configuration(client_id, key))
            .concat()
    }
}

fn configuration(client_id: &str, key: &ClientKey) -> String {
    let jwk = key.public_jwk();
    // Its members are plain text, whose JSON is TOML, too.
    let members = jwk.as_object().into_iter().flatten();
    let members: Vec<_> = members
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    let members = members.join(", ");
    let algorithm = key.algorithm();
    format!(
        r#"
[[clients]]
client_id = "{client_id}"
redirect_uris = ["{CALLBACK}"]
grant_types = ["authorization_code"]
scope = "openid"
token_endpoint_auth_method = "private_key_jwt"
token_endpoint_auth_signing_alg = "{algorithm}"
require_pushed_authorization_requests = true
dpop_bound_access_tokens = true
jwks = {{ keys = [{{ {members} }}] }}
"#
    )
}

/// The one with ES256; the peer's script has the same.
const KEYED: &str = "keyed";
const KEYED_PS256: &str = "keyed-ps256";
/// Where they are sent back to.
pub(crate) const CALLBACK: &str = "http://127.0.0.1:9/callback";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_that_sign_are_configured_with_their_public_keys_alone() {
        let clients = KeyedClients::generate().unwrap();
        let text = clients.configuration();
        for (ps256, algorithm, members) in [
            (false, "ES256", ["kty", "crv", "x", "y", "kid"].as_slice()),
            (true, "PS256", &["kty", "n", "e", "kid"]),
        ] {
            let jwk = clients.client(ps256).key.unwrap().public_jwk();
            for name in members {
                let value = jwk[*name].as_str().unwrap();
                assert!(text.contains(&format!("{name} = \"{value}\"")), "{text}");
            }
            assert!(text.contains(&format!("signing_alg = \"{algorithm}\"")));
        }
        for private in [" d = ", " p = ", " q = ", " dp = "] {
            assert!(!text.contains(private), "{text}");
        }
    }
}
