//! Headers that come again and again: a client's assertions have the same one as long as it signs with the same key, and so have
//! the proofs of one key, which are in them.
//!
//! What a header means follows from its text alone, so that nothing here can be out of date. Each thread keeps some. What is seen
//! for the first time is not kept, so that headers that come once cost nothing and drive nobody out; one with a key that cannot be
//! used, or is private, is never kept.

use std::cell::RefCell;
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::Arc;

use super::{Header, HeaderPolicy};
use crate::error::JwsError;

/// Reads an encoded header, or finds what it was read as.
///
/// # Errors
/// As [`Header::parse`].
pub(super) fn parse(part: &str, policy: HeaderPolicy) -> Result<Arc<Header>, JwsError> {
    if part.len() > LARGEST {
        return Header::parse(part, policy).map(Arc::new);
    }
    thread_local! {
        static SEEN: RefCell<Seen> = const { RefCell::new(Seen { places: Vec::new() }) };
    }
    SEEN.with(|seen| match seen.try_borrow_mut() {
        Ok(mut seen) => seen.parse(part, policy),
        Err(_) => Header::parse(part, policy).map(Arc::new),
    })
}

/// Some headers, each in the place that its digest gives it.
#[derive(Debug)]
struct Seen {
    places: Vec<Place>,
}

#[derive(Debug, Default)]
struct Place {
    /// The digest that was seen here last.
    digest: u64,
    held: Option<Box<Held>>,
}

#[derive(Debug)]
struct Held {
    text: Box<str>,
    policy: HeaderPolicy,
    header: Arc<Header>,
}

impl Seen {
    fn parse(&mut self, part: &str, policy: HeaderPolicy) -> Result<Arc<Header>, JwsError> {
        if self.places.is_empty() {
            self.places.resize_with(PLACES, Place::default);
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(part.as_bytes());
        let digest = hasher.finish();
        let index =
            usize::from(digest.to_le_bytes()[0]) | usize::from(digest.to_le_bytes()[1]) << 8;
        let Some(place) = self.places.get_mut(index % PLACES) else {
            return Header::parse(part, policy).map(Arc::new);
        };
        if let Some(held) = &place.held
            && *held.text == *part
            && held.policy == policy
        {
            return Ok(Arc::clone(&held.header));
        }
        let header = Arc::new(Header::parse(part, policy)?);
        if place.digest == digest && header.embedded().is_ok() {
            place.held = Some(Box::new(Held {
                text: part.into(),
                policy,
                header: Arc::clone(&header),
            }));
        }
        place.digest = digest;
        Ok(header)
    }
}

/// Each thread keeps at most so many.
const PLACES: usize = 512;
/// Characters of a header that is kept: with a key of RSA it has some hundred. So they are a megabyte at most.
const LARGEST: usize = 768;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::algorithm::JwsAlgorithm;
    use crate::base64url;
    use crate::jws::SigningKey;

    fn seen() -> Seen {
        Seen { places: Vec::new() }
    }

    fn with_key(jwk: &str) -> String {
        base64url::encode(format!(r#"{{"typ":"dpop+jwt","alg":"ES256","jwk":{jwk}}}"#))
    }

    fn proof_header() -> String {
        let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
        with_key(&key.public_jwk().to_public_value().to_string())
    }

    fn held(seen: &Seen) -> usize {
        seen.places.iter().filter(|p| p.held.is_some()).count()
    }

    #[test]
    fn what_comes_again_is_parsed_twice_and_no_more() {
        let mut seen = seen();
        let text = proof_header();
        let read: Vec<_> = [(); 4]
            .iter()
            .map(|()| seen.parse(&text, HeaderPolicy::EmbeddedJwk).unwrap())
            .collect();
        assert!(!Arc::ptr_eq(&read[0], &read[1]));
        assert!(Arc::ptr_eq(&read[1], &read[2]) && Arc::ptr_eq(&read[2], &read[3]));
        let thumbprint = |at: usize| {
            read[at]
                .embedded()
                .unwrap()
                .unwrap()
                .thumbprint()
                .to_owned()
        };
        assert_eq!(thumbprint(0), thumbprint(3));
    }

    #[test]
    fn what_may_carry_a_key_says_nothing_of_who_may_not() {
        let mut seen = seen();
        let text = proof_header();
        for _ in 0..3 {
            assert!(seen.parse(&text, HeaderPolicy::EmbeddedJwk).is_ok());
        }
        for _ in 0..3 {
            assert_eq!(
                seen.parse(&text, HeaderPolicy::Strict).unwrap_err(),
                JwsError::HeaderForbidden
            );
        }
        let plain = base64url::encode(r#"{"alg":"ES256"}"#);
        for policy in [HeaderPolicy::Strict, HeaderPolicy::EmbeddedJwk] {
            for _ in 0..3 {
                assert!(
                    seen.parse(&plain, policy)
                        .unwrap()
                        .embedded()
                        .unwrap()
                        .is_none()
                );
            }
        }
    }

    #[test]
    fn another_header_is_another_one_whatever_was_seen_before() {
        let mut seen = seen();
        for number in 0..3 * PLACES {
            let kid = format!("k{}", number / 3);
            let text = base64url::encode(format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#));
            let read = seen.parse(&text, HeaderPolicy::Strict).unwrap();
            assert_eq!(read.kid.as_deref(), Some(&*kid));
        }
        assert!(held(&seen) > PLACES / 4);
    }

    #[test]
    fn nothing_private_and_nothing_that_is_wrong_is_kept() {
        let mut seen = seen();
        let key = SigningKey::generate(JwsAlgorithm::ES256).unwrap();
        let mut private = key.public_jwk().to_public_value();
        private["d"] = base64url::encode([7; 32]).into();
        let mut elsewhere = key.public_jwk().to_public_value();
        elsewhere["y"] = elsewhere["x"].clone();
        for jwk in [
            private.to_string(),
            elsewhere.to_string(),
            format!(r#"{{"kty":"oct","k":"{}"}}"#, base64url::encode([1; 32])),
            "7".to_owned(),
        ] {
            for _ in 0..3 {
                let read = seen.parse(&with_key(&jwk), HeaderPolicy::EmbeddedJwk);
                assert!(read.unwrap().embedded().is_err());
            }
        }
        for _ in 0..3 {
            assert!(seen.parse("e30", HeaderPolicy::Strict).is_err());
        }
        assert_eq!(held(&seen), 0);
    }
}
