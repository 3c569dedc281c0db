//! The least that the rotation of a refresh token must do: its form is parsed and its token opened; the next one, a sealed access
//! token and an ID token that is signed with ES256 are made; and the rotation is on the disk before the answer.

use std::path::Path;
use std::time::Duration;

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hallpass_jose::aead::SealKey;

use super::disk::{self, Stepwise};
use super::{NoFloor, random};
use crate::http::encode_form;
use crate::limit::Unsigned;

/// How many rotations one core does in each second, 64 under way, each durable in a file of that folder.
///
/// # Errors
/// [`NoFloor`].
pub fn rotations_per_second(folder: &Path, duration: Duration) -> Result<f64, NoFloor> {
    disk::per_second(&Rotation::new()?, folder, duration)
}

/// The keys, and what is asked again and again.
struct Rotation {
    sign: EcdsaKeyPair,
    seal: SealKey,
    derive: hmac::Key,
    form: String,
}

impl Rotation {
    fn new() -> Result<Self, Unsigned> {
        let derive = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let token = token(&derive, &FAMILY);
        Ok(Self {
            sign: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| Unsigned)?,
            seal: SealKey::new(&[8; 32]),
            form: encode_form([
                ("grant_type", "refresh_token"),
                ("refresh_token", &token),
                ("client_id", "demo-spa"),
            ]),
            derive,
        })
    }

    /// What an answer holds.
    fn answer(&self, form: &str) -> Result<[String; 3], Unsigned> {
        let mut presented = None;
        for (name, value) in form_urlencoded::parse(form.as_bytes()) {
            if name == "refresh_token" {
                presented = Some(value);
            }
        }
        let opened = open(&self.derive, presented.as_deref().unwrap_or_default())?;
        let access = self.seal.seal(b"access", &ACCESS);
        let mut id_token = URL_SAFE_NO_PAD.encode(HEADER);
        id_token.push('.');
        URL_SAFE_NO_PAD.encode_string(CLAIMS, &mut id_token);
        let signature = self.sign.sign(&random(), id_token.as_bytes());
        id_token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.map_err(|_| Unsigned)?, &mut id_token);
        Ok([
            URL_SAFE_NO_PAD.encode(access),
            id_token,
            token(&self.derive, &opened),
        ])
    }
}

/// A family and its generation with the tag that makes it ours.
fn token(key: &hmac::Key, family: &[u8]) -> String {
    let tag = hmac::sign(key, family);
    URL_SAFE_NO_PAD.encode([family, tag.as_ref()].concat())
}

fn open(key: &hmac::Key, token: &str) -> Result<Vec<u8>, Unsigned> {
    let mut bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Unsigned)?;
    let (family, tag) = bytes.split_at_checked(FAMILY.len()).ok_or(Unsigned)?;
    hmac::verify(key, family, tag).map_err(|_| Unsigned)?;
    bytes.truncate(FAMILY.len());
    Ok(bytes)
}

impl Stepwise for Rotation {
    type Step = ();
    const FIRST: () = ();

    fn next((): ()) -> Option<()> {
        None
    }

    fn before(&self, (): ()) -> Result<(), Unsigned> {
        let answer = self.answer(std::hint::black_box(&self.form))?;
        let _unused = std::hint::black_box(answer);
        Ok(())
    }
}

/// Sixteen bytes of a grant and four of a generation.
const FAMILY: [u8; 20] = [3; 20];
/// What a sealed token says has about this length.
const ACCESS: [u8; 128] = [b'a'; 128];
const HEADER: [u8; 80] = [b'h'; 80];
/// Those of an ID token have about this length.
const CLAIMS: [u8; 240] = [b'c'; 240];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotations_are_counted_and_leave_nothing_behind() {
        let folder = std::env::temp_dir().join(format!("floor-refresh-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let rate = rotations_per_second(&folder, Duration::from_millis(20)).unwrap();
        assert!(rate > 0.0);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
        std::fs::remove_dir(&folder).unwrap();
        let nowhere = rotations_per_second(Path::new("/nowhere/at/all"), Duration::from_millis(1));
        assert!(matches!(nowhere, Err(NoFloor::File(_))));
    }

    #[test]
    fn an_answer_holds_what_a_refresh_gives_and_a_strange_token_gets_none() {
        let rotation = Rotation::new().unwrap();
        let [access, id_token, next] = rotation.answer(&rotation.form).unwrap();
        assert!(access.len() > ACCESS.len() && rotation.form.contains(&next));
        let parts: Vec<_> = id_token.split('.').map(str::len).collect();
        assert_eq!(parts, [107, 320, 86]);
        let strange = hmac::Key::new(hmac::HMAC_SHA256, &[9; 32]);
        let form = encode_form([("refresh_token", &*token(&strange, &FAMILY))]);
        assert!(rotation.answer(&form).is_err());
        assert!(rotation.answer("refresh_token=").is_err());
    }
}
