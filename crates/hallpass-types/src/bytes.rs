//! Bytes in serialized form: base64url where people may read it, as they are elsewhere. At most sixty.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserializer, Serializer, de, ser::SerializeTuple as _};

/// Writes them.
pub(crate) fn serialize<const N: usize, S: Serializer>(
    bytes: &[u8; N],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    if serializer.is_human_readable() {
        return serializer.serialize_str(&URL_SAFE_NO_PAD.encode(bytes));
    }
    let mut tuple = serializer.serialize_tuple(N)?;
    for byte in bytes {
        tuple.serialize_element(byte)?;
    }
    tuple.end()
}

/// Reads what [`serialize`] wrote.
pub(crate) fn deserialize<'de, const N: usize, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<[u8; N], D::Error> {
    if deserializer.is_human_readable() {
        deserializer.deserialize_str(Bytes)
    } else {
        deserializer.deserialize_tuple(N, Bytes)
    }
}

struct Bytes<const N: usize>;

impl<'de, const N: usize> de::Visitor<'de> for Bytes<N> {
    type Value = [u8; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{N} bytes in base64url")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<[u8; N], E> {
        // With room for what the decoder thinks it needs.
        let mut decoded = [0; 64];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut decoded);
        let found = length.ok().and_then(|length| decoded.get(..length));
        found
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| E::invalid_value(de::Unexpected::Other("other text"), &self))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<[u8; N], A::Error> {
        let mut bytes = [0; N];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = seq
                .next_element()?
                .ok_or_else(|| de::Error::invalid_length(index, &self))?;
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use crate::{Bucket, Code, ContentDigest, GrantId, Key, TokenId};

    #[test]
    fn identities_are_short_text_in_json() {
        let id = GrantId {
            bucket: Bucket(1),
            random: [255; 12],
        };
        let text = to_value(id).unwrap();
        assert_eq!(text, json!("AAAAAf_______________w"));
        assert_eq!(from_value::<GrantId>(text).unwrap(), id);
        let key = Key::<Code>::from_parts(Bucket(7), [9; 32]);
        let text = to_value(key).unwrap();
        assert_eq!(text.as_str().map(str::len), Some(48));
        assert_eq!(from_value::<Key<Code>>(text).unwrap(), key);
        let token = TokenId([3; 16]);
        assert_eq!(
            from_value::<TokenId>(to_value(token).unwrap()).unwrap(),
            token
        );
        let digest = ContentDigest([4; 32]);
        assert_eq!(
            from_value::<ContentDigest>(to_value(digest).unwrap()).unwrap(),
            digest
        );
    }

    #[test]
    fn only_the_exact_number_of_bytes_is_taken() {
        for bad in [
            json!(""),
            json!("AAAA"),
            json!("AAAAAf_______________w=="),
            json!("AAAAAf_______________wA"),
            json!("A".repeat(1000)),
            json!("AAAAAf+++++++++++++++w"),
            json!([1, 2]),
            json!(null),
        ] {
            assert!(from_value::<GrantId>(bad.clone()).is_err(), "{bad}");
            assert!(from_value::<TokenId>(bad.clone()).is_err(), "{bad}");
            assert!(from_value::<Key<Code>>(bad.clone()).is_err(), "{bad}");
        }
    }
}
