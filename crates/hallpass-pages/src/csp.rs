//! The `Content-Security-Policy` of each page, [CSP Level 3](https://www.w3.org/TR/CSP3/).

/// Where the scripts of a page come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scripts {
    /// The page has none.
    None,
    /// The one line of the form-post page, named by its digest.
    FormPost,
    /// The one line that goes on to the client when all frames are loaded, named by its digest.
    GoOn,
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

/// The policy as a header value. The page may load frames from these origins, and from nowhere else.
pub(crate) fn policy(scripts: Scripts, forms: Forms, origins: &[String]) -> String {
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
        Scripts::GoOn => {
            policy.push_str("; script-src 'sha256-");
            policy.push_str(GO_ON_DIGEST);
            policy.push('\'');
        }
        Scripts::Own => policy.push_str(
            "; script-src 'self'; connect-src 'self'; \
             require-trusted-types-for 'script'; trusted-types 'none'",
        ),
    }
    // Whatever could end the directive is no origin.
    let mut origins: Vec<&str> = origins
        .iter()
        .map(String::as_str)
        .filter(|o| {
            o.bytes()
                .all(|b| b.is_ascii_graphic() && !matches!(b, b';' | b','))
        })
        .collect();
    origins.sort_unstable();
    origins.dedup();
    if !origins.is_empty() {
        policy.push_str("; frame-src ");
        policy.push_str(&origins.join(" "));
    }
    policy
}

/// One of the two inline scripts. It calls the prototype's method, since a response parameter named
/// `submit` would hide the form's own.
pub(crate) const FORM_POST_SCRIPT: &str =
    "HTMLFormElement.prototype.submit.call(document.getElementById('form-post'))";

/// Base64 of the SHA-256 of [`FORM_POST_SCRIPT`].
const FORM_POST_DIGEST: &str = "7IAJhZCl3BSW77xSDf0x22nMNP+wqP1wwck12iu4YsQ=";

/// The other one: leaves for the client when every frame is loaded, or after five seconds.
pub(crate) const GO_ON_SCRIPT: &str = "(function(){var gone=false;function go(){if(!gone){gone=true;\
    location.replace(document.getElementById('continue').href)}}\
    window.addEventListener('load',go);setTimeout(go,5000)})()";

/// Base64 of the SHA-256 of [`GO_ON_SCRIPT`].
const GO_ON_DIGEST: &str = "vZAq/yvevOD0v+liuruln8gmUjDN3LY8YoyUG6FVw9s=";

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};

    use super::*;

    #[test]
    fn the_digest_in_the_policy_is_that_of_the_script() {
        for (script, expected) in [
            (FORM_POST_SCRIPT, FORM_POST_DIGEST),
            (GO_ON_SCRIPT, GO_ON_DIGEST),
        ] {
            let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, script.as_bytes());
            assert_eq!(STANDARD.encode(digest), expected);
        }
    }

    #[test]
    fn no_policy_allows_inline_or_evaluated_script_or_framing() {
        for scripts in [
            Scripts::None,
            Scripts::FormPost,
            Scripts::GoOn,
            Scripts::Own,
        ] {
            for forms in [Forms::Own, Forms::Client] {
                let policy = policy(scripts, forms, &["https://rp.example".to_owned()]);
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
    fn frames_come_from_the_origins_that_are_named_and_nowhere_else() {
        let frames = [
            "https://b.example:8443",
            "https://a.example",
            "https://a.example",
            "https://c.example; script-src *",
            "https://c.example,x",
        ]
        .map(str::to_owned);
        let policy = policy(Scripts::None, Forms::Own, &frames);
        let frames = policy.split("; ").find(|d| d.starts_with("frame-src"));
        assert_eq!(
            frames,
            Some("frame-src https://a.example https://b.example:8443")
        );
        assert!(!super::policy(Scripts::None, Forms::Own, &[]).contains("frame-src"));
    }

    #[test]
    fn only_pages_whose_forms_stay_here_restrict_where_forms_go() {
        assert!(policy(Scripts::None, Forms::Own, &[]).contains("form-action 'self'"));
        assert!(!policy(Scripts::None, Forms::Client, &[]).contains("form-action"));
    }
}
