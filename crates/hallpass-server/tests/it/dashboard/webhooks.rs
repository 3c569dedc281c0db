//! Webhooks by the pages.

use std::sync::atomic::Ordering;

use crate::admin::webhooks::Told;

use super::{
    Desk, error,
    person::{Person, hidden, location},
};

const HOOKS: &str = "/dashboard/p/acme/webhooks";
const NEW: &str = "/dashboard/p/acme/webhooks/new";

fn desk() -> Desk {
    Desk::open(
        "dashboard.strong_sign_in = false\n[danger]\nfetch_private_addresses = ['127.0.0.1/32']",
    )
}

fn after<'b>(body: &'b str, mark: &str) -> &'b str {
    body.split_once(mark)
        .unwrap_or_else(|| panic!("no {mark}: {body}"))
        .1
}

/// Makes one: the path of its page, and its key.
fn add(desk: &Desk, person: &mut Person, form: &[(&str, &str)]) -> (String, String) {
    let made = person.send_form(&desk.server, NEW, NEW, form);
    assert_eq!(made.status, 200, "{}", made.body);
    let key = after(&made.body, "id=\"webhook-secret\">")
        .split('<')
        .next();
    let path = after(&made.body, "id=\"go-on\" href=\"").split('"').next();
    (
        path.unwrap().replace("&#x2f;", "/"),
        key.unwrap()
            .replace("&#x2f;", "/")
            .replace("&#43;", "+")
            .replace("&#x3d;", "="),
    )
}

/// Sends a form of the page of a webhook with the revision that it shows.
fn send(
    desk: &Desk,
    person: &mut Person,
    path: &str,
    form: &[(&str, &str)],
) -> crate::process::Answer {
    let page = person.get(&desk.server, path).body;
    let revision = hidden(&page, "revision");
    let form = [&[("revision", revision.as_str())], form].concat();
    person.send_form(&desk.server, path, path, &form)
}

#[test]
fn a_webhook_is_made_tried_told_again_switched_off_and_deleted_and_its_key_is_shown_once() {
    let mut desk = desk();
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    let told = Told::listen();
    let form = [
        ("url", told.url.as_str()),
        ("description", "Shop <b>"),
        ("event.clients", "yes"),
        ("events", "account.signed_up\n"),
    ];
    let (path, key) = add(&desk, &mut admin, &form);
    assert!(key.starts_with("whsec_"));
    let page = admin.get(&desk.server, &path).body;
    assert!(!page.contains("whsec_") && !page.contains("Shop <b>"));
    assert!(page.contains("name=\"event.clients\" value=\"yes\" checked"));
    assert!(page.contains(">account.signed_up</textarea>"));
    assert!(page.contains("id=\"no-deliveries\""));

    let done = send(&desk, &mut admin, &path, &[("do", "test")]);
    assert!(location(&desk.server, &done).ends_with("?done=tested"));
    let first = told.next();
    assert!(first.is_signed_with(&key));
    desk.server.logs(&["webhook", "delivered"]);
    let page = admin.get(&desk.server, &path).body;
    assert!(page.contains("data-state=\"delivered\"") && page.contains("webhook.test"));
    let delivery = hidden(&page, "delivery");
    let again = [("do", "replay"), ("delivery", delivery.as_str())];
    let done = send(&desk, &mut admin, &path, &again);
    assert!(location(&desk.server, &done).ends_with("?done=replayed"));
    assert_eq!(told.next().body, first.body);

    // Another key: the one before signs beside it.
    let made = send(&desk, &mut admin, &path, &[("do", "secret")]);
    assert_eq!(made.status, 200);
    assert!(!made.body.contains(&key) && made.body.contains("whsec_"));

    let changed = [
        ("do", "save"),
        ("url", told.url.as_str()),
        ("event.all", "yes"),
    ];
    let done = send(&desk, &mut admin, &path, &changed);
    assert!(location(&desk.server, &done).ends_with("?done=saved"));
    let page = admin.get(&desk.server, &path).body;
    assert!(page.contains("name=\"event.all\" value=\"yes\" checked"));
    assert!(!page.contains("Shop"));

    let done = send(&desk, &mut admin, &path, &[("do", "disable")]);
    assert!(location(&desk.server, &done).ends_with("?done=disabled"));
    let off = admin.get(&desk.server, &path).body;
    assert!(off.contains("id=\"is-off\"") && !off.contains("id=\"test\""));
    let refused = send(&desk, &mut admin, &path, &[("do", "test")]);
    assert_eq!(refused.status, 409);
    assert!(refused.body.contains("data-error=\"wrong_state\""));
    let done = send(&desk, &mut admin, &path, &[("do", "enable")]);
    assert!(location(&desk.server, &done).ends_with("?done=enabled"));

    let unsure = send(&desk, &mut admin, &path, &[("do", "delete")]);
    assert_eq!(unsure.status, 400);
    let old = [("do", "delete"), ("confirm", "yes"), ("revision", "1")];
    let old = admin.send_form(&desk.server, &path, &path, &old);
    assert_eq!(old.status, 412);
    let sure = [("do", "delete"), ("confirm", "yes")];
    let done = send(&desk, &mut admin, &path, &sure);
    assert_eq!(
        location(&desk.server, &done),
        format!("{HOOKS}?done=deleted")
    );
    let gone = admin.get(&desk.server, &path);
    assert_eq!((gone.status, error(&gone.body)), (404, Some("not_found")));
    assert!(
        admin
            .get(&desk.server, HOOKS)
            .body
            .contains("id=\"no-webhooks\"")
    );
}

#[test]
fn one_that_says_that_it_is_gone_is_shown_as_switched_off() {
    let mut desk = desk();
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    let told = Told::listen();
    told.status.store(410, Ordering::SeqCst);
    let form = [("url", told.url.as_str()), ("event.all", "yes")];
    let (path, _) = add(&desk, &mut admin, &form);
    send(&desk, &mut admin, &path, &[("do", "test")]);
    told.next();
    desk.server.logs(&["switched off", "gone"]);
    let page = admin.get(&desk.server, &path).body;
    assert!(page.contains("(410)") && page.contains("data-state=\"failed\""));
    assert!(admin.get(&desk.server, HOOKS).body.contains("off: gone"));
}

// AD-14
#[test]
fn what_is_no_address_or_no_event_is_refused_and_what_was_typed_stays() {
    let desk = desk();
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    for (url, events, field) in [
        ("http://shop.example/hook", "a.b", "url"),
        ("https://user:pw@shop.example/", "a.b", "url"),
        ("https://shop.example/#x", "a.b", "url"),
        ("file:///etc/passwd", "a.b", "url"),
        ("", "a.b", "url"),
        ("https://shop.example/hook", "", "event-names"),
        ("https://shop.example/hook", "Not an event", "event-names"),
        ("https://shop.example/hook", "<script>", "event-names"),
    ] {
        let form = [("url", url), ("events", events), ("description", "my shop")];
        let answer = admin.send_form(&desk.server, NEW, NEW, &form);
        assert_eq!(answer.status, 422, "{url} {events}");
        let body = &answer.body;
        assert!(body.contains("data-error=\"unfit\"") && body.contains("value=\"my shop\""));
        assert!(!body.contains("<script>"));
        let wrong = body.split('<').find(|tag| tag.contains("aria-invalid"));
        assert!(
            wrong.unwrap().contains(&format!("id=\"{field}\"")),
            "{url} {events}: {wrong:?}"
        );
    }
    assert!(
        admin
            .get(&desk.server, HOOKS)
            .body
            .contains("id=\"no-webhooks\"")
    );
}

// AD-02
#[test]
fn who_only_looks_has_no_button_and_no_form_counts() {
    let desk = desk();
    let mut admin = Person::operator(&desk.server, "acme-administrator");
    let form = [("url", "https://shop.example/hook"), ("event.all", "yes")];
    let (path, _) = add(&desk, &mut admin, &form);
    let mut reader = Person::operator(&desk.server, "acme-read_only");
    let page = reader.get(&desk.server, &path);
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("name=\"do\"") && page.body.contains("https:&#x2f;&#x2f;shop"));
    let page = reader.get(&desk.server, HOOKS).body;
    assert!(!page.contains("add-webhook") && page.contains("data-webhook"));
    let sealed = hidden(&admin.get(&desk.server, &path).body, "form");
    for what in ["test", "save", "secret", "disable", "delete"] {
        let form = [("form", sealed.as_str()), ("do", what), ("confirm", "yes")];
        let answer = reader.post(&desk.server, &path, &form);
        assert!(
            matches!(answer.status, 400 | 403),
            "{what}: {}",
            answer.status
        );
    }
    let mut other = Person::operator(&desk.server, "other-owner");
    let there = path.replace("/acme/", "/other/");
    for path in [path.as_str(), there.as_str()] {
        let answer = other.get(&desk.server, path);
        assert_eq!(
            (answer.status, error(&answer.body)),
            (404, Some("not_found"))
        );
    }
    assert_eq!(admin.get(&desk.server, &path).status, 200);
}
