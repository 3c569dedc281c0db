//! What the `typ` of a JWT says that it is for, [RFC 8725 §3.11](https://www.rfc-editor.org/rfc/rfc8725#section-3.11).

/// Whether a `typ` says nothing but JWT, is not there, or is the one of this kind (`own`, without `application/`).
pub(crate) fn is_any_or(typ: Option<&str>, own: Option<&str>) -> bool {
    let Some(typ) = typ else {
        return true;
    };
    //= RFC7515#4.1.9 SHOULD: `application/` may be left out when no other slash is in the type
    let short = match typ.split_at_checked(PREFIX.len()) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(PREFIX) => rest,
        Some(_) | None => typ,
    };
    short.eq_ignore_ascii_case("jwt") || own.is_some_and(|own| short.eq_ignore_ascii_case(own))
}

const PREFIX: &str = "application/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_of_another_kind_is_none() {
        //= test RFC7515#4.1.9 `application/` may be left out when no other slash is in the type
        for typ in [
            None,
            Some("JWT"),
            Some("jwt"),
            Some("application/jwt"),
            Some("Application/JWT"),
        ] {
            assert!(is_any_or(typ, None), "{typ:?}");
            assert!(is_any_or(typ, Some("x+jwt")), "{typ:?}");
        }
        for typ in ["x+jwt", "X+JWT", "application/x+jwt"] {
            assert!(is_any_or(Some(typ), Some("x+jwt")), "{typ}");
            assert!(!is_any_or(Some(typ), None), "{typ}");
        }
        for typ in [
            "",
            "+jwt",
            "application/",
            "application/application/jwt",
            "text/jwt",
            "jwt ",
            "xx+jwt",
            "JOSE",
        ] {
            assert!(!is_any_or(Some(typ), Some("x+jwt")), "{typ}");
        }
    }
}
