//! Sectors: clients that see the same pairwise subjects,
//! [OpenID Connect Core §8.1](https://openid.net/specs/openid-connect-core-1_0.html#PairwiseAlg) and
//! [Dynamic Client Registration §5](https://openid.net/specs/openid-connect-registration-1_0.html#SectorIdentifierValidation).

use hallpass_jose::json;
use serde_json::{Map, Value};

use super::{MetadataError, MetadataReason, redirect_uri};
use crate::token::{Grant as _, ciba::Ciba, device_code::DeviceCode};

/// A document at `sector_identifier_uri` has at most so many bytes.
pub const MAX_DOCUMENT: usize = 256 * 1024;

/// The `sector_identifier_uri` whose document must be fetched and checked before this metadata is stored.
///
/// It is checked whenever it is there, whatever the subject type, so that it can be relied on later.
#[must_use]
pub fn needed(metadata: &Map<String, Value>) -> Option<&str> {
    metadata.get(FIELD).and_then(Value::as_str)
}

/// Checks the fetched document: a JSON array of strings that holds every redirect URI.
///
/// # Errors
/// [`MetadataReason::SectorDocument`] for anything else.
//= OIDC-REG#5 MUST: every registered redirect URI is in the array at sector_identifier_uri
pub fn check<U: AsRef<str>>(document: &[u8], redirect_uris: &[U]) -> Result<(), MetadataReason> {
    if document.len() > MAX_DOCUMENT {
        return Err(MetadataReason::SectorDocument);
    }
    let value = json::parse(document, 2).map_err(|_| MetadataReason::SectorDocument)?;
    let listed: Vec<&str> = value
        .as_array()
        .and_then(|entries| entries.iter().map(Value::as_str).collect())
        .ok_or(MetadataReason::SectorDocument)?;
    let complete = redirect_uris
        .iter()
        .all(|uri| listed.contains(&uri.as_ref()));
    complete.then_some(()).ok_or(MetadataReason::SectorDocument)
}

/// [`check`] for metadata that [`needed`] a document.
///
/// # Errors
/// As [`check`].
pub fn check_metadata(metadata: &Map<String, Value>, document: &[u8]) -> Result<(), MetadataError> {
    let redirect_uris: Vec<&str> = metadata
        .get("redirect_uris")
        .and_then(Value::as_array)
        .map(|uris| uris.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    check(document, &redirect_uris).map_err(|reason| reason.at(FIELD))
}

/// The host that stands for a client's sector: that of `sector_identifier_uri`, or the only one among its
/// redirect URIs. None when there is no single host.
//= OIDC-CORE#8.1 MUST: with redirect URIs on several hosts a sector_identifier_uri is registered
#[must_use]
pub fn sector_of<U: AsRef<str>>(
    sector_identifier_uri: Option<&str>,
    redirect_uris: &[U],
) -> Option<String> {
    if let Some(uri) = sector_identifier_uri {
        return redirect_uri::host(uri).map(str::to_ascii_lowercase);
    }
    let mut hosts = redirect_uris
        .iter()
        .map(|uri| redirect_uri::host(uri.as_ref()).map(str::to_ascii_lowercase));
    let first = hosts.next()??;
    hosts
        .all(|host| host.as_ref() == Some(&first))
        .then_some(first)
}

/// Whether a client with these grant types gets tokens without anybody being sent to one of its redirect URIs. What hosts it
/// names proves nothing then: anybody can register those of somebody else. Unless an operator made it, such a client is a
/// sector of its own.
//= OIDC-CORE#8.1 implication: only who gets its answers at the hosts of a sector is of that sector
#[must_use]
pub(super) fn is_reached_directly<G: AsRef<str>>(grant_types: &[G]) -> bool {
    let direct = [DeviceCode::TYPE, Ciba::TYPE];
    grant_types
        .iter()
        .any(|grant| direct.contains(&grant.as_ref()))
}

const FIELD: &str = "sector_identifier_uri";

#[cfg(test)]
mod tests {
    use super::*;

    const WEB: &[&str] = &["https://rp.test/cb", "https://rp.test/cb2"];

    #[test]
    fn a_document_lists_every_redirect_uri() {
        //= test OIDC-REG#5 every registered redirect URI is in the array at sector_identifier_uri
        let good = br#"["https://rp.test/cb2","https://x.test/","https://rp.test/cb"]"#;
        assert_eq!(check(good, WEB), Ok(()));
        let many = format!(
            "[{}\"https://rp.test/cb\"]",
            "\"a\",".repeat(MAX_DOCUMENT / 4)
        );
        let bad: [&[u8]; 12] = [
            br#"["https://rp.test/cb"]"#,
            br#"["https://rp.test/cb","https://rp.test/CB2"]"#,
            br#"["https://rp.test/cb","https://rp.test/cb2",null]"#,
            br#"["https://rp.test/cb","https://rp.test/cb2",1]"#,
            br#"["https://rp.test/cb","https://rp.test/cb2",["x"]]"#,
            br#"{"redirect_uris":["https://rp.test/cb","https://rp.test/cb2"]}"#,
            br#""https://rp.test/cb""#,
            b"[]",
            b"null",
            b"",
            b"<html>",
            many.as_bytes(),
        ];
        for document in bad {
            assert_eq!(check(document, WEB), Err(MetadataReason::SectorDocument));
        }
    }

    #[test]
    fn a_sector_is_one_host_or_none() {
        //= test OIDC-CORE#8.1 with redirect URIs on several hosts a sector_identifier_uri is registered
        assert_eq!(sector_of(None, WEB).as_deref(), Some("rp.test"));
        assert_eq!(
            sector_of(None, &["https://RP.test:8443/cb", "https://rp.test/"]).as_deref(),
            Some("rp.test")
        );
        assert_eq!(
            sector_of(
                Some("https://sector.test/x"),
                &["https://a.test/", "https://b.test/"]
            )
            .as_deref(),
            Some("sector.test")
        );
        assert_eq!(
            sector_of(None, &["https://a.test/", "https://b.test/"]),
            None
        );
        assert_eq!(sector_of(None, &["com.example.app:/cb"]), None);
        assert_eq!(
            sector_of(None, &["https://a.test/", "com.example.app:/cb"]),
            None
        );
        assert_eq!(sector_of::<&str>(None, &[]), None);
    }
}
