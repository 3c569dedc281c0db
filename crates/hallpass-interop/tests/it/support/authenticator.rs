//! Authenticators without a device (<https://www.w3.org/TR/webauthn-3/#sctn-automation>).

use serde_json::{Value, json};

use super::WebDriver;

/// A virtual authenticator of a browser, which holds passkeys.
#[derive(Debug)]
pub(crate) struct Authenticator<'a> {
    driver: &'a WebDriver,
    id: String,
}

impl WebDriver {
    /// An authenticator that is built in (`internal`) or a key for USB (`usb`). Its person is there and verified
    /// from now on, until something else is said.
    pub(crate) async fn authenticator(&self, transport: &str) -> Authenticator<'_> {
        let kind = json!({
            "protocol": "ctap2",
            "transport": transport,
            "hasResidentKey": true,
            "hasUserVerification": true,
            "isUserConsenting": true,
            "isUserVerified": true,
        });
        let id = self.post("webauthn/authenticator", &kind).await;
        let id = id.as_str().unwrap().to_owned();
        Authenticator { driver: self, id }
    }
}

impl Authenticator<'_> {
    /// Whether its person answers when they are asked. Who is not there lets a page wait.
    pub(crate) async fn person_is_there(&self, there: bool) {
        let parameters = json!({ "authenticatorId": self.id, "enabled": there });
        let command = "WebAuthn.setAutomaticPresenceSimulation";
        self.driver.devtools(command, parameters).await;
    }

    /// Whether the person proves to it who they are: a finger, a PIN.
    pub(crate) async fn verifies(&self, verified: bool) {
        let path = format!("webauthn/authenticator/{}/uv", self.id);
        let body = json!({ "isUserVerified": verified });
        self.driver.post(&path, &body).await;
    }

    /// The passkeys that it holds.
    pub(crate) async fn passkeys(&self) -> Vec<Value> {
        let path = format!("webauthn/authenticator/{}/credentials", self.id);
        let found = self.driver.get(&path).await;
        found.as_array().unwrap().clone()
    }

    /// Loses it, with all that it holds.
    pub(crate) async fn lose(self) {
        let path = format!("webauthn/authenticator/{}", self.id);
        let gone = self.driver.command("DELETE", &path, None).await;
        assert!(gone.is_ok(), "{gone:?}");
    }
}
