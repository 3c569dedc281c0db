//! Forms, their hooks and their words.

use super::*;

#[test]
fn the_sign_in_form_has_the_hooks_and_hints_that_software_looks_for() {
    one_page("sign_in_bare", |Html { body, .. }| {
        assert!(tag_with_id(body, "form", "login").contains("method=\"post\""));
        let username = tag_with_id(body, "input", "username");
        assert!(
            username.contains("name=\"username\"")
                && username.contains("autocomplete=\"username\"")
        );
        assert!(username.contains("autofocus"));
        let password = tag_with_id(body, "input", "password");
        assert!(password.contains("name=\"password\"") && password.contains("type=\"password\""));
        assert!(
            password.contains("autocomplete=\"current-password\"") && !password.contains("value=")
        );
        assert!(!password.contains("maxlength") && !password.contains("autofocus"));
        tag_with_id(body, "button", "sign-in");
        assert!(!body.contains("role=\"alert\""));
    });
}

#[test]
fn a_sign_in_error_is_announced_and_tied_to_the_fields() {
    one_page("sign_in", |Html { body, .. }| {
        assert!(tag_with_id(body, "div", "sign-in-error").contains("role=\"alert\""));
        for field in ["username", "password"] {
            let field = tag_with_id(body, "input", field);
            assert!(
                field.contains("aria-describedby=\"sign-in-error\"")
                    && field.contains("aria-invalid=\"true\"")
            );
        }
        assert!(tag_with_id(body, "input", "username").contains("value=\"plain\""));
        assert!(tag_with_id(body, "input", "password").contains("autofocus"));
        assert!(body.contains("Try again in 2 minutes."), "{body}");
    });
}

#[test]
fn every_sign_in_error_has_a_text() {
    for error in [
        SignInError::Refused,
        SignInError::Throttled,
        SignInError::Busy,
        SignInError::Expired,
    ] {
        let sign_in = SignIn {
            ways: &["form", "passkey", "upstream"],
            remember: true,
            password: true,
            mail_code: false,
            mail_link: false,
            passkey: None,
            action: "/sign-in",
            hidden: &[],
            username: "ada",
            error: Some(error),
            retry_after: None,
            client: None,
            cancel: false,
            sign_up: None,
            recover: None,
        };
        let html = Pages::new()
            .unwrap()
            .render(Page::SignIn(sign_in), &chrome("op"));
        assert!(!html.body.starts_with(FALLBACK), "{error:?}");
        assert!(html.body.contains("role=\"alert\""), "{error:?}");
        assert!(!html.body.contains("Try again in"), "{error:?}");
    }
}

#[test]
fn the_consent_form_has_its_hooks_and_says_who_asks_and_where_it_leads() {
    one_page("consent", |Html { body, .. }| {
        assert!(tag_with_id(body, "form", "consent").contains("method=\"post\""));
        for decision in ["allow", "deny"] {
            let button = tag_with_id(body, "button", decision);
            assert!(
                button.contains("name=\"decision\"")
                    && button.contains(&format!("value=\"{decision}\""))
            );
        }
        for id in ["client-host", "redirect-host", "lifetime"] {
            tag_with_id(body, "p", id);
        }
        for id in ["unverified", "loopback"] {
            tag_with_id(body, "div", id);
        }
        assert_eq!(body.matches("type=\"checkbox\" name=\"scope.").count(), 1);
    });
    one_page("consent_bare", |Html { body, .. }| {
        assert!(!body.contains("id=\"unverified\"") && !body.contains("id=\"loopback\""));
        assert!(!body.contains("id=\"lifetime\"") && !body.contains("<fieldset"));
    });
}

#[test]
fn standard_scopes_have_words_of_their_own() {
    let scope = |name| Scope {
        name,
        title: None,
        description: None,
        optional: false,
        granted: false,
        resource: None,
    };
    let consent = Consent {
        action: "/consent",
        hidden: &[],
        client: client("app.example"),
        account: "ada",
        scopes: &[
            scope("email"),
            scope("offline_access"),
            scope("photos:print"),
        ],
        claims: &[],
        resources: &[],
        details: &[],
        lifetime: None,
        user_code: None,
    };
    let html = Pages::new()
        .unwrap()
        .render(Page::Consent(consent), &chrome("op"));
    assert!(
        html.body.contains("See your email address") && html.body.contains("Keep access"),
        "{}",
        html.body
    );
    assert!(
        html.body
            .contains("<bdi class=\"scope-title\">photos:print</bdi>"),
        "{}",
        html.body
    );
}

#[test]
fn the_other_forms_have_their_hooks() {
    one_page("confirm_logout", |Html { body, .. }| {
        assert!(tag_with_id(body, "form", "logout").contains("method=\"post\""));
        for (id, value) in [("logout-yes", "yes"), ("logout-no", "no")] {
            let button = tag_with_id(body, "button", id);
            assert!(button.contains(&format!("name=\"logout\" value=\"{value}\"")));
        }
    });
    one_page("select_account", |Html { body, .. }| {
        tag_with_id(body, "form", "select-account");
        assert_eq!(body.matches("name=\"account\"").count(), 3);
        assert!(tag_with_id(body, "button", "other-account").contains("value=\"\""));
    });
    one_page("signed_out", |Html { body, .. }| {
        tag_with_id(body, "div", "signed-out");
        assert!(tag_with_id(body, "a", "return").contains("https:"));
    });
    one_page("signed_out_kept", |Html { body, .. }| {
        assert!(!body.contains("\"signed-out\""));
    });
    one_page("form_post", |Html { body, .. }| {
        tag_with_id(body, "form", "form-post");
        assert!(body.contains("<noscript>") && body.contains("id=\"continue\""));
    });
}

#[test]
fn an_error_page_carries_code_and_id() {
    let error = |code, id| {
        let page = Page::Error(Error {
            code,
            about: None,
            id,
            detail: None,
            next: None,
            next_fields: None,
            next_host: "",
        });
        Pages::new().unwrap().render(page, &chrome("op")).body
    };
    let body = error("invalid_client", "01JD");
    assert!(
        body.contains("<code id=\"error-code\">invalid_client</code>"),
        "{body}"
    );
    assert!(body.contains("<code id=\"error-id\">01JD</code>"), "{body}");
    assert!(
        body.contains("Unknown app") && !body.contains("error-detail"),
        "{body}"
    );
    assert!(error("something_new", "1").contains("That did not work"));
}

#[test]
fn an_answer_that_is_held_goes_on_by_a_button_of_its_own() {
    one_page("error_form", |Html { body, csp }| {
        assert!(tag_with_id(body, "form", "go-back").contains("method=\"post\""));
        tag_with_id(body, "button", "back");
        assert!(!body.contains("<script"), "{body}");
        assert!(
            !csp.contains("script-src") && !csp.contains("form-action"),
            "{csp}"
        );
    });
    one_page("error", |Html { body, csp }| {
        tag_with_id(body, "a", "back");
        assert!(
            !body.contains("go-back") && csp.contains("form-action 'self'"),
            "{csp}"
        );
    });
}

#[test]
fn whoever_may_not_ask_is_listed_with_a_way_to_let_them_again() {
    one_page("approvals", |Html { body, .. }| {
        for number in ["1", "2"] {
            let form = tag_with_id(body, "form", &format!("refused-{number}"));
            assert!(form.contains("method=\"post\""));
            tag_with_id(body, "button", &format!("admit-{number}"));
        }
        for decision in ["deny_day", "deny_always"] {
            assert!(body.contains(&format!("value=\"{decision}\"")), "{body}");
        }
    });
}
