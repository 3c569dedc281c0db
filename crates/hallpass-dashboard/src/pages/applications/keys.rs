//! Public keys of an application.

use hallpass_admin::{Problem, v1::clients::ClientView};
use hallpass_jose::Jwk;
use hallpass_types::{Params, Timestamp};
use minijinja::{Value, context};
use serde_json::{Value as Json, json};

use crate::{pages::typed, render::Stop, text};

/// Members of a JWK with which somebody can sign.
const PRIVATE: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// A public key: what was made in the browser, or pasted. Private ones are refused, so that nobody gets used to sending them.
pub(super) fn read(form: &Params, now: Timestamp) -> Result<Option<Json>, Stop> {
    let Some(text) = typed(form, "jwk").or_else(|| typed(form, "public_key")) else {
        return Ok(None);
    };
    let wrong = |text: &'static str| Stop::from(Problem::unfit("metadata.jwks", text));
    let value: Json = serde_json::from_str(&text)
        .map_err(|_| wrong("paste one public key as a JWK, a JSON object with kty"))?;
    if PRIVATE.iter().any(|name| value.get(*name).is_some()) {
        return Err(wrong(
            "that is a private key: it belongs nowhere but into the application; make another one",
        ));
    }
    let key = Jwk::from_value(&value).map_err(|_| wrong("is no key that can be read"))?;
    if key.is_private() {
        return Err(wrong("that is a private key"));
    }
    let made = key.thumbprint();
    let short = made.get(..16).unwrap_or(&made);
    let kid = key
        .kid()
        .map_or_else(|| format!("{}.{short}", text::day_of(now.0)), str::to_owned);
    let mut public = key.with_kid(kid).to_public_value();
    if let Some(public) = public.as_object_mut() {
        public.entry("use").or_insert_with(|| json!("sig"));
    }
    Ok(Some(public))
}

/// The keys that an application has.
pub(super) fn of(client: &ClientView) -> Vec<Json> {
    let keys = client
        .metadata
        .get("jwks")
        .and_then(|jwks| jwks.get("keys"));
    keys.and_then(Json::as_array).cloned().unwrap_or_default()
}

pub(super) fn views(client: &ClientView) -> Vec<Value> {
    let keys = of(client);
    let views = keys.iter().map(|value| {
        let text = |name: &str| value.get(name).and_then(Json::as_str);
        let kid = text("kid").unwrap_or_default();
        let thumbprint = Jwk::from_value(value).map(|key| key.thumbprint());
        let thumbprint = thumbprint.unwrap_or_default();
        // Those that were made here have their day in front.
        let day = kid
            .split_once('.')
            .map(|(day, _)| day)
            .filter(|day| is_day(day));
        context! {
            kid,
            thumbprint,
            kind => text("crv").or_else(|| text("kty")).unwrap_or_default(),
            alg => text("alg"),
            added => day,
        }
    });
    views.collect()
}

fn is_day(text: &str) -> bool {
    text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = r#""kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0""#;

    fn of_text(text: &str) -> Result<Option<Json>, Stop> {
        read(&Params::from_pairs([("public_key", text)]), Timestamp(0))
    }

    #[test]
    fn a_public_key_gets_a_name_with_its_day() {
        let key = of_text(&format!("{{{X}}}")).unwrap().unwrap();
        assert!(key["kid"].as_str().unwrap().starts_with("1970-01-01."));
        assert_eq!(key["use"], "sig");
        assert!(of_text("  ").unwrap().is_none());
    }

    // AD-21
    #[test]
    fn a_private_key_and_what_is_none_are_refused() {
        for text in [
            format!(r#"{{{X},"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}}"#),
            r#"{"kty":"oct","k":"AAAA"}"#.to_owned(),
            "-----BEGIN PRIVATE KEY-----".to_owned(),
            "[]".to_owned(),
            "{}".to_owned(),
            r#"{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}"#.to_owned(),
        ] {
            assert!(of_text(&text).is_err(), "{text}");
        }
    }
}
