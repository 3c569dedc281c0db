//! Ways in which a client comes to be known.

use hallpass_testkit::Request;
use serde_json::json;

use super::{desk::Desk, requests::goes_on};

/// A client whose identifier is the URL of its metadata.
pub(super) async fn of_a_document(desk: &Desk) -> bool {
    const APP: &str = "https://app.test/oauth/client.json";
    let document = json!({"client_id": APP, "redirect_uris": ["https://app.test/cb"]});
    desk.op.fetcher.put(APP, document.to_string());
    let request = Request::of("spa", "openid")
        .with("client_id", APP)
        .with("redirect_uri", "https://app.test/cb");
    goes_on(&desk.op.browser().send(request.get()).await)
}
