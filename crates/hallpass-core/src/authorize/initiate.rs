//! Login that somebody else than the client starts,
//! [OpenID Connect Core §4](https://openid.net/specs/openid-connect-core-1_0.html#ThirdPartyInitiatedLogin): a launcher of
//! applications sends people here, and from here they go to the client's `initiate_login_uri`, which begins a request.

use hallpass_types::Params;

use super::respond::{web_message::origin, with_query};
use crate::{client::Client, policy::Policy, reasons};

reasons! {
    /// Why no login was started. Always shown as a page.
    pub enum Reason {
        /// A parameter stands more than once.
        Repeated => InvalidRequest, "initiate_repeated", "a parameter is repeated";
        /// No `client_id`.
        ClientMissing => InvalidRequest, "initiate_client_missing", "client_id is missing";
        /// Unknown, disabled or deleted.
        ClientUnknown => InvalidRequest, "initiate_client_unknown", "the client is unknown";
        /// The client registered no `initiate_login_uri`, or anybody could have made it.
        NotOffered => InvalidRequest, "initiate_not_offered", "the client does not start logins for others";
        /// `target_link_uri` is no page of the client.
        TargetForeign => InvalidRequest, "initiate_target_foreign", "target_link_uri does not belong to the client";
        /// Longer than is passed on.
        TooLong => InvalidRequest, "initiate_too_long", "a parameter is too long";
    }
}

const LONGEST: usize = 2048;

/// The client that is to be started.
///
/// # Errors
/// None is named, or several.
pub fn client_id(params: &Params) -> Result<&str, Reason> {
    if !params.duplicated().is_empty() {
        return Err(Reason::Repeated);
    }
    params.get("client_id").ok_or(Reason::ClientMissing)
}

/// Where to send the person.
///
/// # Errors
/// The client wants none of this, or `target_link_uri` is not its own.
pub fn location(params: &Params, client: &Client, policy: &Policy) -> Result<String, Reason> {
    let start = client
        .initiate_login_uri
        .as_deref()
        //= RFC9700#4.11.2 SHOULD: nobody is sent on by itself to where a client that is not trusted wants them
        .filter(|start| !client.leads_unseen(start, policy))
        .ok_or(Reason::NotOffered)?;
    //= OIDC-CORE#4 MUST: iss is there
    let mut sent = vec![("iss", policy.issuer.as_str().to_owned())];
    for name in ["login_hint", "target_link_uri"] {
        let Some(value) = params.get(name) else {
            continue;
        };
        if value.len() > LONGEST {
            return Err(Reason::TooLong);
        }
        // The client has to check this itself; a link of ours is no way to find out who forgot.
        if name == "target_link_uri" && !is_own(client, start, value) {
            return Err(Reason::TargetForeign);
        }
        sent.push((name, value.to_owned()));
    }
    Ok(with_query(start, &sent))
}

/// Whether a page is of an origin that the client registered.
fn is_own(client: &Client, start: &str, target: &str) -> bool {
    let Some(wanted) = origin(target) else {
        return false;
    };
    let own = client.redirect_uris.iter().map(String::as_str);
    own.chain([start])
        .any(|uri| origin(uri).as_ref() == Some(&wanted))
}

#[cfg(test)]
mod tests {
    use super::{
        super::fixture::{ISSUER, policy, web},
        *,
    };

    fn started(pairs: &[(&str, &str)]) -> Result<String, Reason> {
        let client = Client {
            initiate_login_uri: Some("https://rp.test/start?a=1".to_owned()),
            ..web()
        };
        location(
            &Params::from_pairs(pairs.iter().copied()),
            &client,
            &policy(),
        )
    }

    #[test]
    fn the_person_goes_to_the_client_with_the_issuer_and_what_was_said() {
        //= test OIDC-CORE#4 iss is there
        let issuer = url::form_urlencoded::byte_serialize(ISSUER.as_bytes()).collect::<String>();
        assert_eq!(
            started(&[]).unwrap(),
            format!("https://rp.test/start?a=1&iss={issuer}")
        );
        assert_eq!(
            started(&[
                ("login_hint", "a&b"),
                ("target_link_uri", "https://rp.test/x?y=1")
            ])
            .unwrap(),
            format!(
                "https://rp.test/start?a=1&iss={issuer}&login_hint=a%26b&target_link_uri=https%3A%2F%2Frp.test%2Fx%3Fy%3D1"
            )
        );
    }

    #[test]
    fn a_target_is_a_page_of_the_client() {
        for foreign in [
            "https://evil.test/",
            "https://rp.test.evil.test/",
            "https://rp.test@evil.test/",
            "https://rp.test:8443/",
            "http://rp.test/",
            "//rp.test/",
            "/x",
            "javascript:alert(1)",
            "x",
            "",
        ] {
            let answer = started(&[("target_link_uri", foreign)]);
            // An empty parameter is none.
            let expected = if foreign.is_empty() {
                None
            } else {
                Some(Reason::TargetForeign)
            };
            assert_eq!(answer.err(), expected, "{foreign}");
        }
        let long = "x".repeat(3000);
        assert_eq!(
            started(&[("login_hint", &long)]).err(),
            Some(Reason::TooLong)
        );
        let none = location(&Params::default(), &web(), &policy());
        assert_eq!(none.err(), Some(Reason::NotOffered));
    }
}
