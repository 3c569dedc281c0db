use super::*;

fn response() -> TokenResponse {
    TokenResponse {
        access_token: "hpa_A-_".to_owned(),
        token_type: TokenType::Bearer,
        authorization_details: None,
        expires_in: 600,
        scope: "openid api:read".to_owned(),
        id_token: Some("e.y.s".to_owned()),
        issued_token_type: None,
        refresh_token: Some("hpr_R".to_owned()),
    }
}

#[test]
fn a_response_says_exactly_this() {
    //= test RFC6749#5.1 access_token and token_type are there
    //= test RFC6749#5.1 scope is there when it differs from what was asked for; here, always
    assert_eq!(
        response().to_json(),
        r#"{"access_token":"hpa_A-_","token_type":"Bearer","expires_in":600,"refresh_token":"hpr_R","id_token":"e.y.s","scope":"openid api:read"}"#
    );
}

#[test]
fn what_is_not_there_has_no_member() {
    let bare = TokenResponse {
        scope: String::new(),
        id_token: None,
        refresh_token: None,
        ..response()
    };
    assert_eq!(
        bare.to_json(),
        r#"{"access_token":"hpa_A-_","token_type":"Bearer","expires_in":600}"#
    );
}

#[test]
fn whatever_a_scope_holds_the_response_is_json() {
    let odd = TokenResponse {
        scope: "a'b</script>\u{e9} \"\\".to_owned(),
        ..response()
    };
    let read: serde_json::Value = serde_json::from_str(&odd.to_json()).unwrap();
    assert_eq!(read["scope"], odd.scope);
}

#[test]
fn no_token_is_printed() {
    let printed = format!("{:?}", response());
    for secret in ["hpa_A-_", "hpr_R", "e.y.s"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
