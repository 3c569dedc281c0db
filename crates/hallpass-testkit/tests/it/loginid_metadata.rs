//! What the metadata tells of compatibility.

use hallpass_testkit::Setup;
use serde_json::{Value, json};

use super::loginid::{both, compatible};

#[tokio::test]
async fn the_metadata_names_what_an_issuer_puts_up_with() {
    for (tolerant, op) in both().await {
        let told = op
            .browser()
            .get("/.well-known/openid-configuration")
            .await
            .json();
        let expected = if tolerant {
            json!(["loginid"])
        } else {
            Value::Null
        };
        assert_eq!(told["hallpass_compatibility"], expected);
        let methods = told["introspection_endpoint_auth_methods_supported"]
            .as_array()
            .unwrap();
        assert_eq!(methods.contains(&json!("none")), tolerant);
    }
    // A profile for banks puts up with nothing.
    let banks = Setup::default().without_clients().policy(|policy| {
        compatible(policy);
        policy.mtls.enabled = true;
        policy.fapi_profile = hallpass_core::fapi::Profile::parse("fapi2-security");
        assert!(policy.fapi_profile.is_some());
    });
    let op = banks.start().await;
    let told = op
        .browser()
        .get("/.well-known/openid-configuration")
        .await
        .json();
    assert_eq!(told["hallpass_compatibility"], Value::Null);
}
