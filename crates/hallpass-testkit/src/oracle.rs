//! What must be true of every answer, whatever was asked.

use crate::{Answer, Ask, html};

/// What an answer is held against.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// The issuer: scheme, host and path of every page of ours.
    pub issuer: &'a str,
    /// The URIs to which the client of this request may be redirected.
    pub registered: &'a [String],
    /// Pages of clients that may be loaded in frames.
    pub frames: &'a [String],
}

/// Holds an answer against everything that is true of all of them.
///
/// # Panics
/// Something is not.
pub fn check(view: &View<'_>, ask: &Ask, answer: &Answer) {
    let problems = problems(view, ask, answer);
    assert!(
        problems.is_empty(),
        "{} {} was answered with {}: {problems:#?}\n{:#?}\n{}",
        ask.method,
        shorten(&ask.target),
        answer.status,
        answer.headers,
        shorten(&answer.text()),
    );
}

/// Everything that is wrong with an answer.
#[must_use]
pub fn problems(view: &View<'_>, ask: &Ask, answer: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    status(answer, &mut found);
    headers(view, ask, answer, &mut found);
    cookies(view, answer, &mut found);
    redirect(view, answer, &mut found);
    body(view, answer, &mut found);
    reflection(ask, answer, &mut found);
    found
}

/// Nothing that a client sends is an error of ours.
fn status(answer: &Answer, found: &mut Vec<String>) {
    let overload = matches!(answer.status, 429 | 503);
    if overload && answer.header("retry-after").is_none() {
        found.push("no Retry-After".to_owned());
    }
    if answer.status >= 500 && answer.status != 503 {
        found.push("an error of the server".to_owned());
    }
    if answer.status == 405 && answer.header("allow").is_none() {
        found.push("405 without Allow".to_owned());
    }
    if matches!(answer.status, 301 | 307 | 308) {
        found.push("a redirect that repeats or caches the request".to_owned());
    }
}

fn headers(view: &View<'_>, ask: &Ask, answer: &Answer, found: &mut Vec<String>) {
    let mut need = |name: &str, fits: &dyn Fn(&str) -> bool| {
        let mut all = answer.all(name);
        match (all.next(), all.next()) {
            (Some(value), None) if fits(value) => {}
            (value, second) => found.push(format!("{name} is {value:?} {second:?}")),
        }
    };
    need("x-content-type-options", &|v| v == "nosniff");
    let csp = answer.header("content-security-policy").unwrap_or_default();
    let embedder = csp
        .split(';')
        .find_map(|rule| rule.trim().strip_prefix("frame-ancestors http"))
        .map(|rest| format!("http{rest}"));
    // Nobody embeds a page of ours, but for answers by script, which the client of this request alone may embed.
    let by = |origin: &String| {
        let mut own = view.registered.iter();
        own.any(|uri| {
            uri.strip_prefix(origin.as_str())
                .is_some_and(|r| r.starts_with('/'))
        })
    };
    // One page is made for frames: it shows nothing.
    let watches = ["/session/check", "/login-status-iframe.html"];
    let framed = watches.iter().any(|p| ask.path().ends_with(p)) && answer.status == 200;
    match &embedder {
        None if framed => {}
        None => need("x-frame-options", &|v| v == "DENY"),
        Some(origin) if by(origin) => {}
        Some(_) => need("x-frame-options", &|_| false),
    }
    need("referrer-policy", &|v| {
        matches!(v, "no-referrer" | "same-origin")
    });
    need("content-security-policy", &|v| {
        let ancestors = if embedder.is_some() {
            "object-src 'none'"
        } else if framed {
            "frame-ancestors *"
        } else {
            "frame-ancestors 'none'"
        };
        [ancestors, "object-src 'none'", "base-uri 'none'"]
            .iter()
            .all(|rule| v.split(';').any(|have| have.trim() == *rule))
            && !v.contains("unsafe-")
    });
    if view.issuer.starts_with("https:") {
        need("strict-transport-security", &|v| {
            let age = v.strip_prefix("max-age=").unwrap_or_default();
            let age = age.split(';').next().unwrap_or_default();
            age.parse::<u64>().is_ok_and(|age| age >= 31_536_000)
        });
    }
    let public = [
        "/.well-known/",
        "/jwks",
        "/oidc/keys",
        "/certs",
        "/assets/",
        "/favicon.ico",
    ];
    if !public.iter().any(|p| ask.path().contains(p)) {
        need("cache-control", &|v| {
            v.split(',').any(|d| d.trim() == "no-store")
        });
    }
    for name in [
        "server",
        "x-powered-by",
        "x-inj",
        "access-control-allow-credentials",
    ] {
        if answer.header(name).is_some() {
            found.push(format!("{name} is sent"));
        }
    }
    let for_browsers = [
        "/token",
        "/userinfo",
        "/jwks",
        "/oidc/keys",
        "/certs",
        "/me",
        "/.well-known/",
        "/introspect",
        "/revoke",
        "/challenge",
        "/register",
    ];
    let cross = answer
        .headers
        .iter()
        .any(|(n, _)| n.starts_with("access-control-"));
    if cross && !for_browsers.iter().any(|p| ask.path().contains(p)) {
        found.push("other origins may read this".to_owned());
    }
}

fn cookies(view: &View<'_>, answer: &Answer, found: &mut Vec<String>) {
    let https = view.issuer.starts_with("https:");
    for cookie in answer.all("set-cookie") {
        let mut parts = cookie.split("; ");
        let name = parts.next().unwrap_or_default();
        let parts: Vec<&str> = parts.collect();
        let has = |text: &str| parts.iter().any(|p| p.eq_ignore_ascii_case(text));
        // One cookie is made for script on our own page, in frames of others. It opens nothing.
        let watched = name
            .split('=')
            .next()
            .is_some_and(|n| n.ends_with("hallpass_state"));
        let guarded = if watched {
            !https || has("SameSite=None")
        } else {
            has("HttpOnly") && (has("SameSite=Lax") || has("SameSite=Strict"))
        };
        let good = guarded
            && has("Path=/")
            && !parts
                .iter()
                .any(|p| p.to_ascii_lowercase().starts_with("domain"))
            && cookie.len() <= 4096
            && (!https || (name.starts_with("__Host-") && has("Secure")));
        if !good {
            found.push(format!("the cookie {cookie}"));
        }
    }
}

/// Nobody is sent anywhere but to us or to a registered URI of the client of this request.
fn redirect(view: &View<'_>, answer: &Answer, found: &mut Vec<String>) {
    let mut all = answer.all("location");
    let (Some(location), second) = (all.next(), all.next()) else {
        return;
    };
    if second.is_some() {
        found.push("two locations".to_owned());
    }
    if !matches!(answer.status, 201 | 302 | 303) {
        found.push(format!("a location with {}", answer.status));
    }
    if !may_lead_to(view, location) {
        found.push(format!(
            "leads to {location}, registered are {:?}",
            view.registered
        ));
    }
    // A browser keeps a fragment to itself.
    let sent = location.split('#').next().unwrap_or_default();
    let leaks = ["access_token=", "id_token="]
        .iter()
        .any(|name| sent.contains(name));
    if leaks && !is_ours(view, location) {
        found.push("a token in a URL".to_owned());
    }
}

fn may_lead_to(view: &View<'_>, target: &str) -> bool {
    is_ours(view, target)
        || view
            .registered
            .iter()
            .any(|uri| is_response_to(uri, target))
}

fn is_ours(view: &View<'_>, target: &str) -> bool {
    let path = match target.strip_prefix(view.issuer) {
        Some(rest) => rest,
        None => target,
    };
    // A browser takes a backslash for a slash, and two slashes begin another host.
    let off_site = path.starts_with("//") || path.contains('\\');
    path.starts_with('/') && !off_site
}

/// A response is the URI itself and parameters behind it. The port of a loopback URI may be another one.
fn is_response_to(uri: &str, target: &str) -> bool {
    let target = without_loopback_port(target);
    let rest = target.strip_prefix(uri).or_else(|| {
        let uri = without_loopback_port(uri);
        target.strip_prefix(uri.as_str())
    });
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['?', '&', '#']))
}

fn without_loopback_port(uri: &str) -> String {
    for host in ["http://127.0.0.1", "http://[::1]"] {
        if let Some(rest) = uri.strip_prefix(host).and_then(|r| r.strip_prefix(':')) {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            return format!("{host}{}", &rest[digits..]);
        }
    }
    uri.to_owned()
}

fn body(view: &View<'_>, answer: &Answer, found: &mut Vec<String>) {
    if answer.body.is_empty() {
        return;
    }
    match answer.header("content-type").unwrap_or_default() {
        "text/html; charset=utf-8" => page(view, answer, found),
        "application/json" => {
            if answer.status >= 400 {
                error_body(answer, found);
            }
        }
        "application/jwk-set+json"
        | "application/jwt"
        | "application/jrd+json"
        | "application/token-introspection+jwt"
        | "text/css; charset=utf-8"
        | "text/javascript; charset=utf-8"
        | "image/svg+xml"
        | "font/woff2" => {}
        other => found.push(format!("a body of type {other:?}")),
    }
}

/// Errors tell a code and a text, nothing else.
fn error_body(answer: &Answer, found: &mut Vec<String>) {
    let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let Some(members) = body.as_object() else {
        found.push("an error that is no JSON object".to_owned());
        return;
    };
    let known = ["error", "error_description", "error_uri", "state", "iss"];
    for (name, value) in members {
        let text = value.as_str().unwrap_or("\n");
        let printable = text
            .bytes()
            .all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        if !known.contains(&name.as_str()) || !printable {
            found.push(format!("the member {name}: {value}"));
        }
    }
}

fn page(view: &View<'_>, answer: &Answer, found: &mut Vec<String>) {
    for tag in html::tags(&answer.text()) {
        for (name, value) in &tag.attributes {
            let leads = matches!(
                name.as_str(),
                "action" | "formaction" | "src" | "srcset" | "data"
            );
            // A picture within the page asks nobody for anything.
            let picture = tag.name == "img"
                && ["png", "jpeg", "gif"]
                    .iter()
                    .any(|kind| value.starts_with(&format!("data:image/{kind};base64,")));
            let frame = tag.name == "iframe" && is_frame(view, value);
            if leads && !picture && !frame && !value.is_empty() && !may_lead_to(view, value) {
                found.push(format!("<{} {name}={value}>", tag.name));
            }
            let scheme = value.trim_start().to_ascii_lowercase();
            let script = ["javascript:", "data:", "vbscript:"];
            if name == "href" && script.iter().any(|s| scheme.starts_with(s)) {
                found.push(format!("<{} href={value}>", tag.name));
            }
            let refresh = name == "http-equiv" && value.eq_ignore_ascii_case("refresh");
            if refresh || name.starts_with("on") || name == "style" {
                found.push(format!("<{} {name}={value}>", tag.name));
            }
        }
        let framed = tag.name == "iframe" && !tag.get("src").is_some_and(|f| is_frame(view, f));
        if framed || matches!(tag.name.as_str(), "base" | "object") {
            found.push(format!("<{}>", tag.name));
        }
    }
}

/// A page that a client registered for its frame, with issuer and session or without.
fn is_frame(view: &View<'_>, value: &str) -> bool {
    view.frames.iter().any(|uri| is_response_to(uri, value))
}

/// The marker that tests put into parameters comes back encoded or not at all.
fn reflection(ask: &Ask, answer: &Answer, found: &mut Vec<String>) {
    let text = answer.text();
    let html = answer.media() == "text/html";
    if html && text.contains("<svg/onload") {
        found.push("the marker stands in the page as markup".to_owned());
    }
    let sent = format!("{:?}{}", ask.target, String::from_utf8_lossy(&ask.body));
    if html && sent.contains("7*7") && text.contains("zq") && text.contains("49}") {
        found.push("the marker was evaluated".to_owned());
    }
}

fn shorten(text: &str) -> String {
    text.chars().take(1500).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(target: &str) -> bool {
        let registered = [
            "https://rp.test/cb".to_owned(),
            "http://127.0.0.1/cb".to_owned(),
            "https://rp.test/q?a=1".to_owned(),
        ];
        let view = View {
            issuer: "https://op.test",
            registered: &registered,
            frames: &[],
        };
        may_lead_to(&view, target)
    }

    #[test]
    fn only_our_pages_and_registered_uris_are_places_to_go() {
        for good in [
            "/x",
            "https://op.test/x",
            "https://rp.test/cb",
            "https://rp.test/cb?code=1",
            "https://rp.test/cb#code=1",
            "https://rp.test/q?a=1&code=1",
            "http://127.0.0.1:51004/cb?code=1",
        ] {
            assert!(leads(good), "{good}");
        }
        for bad in [
            "//evil.test",
            "/\\evil.test",
            "https://op.test.evil.test/",
            "https://op.test@evil.test/",
            "https://rp.test/cb/x",
            "https://rp.test/cbx",
            "http://127.0.0.1:1@evil.test/cb",
            "javascript:1",
            "x",
        ] {
            assert!(!leads(bad), "{bad}");
        }
    }
}
