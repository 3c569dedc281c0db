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
    client::Client,
    client_request::{Certificate, ClientRequest},
    policy::{Compatibility, Policy},
    reasons,
};

use assertion::Assertion;
use attestation::Attested;
use certificate::SELF_SIGNED;

/// Every authentication method. Discovery and registration offer exactly these.
pub static METHODS: &[&dyn Method] = &[
    &secret_basic::SecretBasic,
    &secret_post::SecretPost,
    &secret_jwt::SecretJwt,
    &private_key_jwt::PrivateKeyJwt,
    &certificate::TlsClientAuth,
    &certificate::SelfSigned,
    &attestation::Attestation,
    &none::Nothing,
];

/// The method of that registered name.
#[must_use]
pub fn method(name: &str) -> Option<&'static dyn Method> {
    METHODS.iter().copied().find(|method| method.name() == name)
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

    /// Whether an issuer with this policy takes it.
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

reasons! {
    /// Why a client was not authenticated.
    pub enum Reason {
        /// RFC 6749 §2.3: one method for each request.
        TwoMethods => InvalidRequest, "client_auth_two_methods",
            "more than one client authentication method was used";
        /// RFC 6749 §3.1: a parameter of client authentication stands twice.
        Duplicated => InvalidRequest, "client_auth_duplicated",
            "a client authentication parameter was sent more than once";
        /// The identifiers in the credential and in the body differ.
        ClientIdMismatch => InvalidRequest, "client_auth_id_mismatch",
            "client_id does not belong to the client credentials";
        /// A secret without a client identifier.
        ClientIdMissing => InvalidRequest, "client_auth_id_missing",
            "client_id is missing";
        /// RFC 7521 §4.2: assertion and type stand together, and the type is known.
        AssertionType => InvalidRequest, "client_auth_assertion_type",
            "client_assertion and client_assertion_type do not fit";
        /// Nothing in the request names a client.
        Missing => InvalidClient, "client_auth_missing", "client authentication failed";
        /// The `Authorization` header has another scheme.
        UnsupportedScheme => InvalidClient, "client_auth_scheme", "client authentication failed";
        /// Credentials that cannot be read.
        Malformed => InvalidClient, "client_auth_malformed", "client authentication failed";
        /// No such client, or it is disabled.
        UnknownClient => InvalidClient, "client_auth_unknown_client", "client authentication failed";
        /// The client registered another method.
        MethodNotRegistered => InvalidClient, "client_auth_method_not_registered",
            "client authentication failed";
        /// The secret is wrong.
        WrongSecret => InvalidClient, "client_auth_wrong_secret", "client authentication failed";
        /// The secret has ended.
        SecretExpired => InvalidClient, "client_auth_secret_expired", "client authentication failed";
        /// The assertion's algorithm is not the one registered, or not allowed.
        Algorithm => InvalidClient, "client_auth_algorithm", "client authentication failed";
        /// The claims of a JWT are missing, of the wrong type or not for this use.
        Claims => InvalidClient, "client_auth_claims", "client authentication failed";
        /// The assertion has no `sub` that could be a client.
        Subject => InvalidClient, "client_auth_sub", "sub of the client's JWT is not its client_id";
        /// The assertion's `iss` is not its `sub`.
        IssuedBy => InvalidClient, "client_auth_iss", "iss of the client's JWT is not its client_id";
        /// The assertion has no `jti`, or a malformed one.
        JwtId => InvalidClient, "client_auth_jti", "jti of the client's JWT is missing or malformed";
        /// The assertion is for somebody else.
        AssertionAudience => InvalidClient, "client_auth_aud", "aud of the client's JWT does not name this server";
        /// The profile of the client wants the issuer alone.
        ProfileAudience => InvalidClient, "client_auth_profile_audience", "client authentication failed";
        /// The assertion has expired or lives too long.
        Expiry => InvalidClient, "client_auth_exp", "exp of the client's JWT is missing, over, or too far ahead";
        /// The assertion begins later, or does not say when it was made as it should.
        Begin => InvalidClient, "client_auth_nbf", "nbf or iat of the client's JWT is not a time before now";
        /// The attestation or its proof is for somebody else.
        Audience => InvalidClient, "client_auth_audience", "client authentication failed";
        /// The attestation or its proof has expired, begins later or lives too long; or the assertion may have been used before a
        /// backup was restored.
        Time => InvalidClient, "client_auth_time", "client authentication failed";
        /// The signature is wrong.
        Signature => InvalidClient, "client_auth_signature", "client authentication failed";
        /// No key at `jwks_uri` fits; fetching it again may help, once.
        KeyMiss => InvalidClient, "client_auth_key_miss", "client authentication failed";
        /// The keys at `jwks_uri` could not be had.
        KeysUnavailable => InvalidClient, "client_auth_keys_unavailable", "client authentication failed";
        /// Nobody whom the operator trusts has made the attestation.
        Attester => InvalidClient, "client_auth_attester", "client authentication failed";
        /// The attestation is genuine and has expired.
        AttestationOld => UseFreshAttestation, "client_auth_attestation_old", "the client attestation has expired";
        /// The proof of the attestation's key holds no challenge of this server, or an old one.
        Challenge => UseAttestationChallenge, "client_auth_challenge",
            "the proof of the client attestation needs a challenge of this server";
        /// The issuer wants an attestation beside every client's own authentication.
        SignalMissing => InvalidClientAttestation, "client_auth_signal_missing", "a client attestation is needed";
        /// The attestation beside the client's own authentication is wrong.
        SignalWrong => InvalidClientAttestation, "client_auth_signal_wrong", "the client attestation is not accepted";
        /// The client has shown no certificate.
        CertificateMissing => InvalidClient, "client_auth_certificate_missing", "client authentication failed";
        /// The certificate cannot be read, or is not valid at this time.
        CertificateInvalid => InvalidClient, "client_auth_certificate_invalid", "client authentication failed";
        /// No trusted authority vouches for the certificate.
        CertificateUntrusted => InvalidClient, "client_auth_certificate_untrusted", "client authentication failed";
        /// The certificate names somebody else.
        CertificateSubject => InvalidClient, "client_auth_certificate_subject", "client authentication failed";
        /// The certificate is none that the client registered.
        CertificateUnknown => InvalidClient, "client_auth_certificate_unknown", "client authentication failed";
        /// The assertion was used before. The engine says so when the store finds its key taken.
        Replayed => InvalidClient, "client_auth_replayed", "client authentication failed";
    }
}

/// The parts of a request that may hold credentials, read once. They are not printed.
pub struct Request<'p> {
    params: &'p Params,
    authorization: Option<&'p str>,
    assertion: Option<Assertion<'p>>,
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
    Assertion(Assertion<'p>),
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
            assertion,
            as_secret,
            attested: Attested {
                attestation: sent.attestation,
                proof: sent.attestation_pop,
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
            .filter(|method| method.is_offered(policy))
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
            instance: None,
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
                let vouched = attestation::check(presented.attested, client, facts)?;
                return Ok(Authenticated {
                    client: AuthenticatedClient {
                        client: Arc::clone(client),
                        method: method.name(),
                        instance: Some(vouched.instance),
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
        return Ok(Authenticated {
            client: AuthenticatedClient {
                client: Arc::clone(client),
                method: method.name(),
                instance: None,
            },
            once,
            signal: attestation::signal(presented.attested, client, facts)?,
        });
    }
    if client.auth_method != presented.method.name() {
        secret::pretend(&presented.credential, facts);
        presented.credential.check_of_nobody(facts)?;
        return Err(Reason::MethodNotRegistered);
    }
    let once = presented
        .method
        .verify(&presented.credential, client, facts)?;
    Ok(Authenticated {
        client: AuthenticatedClient {
            client: Arc::clone(client),
            method: presented.method.name(),
            instance: None,
        },
        once,
        signal: attestation::signal(presented.attested, client, facts)?,
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
