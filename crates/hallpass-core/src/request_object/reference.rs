//! `request_uri`: an address at which the client publishes a request object,
//! [OpenID Connect Core §6.2](https://openid.net/specs/openid-connect-core-1_0.html#RequestUriParameter).

use hallpass_jose::base64url;
use hallpass_types::sha256;

use crate::{authorize::Reason, client::Client};

/// An address that its client registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'u> {
    whole: &'u str,
    address: &'u str,
    fragment: Option<&'u str>,
}

impl<'u> Reference<'u> {
    /// Takes a registered address. One that was registered without fragment stands for every content at it.
    ///
    /// # Errors
    /// It is too long, or the client did not register it.
    //= RFC9101#10.4 MUST: the server does not fetch from arbitrary places
    //= OIDC-REG#2 MUST: request_uris are registered beforehand; here always
    pub fn parse(uri: &'u str, client: &Client) -> Result<Self, Reason> {
        //= OIDC-CORE#6.2 MUST: a request_uri has at most 512 ASCII characters
        if uri.len() > MAX_LEN || !uri.is_ascii() {
            return Err(Reason::RequestUriNotRegistered);
        }
        let (address, fragment) = match uri.split_once('#') {
            Some((address, fragment)) => (address, Some(fragment)),
            None => (uri, None),
        };
        let registered = |known: &String| known == uri || known == address;
        if !client.requests.uris.iter().any(registered) {
            return Err(Reason::RequestUriNotRegistered);
        }
        Ok(Self {
            whole: uri,
            address,
            fragment,
        })
    }

    /// With its fragment.
    #[must_use]
    pub const fn whole(&self) -> &'u str {
        self.whole
    }

    /// What is fetched.
    #[must_use]
    pub const fn address(&self) -> &'u str {
        self.address
    }

    /// Whether its fragment is the SHA-256 of this content, so that another content would have another address.
    //= OIDC-CORE#6.2 MAY: a content is held under the address whose fragment is its hash
    #[must_use]
    pub fn names(&self, content: &str) -> bool {
        self.fragment
            .is_some_and(|hash| hash == base64url::encode(sha256(content.as_bytes())))
    }
}

const MAX_LEN: usize = 512;
