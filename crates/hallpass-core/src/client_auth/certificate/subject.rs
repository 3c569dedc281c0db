//! Whom a certificate must name, [RFC 8705 §2.1.2](https://www.rfc-editor.org/rfc/rfc8705#section-2.1.2).

use std::net::IpAddr;

use x509_parser::{certificate::X509Certificate, extensions::GeneralName};

use super::DistinguishedName;

/// The subject that a client of `tls_client_auth` registered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the specification has these five members"
)]
pub enum Subject {
    /// `tls_client_auth_subject_dn`.
    Name(DistinguishedName),
    /// `tls_client_auth_san_dns`, in lower case.
    Dns(String),
    /// `tls_client_auth_san_uri`.
    Uri(String),
    /// `tls_client_auth_san_ip`.
    Ip(IpAddr),
    /// `tls_client_auth_san_email`.
    Email(String),
}

/// The metadata members that name a subject, of which a client has one.
pub const MEMBERS: &[&str] = &[
    "tls_client_auth_subject_dn",
    "tls_client_auth_san_dns",
    "tls_client_auth_san_uri",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
];

impl Subject {
    /// Reads a registered value of one of the [`MEMBERS`]. None when it names nobody.
    #[must_use]
    pub fn parse(member: &str, value: &str) -> Option<Self> {
        let graphic = !value.is_empty() && value.bytes().all(|b| b.is_ascii_graphic());
        match member {
            "tls_client_auth_subject_dn" => DistinguishedName::parse(value).map(Self::Name),
            // A name with a wildcard is for many hosts, not for one client.
            "tls_client_auth_san_dns" if graphic && !value.contains('*') => {
                Some(Self::Dns(value.to_ascii_lowercase()))
            }
            "tls_client_auth_san_uri" if graphic && value.contains(':') => {
                Some(Self::Uri(value.to_owned()))
            }
            "tls_client_auth_san_ip" => value.parse().ok().map(Self::Ip),
            "tls_client_auth_san_email" if graphic && value.contains('@') => {
                Some(Self::Email(value.to_owned()))
            }
            _ => None,
        }
    }

    /// Whether a certificate names it. A name in the subject never stands for an alternative name, nor the other way round.
    pub(super) fn matches(&self, certificate: &X509Certificate<'_>) -> bool {
        if let Self::Name(expected) = self {
            return DistinguishedName::of(certificate.subject()).as_ref() == Some(expected);
        }
        let Ok(Some(alternative)) = certificate.subject_alternative_name() else {
            return false;
        };
        alternative
            .value
            .general_names
            .iter()
            .any(|name| self.is(name))
    }

    fn is(&self, name: &GeneralName<'_>) -> bool {
        match (self, name) {
            (Self::Dns(expected), GeneralName::DNSName(name)) => {
                expected.eq_ignore_ascii_case(name)
            }
            (Self::Uri(expected), GeneralName::URI(name)) => expected == name,
            (Self::Email(expected), GeneralName::RFC822Name(name)) => expected == name,
            (Self::Ip(IpAddr::V4(expected)), GeneralName::IPAddress(bytes)) => {
                bytes == &expected.octets()
            }
            (Self::Ip(IpAddr::V6(expected)), GeneralName::IPAddress(bytes)) => {
                bytes == &expected.octets()
            }
            (Self::Name(_) | Self::Dns(_) | Self::Uri(_) | Self::Ip(_) | Self::Email(_), _) => {
                false
            }
        }
    }
}
