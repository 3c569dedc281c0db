//! Every page: escaping, hooks, policy, accessibility.

mod forms;

use crate::{
    Chrome, Html, Lang, Page, Pages,
    render::FALLBACK,
    templates::BUILT_IN as TEMPLATES,
    view::{
        Account, Approval, Approvals, Client, ConfirmLogout, Consent, Demo, Detail, DetailRow,
        Device, DeviceDone, DeviceError, Error, FormPost, Home, Identity, Link, Linked,
        Organization, RefusedRow, Resource, Scope, SelectAccount, SelectOrganization, SignIn,
        SignInError, SignedOut, Upstream,
    },
};

/// A string that does harm wherever it is not escaped.
const HARM: &str = "zq\"'<svg/onload=1>{{7*7}}${7*7}\r\nX-Inj:1";

fn chrome(text: &str) -> Chrome<'_> {
    Chrome {
        base: "/t",
        host: text,
        name: text,
        lang: Lang::En,
        upstreams: &[],
    }
}

fn client(text: &str) -> Client<'_> {
    Client {
        name: text,
        host: text,
        redirect_host: text,
        client_uri: Some("https://app.example/"),
        logo: None,
        policy_uri: Some("https://app.example/privacy"),
        tos_uri: Some("https://app.example/terms"),
        unverified: true,
        document: false,
        loopback_only: true,
    }
}

/// Calls `check` with every page, all of whose texts are `text`.
fn each_page(text: &str, check: impl Fn(&str, Html)) {
    each_page_in(Lang::En, text, check);
}

fn each_page_in(lang: Lang, text: &str, check: impl Fn(&str, Html)) {
    let hidden = [(text, text), ("csrf", "1")];
    let frames = ["https://rp.example/out?a&b".to_owned()];
    let origins = ["https://rp.example".to_owned()];
    let scope = |optional, title, description| Scope {
        name: text,
        title,
        description,
        optional,
        granted: optional,
        resource: None,
    };
    let scopes = [
        scope(false, None, None),
        scope(true, Some(text), Some(text)),
    ];
    let accounts = [
        Account {
            id: text,
            name: text,
            detail: Some(text),
        },
        Account {
            id: "2",
            name: text,
            detail: None,
        },
    ];
    let texts = [text, "name"];
    let resources = [
        Resource {
            name: Some(text),
            identifier: text,
        },
        Resource {
            name: None,
            identifier: "https://api.example",
        },
    ];
    let links = [Link {
        title: text,
        href: text,
    }];
    let sign_in = SignIn {
        ways: &["form", "passkey", "upstream"],
        remember: true,
        password: true,
        mail_code: false,
        mail_link: false,
        passkey: None,
        action: text,
        hidden: &hidden,
        username: text,
        error: Some(SignInError::Refused),
        retry_after: Some(61),
        client: Some(client(text)),
        cancel: true,
        sign_up: None,
        recover: None,
    };
    let rows = [DetailRow {
        name: text,
        value: text,
    }];
    let details = [Detail {
        title: text,
        rows: &rows,
    }];
    let approvals = [Approval {
        action: text,
        client: client(text),
        binding_message: Some(text),
        scopes: &scopes,
        claims: &texts,
        resources: &resources,
        details: &details,
        sign_in_again: false,
        left: 60,
    }];
    let refused = [Some(text), None].map(|until| RefusedRow {
        id: text,
        client: client(text),
        until,
    });
    let consent = Consent {
        action: text,
        hidden: &hidden,
        client: client(text),
        account: text,
        scopes: &scopes,
        claims: &texts,
        resources: &resources,
        details: &details,
        lifetime: Some(86_400),
        user_code: None,
    };
    let pages = [
        ("sign_in", Page::SignIn(sign_in)),
        (
            "sign_in_bare",
            Page::SignIn(SignIn {
                username: "",
                error: None,
                retry_after: None,
                client: None,
                cancel: false,
                sign_up: None,
                recover: None,
                ..sign_in
            }),
        ),
        ("consent", Page::Consent(consent)),
        (
            "consent_bare",
            Page::Consent(Consent {
                scopes: &[],
                claims: &[],
                resources: &[],
                details: &[],
                lifetime: None,
                user_code: None,
                client: Client {
                    name: "",
                    client_uri: None,
                    logo: None,
                    policy_uri: None,
                    tos_uri: None,
                    unverified: false,
                    document: false,
                    loopback_only: false,
                    ..client(text)
                },
                ..consent
            }),
        ),
        (
            "select_account",
            Page::SelectAccount(SelectAccount {
                action: text,
                hidden: &hidden,
                client: Some(client(text)),
                accounts: &accounts,
            }),
        ),
        (
            "linked",
            Page::Linked(Linked {
                account: text,
                handle: text,
                identities: &[Identity {
                    id: text,
                    name: text,
                }],
                others: &[Upstream {
                    id: text,
                    name: text,
                }],
                account_page: true,
            }),
        ),
        (
            "select_organization",
            Page::SelectOrganization(SelectOrganization {
                action: text,
                client: client(text),
                account: text,
                organizations: &[Organization {
                    id: text,
                    name: text,
                }],
            }),
        ),
        (
            "confirm_logout",
            Page::ConfirmLogout(ConfirmLogout {
                action: text,
                hidden: &hidden,
                client: Some(client(text)),
                account: Some(text),
                client_alone: true,
            }),
        ),
        (
            "confirm_logout_bare",
            Page::ConfirmLogout(ConfirmLogout {
                action: text,
                hidden: &[],
                client: None,
                account: None,
                client_alone: false,
            }),
        ),
        (
            "signed_out",
            Page::SignedOut(SignedOut {
                client: Some(client(text)),
                kept: false,
                left: false,
                frames: &[],
                frame_origins: &[],
                next: None,
            }),
        ),
        (
            "signed_out_frames",
            Page::SignedOut(SignedOut {
                client: Some(client(text)),
                kept: false,
                left: false,
                frames: &frames,
                frame_origins: &origins,
                next: Some("https://rp.example/bye?a&b"),
            }),
        ),
        (
            "signed_out_kept",
            Page::SignedOut(SignedOut {
                client: None,
                kept: true,
                left: false,
                frames: &[],
                frame_origins: &[],
                next: None,
            }),
        ),
        (
            "error",
            Page::Error(Error {
                code: text,
                about: None,
                id: text,
                detail: Some(text),
                next: Some("https://rp.example/cb?error=invalid_scope&state=a%20b"),
                next_fields: None,
                next_host: text,
            }),
        ),
        (
            "error_form",
            Page::Error(Error {
                code: text,
                about: None,
                id: text,
                detail: Some(text),
                next: Some(text),
                next_fields: Some(&hidden),
                next_host: text,
            }),
        ),
        (
            "form_post",
            Page::FormPost(FormPost {
                action: text,
                fields: &hidden,
                redirect_host: text,
            }),
        ),
        (
            "consent_device",
            Page::Consent(Consent {
                user_code: Some(text),
                ..consent
            }),
        ),
        (
            "device",
            Page::Device(Device {
                action: text,
                user_code: text,
                carried: false,
                error: Some(DeviceError::Unknown),
                retry_after: None,
                address: None,
            }),
        ),
        (
            "approvals",
            Page::Approvals(Approvals {
                account: text,
                requests: &approvals,
                lift: text,
                form: text,
                refused: &refused,
            }),
        ),
        (
            "device_done",
            Page::DeviceDone(DeviceDone {
                client: client(text),
                allowed: true,
            }),
        ),
        (
            "home",
            Page::Home(Home {
                issuer: text,
                links: &links,
                demo: true,
                account: false,
            }),
        ),
        (
            "demo",
            Page::Demo(Demo {
                issuer: text,
                client_id: text,
                redirect_uri: text,
                scope: text,
            }),
        ),
    ];
    let renderer = Pages::new().unwrap();
    for (name, page) in pages {
        let chrome = Chrome {
            lang,
            ..chrome(text)
        };
        check(name, renderer.render(page, &chrome));
    }
}

fn one_page(name: &str, check: impl Fn(&Html)) {
    each_page("plain", |page, html| {
        if page == name {
            check(&html);
        }
    });
}

/// What stands between `<tag` and `>`, for every tag of that name.
fn tags<'a>(body: &'a str, tag: &str) -> Vec<&'a str> {
    body.split('<')
        .filter_map(|piece| piece.strip_prefix(tag))
        .filter(|rest| rest.starts_with([' ', '>']))
        .map(|rest| rest.split('>').next().unwrap())
        .collect()
}

fn tag_with_id<'a>(body: &'a str, tag: &str, id: &str) -> &'a str {
    let id = format!(" id=\"{id}\"");
    tags(body, tag)
        .into_iter()
        .find(|found| found.contains(&id))
        .unwrap_or_else(|| panic!("no <{tag}{id}> in {body}"))
}

#[test]
fn every_page_speaks_every_language_and_turns_with_it() {
    for lang in Lang::ALL {
        each_page_in(lang, "plain", |name, Html { body, .. }| {
            let start = format!("lang=\"{}\" dir=\"{}\">", lang.tag(), lang.dir());
            assert!(body.contains(&start), "{lang:?} {name}: {body}");
            let unfilled =
                body.contains("{client") || body.contains("{host") || body.contains("{time");
            assert!(!unfilled, "{lang:?} {name}: {body}");
        });
    }
}

#[test]
fn the_layout_names_no_side() {
    let style = crate::assets::STYLE;
    for side in [
        "margin-left",
        "margin-right",
        "padding-left",
        "padding-right",
        "border-left",
        "border-right",
        "text-align: left",
        "text-align: right",
        "float:",
        " left:",
        " right:",
    ] {
        assert!(!style.contains(side), "{side}");
    }
}

#[test]
fn every_template_has_a_name_that_switches_escaping_on() {
    for (name, _) in TEMPLATES {
        // The text of a mail is no HTML.
        assert!(name.ends_with(".html") || *name == "mail.txt", "{name}");
    }
}

#[test]
fn no_template_marks_input_as_safe() {
    for (name, source) in TEMPLATES {
        assert!(!source.contains("|safe"), "{name}");
        assert!(!source.contains("autoescape"), "{name}");
    }
}

#[test]
fn text_from_outside_is_escaped_on_every_page() {
    each_page(HARM, |name, Html { body, csp }| {
        assert!(!body.starts_with(FALLBACK), "{name} does not render");
        assert!(
            body.contains("zq&quot;&#x27;&lt;svg"),
            "{name} does not show the text"
        );
        // Names of files carry a digest, in which anything may stand.
        let own: String = body
            .lines()
            .filter(|line| !line.contains("assets&#x2f;"))
            .collect();
        for raw in ["zq\"", "<svg/onload", "\"'<", "49"] {
            assert!(!own.contains(raw), "{name} contains {raw}:\n{body}");
        }
        assert!(!csp.contains("zq"), "{name}");
    });
}

#[test]
fn markup_stays_the_same_whatever_the_text_is() {
    let count = |body: &str| (body.matches('<').count(), body.matches('"').count());
    each_page("plain", |name, plain| {
        each_page(HARM, |other, harmful| {
            if name == other {
                assert_eq!(count(&plain.body), count(&harmful.body), "{name}");
            }
        });
    });
}

#[test]
fn direction_overrides_do_not_reach_a_page_outside_of_form_values() {
    let name = "Pay\u{202E}lap\u{200B}\u{2066}";
    each_page(name, |page, html| {
        let shown: String = html
            .body
            .lines()
            .filter(|line| {
                !line.contains("type=\"hidden\"")
                    && !line.contains("action=")
                    && !line.contains("value=")
            })
            .collect();
        if !matches!(page, "home" | "demo") {
            assert!(
                !shown.contains(['\u{202E}', '\u{200B}', '\u{2066}']),
                "{page}"
            );
        }
    });
}

#[test]
fn form_values_go_back_exactly_as_they_came() {
    let hidden = [("state", "a\u{202E}b \"<&>' c"), ("submit", "x")];
    let fields = FormPost {
        action: "https://app.example/cb?x=1&y=2",
        fields: &hidden,
        redirect_host: "app.example",
    };
    let html = Pages::new()
        .unwrap()
        .render(Page::FormPost(fields), &chrome("op"));
    assert!(
        html.body
            .contains("value=\"a\u{202E}b &quot;&lt;&amp;&gt;&#x27; c\""),
        "{}",
        html.body
    );
    assert!(
        html.body
            .contains("action=\"https:&#x2f;&#x2f;app.example&#x2f;cb?x=1&amp;y=2\""),
        "{}",
        html.body
    );
}

#[test]
fn a_nameless_client_is_shown_by_its_host() {
    let sign_in = SignIn {
        ways: &["form", "passkey", "upstream"],
        remember: true,
        password: true,
        mail_code: false,
        mail_link: false,
        passkey: None,
        action: "/sign-in",
        hidden: &[],
        username: "",
        error: None,
        retry_after: None,
        client: Some(Client {
            name: "\u{200B}\u{202E} ",
            ..client("app.example")
        }),
        cancel: false,
        sign_up: None,
        recover: None,
    };
    let html = Pages::new()
        .unwrap()
        .render(Page::SignIn(sign_in), &chrome("op"));
    assert!(
        html.body.contains("<bdi>app.example</bdi>"),
        "{}",
        html.body
    );
}

#[test]
fn links_of_a_client_that_are_not_web_pages_are_not_shown() {
    let consent = Consent {
        action: "/consent",
        hidden: &[],
        client: Client {
            client_uri: Some("javascript:alert(1)"),
            logo: None,
            policy_uri: Some("data:text/html,x"),
            tos_uri: Some("http://app.example/tos"),
            ..client("app.example")
        },
        account: "ada",
        scopes: &[],
        claims: &[],
        resources: &[],
        details: &[],
        lifetime: None,
        user_code: None,
    };
    let html = Pages::new()
        .unwrap()
        .render(Page::Consent(consent), &chrome("op"));
    assert!(tags(&html.body, "a").is_empty(), "{}", html.body);
    assert!(!html.body.contains("javascript:") && !html.body.contains("data:text"));
}

#[test]
fn every_page_is_a_whole_document_without_inline_style_or_handlers() {
    each_page("plain", |name, Html { body, csp }| {
        assert!(
            body.starts_with("<!doctype html>\n<html lang=\"en\" dir=\"ltr\">"),
            "{name}"
        );
        assert!(body.contains("<meta charset=\"utf-8\">"), "{name}");
        assert!(
            body.contains("width=device-width, initial-scale=1\""),
            "{name}"
        );
        assert_eq!(tags(&body, "main").len(), 1, "{name}");
        assert_eq!(tags(&body, "h1").len(), 1, "{name}");
        let title = body.split("<title>").nth(1).unwrap();
        assert!(
            !title.starts_with(" ·") && title.contains(" · plain</title>"),
            "{name}: {title}"
        );
        assert!(
            !body.contains(" style=") && !body.contains("<style"),
            "{name}"
        );
        let handler = |rest: &str| {
            rest.trim_start_matches(|c: char| c.is_ascii_lowercase())
                .starts_with('=')
        };
        assert!(
            !body.split(" on").skip(1).any(handler),
            "{name} has a handler"
        );
        assert!(
            csp.starts_with("default-src 'none'; style-src 'self'; "),
            "{name}"
        );
    });
}

#[test]
fn only_three_pages_have_scripts() {
    each_page("plain", |name, Html { body, csp }| {
        let scripts = tags(&body, "script").len();
        let expected = usize::from(matches!(name, "form_post" | "demo" | "signed_out_frames"));
        assert_eq!(scripts, expected, "{name}");
        assert_eq!(csp.contains("script-src"), expected == 1, "{name}");
    });
}

#[test]
fn pages_load_nothing_but_their_own_assets_below_the_base() {
    let assets = Pages::new().unwrap();
    each_page("plain", |name, Html { body, .. }| {
        for link in tags(&body, "link").into_iter().chain(tags(&body, "script")) {
            let Some(path) = link.split(['"']).find(|part| part.starts_with("&#x2f;")) else {
                assert_eq!(link, "", "{name}");
                continue;
            };
            let path = path.replace("&#x2f;", "/");
            let path = path
                .strip_prefix("/t")
                .unwrap_or_else(|| panic!("{name}: {path}"));
            assert!(assets.assets().at(path).is_some(), "{name}: {path}");
        }
        assert!(tags(&body, "img").is_empty(), "{name}");
        let framed = !tags(&body, "iframe").is_empty();
        assert_eq!(framed, name == "signed_out_frames", "{name}");
    });
}

#[test]
fn the_signed_out_page_loads_frames_and_leads_on() {
    one_page("signed_out_frames", |Html { body, csp }| {
        let frames = tags(body, "iframe");
        assert!(frames[0].contains("src=\"https:&#x2f;&#x2f;rp.example&#x2f;out?a&amp;b\""));
        assert!(tag_with_id(body, "a", "continue").contains("bye?a&amp;b\""));
        assert!(csp.contains("; frame-src https://rp.example"), "{csp}");
    });
    one_page("signed_out", |Html { csp, .. }| {
        assert!(!csp.contains("frame-src") && !csp.contains("script-src"));
    });
}

#[test]
fn ids_are_unique_and_every_reference_points_to_one() {
    each_page("plain", |name, Html { body, .. }| {
        let values = |attribute: &str| -> Vec<String> {
            let start = format!(" {attribute}=\"");
            body.split(start.as_str())
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap().to_owned())
                .collect()
        };
        let mut ids = values("id");
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "{name}");
        for reference in values("for").into_iter().chain(values("aria-describedby")) {
            assert!(ids.contains(&reference), "{name}: {reference}");
        }
    });
}

#[test]
fn a_page_is_allowed_the_scripts_that_it_has_and_no_others() {
    let pages = Pages::new().unwrap();
    for (name, page) in crate::samples::all() {
        let html = pages.render(page, &crate::samples::CHROME);
        let loads = html.body.contains("<script src=");
        assert_eq!(loads, html.csp.contains("script-src 'self'"), "{name}");
        let holds = html.body.contains("<script>");
        assert_eq!(holds, html.csp.contains("script-src 'sha256-"), "{name}");
    }
}

#[test]
fn every_visible_input_has_a_label() {
    each_page("plain", |name, Html { body, .. }| {
        for input in tags(&body, "input") {
            if input.contains("type=\"hidden\"") || input.contains("type=\"checkbox\"") {
                continue;
            }
            let id = input
                .split("id=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap();
            assert!(
                body.contains(&format!("<label for=\"{id}\">")),
                "{name}: {id}"
            );
        }
    });
}

#[test]
fn durations_are_rounded_up_to_the_largest_unit() {
    for (seconds, text) in [
        (0, "0 seconds"),
        (1, "1 second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (61, "2 minutes"),
        (3_600, "1 hour"),
        (7_776_000, "90 days"),
        (u64::MAX, "213503982334602 days"),
    ] {
        let pages = Pages::new().unwrap();
        assert_eq!(pages.catalog(Lang::En).unwrap().duration(seconds), text);
    }
}
