//! What arrived: only parameters, nothing known about them.

use std::sync::Arc;

use hallpass_types::{ClientId, Key, Opaque, Params, Thumbprint, Timestamp, Waiting};
use serde::{Deserialize, Serialize};

use super::{Identified, Reason, Unidentified};
use crate::{
    client::{Client, redirect_uri},
    policy::RequestPolicy,
    record::{FoundWaiting, WaitingRecord},
    request_object::{self, Verified},
};

/// An authorization request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    params: Params,
    via: Via,
}

/// How the parameters came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Via {
    /// In an object that the client signed.
    pub signed: bool,
    /// When that object ends.
    pub expires_at: Option<Timestamp>,
    /// By the pushed authorization request endpoint.
    pub pushed: Option<Pushed>,
}

/// A pushed request that is being used. It is consumed together with the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pushed {
    /// Its handle.
    #[serde(rename = "k")]
    pub key: Key<Waiting>,
    /// What it was when it was read.
    #[serde(rename = "r", default)]
    pub revision: u32,
    /// The instance of the client that pushed it, where an attestation showed it.
    #[serde(rename = "i", default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Thumbprint>,
}

/// Where the parameters of a request are.
#[derive(Debug)]
pub enum Carried<'p> {
    /// In the request itself.
    Here,
    /// In a request object (RFC 9101).
    Object(&'p str),
    /// In a request object at an address of the client.
    Reference(&'p str),
    /// In a request that was pushed before (RFC 9126).
    Pushed(Opaque<Waiting>),
}

impl Received {
    /// Takes the decoded parameters, of a query or of a form body.
    #[must_use]
    pub const fn new(params: Params) -> Self {
        Self {
            params,
            via: Via {
                signed: false,
                expires_at: None,
                pushed: None,
            },
        }
    }

    /// The client to look up.
    ///
    /// # Errors
    /// A page: `client_id` is missing, repeated, or cannot be one.
    pub fn client_id(&self) -> Result<ClientId, Unidentified> {
        if self.is_repeated("client_id") {
            return Err(Unidentified::ClientRepeated);
        }
        let id = self
            .params
            .get("client_id")
            .ok_or(Unidentified::ClientMissing)?;
        ClientId::parse(id).map_err(|_| Unidentified::ClientUnknown)
    }

    /// Where the parameters are that count.
    ///
    /// # Errors
    /// A way that is not offered, or two at once. The error goes where [`Self::refused_with`] says.
    pub fn carried(&self, policy: &RequestPolicy) -> Result<Carried<'_>, Reason> {
        let carried = self.named(policy)?;
        //= RFC6749#3.1 MUST: a repeated parameter makes the request invalid
        // Beside what takes the place of the parameters, nobody looks at them again.
        if !matches!(carried, Carried::Here) && !self.params.duplicated().is_empty() {
            let known = policy.parameters();
            let mut repeated = self.params.duplicated().iter();
            if repeated.any(|name| known.contains(&name.as_str())) {
                return Err(Reason::ParameterRepeated);
            }
        }
        Ok(carried)
    }

    fn named(&self, policy: &RequestPolicy) -> Result<Carried<'_>, Reason> {
        match (self.params.get("request"), self.params.get("request_uri")) {
            (None, None) => Ok(Carried::Here),
            //= RFC9101#5 MUST: request and request_uri do not stand together
            (Some(_), Some(_)) => Err(Reason::RequestTwice),
            //= OIDC-CORE#6.1 MUST: an OP that does not take request answers request_not_supported
            (Some(_), None) if !policy.by_value => Err(Reason::RequestNotSupported),
            (Some(object), None) => Ok(Carried::Object(object)),
            (None, Some(uri)) => match uri.strip_prefix(PUSHED_URI) {
                Some(handle) if policy.pushed => Opaque::parse(handle)
                    .map(Carried::Pushed)
                    .ok_or(Reason::RequestUriInvalid),
                //= OIDC-CORE#6.2 MUST: an OP that does not take request_uri answers request_uri_not_supported
                Some(_) | None if !policy.by_reference => Err(Reason::RequestUriNotSupported),
                Some(_) | None => Ok(Carried::Reference(uri)),
            },
        }
    }

    /// The request with the parameters of its object in place of its own.
    ///
    /// # Errors
    /// Object and parameters contradict each other, or a parameter has the wrong type.
    //= RFC9101#6.3 MUST: only the parameters in the object count, whatever stands beside it
    pub fn with_object(self, object: &Verified, policy: &RequestPolicy) -> Result<Self, Reason> {
        let mut inside = object.params(&policy.parameters())?;
        //= OIDC-CORE#6.1 MUST: response_type and client_id beside the object are those inside it
        for name in ["client_id", "response_type"] {
            if let (Some(outside), Some(inside)) = (self.params.get(name), inside.get(name))
                && outside != inside
            {
                return Err(Reason::RequestObjectMismatch);
            }
        }
        //= OIDC-CORE#6.1 MUST: where both have a parameter, the object's counts
        if policy.complete_from_query {
            let missing = self.params.iter().filter(|(name, _)| {
                *name != "request" && *name != "request_uri" && inside.all(name).next().is_none()
            });
            //= RFC9396#12 MUST: details are kept from being changed on their way through the browser
            if inside.get(DETAILS).is_none() && self.params.get(DETAILS).is_some() {
                return Err(Reason::DetailsExposed);
            }
            inside = Params::from_pairs(inside.iter().chain(missing));
        }
        Ok(Self {
            params: inside,
            via: Via {
                signed: true,
                expires_at: object.expires_at(),
                pushed: self.via.pushed,
            },
        })
    }

    /// The request that was pushed, in place of what the browser brought.
    ///
    /// # Errors
    /// It is unknown, was used, has expired, or another client pushed it: all the same to the outside.
    //= RFC9126#2.2 MUST: a request_uri is bound to the client that posted the request
    //= RFC9126#4 MUST: expired request_uri values are invalid
    pub fn with_pushed(
        &self,
        key: Key<Waiting>,
        found: Option<FoundWaiting>,
        client: &Client,
        now: Timestamp,
    ) -> Result<Self, Reason> {
        let found = found.ok_or(Reason::RequestUriInvalid)?;
        let request = match found.record {
            WaitingRecord::Pushed(request) => request,
            WaitingRecord::Device(_)
            | WaitingRecord::UserCode(_)
            | WaitingRecord::Backchannel(_)
            | WaitingRecord::Inbox(_)
            | WaitingRecord::Mailed(_)
            | WaitingRecord::Attempts(_)
            | WaitingRecord::Answered(_) => {
                return Err(Reason::RequestUriInvalid);
            }
        };
        let own = self.params.get("client_id") == Some(request.client_id.as_str());
        let own = own && client.id == request.client_id && client.was_there(request.issued_at);
        if !own || request.expires_at.is_over(now) {
            return Err(Reason::RequestUriInvalid);
        }
        Ok(Self {
            params: Params::from_pairs(request.params),
            via: Via {
                signed: request.signed,
                expires_at: None,
                pushed: Some(Pushed {
                    key,
                    revision: found.revision,
                    instance: request.instance,
                }),
            },
        })
    }

    /// The request as one that cannot be taken, for an answer: `hints` of its object go over its own parameters. Where the
    /// client is known and the redirect URI registered, the error can go there.
    #[must_use]
    pub fn refused_with(&self, hints: Params) -> Self {
        let own = self
            .params
            .iter()
            .filter(|(name, _)| hints.get(name).is_none() && !CARRIERS.contains(name))
            .filter(|(name, _)| self.params.get(name).is_some());
        Self {
            params: Params::from_pairs(hints.iter().chain(own)),
            via: self.via,
        }
    }

    /// Where a request object that is not even read wants its answer; see [`request_object::hints`].
    #[must_use]
    pub fn hints(&self) -> Params {
        self.params
            .get("request")
            .map(request_object::hints)
            .unwrap_or_default()
    }

    /// Settles who asks and where the answer goes. `client` is what the look-up of [`Self::client_id`] found; none
    /// for a client that is unknown or disabled.
    ///
    /// # Errors
    /// A page, never a redirect.
    pub fn identify(self, client: Option<Arc<Client>>) -> Result<Identified, Unidentified> {
        let client_id = self.client_id()?;
        //= RFC6749#4.1.2.1 MUST: with an unknown client nobody is redirected anywhere
        let client = client
            .filter(|found| found.id == client_id)
            .ok_or(Unidentified::ClientUnknown)?;
        if self.is_repeated("redirect_uri") {
            return Err(Unidentified::RedirectUriRepeated);
        }
        //= OIDC-CORE#3.1.2.1 MUST: redirect_uri is required, also where only one is registered
        let uri = self
            .params
            .get("redirect_uri")
            .ok_or(Unidentified::RedirectUriMissing)?;
        //= RFC6749#4.1.2.1 MUST: nobody is redirected to a URI that this client has not registered
        //= RFC9700#2.1 MUST: redirect URIs are compared exactly, but for the port of native loopback URIs
        if uri.len() > MAX_REDIRECT_URI || !redirect_uri::matches(&client, uri) {
            return Err(Unidentified::RedirectUriNotRegistered);
        }
        let redirect_uri = uri.to_owned();
        Ok(Identified::new(self.params, client, redirect_uri, self.via))
    }

    fn is_repeated(&self, name: &str) -> bool {
        self.params.duplicated().iter().any(|n| n == name)
    }
}

/// What stands before the handle in the `request_uri` of a pushed request.
pub const PUSHED_URI: &str = "urn:ietf:params:oauth:request_uri:";

const DETAILS: &str = "authorization_details";
const CARRIERS: &[&str] = &["request", "request_uri"];

/// Registered URIs are shorter; longer ones are not even compared.
const MAX_REDIRECT_URI: usize = 4096;
