//! Why a client is not authenticated.

use crate::reasons;

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
        /// The DPoP proof that shows the attestation's key holds no nonce of this server, or an old one.
        DpopNonce => UseDpopNonce, "client_auth_dpop_nonce", "the DPoP proof needs a nonce of this server";
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
