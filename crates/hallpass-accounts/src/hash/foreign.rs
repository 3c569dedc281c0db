//! Password hashes that other systems made: they are verified, and replaced at the next sign-in.
//!
//! bcrypt (`$2a$`, `$2b$`, `$2y$`), scrypt and PBKDF2 in PHC form, the forms of passlib and Django for the latter, and the
//! other two kinds of Argon2. What is dearer than the limits here is not one that is verified, so that a planted hash
//! cannot occupy a thread for minutes.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, PasswordHash, Version};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use hallpass_types::constant_time_eq;
use sha2::{Sha256, Sha512};

use super::{
    Cost, MAX_PASSWORD_LEN, Verdict,
    phc::{Phc, UnusableHash},
};

/// Rounds of bcrypt as a power of two: about a second at the upper end.
const BCRYPT_COST: std::ops::RangeInclusive<u32> = 4..=14;
/// Blocks of scrypt at once: 128 bytes each, so 128 MiB.
const SCRYPT_MEMORY: u64 = 1 << 20;
/// Blocks of scrypt altogether.
const SCRYPT_WORK: u64 = 1 << 21;
/// Rounds of PBKDF2.
const PBKDF2_ROUNDS: std::ops::RangeInclusive<u32> = 1..=2_000_000;
/// Bytes of an output: a shorter one would let other passwords fit.
const OUTPUT: std::ops::RangeInclusive<usize> = 16..=64;
/// Bytes of a salt.
const SALT: std::ops::RangeInclusive<usize> = 4..=64;

/// A hash that is stored: one of ours, or one that another system made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Argon2id.
    Own(Phc),
    /// Anything else.
    Foreign(Foreign),
}

impl Stored {
    /// Reads a hash.
    ///
    /// # Errors
    /// [`UnusableHash`]
    pub fn parse(text: &str) -> Result<Self, UnusableHash> {
        match Phc::parse(text) {
            Ok(phc) => Ok(Self::Own(phc)),
            Err(unusable) => Foreign::parse(text).map(Self::Foreign).ok_or(unusable),
        }
    }
}

/// A hash that another system made.
#[derive(Clone, PartialEq, Eq)]
pub struct Foreign(Kind);

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    /// As it is written: the crate reads it again.
    Bcrypt(String),
    Scrypt {
        log_n: u8,
        r: u32,
        p: u32,
        salt: Vec<u8>,
        output: Vec<u8>,
    },
    Pbkdf2 {
        wide: bool,
        rounds: u32,
        salt: Vec<u8>,
        output: Vec<u8>,
    },
    Argon2 {
        data_dependent: bool,
        old: bool,
        cost: Cost,
        salt: Vec<u8>,
        output: Vec<u8>,
    },
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Foreign").field(&self.kind()).finish()
    }
}

impl Foreign {
    /// Reads a hash; none for what is not verified here.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_PASSWORD_LEN {
            return None;
        }
        let kind = bcrypt(text)
            .or_else(|| scrypt(text))
            .or_else(|| pbkdf2(text))
            .or_else(|| argon2(text))?;
        Some(Self(kind))
    }

    /// What made it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match &self.0 {
            Kind::Bcrypt(_) => "bcrypt",
            Kind::Scrypt { .. } => "scrypt",
            Kind::Pbkdf2 { .. } => "pbkdf2",
            Kind::Argon2 { .. } => "argon2",
        }
    }

    /// Whether this is the password. When it is, it is to be hashed anew.
    pub(super) fn verify(&self, password: &[u8]) -> Result<Verdict, UnusableHash> {
        let matched = match &self.0 {
            // Looks at 72 bytes, as whoever made it did.
            Kind::Bcrypt(text) => bcrypt::verify(password, text).map_err(|_| UnusableHash)?,
            Kind::Scrypt {
                log_n,
                r,
                p,
                salt,
                output,
            } => {
                let params = scrypt::Params::new(*log_n, *r, *p).map_err(|_| UnusableHash)?;
                let mut out = vec![0; output.len()];
                scrypt::scrypt(password, salt, &params, &mut out).map_err(|_| UnusableHash)?;
                constant_time_eq(&out, output)
            }
            Kind::Pbkdf2 {
                wide,
                rounds,
                salt,
                output,
            } => {
                let mut out = vec![0; output.len()];
                if *wide {
                    pbkdf2::pbkdf2_hmac::<Sha512>(password, salt, *rounds, &mut out);
                } else {
                    pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, *rounds, &mut out);
                }
                constant_time_eq(&out, output)
            }
            Kind::Argon2 {
                data_dependent,
                old,
                cost,
                salt,
                output,
            } => {
                let (algorithm, version) = (argon2_kind(*data_dependent), argon2_version(*old));
                let params = Params::new(
                    cost.memory_kib,
                    cost.iterations,
                    cost.lanes,
                    Some(output.len()),
                );
                let params = params.map_err(|_| UnusableHash)?;
                let mut out = vec![0; output.len()];
                Argon2::new(algorithm, version, params)
                    .hash_password_into(password, salt, &mut out)
                    .map_err(|_| UnusableHash)?;
                constant_time_eq(&out, output)
            }
        };
        Ok(Verdict {
            matched,
            needs_rehash: matched,
        })
    }
}

/// Whether a bcrypt hash is that of a password. For imports, which ask it of a password that everybody got; at a sign-in the pool
/// verifies.
#[must_use]
pub fn is_bcrypt_of(hash: &str, password: &str) -> bool {
    bcrypt(hash).is_some() && bcrypt::verify(password, hash).unwrap_or(false)
}

const fn argon2_kind(data_dependent: bool) -> Algorithm {
    if data_dependent {
        Algorithm::Argon2d
    } else {
        Algorithm::Argon2i
    }
}

const fn argon2_version(old: bool) -> Version {
    if old { Version::V0x10 } else { Version::V0x13 }
}

/// `$2b$12$` and 53 characters.
fn bcrypt(text: &str) -> Option<Kind> {
    let rest = ["$2a$", "$2b$", "$2y$"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))?;
    let (cost, rest) = rest.split_once('$')?;
    let alphabet = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/');
    let right = cost.len() == 2
        && BCRYPT_COST.contains(&number(cost)?)
        && rest.len() == 53
        && rest.bytes().all(alphabet);
    right.then(|| Kind::Bcrypt(text.to_owned()))
}

/// `$scrypt$ln=16,r=8,p=1$salt$hash`
fn scrypt(text: &str) -> Option<Kind> {
    let mut fields = text.strip_prefix("$scrypt$")?.split('$');
    let (params, salt, output) = (fields.next()?, fields.next()?, fields.next()?);
    let mut params = params.split(',');
    let (log_n, r, p) = (params.next()?, params.next()?, params.next()?);
    let log_n: u8 = number(log_n.strip_prefix("ln=")?)?.try_into().ok()?;
    let r = number(r.strip_prefix("r=")?)?;
    let p = number(p.strip_prefix("p=")?)?;
    let n = 1_u64
        .checked_shl(log_n.into())
        .filter(|_| (1..=20).contains(&log_n))?;
    let memory = n.checked_mul(r.into())?;
    let work = memory.checked_mul(p.into())?;
    let fits = r > 0 && p > 0 && memory <= SCRYPT_MEMORY && work <= SCRYPT_WORK;
    let over = fields.next().is_some() || params.next().is_some();
    let (salt, output) = (bytes(salt, SALT)?, bytes(output, OUTPUT)?);
    (fits && !over).then_some(Kind::Scrypt {
        log_n,
        r,
        p,
        salt,
        output,
    })
}

/// `$pbkdf2-sha256$i=600000,l=32$salt$hash`, `$pbkdf2-sha256$29000$salt$hash` of passlib, or
/// `pbkdf2_sha256$600000$salt$hash` of Django, whose salt is text.
fn pbkdf2(text: &str) -> Option<Kind> {
    let of = |prefix: [&str; 2]| {
        let narrow = text.strip_prefix(prefix[0]).map(|rest| (false, rest));
        narrow.or_else(|| text.strip_prefix(prefix[1]).map(|rest| (true, rest)))
    };
    let django = of(["pbkdf2_sha256$", "pbkdf2_sha512$"]);
    let (wide, rest) = of(["$pbkdf2-sha256$", "$pbkdf2-sha512$"]).or(django)?;
    let mut fields = rest.split('$');
    let (params, salt, output) = (fields.next()?, fields.next()?, fields.next()?);
    let mut params = params.split(',');
    let rounds = params.next()?;
    let rounds = number(rounds.strip_prefix("i=").unwrap_or(rounds))?;
    let output = bytes(output, OUTPUT)?;
    let length = match params.next() {
        Some(length) => number(length.strip_prefix("l=")?)
            .map(usize::try_from)?
            .ok(),
        None => None,
    };
    let salt = if django.is_some() {
        let text = salt.as_bytes().to_vec();
        Some(text).filter(|salt| SALT.contains(&salt.len()))?
    } else {
        bytes(salt, SALT)?
    };
    let right = PBKDF2_ROUNDS.contains(&rounds)
        && length.is_none_or(|length| length == output.len())
        && fields.next().is_none()
        && params.next().is_none();
    right.then_some(Kind::Pbkdf2 {
        wide,
        rounds,
        salt,
        output,
    })
}

/// `$argon2i$` and `$argon2d$`.
fn argon2(text: &str) -> Option<Kind> {
    let hash = PasswordHash::new(text).ok()?;
    let data_dependent = match Algorithm::new(hash.algorithm.as_str()).ok()? {
        Algorithm::Argon2d => true,
        Algorithm::Argon2i => false,
        _ => return None,
    };
    let old = match hash.version {
        None => true,
        Some(version) => match Version::try_from(version).ok()? {
            Version::V0x10 => true,
            Version::V0x13 => false,
        },
    };
    let params = Params::try_from(&hash).ok()?;
    let cost = Cost {
        memory_kib: params.m_cost(),
        iterations: params.t_cost(),
        lanes: params.p_cost(),
    };
    let plain = params.keyid().is_empty() && params.data().is_empty();
    let (salt, output) = (hash.salt?.to_vec(), hash.hash?.as_bytes().to_vec());
    let right = plain && cost.is_usable() && OUTPUT.contains(&output.len()) && salt.len() >= 8;
    right.then_some(Kind::Argon2 {
        data_dependent,
        old,
        cost,
        salt,
        output,
    })
}

/// Digits and nothing else.
fn number(text: &str) -> Option<u32> {
    let digits = (1..=7).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// Base64 with or without padding; passlib writes `.` for `+`.
fn bytes(text: &str, len: std::ops::RangeInclusive<usize>) -> Option<Vec<u8>> {
    let text = text.replace('.', "+");
    let engine = if text.ends_with('=') {
        &STANDARD
    } else {
        &STANDARD_NO_PAD
    };
    let decoded = engine.decode(text).ok()?;
    len.contains(&decoded.len()).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by other programs, of the password `correct horse battery`.
    const MADE: &[(&str, &str)] = &[
        (
            "bcrypt",
            "$2a$06$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz.",
        ),
        (
            "bcrypt",
            "$2y$04$abcdefghijklmnopqrstuuqREtd3VJD2QVZbuFskFSLk6eRIrQoOS",
        ),
        (
            "bcrypt",
            "$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.",
        ),
        (
            "scrypt",
            "$scrypt$ln=10,r=8,p=1$c2l4dGVlbiBieXRlIHNsdA$1rc++prgmNGHPrsm6pAD3KbXUrkA3e7oIh7HpOOFqsM",
        ),
        (
            "pbkdf2",
            "$pbkdf2-sha256$i=1000,l=32$c2l4dGVlbiBieXRlIHNsdA$FR9Zs8h7eX6Y7D3B+m3Zepk5DP6mMXNac85I63StulE",
        ),
        (
            "pbkdf2",
            "$pbkdf2-sha256$1000$c2l4dGVlbiBieXRlIHNsdA$FR9Zs8h7eX6Y7D3B.m3Zepk5DP6mMXNac85I63StulE",
        ),
        (
            "pbkdf2",
            "$pbkdf2-sha512$i=1000$c2l4dGVlbiBieXRlIHNsdA$Tj5z9hHrYR3tv7KUJ47c/uZpatr6cbKP7dyUdqoKDDSOc2iRsi1RAX1hXmMassi3D0+7HqSN/qoLrSu/ul/49w",
        ),
        (
            "pbkdf2",
            "pbkdf2_sha256$1000$Wm3mKjP0qV8a$BDDw3tK8zHQKH4SbjxAsSJ3x5c87QtIEKaIfCgyhzQE=",
        ),
        (
            "argon2",
            "$argon2i$v=19$m=64,t=1,p=1$c2l4dGVlbiBieXRlIHNsdA$yDUFE+FeJ3voW9Liq31ieC0WEk8kOFHOHQ6A3k2xCOw",
        ),
        (
            "argon2",
            "$argon2d$v=19$m=64,t=1,p=1$c2l4dGVlbiBieXRlIHNsdA$xw+hJRwtPqvAyR/yG0HgA/ANLdcIJpG98l8lC9EmRb8",
        ),
    ];

    fn verifies(text: &str, password: &str) -> bool {
        let stored = Foreign::parse(text).unwrap_or_else(|| panic!("{text}"));
        let verdict = stored.verify(password.as_bytes()).unwrap();
        assert_eq!(verdict.matched, verdict.needs_rehash);
        verdict.matched
    }

    #[test]
    fn what_other_programs_made_is_verified_and_always_made_anew() {
        for (kind, text) in MADE {
            assert_eq!(Foreign::parse(text).unwrap().kind(), *kind, "{text}");
            assert!(verifies(text, "correct horse battery"), "{text}");
            for wrong in [
                "",
                "correct horse batter",
                "Correct horse battery",
                "correct horse battery ",
            ] {
                assert!(!verifies(text, wrong), "{text}");
            }
        }
    }

    #[test]
    fn a_bent_or_hostile_hash_is_none() {
        let salt = "c2FsdHNhbHRzYWx0c2FsdA";
        let out = "3q2+796tvu/erb7v3q2+796tvu/erb7v3q2+796tvu8";
        let tail = "N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy";
        let mut bad = vec![
            String::new(),
            "plain text".to_owned(),
            format!("$2x$10${tail}"),
            format!("$2b$31${tail}"),
            format!("$2b$15${tail}"),
            format!("$2b$3${tail}"),
            format!("$2b$10${tail}x"),
            format!("$2b$10${}", tail.trim_start_matches('N')),
            format!("$2b$10${}", tail.replace('N', "=")),
            format!("$scrypt$ln=63,r=8,p=1${salt}${out}"),
            format!("$scrypt$ln=18,r=8,p=1${salt}${out}"),
            format!("$scrypt$ln=0,r=8,p=1${salt}${out}"),
            format!("$scrypt$ln=10,r=0,p=1${salt}${out}"),
            format!("$scrypt$ln=10,r=8,p=99999${salt}${out}"),
            format!("$scrypt$ln=10,r=4294967,p=1${salt}${out}"),
            format!("$scrypt$ln=10,r=8,p=1,x=1${salt}${out}"),
            format!("$scrypt$ln=10,r=8,p=1${salt}${out}$more"),
            format!("$pbkdf2-sha256$i=0,l=32${salt}${out}"),
            format!("$pbkdf2-sha256$i=9999999,l=32${salt}${out}"),
            format!("$pbkdf2-sha256$i=4294967296,l=32${salt}${out}"),
            format!("$pbkdf2-sha256$i=1000,l=31${salt}${out}"),
            format!("$pbkdf2-sha256$i=-1${salt}${out}"),
            format!("$pbkdf2-sha1$i=1000${salt}${out}"),
            format!("$pbkdf2-sha256$i=1000${salt}$3q2+7w"),
            format!("$pbkdf2-sha256$i=1000$$${out}"),
            format!("$argon2i$v=19$m=4294967295,t=1,p=1${salt}${out}"),
            format!("$argon2i$v=19$m=65536,t=4294967295,p=1${salt}${out}"),
            format!("$argon2x$v=19$m=65536,t=1,p=1${salt}${out}"),
        ];
        bad.push("$2b$10$".repeat(500));
        for text in bad {
            assert_eq!(Foreign::parse(&text), None, "{text}");
            assert!(Stored::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_hash_prints_without_itself() {
        for (kind, text) in MADE {
            let printed = format!("{:?}", Stored::parse(text).unwrap());
            assert_eq!(printed, format!("Foreign(Foreign({kind:?}))"));
        }
    }
}
