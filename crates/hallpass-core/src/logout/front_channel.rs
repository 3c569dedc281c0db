//! Frames that tell clients by way of the browser,
//! [OpenID Connect Front-Channel Logout 1.0](https://openid.net/specs/openid-connect-frontchannel-1_0.html).

use hallpass_types::{Issuer, Sid};

use crate::{authorize::respond, client::Client};

/// The address of the frame that tells a client that a session has ended; none when the client registered none.
#[must_use]
pub fn frame(client: &Client, issuer: &Issuer, sid: &Sid) -> Option<String> {
    let to = client.frontchannel_logout.as_ref()?;
    //= OIDC-FRONTCHANNEL#2 MUST: issuer and session are named together or not at all
    let named = [
        ("iss", issuer.as_str().to_owned()),
        ("sid", sid.as_str().to_owned()),
    ];
    let params = if to.session_required { &named[..] } else { &[] };
    Some(respond::with_query(&to.uri, params))
}

/// The origin of a frame, for the page's `Content-Security-Policy`.
#[must_use]
pub fn origin(frame: &str) -> Option<String> {
    let origin = url::Url::parse(frame).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::client::{Client, fixtures::registered};

    fn client(uri: &str, session_required: bool) -> Client {
        registered(
            "c",
            &json!({
                "redirect_uris": ["https://rp.test:8443/cb"],
                "frontchannel_logout_uri": uri,
                "frontchannel_logout_session_required": session_required,
            }),
        )
    }

    //= test OIDC-FRONTCHANNEL#2 issuer and session are named together or not at all
    #[test]
    fn a_frame_names_issuer_and_session_when_the_client_asked_for_it() {
        let issuer = Issuer::parse("https://op.test/t1").unwrap();
        let sid = Sid::parse("s-1").unwrap();
        let framed = |uri, required| frame(&client(uri, required), &issuer, &sid).unwrap();
        let uri = "https://rp.test:8443/out";
        assert_eq!(framed(uri, false), uri);
        assert_eq!(
            framed(uri, true),
            "https://rp.test:8443/out?iss=https%3A%2F%2Fop.test%2Ft1&sid=s-1"
        );
        assert_eq!(
            framed("https://rp.test:8443/out?a=b", true),
            "https://rp.test:8443/out?a=b&iss=https%3A%2F%2Fop.test%2Ft1&sid=s-1"
        );
        let silent = registered("d", &json!({"redirect_uris": ["https://rp.test/cb"]}));
        assert_eq!(frame(&silent, &issuer, &sid), None);
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (frame, origin) in [
            ("https://rp.test:8443/out?a=b", Some("https://rp.test:8443")),
            ("https://RP.test:443/x", Some("https://rp.test")),
            ("http://[::1]:3/", Some("http://[::1]:3")),
            ("data:text/html,x", None),
            ("rp.test", None),
        ] {
            assert_eq!(super::origin(frame).as_deref(), origin, "{frame}");
        }
    }
}
