//! The picture of a client,
//! [OpenID Connect Dynamic Client Registration §2](https://openid.net/specs/openid-connect-registration-1_0.html#ClientMetadata).

use super::{Client, ClientOrigin, uri};

impl Client {
    /// Where the picture is that the consent page shows; none when the client has none that may be shown.
    #[must_use]
    pub fn shown_logo(&self) -> Option<&str> {
        let logo = self.links.logo_uri.as_deref()?;
        let parts = uri::parse(logo).ok()?;
        if parts.scheme != "https" {
            return None;
        }
        let shown = match self.origin {
            //= OIDC-REG#9.1 SHOULD: a client that registered itself shows a logo from a host of its redirect URIs
            ClientOrigin::Registration => self
                .redirect_uris
                .iter()
                .any(|own| uri::parse(own).is_ok_and(|own| own.host == parts.host)),
            // What may be shown in its name is on the host that is shown beside it.
            ClientOrigin::Document => uri::parse(self.id.as_str())
                .is_ok_and(|own| own.host.eq_ignore_ascii_case(parts.host)),
            ClientOrigin::Configuration | ClientOrigin::Administration => true,
        };
        shown.then_some(logo)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::client::fixtures::{configured, registered};

    //= test OIDC-REG#9.1 a client that registered itself shows a logo from a host of its redirect URIs
    #[test]
    fn nobody_registers_the_picture_of_somebody_else() {
        let metadata = |logo: &str| {
            json!({
                "redirect_uris": ["https://rp.test/cb", "https://app.rp.test:8443/cb"],
                "logo_uri": logo,
            })
        };
        for (logo, own) in [
            ("https://rp.test/logo.png", true),
            ("https://rp.test:444/logo.png", true),
            ("https://app.rp.test/logo.png", true),
            ("https://bank.test/logo.png", false),
            ("https://www.rp.test/logo.png", false),
            ("https://rp.test.evil.test/logo.png", false),
        ] {
            let client = registered("rp", &metadata(logo));
            assert_eq!(client.shown_logo(), own.then_some(logo), "{logo}");
            let client = configured("rp", &metadata(logo));
            assert_eq!(client.shown_logo(), Some(logo), "the operator knows it");
        }
    }

    #[test]
    fn without_a_web_address_there_is_no_picture() {
        let mut client = configured("rp", &json!({"redirect_uris": ["http://localhost/cb"]}));
        assert_eq!(client.shown_logo(), None);
        client.links.logo_uri = Some("http://localhost/logo.png".to_owned());
        assert_eq!(client.shown_logo(), None);
    }
}
