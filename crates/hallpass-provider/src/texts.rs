//! Short messages: codes that somebody else's service sends to telephones.
//!
//! The service gets a signed JSON request over the outbox, so that a code is sent once the commit that ordered it is durable,
//! and tried again while it is good for something.

use std::fmt;

use hallpass_core::record::SealedRequest;
use hallpass_jose::mac::HmacSha256Key;
use hallpass_store::Write;
use hallpass_types::{ClientId, PhoneNumber, Secret, Timestamp};
use serde_json::json;

use crate::{Failure, Provider, outbox::Outgoing, ports::MailCode};

/// A service that sends short messages.
#[derive(Clone)]
pub struct TextHook {
    url: String,
    key: std::sync::Arc<HmacSha256Key>,
}

impl TextHook {
    /// The service at this URL, which knows requests of ours by a secret that both have.
    #[must_use]
    pub fn new(url: String, secret: &Secret) -> Self {
        let key = HmacSha256Key::new(secret.expose().as_bytes());
        let key = std::sync::Arc::new(key);
        Self { url, key }
    }
}

impl fmt::Debug for TextHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TextHook")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// The receiver among those that the outbox sends to.
const RECEIVER: &str = "urn:hallpass:sms";

impl Provider {
    /// Whether codes can be sent to this number.
    pub(crate) fn reaches(&self, number: &PhoneNumber) -> bool {
        let Some(texts) = &self.inner.policy.people.texts else {
            return false;
        };
        let mut prefixes = texts.prefixes.iter();
        texts.prefixes.is_empty() || prefixes.any(|prefix| number.as_str().starts_with(prefix))
    }

    /// The write that has a code sent; none where there is nobody to send it, or no words for it.
    pub(crate) fn text(
        &self,
        number: &PhoneNumber,
        code: &MailCode,
        expires_at: Timestamp,
    ) -> Result<Option<Write>, Failure> {
        let inner = &self.inner;
        let words = inner.post.as_ref().map(|post| &post.letters);
        let text = words.and_then(|letters| letters.text(code));
        let (Some(hook), Some(text)) = (&inner.text_hook, text) else {
            return Ok(None);
        };
        let now = self.now();
        let id = hallpass_jose::base64url::encode(self.random::<16>());
        let body = json!({
            "type": "sms.code",
            "id": id,
            "issuer": inner.policy.issuer.as_str(),
            "to": number.as_str(),
            "text": text,
            "expires_at": expires_at.0,
        });
        let body = body.to_string();
        let signed = hook.key.sign(format!("{id}.{}.{body}", now.0).as_bytes());
        let signature = hallpass_jose::base64url::encode(signed);
        let authorization = format!("Hallpass id={id}, t={}, v1={signature}", now.0);
        let client = ClientId::parse(RECEIVER)
            .map_err(|_| Failure::Internal("the receiver has no name".to_owned()))?;
        let outgoing = Outgoing {
            kind: "sms",
            client: &client,
            url: &hook.url,
            request: SealedRequest {
                content_type: "application/json".to_owned(),
                authorization: Some(authorization),
                body,
            },
            expires_at,
        };
        self.outgoing(&outgoing).map(Some)
    }
}
