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

#[cfg(test)]
mod tests {
    use super::{
        super::super::fixture::{policy, refusal, valid, web},
        *,
    };
    use crate::{authorize::fixture::identified, client::Client};

    #[test]
    fn whole_seconds_are_taken() {
        for (text, seconds) in [("0", 0), ("1", 1), ("0010", 10), ("9007199254740992", MAX)] {
            assert_eq!(valid(&[("max_age", text)]).request().max_age, Some(seconds));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "-1",
            "+1",
            "1.0",
            "1e3",
            "1e309",
            "abc",
            " 1",
            "0x10",
            "\u{0661}",
            "9007199254740993",
            "18446744073709551616",
            &"0".repeat(17),
        ] {
            assert_eq!(
                refusal(web(), &[("max_age", text)]),
                Some(Reason::MaxAgeMalformed),
                "{text:?}"
            );
        }
    }

    #[test]
    fn the_clients_default_holds_where_the_request_says_nothing() {
        //= test OIDC-REG#2 default_max_age holds where the request has no max_age
        let with = |changes: &[(&str, &str)]| {
            let client = Client {
                default_max_age: Some(300),
                ..web()
            };
            let valid = identified(client, changes).validate(&policy()).unwrap();
            valid.request().max_age
        };
        assert_eq!(with(&[]), Some(300));
        assert_eq!(with(&[("max_age", "5")]), Some(5));
        assert_eq!(with(&[("max_age", "")]), Some(300));
    }
}
