//! What the HTTP layer needs rendered: error pages, and answers that are pages.

use std::sync::Arc;

use hallpass_types::ErrorCode;
use http::{HeaderMap, header::ACCEPT_LANGUAGE};

/// A page and its content security policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Html {
    /// The document.
    pub body: String,
    /// The `Content-Security-Policy` header.
    pub csp: String,
}

/// The languages that a person is said to read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// BCP 47 tags in order of preference, such as `ui_locales`.
    pub locales: &'a [&'a str],
    /// `Accept-Language`, for where none of them is offered.
    pub accept: Option<&'a str>,
}

/// `Accept-Language` of a request.
#[must_use]
pub fn accept_language(headers: &HeaderMap) -> Option<&str> {
    headers.get(ACCEPT_LANGUAGE)?.to_str().ok()
}

/// How a person goes on from an error page to a client.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Onward<'a> {
    /// By a link.
    Link(&'a str),
    /// By a form that posts these fields to `action` (OAuth 2.0 Form Post Response Mode §2).
    Form {
        /// The client's redirect URI.
        action: &'a str,
        /// Names and values.
        fields: &'a [(&'a str, &'a str)],
    },
}

/// What goes to the client is not printed.
impl std::fmt::Debug for Onward<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Link(_) => "Link",
            Self::Form { .. } => "Form",
        })
    }
}

/// Renders pages.
pub trait RenderPages: Send + Sync + 'static {
    /// The same pages in the language that is wanted most; none where there is one language only.
    fn speaking(&self, wanted: Wanted<'_>) -> Option<Arc<dyn RenderPages>> {
        let _: Wanted<'_> = wanted;
        None
    }

    /// An error page, with `#error-code` and `#error-id`.
    fn error(&self, status: u16, code: ErrorCode, id: &str, text: &str) -> Html;

    /// An error page from which the person may go on to a client that anybody could have made. Pages that do not say its host
    /// leave that out, as this one does.
    fn error_before(
        &self,
        status: u16,
        code: ErrorCode,
        id: &str,
        text: &str,
        next: Onward<'_>,
    ) -> Html {
        let _: Onward<'_> = next;
        self.error(status, code, id, text)
    }

    /// A page that posts `fields` to `action` (OAuth 2.0 Form Post Response Mode §2).
    fn form_post(&self, action: &str, fields: &[(&str, &str)]) -> Html;

    /// A page that hands `response`, a JSON object, to the window that opened or embeds it, if that is of this origin. The
    /// page has nothing to look at. Only this origin may embed it.
    fn web_message(&self, origin: &str, response: &str) -> Html {
        let body = format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>One moment</title>\
             <p id=\"message\" data-origin=\"{}\" data-response=\"{}\"></p><script>{SEND}</script>",
            escape(origin),
            escape(response)
        );
        Html {
            body,
            csp: format!(
                "default-src 'none'; script-src 'sha256-{}'; frame-ancestors {origin}; base-uri 'none'; \
                 form-action 'none'; object-src 'none'",
                hash(SEND)
            ),
        }
    }
}

/// Hands the response over. The browser gives it to no other origin.
const SEND: &str = "(function(){var d=document.getElementById(\"message\").dataset,w=window.opener||window.parent;\
if(w&&w!==window){w.postMessage({type:\"authorization_response\",response:JSON.parse(d.response)},d.origin)}})()";

fn hash(script: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    STANDARD.encode(hallpass_types::sha256(script.as_bytes()))
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
        let csp = format!(
            "default-src 'none'; script-src 'sha256-{}'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
            hash(SUBMIT)
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
