//! Why client metadata was refused.

use std::fmt;

use crate::reasons;

reasons! {
    /// Why client metadata was refused,
    /// [RFC 7591 §3.2.2](https://www.rfc-editor.org/rfc/rfc7591#section-3.2.2).
    pub enum MetadataReason {
        /// RFC 7591 §2: flows that redirect need a place to go to.
        RedirectUriMissing => InvalidRedirectUri, "client_redirect_uri_missing",
            "a redirect URI is required for these response types";
        /// RFC 3986: not an absolute URI in plain form.
        RedirectUriMalformed => InvalidRedirectUri, "redirect_uri_malformed",
            "a redirect URI is not an absolute URI in its plain form";
        /// RFC 6749 §3.1.2.
        RedirectUriFragment => InvalidRedirectUri, "redirect_uri_fragment",
            "a redirect URI has a fragment";
        /// OpenID Connect Dynamic Client Registration §2, RFC 8252 §7.
        RedirectUriScheme => InvalidRedirectUri, "redirect_uri_scheme",
            "a redirect URI has a scheme or host that this kind of application may not use";
        /// RFC 6749 §3.1: what an answer brings would stand in it twice.
        RedirectUriParameter => InvalidRedirectUri, "redirect_uri_parameter",
            "the query of a redirect URI has a parameter that answers bring";
        /// A bound of this server.
        RedirectUriCount => InvalidRedirectUri, "redirect_uri_count",
            "there are too many redirect URIs";
        /// A member has another JSON type than its definition demands.
        WrongType => InvalidClientMetadata, "metadata_wrong_type",
            "a metadata member has the wrong type";
        /// A member is too long, has too many entries or holds characters that it may not hold.
        OutOfBounds => InvalidClientMetadata, "metadata_out_of_bounds",
            "a metadata member is too long, has too many entries or is not well formed";
        /// A value that this server does not offer.
        Unsupported => InvalidClientMetadata, "metadata_unsupported",
            "a metadata member has a value that is not supported";
        /// The client asks for a protection that this server cannot give.
        ProtectionUnsupported => InvalidClientMetadata, "protection_unsupported",
            "a metadata member asks for a protection that is not supported";
        /// A URI other than a redirect URI is not an absolute URI in plain form.
        UriMalformed => InvalidClientMetadata, "metadata_uri_malformed",
            "a URI in the metadata is not an absolute URI in its plain form";
        /// Who reads it would see two values of one name.
        UriParameter => InvalidClientMetadata, "metadata_uri_parameter",
            "the query of a URI in the metadata has a parameter that this server adds";
        /// A URI other than a redirect URI has a scheme that may not stand there.
        UriScheme => InvalidClientMetadata, "metadata_uri_scheme",
            "a URI in the metadata must use https";
        /// OpenID Connect Front-Channel Logout §2.
        FrameOrigin => InvalidClientMetadata, "frontchannel_logout_origin",
            "frontchannel_logout_uri is not on the origin of a redirect URI";
        /// CIBA Core §7.
        PublicBackchannel => InvalidClientMetadata, "public_backchannel",
            "backchannel authentication is for clients that authenticate";
        /// CIBA Core §4: how the client learns of the answer is missing, or does not fit the rest.
        BackchannelIncomplete => InvalidClientMetadata, "backchannel_incomplete",
            "the members for backchannel authentication do not fit each other";
        /// RFC 6749 §4.4: a client that cannot prove who it is cannot act for itself or others.
        PublicClientCredentials => InvalidClientMetadata, "public_client_credentials",
            "the grant type needs a client that authenticates";
        /// RFC 7591 §2.1.
        FlowMismatch => InvalidClientMetadata, "flow_mismatch",
            "grant types and response types contradict each other";
        /// No key, or no secret, for the algorithm.
        AlgorithmUnsupported => InvalidClientMetadata, "metadata_algorithm_unsupported",
            "an algorithm is not supported for this client";
        /// RFC 7518 §3.2: an HMAC key is at least as long as the digest.
        SecretTooShort => InvalidClientMetadata, "client_secret_too_short",
            "the client secret is too short for the algorithm";
        /// The authentication method needs a secret.
        SecretMissing => InvalidClientMetadata, "client_secret_missing",
            "the authentication method needs a client secret";
        /// OpenID Connect Core §9: `private_key_jwt` needs the client's keys.
        KeysMissing => InvalidClientMetadata, "client_keys_missing",
            "the authentication method needs keys in jwks or jwks_uri";
        /// RFC 8705 §2.1.2: exactly one, and well formed.
        CertificateSubject => InvalidClientMetadata, "metadata_certificate_subject",
            "tls_client_auth needs exactly one well-formed subject";
        /// A demand of the client's or the issuer's security profile.
        ProfileUnmet => InvalidClientMetadata, "metadata_profile_unmet",
            "the security profile demands another value";
        /// A token is bound to one key.
        BoundTwice => InvalidClientMetadata, "metadata_bound_twice",
            "access tokens are bound to a DPoP key or to a certificate, not to both";
        /// OpenID Connect Core §10.2: encryption needs the client's keys.
        EncryptionKeyMissing => InvalidClientMetadata, "client_encryption_key_missing",
            "the encryption algorithm needs a fitting key in jwks or jwks_uri";
        /// RFC 7591 §2: one or the other.
        KeysTwice => InvalidClientMetadata, "client_keys_twice",
            "jwks and jwks_uri exclude each other";
        /// A key is weak, private, symmetric, malformed or not unique.
        KeysInvalid => InvalidClientMetadata, "client_keys_invalid",
            "jwks is not a set of valid public keys";
        /// OpenID Connect Core §8.1.
        SectorMissing => InvalidClientMetadata, "sector_identifier_uri_missing",
            "pairwise subjects need a sector_identifier_uri here";
        /// OpenID Connect Dynamic Client Registration §5.
        SectorDocument => InvalidClientMetadata, "sector_identifier_document",
            "the document at sector_identifier_uri does not list every redirect URI";
        /// RFC 7591 §3.2.2.
        StatementInvalid => InvalidSoftwareStatement, "software_statement_invalid",
            "the software statement is not valid";
        /// RFC 7591 §3.2.2.
        StatementUnapproved => UnapprovedSoftwareStatement, "software_statement_unapproved",
            "the software statement is missing, or made by somebody who is not believed here";
        /// The operator's rules for registrations.
        NotAllowed => InvalidClientMetadata, "registration_not_allowed",
            "a registration policy does not allow this";
        /// RFC 7592 §2.2.
        MemberForbidden => InvalidClientMetadata, "metadata_member_forbidden",
            "an update may not contain this member";
        /// RFC 7592 §2.2.
        ClientIdMismatch => InvalidClientMetadata, "registration_client_id_mismatch",
            "client_id is not that of this client";
        /// RFC 7592 §2.2.
        ClientSecretMismatch => InvalidClientMetadata, "registration_client_secret_mismatch",
            "client_secret is not that of this client";
    }
}

/// What was refused and in which member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataError {
    /// Why.
    pub reason: MetadataReason,
    /// The member by its registered name, without a language tag.
    pub field: &'static str,
}

impl MetadataError {
    /// The text of `error_description`: reason and member, never a value.
    #[must_use]
    pub fn description(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.reason.text())
    }
}
impl std::error::Error for MetadataError {}

impl MetadataReason {
    /// The error for a member.
    #[must_use]
    pub(crate) const fn at(self, field: &'static str) -> MetadataError {
        MetadataError {
            reason: self,
            field,
        }
    }
}
