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

/// The keys of a server, as far as a refresh needs them.
pub(crate) struct Keys {
    sign: EcdsaKeyPair,
    seal: SealKey,
    derive: hmac::Key,
}

/// What an answer holds.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) id: String,
    pub(crate) refresh: String,
}

impl Keys {
    pub(crate) fn new() -> Result<Self, Unsigned> {
        Ok(Self {
            sign: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| Unsigned)?,
            seal: SealKey::new(&[8; 32]),
            derive: hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]),
        })
    }

    /// The first tokens of a family.
    pub(crate) fn first(&self, grant: u128) -> Result<Tokens, Unsigned> {
        self.tokens(Family {
            grant,
            generation: 0,
        })
    }

    /// The next tokens for those that a form presents.
    pub(crate) fn rotate(&self, form: &[u8]) -> Result<Tokens, Unsigned> {
        let (mut refreshes, mut presented) = (false, None);
        for (name, value) in form_urlencoded::parse(form) {
            match name.as_ref() {
                "grant_type" => refreshes = value == "refresh_token",
                "refresh_token" => presented = Some(value),
                _ => {}
            }
        }
        let token = presented.filter(|_| refreshes).ok_or(Unsigned)?;
        let mut family = self.open(&token)?;
        family.generation = family.generation.checked_add(1).ok_or(Unsigned)?;
        self.tokens(family)
    }

    fn tokens(&self, family: Family) -> Result<Tokens, Unsigned> {
        let mut id = URL_SAFE_NO_PAD.encode(HEADER);
        id.push('.');
        URL_SAFE_NO_PAD.encode_string(CLAIMS, &mut id);
        let signature = self.sign.sign(&random(), id.as_bytes());
        id.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.map_err(|_| Unsigned)?, &mut id);
        Ok(Tokens {
            access: URL_SAFE_NO_PAD.encode(self.seal.seal(b"access", &ACCESS)),
            id,
            refresh: self.refresh_token(family),
        })
    }

    /// Grant and generation, with the tag that makes them ours.
    fn refresh_token(&self, family: Family) -> String {
        let bytes = family.to_bytes();
        let tag = hmac::sign(&self.derive, &bytes);
        URL_SAFE_NO_PAD.encode([&bytes, tag.as_ref()].concat())
    }

    fn open(&self, token: &str) -> Result<Family, Unsigned> {
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| Unsigned)?;
        let (family, tag) = bytes.split_first_chunk().ok_or(Unsigned)?;
        hmac::verify(&self.derive, family, tag).map_err(|_| Unsigned)?;
        Ok(Family::from_bytes(*family))
    }
}

/// Tokens that follow from each other.
#[derive(Clone, Copy)]
struct Family {
    grant: u128,
    generation: u32,
}

impl Family {
    fn to_bytes(self) -> [u8; FAMILY] {
        let mut bytes = [0; FAMILY];
        let (grant, generation) = bytes.split_at_mut(16);
        grant.copy_from_slice(&self.grant.to_be_bytes());
        generation.copy_from_slice(&self.generation.to_be_bytes());
        bytes
    }

    fn from_bytes(bytes: [u8; FAMILY]) -> Self {
        let (mut grant, mut generation) = ([0; 16], [0; 4]);
        let (first, second) = bytes.split_at(16);
        grant.copy_from_slice(first);
        generation.copy_from_slice(second);
        Self {
            grant: u128::from_be_bytes(grant),
            generation: u32::from_be_bytes(generation),
        }
    }
}

/// What is asked again and again.
struct Rotation {
    keys: Keys,
    form: String,
}

impl Rotation {
    fn new() -> Result<Self, Unsigned> {
        let keys = Keys::new()?;
        let form = encode_form([
            ("grant_type", "refresh_token"),
            ("refresh_token", &keys.first(3)?.refresh),
            ("client_id", "demo-spa"),
        ]);
        Ok(Self { keys, form })
    }
}

impl Stepwise for Rotation {
    type Step = ();
    const FIRST: () = ();

    fn next((): ()) -> Option<()> {
        None
    }

    fn before(&self, (): ()) -> Result<(), Unsigned> {
        let form = std::hint::black_box(&self.form);
        let _unused = std::hint::black_box(self.keys.rotate(form.as_bytes())?);
        Ok(())
    }
}

/// Sixteen bytes of a grant and four of a generation.
const FAMILY: usize = 20;
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
    fn an_answer_holds_what_a_refresh_gives_and_leads_to_the_next_one() {
        let Rotation { keys, form } = Rotation::new().unwrap();
        let tokens = keys.rotate(form.as_bytes()).unwrap();
        assert!(tokens.access.len() > ACCESS.len());
        let parts: Vec<_> = tokens.id.split('.').map(str::len).collect();
        assert_eq!(parts, [107, 320, 86]);
        let next = encode_form([
            ("grant_type", "refresh_token"),
            ("refresh_token", &tokens.refresh),
        ]);
        let after = keys.rotate(next.as_bytes()).unwrap();
        assert_eq!(keys.open(&after.refresh).unwrap().generation, 2);
        assert_eq!(keys.open(&after.refresh).unwrap().grant, 3);
    }

    #[test]
    fn a_token_of_another_server_is_not_refreshed_nor_is_anything_else() {
        let (keys, mut strange) = (Keys::new().unwrap(), Keys::new().unwrap());
        strange.derive = hmac::Key::new(hmac::HMAC_SHA256, &[9; 32]);
        let token = strange.first(3).unwrap().refresh;
        let refresh = ("grant_type", "refresh_token");
        let own = keys.first(3).unwrap().refresh;
        for form in [
            encode_form([refresh, ("refresh_token", &*token)]),
            encode_form([refresh, ("refresh_token", "")]),
            encode_form([("grant_type", "password"), ("refresh_token", &*own)]),
            String::new(),
        ] {
            assert!(keys.rotate(form.as_bytes()).is_err(), "{form}");
        }
        let form = encode_form([refresh, ("refresh_token", &*own)]);
        assert!(keys.rotate(form.as_bytes()).is_ok());
    }
}
