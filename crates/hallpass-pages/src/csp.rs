//! The `Content-Security-Policy` of each page, [CSP Level 3](https://www.w3.org/TR/CSP3/).

/// Where the scripts of a page come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripts {
    /// The page has none.
    None,
    /// The one line of the form-post page, named by its digest.
    FormPost,
    /// A file of this origin, which may talk to this origin.
    Own,
}

/// Where the forms of a page may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forms {
    /// The page has none, or only ones that stay on this origin.
    Own,
    /// A form of the page may end at a client. Chromium and Safari check `form-action` against every
    /// redirect that follows a submission, Firefox does not. After a sign-in the chain leaves for the
    /// client, and the client may send the browser on to a place that nobody here knows (another origin
    /// of its own, a private-use scheme). Naming the client's origin would thus still break sign-in
    /// behind a broker, so the directive is left off. What it would guard against, a form planted in
    /// the page, needs markup injection first, which escaping prevents.
    Client,
}

/// The policy as a header value.
pub(crate) fn policy(scripts: Scripts, forms: Forms) -> String {
    let mut policy = String::from(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; \
         frame-ancestors 'none'; object-src 'none'; base-uri 'none'",
    );
    match forms {
        Forms::Own => policy.push_str("; form-action 'self'"),
        Forms::Client => {}
    }
    match scripts {
        Scripts::None => {}
        Scripts::FormPost => {
            policy.push_str("; script-src 'sha256-");
            policy.push_str(FORM_POST_DIGEST);
            policy.push('\'');
        }
        Scripts::Own => policy.push_str(
            "; script-src 'self'; connect-src 'self'; \
             require-trusted-types-for 'script'; trusted-types 'none'",
        ),
    }
    policy
}

/// The only inline script there is. It calls the prototype's method, since a response parameter named
/// `submit` would hide the form's own.
pub(crate) const FORM_POST_SCRIPT: &str =
    "HTMLFormElement.prototype.submit.call(document.getElementById('form-post'))";

/// Base64 of the SHA-256 of [`FORM_POST_SCRIPT`].
const FORM_POST_DIGEST: &str = "7IAJhZCl3BSW77xSDf0x22nMNP+wqP1wwck12iu4YsQ=";

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    #[test]
    fn the_digest_in_the_policy_is_that_of_the_script() {
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, FORM_POST_SCRIPT.as_bytes());
        assert_eq!(STANDARD.encode(digest), FORM_POST_DIGEST);
    }

    #[test]
    fn no_policy_allows_inline_or_evaluated_script_or_framing() {
        for scripts in [Scripts::None, Scripts::FormPost, Scripts::Own] {
            for forms in [Forms::Own, Forms::Client] {
                let policy = policy(scripts, forms);
                assert!(!policy.contains("unsafe"), "{policy}");
                for directive in [
                    "default-src 'none'",
                    "frame-ancestors 'none'",
                    "object-src 'none'",
                    "base-uri 'none'",
                ] {
                    assert!(policy.split("; ").any(|d| d == directive), "{policy}");
                }
                assert!(
                    policy.is_ascii() && !policy.contains(['\r', '\n', ',']),
                    "{policy}"
                );
            }
        }
    }

    #[test]
    fn only_pages_whose_forms_stay_here_restrict_where_forms_go() {
        assert!(policy(Scripts::None, Forms::Own).contains("form-action 'self'"));
        assert!(!policy(Scripts::None, Forms::Client).contains("form-action"));
    }
}
