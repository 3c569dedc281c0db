//! Security profiles: one setting of a client, or of an issuer for all its clients, that turns on everything a profile of
//! FAPI demands.
//!
//! What a client could do otherwise is switched on when it is read (`Profile::tighten`); what it cannot be without is
//! checked then, too ([`lacks`]), so that a client which does not come up to its profile is no client at all. The rest are
//! rules beside the others, which ask for [`Client::fapi`].
//!
//! [FAPI 1.0 Advanced](https://openid.net/specs/openid-financial-api-part-2-1_0-final.html),
//! [FAPI 2.0 Security Profile](https://openid.net/specs/fapi-security-profile-2_0-final.html),
//! [FAPI 2.0 Message Signing](https://openid.net/specs/fapi-message-signing-2_0-final.html),
//! [FAPI-CIBA](https://openid.net/specs/openid-financial-api-ciba-ID1.html).

#[cfg(test)]
mod tests;

use hallpass_jose::JwsAlgorithm;

use crate::{
    authorize::{ResponseMode, ResponseType},
    client::{ApplicationType, Client},
    client_auth::{self, Kind},
    policy::{DeliveryMode, Policy},
    request_object::Demands,
};

/// A profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// FAPI 1.0, Part 2: Advanced.
    Fapi1Advanced,
    /// FAPI 2.0 Security Profile.
    Fapi2Security,
    /// FAPI 2.0 Message Signing, with signed requests and signed answers.
    Fapi2MessageSigning,
    /// FAPI: Client Initiated Backchannel Authentication.
    FapiCiba,
}

impl Profile {
    /// Every profile.
    pub const ALL: &'static [Self] = &[
        Self::Fapi1Advanced,
        Self::Fapi2Security,
        Self::Fapi2MessageSigning,
        Self::FapiCiba,
    ];

    /// Its name in settings and metadata.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fapi1Advanced => "fapi1-advanced",
            Self::Fapi2Security => "fapi2-security",
            Self::Fapi2MessageSigning => "fapi2-message-signing",
            Self::FapiCiba => "fapi-ciba",
        }
    }

    /// The profile of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|p| p.as_str() == name)
    }

    /// Whether it is one of FAPI 2.0.
    #[must_use]
    pub const fn is_second(self) -> bool {
        match self {
            Self::Fapi2Security | Self::Fapi2MessageSigning => true,
            Self::Fapi1Advanced | Self::FapiCiba => false,
        }
    }

    /// The algorithms of everything that is signed.
    //= FAPI2-SP#5.4.1 MUST: JWTs are signed with PS256, ES256 or EdDSA
    //= FAPI1-ADV#8.6 MUST: JWTs are signed with PS256 or ES256
    #[must_use]
    pub const fn algs(self) -> &'static [JwsAlgorithm] {
        match self {
            Self::Fapi2Security | Self::Fapi2MessageSigning => &[
                JwsAlgorithm::PS256,
                JwsAlgorithm::ES256,
                JwsAlgorithm::EdDSA,
            ],
            Self::Fapi1Advanced | Self::FapiCiba => &[JwsAlgorithm::PS256, JwsAlgorithm::ES256],
        }
    }

    /// Whether clients may authenticate by a method of this kind.
    //= FAPI2-SP#5.3.2.1 MUST: clients authenticate by mutual TLS or private_key_jwt
    //= FAPI1-ADV#5.2.2 MUST: clients authenticate by mutual TLS or private_key_jwt
    #[must_use]
    pub const fn takes(self, kind: Kind) -> bool {
        match kind {
            Kind::Keys | Kind::Certificate => true,
            Kind::Public | Kind::Secret | Kind::Attested => false,
        }
    }

    /// Whether an answer of this type may travel in this mode.
    //= FAPI1-ADV#5.2.2 MUST: the response type is code id_token, or code with an answer that is signed
    //= FAPI2-MS#5.4.2 MUST: authorization responses are signed
    #[must_use]
    pub fn answers(self, response_type: ResponseType, mode: ResponseMode) -> bool {
        match self {
            Self::Fapi1Advanced => {
                response_type == ResponseType::CodeIdToken
                    || (response_type == ResponseType::Code && mode.is_jwt())
            }
            Self::Fapi2MessageSigning => mode.is_jwt(),
            Self::Fapi2Security | Self::FapiCiba => !matches!(mode, ResponseMode::Own(_)),
        }
    }

    /// Whether it knows this response type.
    //= FAPI2-SP#5.3.2.2 MUST: the response type is code
    #[must_use]
    pub fn knows(self, response_type: ResponseType) -> bool {
        match self {
            Self::Fapi1Advanced => matches!(
                response_type,
                ResponseType::Code | ResponseType::CodeIdToken
            ),
            Self::Fapi2Security | Self::Fapi2MessageSigning | Self::FapiCiba => {
                response_type == ResponseType::Code
            }
        }
    }

    /// Seconds for which a code lives at most, where the profile says so.
    //= FAPI2-SP#5.3.2.2 MUST: codes live for sixty seconds at most
    #[must_use]
    pub const fn longest_code(self) -> Option<i64> {
        if self.is_second() { Some(60) } else { None }
    }

    /// What request objects must have.
    #[must_use]
    pub const fn demands(self) -> Demands {
        match self {
            Self::FapiCiba => Demands {
                iat: true,
                jti: true,
                ..Demands::FAPI
            },
            Self::Fapi1Advanced | Self::Fapi2Security | Self::Fapi2MessageSigning => Demands::FAPI,
        }
    }

    /// Switches on for a client what it need not have asked for.
    pub(crate) fn tighten(self, client: &mut Client) {
        match self {
            //= FAPI2-SP#5.3.2.2 MUST: authorization requests are pushed
            //= FAPI2-SP#5.3.2.2 MUST: PKCE with S256 is used
            Self::Fapi2Security | Self::Fapi2MessageSigning => {
                client.requests.require_pushed = true;
                client.require_pkce = true;
                //= FAPI2-MS#5.3.1 MUST: authorization requests are signed
                client.requests.require_signed |= self == Self::Fapi2MessageSigning;
            }
            //= FAPI1-ADV#5.2.2 MUST: authorization requests are signed
            //= FAPI1-ADV#5.2.2 MUST: access tokens are bound to the client's certificate
            Self::Fapi1Advanced => {
                client.requests.require_signed = true;
                client.certificate_bound_access_tokens = true;
                // The signed request and the nonce do here what PKCE does elsewhere; a pushed request has both.
                client.require_pkce = false;
            }
            Self::FapiCiba => client.certificate_bound_access_tokens = true,
        }
        client.fapi = Some(self);
    }

    /// Takes out of an issuer's policy what no client of this profile could use, so that it is not advertised.
    pub fn narrow(self, policy: &mut Policy) {
        policy.fapi_profile = Some(self);
        policy.compatibility = crate::policy::Compatibility::default();
        policy.signing_algs.retain(|alg| self.algs().contains(alg));
        policy.response_types.retain(|one| self.knows(*one));
        let requests = &mut policy.requests;
        requests
            .signing_algs
            .retain(|alg| self.algs().contains(alg));
        requests.complete_from_query = false;
        requests.require_pushed |= self.is_second();
        requests.require_signed |= matches!(self, Self::Fapi1Advanced | Self::Fapi2MessageSigning);
        if let Some(longest) = self.longest_code() {
            policy.lifetimes.code = policy.lifetimes.code.min(longest);
        }
    }
}

/// Something that a client, or its issuer, lacks for a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "it is a name and a sentence")]
pub struct Lack {
    /// The metadata member or the setting.
    pub field: &'static str,
    /// What it must be.
    pub text: &'static str,
}

/// Everything that a client lacks for a profile.
#[must_use]
pub fn lacks(client: &Client, profile: Profile, policy: &Policy) -> Vec<Lack> {
    let mut all = Vec::new();
    let mut lacks = |missing: bool, field, text| {
        if missing {
            all.push(Lack { field, text });
        }
    };
    let method = client_auth::method(&client.auth_method);
    lacks(
        !method.is_some_and(|method| profile.takes(method.kind())),
        "token_endpoint_auth_method",
        "must be private_key_jwt, tls_client_auth or self_signed_tls_client_auth",
    );
    let alg = |alg: Option<JwsAlgorithm>| alg.is_some_and(|alg| !profile.algs().contains(&alg));
    let text = if profile.is_second() {
        "must be PS256, ES256 or EdDSA"
    } else {
        "must be PS256 or ES256"
    };
    for (field, value) in [
        ("token_endpoint_auth_signing_alg", client.auth_signing_alg),
        (
            "id_token_signed_response_alg",
            Some(client.id_token_signed_response_alg),
        ),
        (
            "userinfo_signed_response_alg",
            client.userinfo_signed_response_alg,
        ),
        ("request_object_signing_alg", client.requests.signing_alg),
        (
            "authorization_signed_response_alg",
            policy
                .jarm
                .then_some(client.authorization_signed_response_alg),
        ),
    ] {
        lacks(alg(value), field, text);
    }
    let types = client.response_types.iter();
    let known = |name: &String| {
        ResponseType::parse(name).is_some_and(|response_type| profile.knows(response_type))
    };
    lacks(
        !types.clone().all(known),
        "response_types",
        match profile {
            Profile::Fapi1Advanced => "must be code id_token, or code",
            Profile::Fapi2Security | Profile::Fapi2MessageSigning | Profile::FapiCiba => {
                "must be code"
            }
        },
    );
    //= FAPI2-SP#5.3.2.2 MUST: redirect URIs use https, but for native applications on the loopback interface
    let open = |uri: &String| {
        uri.starts_with("http:")
            && !(profile.is_second() && client.application_type == ApplicationType::Native)
    };
    lacks(
        client.redirect_uris.iter().any(open),
        "redirect_uris",
        "must use https",
    );
    let redirects = !client.response_types.is_empty();
    let signs = matches!(
        profile,
        Profile::Fapi1Advanced | Profile::Fapi2MessageSigning
    );
    lacks(
        redirects && signs && client.jwks.is_none() && client.jwks_uri.is_none(),
        "jwks",
        "or jwks_uri must hold the key of signed requests",
    );
    lacks(
        profile == Profile::FapiCiba && !client.may_use(CIBA),
        "grant_types",
        "must have urn:openid:params:grant-type:ciba",
    );
    //= FAPI-CIBA#5.2.2 MUST: the modes are poll and ping
    // The same for the other profiles: what is pushed is bound to no key.
    lacks(
        client.backchannel.mode == DeliveryMode::Push,
        "backchannel_token_delivery_mode",
        "must be poll or ping",
    );
    //= FAPI-CIBA#5.2.2 MUST: authentication requests are signed
    let by_ciba = profile == Profile::FapiCiba;
    lacks(
        by_ciba
            && !client
                .backchannel
                .signing_alg
                .is_some_and(|alg| profile.algs().contains(&alg)),
        "backchannel_authentication_request_signing_alg",
        text,
    );
    lacks(
        !policy.mtls.enabled && (!policy.dpop.enabled || !profile.is_second()),
        "mtls.enabled",
        if profile.is_second() {
            "or dpop.enabled must be on, so that tokens can be bound"
        } else {
            "must be on, so that tokens can be bound"
        },
    );
    lacks(
        redirects && profile.is_second() && !policy.requests.pushed,
        "pushed_requests.enabled",
        "must be on",
    );
    lacks(
        redirects && profile == Profile::Fapi2MessageSigning && !policy.jarm,
        "protocol.signed_responses",
        "must be on",
    );
    lacks(
        redirects && signs && !policy.requests.by_value,
        "request_objects.by_value",
        "must be on",
    );
    all
}

const CIBA: &str = "urn:openid:params:grant-type:ciba";
