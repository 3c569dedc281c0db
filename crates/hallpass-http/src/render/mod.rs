//! What the HTTP layer needs rendered: error pages and the form_post response.

use hallpass_types::ErrorCode;

/// A page and its content security policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Html {
    /// The document.
    pub body: String,
    /// The `Content-Security-Policy` header.
    pub csp: String,
}

/// Renders pages.
pub trait RenderPages: Send + Sync + 'static {
    /// An error page, with `#error-code` and `#error-id`.
    fn error(&self, status: u16, code: ErrorCode, id: &str, text: &str) -> Html;

    /// A page that posts `fields` to `action` (OAuth 2.0 Form Post Response Mode §2).
    fn form_post(&self, action: &str, fields: &[(&str, &str)]) -> Html;
}

/// Plain pages for embedders that bring none.
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultPages;

/// SHA-256 of [`SUBMIT`], for the content security policy.
const SUBMIT: &str = "document.forms[0].submit()";

impl RenderPages for DefaultPages {
    fn error(&self, _: u16, code: ErrorCode, id: &str, text: &str) -> Html {
        let body = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Error</title><h1>{}</h1>\
             <p>Code <code id=\"error-code\">{}</code>, reason <code id=\"error-id\">{}</code></p>",
            escape(text),
            escape(code.as_str()),
            escape(id)
        );
        Html {
            body,
            csp: super::CSP_NONE.to_owned(),
        }
    }

    fn form_post(&self, action: &str, fields: &[(&str, &str)]) -> Html {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let mut inputs = String::new();
        for (name, value) in fields {
            inputs.push_str(&format!(
                "<input type=\"hidden\" name=\"{}\" value=\"{}\">",
                escape(name),
                escape(value)
            ));
        }
        let body = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>One moment</title>\
             <form method=\"post\" action=\"{}\">{inputs}<noscript><button>Continue</button></noscript></form>\
             <script>{SUBMIT}</script>",
            escape(action)
        );
        let hash = STANDARD.encode(hallpass_types::sha256(SUBMIT.as_bytes()));
        let csp = format!(
            "default-src 'none'; script-src 'sha256-{hash}'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'"
        );
        Html { body, csp }
    }
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}
