//! `max_age`, [OpenID Connect Core §3.1.2.1](https://openid.net/specs/openid-connect-core-1_0.html#AuthRequest).

use hallpass_types::Params;

use crate::authorize::Reason;

/// The largest whole number that every JSON reader keeps exactly.
const MAX: i64 = 1 << 53;

pub(super) fn parse(params: &Params) -> Result<Option<i64>, Reason> {
    let Some(text) = params.get("max_age") else {
        return Ok(None);
    };
    if text.len() > 16 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Reason::MaxAgeMalformed);
    }
    match text.parse::<i64>() {
        Ok(seconds) if seconds <= MAX => Ok(Some(seconds)),
        Ok(_) | Err(_) => Err(Reason::MaxAgeMalformed),
    }
}
