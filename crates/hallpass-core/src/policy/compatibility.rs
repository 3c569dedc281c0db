//! Habits of other products that are weaker than what specifications ask for. All of them are off.

use hallpass_types::Issuer;

/// What an issuer puts up with for clients that were written for another product.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compatibility {
    /// The habits of LoginID's OpenID Connect projects: a client's signed JWT as its secret, for the bare host name, without
    /// `jti`, good for months; revocation and introspection by whoever holds a token.
    pub loginid: bool,
    /// With them, a client's JWT ends at most so many seconds ahead.
    pub assertion_lifetime: i64,
}

impl Default for Compatibility {
    fn default() -> Self {
        Self {
            loginid: false,
            assertion_lifetime: 180 * 86_400,
        }
    }
}

impl Compatibility {
    /// The names of what is on, for the metadata.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.loginid.then_some("loginid").into_iter()
    }
}

/// Whether a text is the host name of the issuer, with its port or without.
#[must_use]
pub fn is_host_of(text: &str, issuer: &Issuer) -> bool {
    let Some((_, host)) = issuer.origin().split_once("://") else {
        return false;
    };
    let bare = match host.rsplit_once(':') {
        Some((bare, port)) if port.bytes().all(|b| b.is_ascii_digit()) => bare,
        Some(_) | None => host,
    };
    !bare.is_empty() && (text == host || text == bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_issuer_is_its_name_with_or_without_the_port() {
        for (issuer, good, bad) in [
            (
                "https://op.example",
                vec!["op.example"],
                vec![
                    "",
                    "OP.example",
                    "op.example.",
                    "example",
                    "https://op.example",
                    "op.example:443",
                ],
            ),
            (
                "https://op.example:8443/p/acme",
                vec!["op.example", "op.example:8443"],
                vec![
                    "op.example:8443/p/acme",
                    "op.example/p/acme",
                    ":8443",
                    "8443",
                ],
            ),
            (
                "http://[::1]:3000",
                vec!["[::1]", "[::1]:3000"],
                vec!["[", "::1", "[:"],
            ),
        ] {
            let issuer = Issuer::parse(issuer).unwrap();
            for text in good {
                assert!(is_host_of(text, &issuer), "{text}");
            }
            for text in bad {
                assert!(!is_host_of(text, &issuer), "{text}");
            }
        }
    }
}
