//! Client authentication, [RFC 6749 §2.3](https://www.rfc-editor.org/rfc/rfc6749#section-2.3),
//! [OpenID Connect Core §9](https://openid.net/specs/openid-connect-core-1_0.html#ClientAuthentication).
//!
//! Each method is one file and one line in [`METHODS`]. A request is read first ([`Presented::read`]), so that the
//! client and, where needed, its keys can be looked up; then [`authenticate`] decides. Whatever fails, the answer
//! on the wire is the same; only the reason's identifier, for logs, tells more. The one exception are claims of an assertion that
//! would be wrong for every client: they are named, and judged as well where there is no such client.

mod assertion;
pub mod attestation;
pub mod certificate;
mod loginid;
mod none;
mod private_key_jwt;
mod reason;
mod secret;
mod secret_basic;
mod secret_jwt;
mod secret_post;
#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use hallpass_jose::{Jwks, JwsAlgorithm};
use hallpass_types::{ClientId, ContentDigest, Key, Once, Params, Secret, Thumbprint, Timestamp};

use crate::{
    backchannel::BackchannelRecord,
    binding::Proved,
    client::Client,
    client_request::{Certificate, ClientRequest},
    policy::{Compatibility, Policy},
};

use assertion::Assertion;
use attestation::Attested;
use certificate::SELF_SIGNED;

pub use reason::Reason;

/// Every authentication method. Discovery and registration offer exactly these.
pub static METHODS: &[&dyn Method] = &[
    &secret_basic::SecretBasic,
    &secret_post::SecretPost,
    &secret_jwt::SecretJwt,
    &private_key_jwt::PrivateKeyJwt,
    &certificate::TlsClientAuth,
    &certificate::SelfSigned,
    &attestation::BY_JWT,
    &attestation::BY_DPOP,
    &none::Nothing,
];

/// The method of that registered name.
#[must_use]
pub fn method(name: &str) -> Option<&'static dyn Method> {
    METHODS.iter().copied().find(|method| method.name() == name)
}

/// Whether an issuer with this policy takes clients that authenticate so.
#[must_use]
pub fn is_offered(method: &dyn Method, policy: &Policy) -> bool {
    policy.parts.takes(method.name()) && method.is_offered(policy)
}

/// One way for a client to show who it is.
pub trait Method: Sync + fmt::Debug {
    /// Its registered name (`token_endpoint_auth_method`).
    fn name(&self) -> &'static str;

    /// What the client must have for it.
    fn kind(&self) -> Kind;

    /// Algorithms of assertions, for methods that use them; the weakest first.
    fn signing_algs(&self) -> &'static [JwsAlgorithm] {
        &[]
    }

    /// Whether an issuer with this policy is set up for it. [`is_offered`] says whether it takes it.
    fn is_offered(&self, policy: &Policy) -> bool {
        policy.fapi_profile.is_none_or(|p| p.takes(self.kind()))
    }

    /// Takes its own credential out of a request; none when the request does not use this method.
    ///
    /// # Errors
    /// A credential that is there but cannot be read.
    fn read<'p>(&self, request: &Request<'p>) -> Result<Option<Found<'p>>, Reason>;

    /// Checks the credential of a client that registered this method.
    ///
    /// # Errors
    /// Why the client is not authenticated.
    fn verify(
        &self,
        credential: &Credential<'_>,
        client: &Client,
        facts: &Facts<'_>,
    ) -> Result<Option<OnceUse>, Reason>;
}

/// What a client must have for a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing: the client only names itself.
    Public,
    /// A secret.
    Secret,
    /// A key pair.
    Keys,
    /// A certificate for TLS.
    Certificate,
    /// An attestation of somebody whom the operator trusts.
    Attested,
}

/// The parts of a request that may hold credentials, read once. They are not printed.
pub struct Request<'p> {
    params: &'p Params,
    authorization: Option<&'p str>,
    assertion: Option<Arc<Assertion<'p>>>,
    /// Whether the assertion stands where a secret would.
    as_secret: bool,
    attested: Attested<'p>,
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").finish_non_exhaustive()
    }
}

/// A credential and the client that it names.
#[derive(Debug)]
pub struct Found<'p> {
    client_id: ClientId,
    credential: Credential<'p>,
}

/// What a client presented.
#[derive(Debug)]
pub enum Credential<'p> {
    /// Its name alone.
    None,
    /// A secret.
    Secret(PresentedSecret),
    /// A signed assertion, form and claims read, nothing verified.
    Assertion(Arc<Assertion<'p>>),
    /// A certificate whose key the client holds.
    Certificate(&'p Certificate),
    /// An attestation and a proof, nothing read.
    Attested(Attested<'p>),
}

impl Credential<'_> {
    /// Says of an assertion what would be said of it if its client were known: what is wrong with its claims tells nobody
    /// whether there is such a client.
    fn check_of_nobody(&self, facts: &Facts<'_>) -> Result<(), Reason> {
        match self {
            Self::Assertion(assertion) => assertion.check_claims(None, facts).map(drop),
            Self::None | Self::Secret(_) | Self::Certificate(_) | Self::Attested(_) => Ok(()),
        }
    }
}

/// A secret as it was presented.
#[derive(Debug)]
pub struct PresentedSecret {
    /// As the specification reads it.
    text: Secret,
    /// As it stands in the header, where that differs.
    literal: Option<Secret>,
}

/// What a request says about its client, before anything was looked up.
#[derive(Debug)]
pub struct Presented<'p> {
    client_id: ClientId,
    method: &'static dyn Method,
    credential: Credential<'p>,
    certificate: Option<&'p Certificate>,
    attested: Attested<'p>,
    used_header: bool,
}

impl<'p> Presented<'p> {
    /// Reads the credentials of a request: exactly one method.
    ///
    /// # Errors
    /// More than one method, credentials that cannot be read, or none.
    pub fn read(sent: &ClientRequest<'p>) -> Result<Self, Reason> {
        Self::read_with(sent, Compatibility::default())
    }

    /// As [`Self::read`], for an issuer that puts up with other habits.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_with(
        sent: &ClientRequest<'p>,
        compatibility: Compatibility,
    ) -> Result<Self, Reason> {
        let (params, authorization) = (sent.params, sent.authorization);
        if params
            .duplicated()
            .iter()
            .any(|name| PARAMS.contains(&name.as_str()))
        {
            return Err(Reason::Duplicated);
        }
        let mut assertion = Assertion::read(params)?;
        let mut as_secret = false;
        if compatibility.loginid && assertion.is_none() {
            assertion = loginid::read(params, authorization)?;
            as_secret = assertion.is_some();
        }
        let request = Request {
            params,
            authorization,
            assertion: assertion.map(Arc::new),
            as_secret,
            attested: Attested {
                attestation: sent.attestation,
                proof: sent.attestation_pop,
                dpop: sent.dpop,
                http_method: sent.method,
            },
        };
        let mut presented = None;
        for method in METHODS {
            let Some(found) = method.read(&request)? else {
                continue;
            };
            //= RFC6749#2.3 MUST: a client uses one authentication method in each request
            if presented.is_some() {
                return Err(Reason::TwoMethods);
            }
            presented = Some(Self {
                client_id: found.client_id,
                method: *method,
                credential: found.credential,
                certificate: sent.certificate,
                attested: request.attested,
                used_header: authorization.is_some(),
            });
        }
        let presented = presented.ok_or(Reason::Missing)?;
        //= RFC7521#4.2 MUST: a client_id beside an assertion names the same client
        let same = params
            .get("client_id")
            .is_none_or(|id| id == presented.client_id.as_str());
        same.then_some(presented).ok_or(Reason::ClientIdMismatch)
    }

    /// The client to look up.
    #[must_use]
    pub fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The method by its registered name.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.method.name()
    }

    /// What was presented.
    #[must_use]
    pub fn credential(&self) -> &Credential<'p> {
        &self.credential
    }

    /// Whether the `Authorization` header was used: then a refusal carries `WWW-Authenticate`.
    //= RFC6749#5.2 MUST: a client that used the Authorization header gets a challenge for its scheme
    #[must_use]
    pub fn used_header(&self) -> bool {
        self.used_header
    }

    /// The method of a client whose credential is not among the parameters, when the request names the client and does
    /// nothing else.
    fn silent_method(&self, client: &Client, policy: &Policy) -> Option<&'static dyn Method> {
        if self.method.kind() != Kind::Public {
            return None;
        }
        method(&client.auth_method)
            .filter(|method| matches!(method.kind(), Kind::Certificate | Kind::Attested))
            .filter(|method| is_offered(*method, policy))
    }

    /// The `jwks_uri` whose keys must be in [`Facts::fetched_jwks`] to decide, if any.
    #[must_use]
    pub fn needs_jwks<'c>(&self, client: &'c Client) -> Option<&'c str> {
        let by_keys = match self.method.kind() {
            Kind::Keys => client.auth_method == self.method.name(),
            Kind::Public => self.certificate.is_some() && client.auth_method == SELF_SIGNED,
            Kind::Secret | Kind::Certificate | Kind::Attested => false,
        };
        if by_keys && client.jwks.is_none() {
            client.jwks_uri.as_deref()
        } else {
            None
        }
    }
}

/// What must be known to decide.
pub struct Facts<'a> {
    /// The time.
    pub now: Timestamp,
    /// The issuer's policy.
    pub policy: &'a Policy,
    /// Every URL of the token endpoint.
    pub token_endpoint: &'a [String],
    /// Every URL of the endpoint that was called.
    pub endpoint: &'a [String],
    /// The keyed digest under which client secrets are stored.
    pub secret_digest: &'a (dyn Fn(&str) -> ContentDigest + Sync),
    /// The keys at the client's `jwks_uri`, where [`Presented::needs_jwks`] asked for them.
    pub fetched_jwks: Option<&'a Jwks>,
    /// Whether a text is a challenge that this server has handed out for attestations, where they need one.
    pub challenge: Option<&'a (dyn Fn(&str) -> bool + Sync)>,
    /// Whether a text is a nonce that this server has handed out for DPoP proofs, where they need one.
    pub dpop_nonce: Option<&'a (dyn Fn(&str) -> bool + Sync)>,
}

impl<'a> Facts<'a> {
    /// The client's public keys, and whether they were fetched some time ago, so that it may have newer ones.
    fn keys_of<'k>(&self, client: &'k Client) -> Result<(&'k Jwks, bool), Reason>
    where
        'a: 'k,
    {
        match (&client.jwks, self.fetched_jwks) {
            (Some(keys), _) => Ok((keys, false)),
            (None, Some(keys)) => Ok((keys, true)),
            (None, None) => Err(Reason::KeysUnavailable),
        }
    }
}

impl fmt::Debug for Facts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facts")
            .field("now", &self.now)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// A client that has shown who it is. Only [`authenticate`] and [`identify_public`] make one,
/// and what waits for a client that was authenticated ([`Self::of_backchannel`]).
#[derive(Clone, Debug)]
pub struct AuthenticatedClient {
    client: Arc<Client>,
    method: &'static str,
    instance: Option<Thumbprint>,
    proof: Option<Proved>,
}

impl AuthenticatedClient {
    /// The client.
    #[must_use]
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// The method that it used, by its registered name.
    #[must_use]
    pub fn method(&self) -> &'static str {
        self.method
    }

    /// The key of the instance that authenticated by its attestation.
    #[must_use]
    pub fn instance(&self) -> Option<Thumbprint> {
        self.instance
    }

    /// The verified DPoP proof that showed which instance of the client this is, if one did. It is spent along with what
    /// authenticated the client.
    #[must_use]
    pub fn proof(&self) -> Option<Proved> {
        self.proof
    }

    /// Whether it proved its identity; a public client has only named itself.
    #[must_use]
    pub fn is_confidential(&self) -> bool {
        !self.client.is_public()
    }

    /// A client that authenticated when it made a backchannel authentication request, and gets the answer unasked.
    #[must_use]
    pub fn of_backchannel(client: Arc<Client>, record: &BackchannelRecord) -> Option<Self> {
        let method = method(&client.auth_method).map(Method::name)?;
        record.polled.is_of(&client).then_some(Self {
            client,
            method,
            //= ATTESTATION#9.3 MUST: a refresh token that is pushed is bound to the instance that asked, too
            instance: record.polled.instance,
            proof: None,
        })
    }

    /// A client that did not have to show anything, for the tests of other rules.
    #[cfg(test)]
    pub(crate) fn for_tests(client: Arc<Client>) -> Self {
        let method = method(&client.auth_method).map_or("none", Method::name);
        Self {
            client,
            method,
            instance: None,
            proof: None,
        }
    }
}

impl std::ops::Deref for AuthenticatedClient {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

/// An authenticated client and what must be spent for it.
#[derive(Clone, Debug)]
pub struct Authenticated {
    /// The client.
    pub client: AuthenticatedClient,
    /// What works once; it must be spent before the request has any effect, and [`Reason::Replayed`] is the
    /// answer when it was spent before.
    pub once: Option<OnceUse>,
    /// The same for the attestation that it showed beside.
    pub signal: Option<OnceUse>,
}

/// Something that works once: an assertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnceUse {
    /// Names it.
    pub key: Key<Once>,
    /// From then on it does not work anyway.
    pub expires_at: Timestamp,
}

/// Decides whether the request comes from the client that it names.
///
/// `client` is what the look-up found under [`Presented::client_id`]; a disabled client counts as not found.
///
/// # Errors
/// Why not. An unknown client is refused at the same cost as a wrong secret.
pub fn authenticate(
    presented: &Presented<'_>,
    client: Option<&Arc<Client>>,
    facts: &Facts<'_>,
) -> Result<Authenticated, Reason> {
    let Some(client) = client.filter(|client| client.id == presented.client_id) else {
        secret::pretend(&presented.credential, facts);
        presented.credential.check_of_nobody(facts)?;
        return Err(Reason::UnknownClient);
    };
    //= RFC6749#2.3 MUST: the server accepts the method that suits its requirements; here, the registered one alone
    if let Some(method) = presented.silent_method(client, facts.policy) {
        let credential = match method.kind() {
            Kind::Attested => {
                let pop = attestation::pop_of(method);
                let vouched = attestation::check(presented.attested, pop, client, facts)?;
                return Ok(Authenticated {
                    client: AuthenticatedClient {
                        client: Arc::clone(client),
                        method: method.name(),
                        instance: Some(vouched.instance),
                        proof: vouched.proof,
                    },
                    once: Some(vouched.once),
                    signal: None,
                });
            }
            Kind::Certificate | Kind::Public | Kind::Secret | Kind::Keys => {
                let shown = presented.certificate.ok_or(Reason::CertificateMissing)?;
                Credential::Certificate(shown)
            }
        };
        let once = method.verify(&credential, client, facts)?;
        return with_signal(method, once, presented, client, facts);
    }
    let taken = facts.policy.parts.takes(presented.method.name());
    if client.auth_method != presented.method.name() || !taken {
        secret::pretend(&presented.credential, facts);
        presented.credential.check_of_nobody(facts)?;
        return Err(Reason::MethodNotRegistered);
    }
    let once = presented
        .method
        .verify(&presented.credential, client, facts)?;
    with_signal(presented.method, once, presented, client, facts)
}

/// The client that has authenticated by `method`, with what an attestation beside adds.
fn with_signal(
    method: &'static dyn Method,
    once: Option<OnceUse>,
    presented: &Presented<'_>,
    client: &Arc<Client>,
    facts: &Facts<'_>,
) -> Result<Authenticated, Reason> {
    let signal = attestation::signal(presented.attested, client, facts)?;
    Ok(Authenticated {
        client: AuthenticatedClient {
            client: Arc::clone(client),
            method: method.name(),
            instance: None,
            proof: signal.and_then(|vouched| vouched.proof),
        },
        once,
        signal: signal.map(|vouched| vouched.once),
    })
}

/// Takes a public client at its word, for endpoints where naming itself is all it can do.
///
/// # Errors
/// The client is unknown, is not public, or presented a credential.
pub fn identify_public(
    presented: &Presented<'_>,
    client: Option<&Arc<Client>>,
) -> Result<AuthenticatedClient, Reason> {
    let client = client
        .filter(|client| client.id == presented.client_id)
        .ok_or(Reason::UnknownClient)?;
    let named = match &presented.credential {
        Credential::None => client.is_public(),
        Credential::Secret(_)
        | Credential::Assertion(_)
        | Credential::Certificate(_)
        | Credential::Attested(_) => false,
    };
    if !named {
        return Err(Reason::MethodNotRegistered);
    }
    Ok(AuthenticatedClient {
        client: Arc::clone(client),
        method: presented.method.name(),
        instance: None,
        proof: None,
    })
}

/// The parameters of client authentication. Endpoints must let them through to here.
pub const PARAMS: &[&str] = &[
    "client_id",
    "client_secret",
    "client_assertion",
    "client_assertion_type",
];

/// The `client_id` parameter.
fn client_id(params: &Params) -> Result<Option<ClientId>, Reason> {
    params
        .get("client_id")
        .map(|id| ClientId::parse(id).map_err(|_| Reason::UnknownClient))
        .transpose()
}
