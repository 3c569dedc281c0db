//! Operators of all projects, invitations and links by the pages.

use super::{
    Desk, error,
    person::{PASSWORD, Person, hidden, location},
    users::add,
};

const ALL: &str = "/dashboard/operators";
const INVITE: &str = "/dashboard/p/acme/users/invite";

/// The part of a page that is about an operator.
fn row<'b>(body: &'b str, name: &str) -> Option<&'b str> {
    let mut rows = body.split("<li class=\"row\"").skip(1);
    rows.find(|row| row.contains(&format!("<bdi>{name}</bdi></strong>")))
        .map(|row| row.split("</li>").next().unwrap())
}

fn link(body: &str) -> String {
    let link = body.split_once("id=\"made-link\">");
    let link = link.unwrap_or_else(|| panic!("no link: {body}")).1;
    let link = link.split('<').next().unwrap();
    link.replace("&#x2f;", "/").replace("&#x3d;", "=")
}

// AD-02, AD-04
#[test]
fn owners_of_all_projects_say_who_administers_which_and_nobody_else_does() {
    let desk = Desk::simple();
    let server = &desk.server;
    let mut owner = Person::operator(server, "owner");
    let page = owner.get(server, ALL).body;
    assert!(row(&page, "owner").unwrap().contains("of all projects"));
    assert!(!row(&page, "owner").unwrap().contains("value=\"remove\""));
    assert!(
        row(&page, "acme-support")
            .unwrap()
            .contains("support of <bdi>acme</bdi>")
    );
    let mut set = |form: &[(&str, &str)]| {
        let form = [&[("do", "set")], form].concat();
        owner.send_form(server, ALL, ALL, &form)
    };
    for form in [
        [
            ("username", "nobody"),
            ("project", "other"),
            ("role", "support"),
        ],
        [
            ("username", "Nobody"),
            ("project", ""),
            ("role", "read_only"),
        ],
    ] {
        let answer = set(&form);
        assert_eq!(location(server, &answer), "/dashboard/operators?done=saved");
    }
    for (form, status) in [
        (
            [
                ("username", "no-such"),
                ("project", ""),
                ("role", "support"),
            ],
            422,
        ),
        (
            [
                ("username", "client:none"),
                ("project", ""),
                ("role", "support"),
            ],
            422,
        ),
        (
            [
                ("username", "nobody"),
                ("project", "no-such"),
                ("role", "support"),
            ],
            422,
        ),
        (
            [("username", "nobody"), ("project", ""), ("role", "root")],
            400,
        ),
    ] {
        let answer = set(&form);
        assert_eq!(answer.status, status, "{form:?}: {}", answer.body);
        assert!(answer.body.contains("id=\"form-error\""));
    }
    let page = owner.get(server, ALL).body;
    let nobody = row(&page, "nobody").unwrap();
    assert!(nobody.contains("support of <bdi>other</bdi>"), "{nobody}");
    assert!(nobody.contains("read-only of all projects"), "{nobody}");
    // Who was nobody sees the projects with the next page, and changes nothing.
    let mut somebody = Person::operator(server, "nobody");
    assert_eq!(somebody.get(server, "/dashboard/p/acme").status, 200);
    let page = somebody.get(server, ALL);
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("id=\"add\"") && !page.body.contains("value=\"remove\""));
    for name in ["acme-owner", "other-owner", "acme-read_only"] {
        let mut person = Person::operator(server, name);
        let answer = person.get(server, ALL);
        assert_eq!(
            (answer.status, error(&answer.body)),
            (403, Some("forbidden")),
            "{name}"
        );
        assert!(
            !person
                .get(server, "/dashboard")
                .body
                .contains("all-operators")
        );
    }
    let operators = desk.command(&["operator", "list"]);
    let id = |name: &str| {
        let all = operators.as_array().unwrap().iter();
        let one = all.clone().find(|one| one["name"] == name).unwrap();
        one["id"].as_str().unwrap().to_owned()
    };
    let remove = |person: &mut Person, id: &str| {
        let form = [("do", "remove"), ("operator", id)];
        person.send_form(server, ALL, ALL, &form)
    };
    let own = remove(&mut owner, &id("owner"));
    assert_eq!(own.status, 409, "nobody shuts themselves out");
    let done = remove(&mut owner, &id("nobody"));
    assert_eq!(done.status, 303);
    assert!(row(&owner.get(server, ALL).body, "nobody").is_none());
    let answer = somebody.get(server, "/dashboard/p/acme");
    assert_eq!(
        (answer.status, error(&answer.body)),
        (403, Some("no_operator"))
    );
}

// AD-16, AD-19
#[test]
fn an_account_that_is_deleted_takes_its_role_along_and_its_name_is_nobody_s() {
    let desk = Desk::simple();
    let server = &desk.server;
    let mut owner = Person::operator(server, "owner");
    let mut support = Person::operator(server, "acme-support");
    assert_eq!(support.get(server, "/dashboard/p/acme").status, 200);
    let operators = desk.command(&["operator", "list"]);
    let all = operators.as_array().unwrap();
    let one = all
        .iter()
        .find(|one| one["name"] == "acme-support")
        .unwrap();
    let subject = one["id"].as_str().unwrap().strip_prefix("user:").unwrap();
    let page = format!("/dashboard/p/default/users/{subject}");
    let revision = hidden(&owner.get(server, &page).body, "revision");
    let form = [
        ("do", "delete"),
        ("confirm", "yes"),
        ("revision", &revision),
    ];
    let done = owner.send_form(server, &page, &page, &form);
    assert_eq!(done.status, 303, "{}", done.body);
    assert!(row(&owner.get(server, ALL).body, "acme-support").is_none());
    assert_eq!(
        support.get(server, "/dashboard/p/acme").status,
        303,
        "signed out"
    );
    // Whoever has the name next has the name alone.
    let new = "/dashboard/p/default/users/new";
    let form = [("username", "acme-support"), ("password", "generate")];
    let made = owner.send_form(server, new, new, &form);
    assert_eq!(made.status, 200, "{}", made.body);
    assert!(row(&owner.get(server, ALL).body, "acme-support").is_none());
}

#[test]
fn somebody_is_invited_where_accounts_can_be_made_and_the_link_is_shown_once() {
    let desk = Desk::simple();
    let server = &desk.server;
    let mut admin = Person::operator(server, "acme-administrator");
    let by_link = [("email", "ada@example.org"), ("mail", "no")];
    let closed = admin.send_form(server, INVITE, INVITE, &by_link);
    assert_eq!(closed.status, 409);
    assert!(closed.body.contains("sign_up.mode") && closed.body.contains("ada@example.org"));
    let project = "/dashboard/p/acme/project";
    let revision = hidden(&admin.get(server, project).body, "revision");
    let open = [
        ("do", "save"),
        ("revision", &revision),
        ("sign_up.mode", "invitation"),
    ];
    assert_eq!(admin.send_form(server, project, project, &open).status, 303);
    let made = admin.send_form(server, INVITE, INVITE, &by_link);
    assert_eq!(made.status, 200, "{}", made.body);
    let link = link(&made.body);
    let issuer = server.said["issuer"].as_str().unwrap();
    let path = link.strip_prefix(issuer).unwrap();
    assert!(path.starts_with("/p/acme/link?token="), "{link}");
    let page = server.get(path);
    assert_eq!(page.status, 200);
    assert!(page.body.contains("ada@example.org"), "{}", page.body);
    let log = admin
        .get(server, "/dashboard/p/acme/audit?action=users.")
        .body;
    let token = path.split_once("token=").unwrap().1;
    assert!(log.contains("users.invite") && !log.contains(token));
    for form in [
        [("email", "no address"), ("mail", "no")],
        [("email", "\r\nbcc: x@evil.example"), ("mail", "no")],
        [("email", ""), ("mail", "no")],
    ] {
        let answer = admin.send_form(server, INVITE, INVITE, &form);
        assert_eq!(answer.status, 422, "{form:?}: {}", answer.body);
        let wrong = answer.body.split('<');
        let wrong = wrong.into_iter().find(|tag| tag.contains("aria-invalid"));
        assert!(wrong.unwrap().contains("id=\"email\""), "{form:?}");
    }
    let by_mail = [("email", "bob@example.org"), ("mail", "yes")];
    let sent = admin.send_form(server, INVITE, INVITE, &by_mail);
    assert!(location(server, &sent).ends_with("/users?done=invited"));
    let mut support = Person::operator(server, "acme-support");
    let answer = support.get(server, INVITE);
    assert_eq!(
        (answer.status, error(&answer.body)),
        (403, Some("forbidden"))
    );
}

// AD-08
#[test]
fn a_link_for_somebody_leads_into_their_account_once_and_only_administrators_make_one() {
    let desk = Desk::simple();
    let server = &desk.server;
    let mut admin = Person::operator(server, "acme-administrator");
    let (user, _) = add(&desk, &mut admin, "ada");
    let send = |person: &mut Person, form: &[(&str, &str)]| {
        let revision = hidden(&person.get(server, &user).body, "revision");
        let form = [&[("revision", revision.as_str())], form].concat();
        person.send_form(server, &user, &user, &form)
    };
    let without = send(&mut admin, &[("do", "link")]);
    assert_eq!(without.status, 422, "no mail address");
    let profile = [
        ("do", "profile"),
        ("username", "ada"),
        ("claim.email", "ada@example.org"),
    ];
    assert_eq!(send(&mut admin, &profile).status, 303);
    let made = send(&mut admin, &[("do", "link")]);
    assert_eq!(made.status, 200, "{}", made.body);
    let link = link(&made.body);
    let issuer = server.said["issuer"].as_str().unwrap();
    let path = link.strip_prefix(issuer).unwrap().to_owned();
    let mut ada = Person::default();
    let page = ada.get(server, &path);
    assert!(page.body.contains("type=\"password\""), "{}", page.body);
    let mut support = Person::operator(server, "acme-support");
    let page = support.get(server, &user).body;
    assert!(
        !page.contains("id=\"make-link\"")
            && page.contains("id=\"end-sessions\"") == page.contains("data-session")
    );
    let refused = send(&mut support, &[("do", "link")]);
    assert_eq!(
        (refused.status, error(&refused.body)),
        (403, Some("forbidden"))
    );
    assert_eq!(send(&mut admin, &[("do", "disable")]).status, 303);
    let disabled = send(&mut admin, &[("do", "link")]);
    assert_eq!(disabled.status, 409);
}

/// What the console, an application for administration, gets for somebody who signs in with a password: for a scope and a
/// resource, both as they stand in a query.
pub(super) fn granted(desk: &Desk, name: &str, scope: &str, resource: &str) -> serde_json::Value {
    let mut person = Person::operator(&desk.server, name);
    granted_to(desk, &mut person, (scope, resource))
}

/// The same for somebody who is signed in.
fn granted_to(
    desk: &Desk,
    person: &mut Person,
    (scope, resource): (&str, &str),
) -> serde_json::Value {
    let server = &desk.server;
    let resource = match resource {
        "" => String::new(),
        named => format!("&resource={named}"),
    };
    let ask = format!(
        "/authorize?client_id=console&response_type=code&scope={scope}&redirect_uri=https%3A%2F%2Fconsole.test%2Fcb\
         {resource}&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    );
    let answer = person.get(server, &ask);
    let (_, code) = answer.head.split_once("code=").unwrap();
    let code = code.split(['&', '\r', '\n']).next().unwrap();
    let form = format!(
        "grant_type=authorization_code&client_id=console&code={code}&redirect_uri=https%3A%2F%2Fconsole.test%2Fcb\
         {resource}&code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    );
    let head = "content-type: application/x-www-form-urlencoded\r\n";
    let answer = server.post("/token", head, &form);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// Their token for administration.
pub(super) fn token(desk: &Desk, name: &str) -> String {
    let resource = format!("{}/admin/v1", desk.server.said["issuer"].as_str().unwrap());
    let granted = granted(desk, name, "hallpass%3Aadmin", &resource);
    granted["access_token"].as_str().unwrap().to_owned()
}

/// Makes the console.
pub(super) fn console(desk: &Desk) {
    desk.command(&[
        "client",
        "create",
        "--id",
        "console",
        "--public",
        "--redirect-uri",
        "https://console.test/cb",
        "--scope",
        "openid hallpass:admin",
        "--metadata",
        r#"{"skip_consent":true}"#,
    ]);
}

// AD-02: what the pages demand is not to be had by the interface with less
#[test]
fn a_token_of_somebody_who_showed_a_password_alone_looks_and_changes_nothing() {
    //= test RFC9470#3 the challenge says which classes of authentication are good enough
    for (settings, status) in [("", 401), ("dashboard.strong_sign_in = false", 201)] {
        let desk = Desk::open(settings);
        console(&desk);
        let token = token(&desk, "owner");
        let ask = |method: &str, path: &str, body: &str| {
            let head = format!(
                "{method} /admin/v1{path} HTTP/1.1\r\nauthorization: Bearer {token}\r\n\
                 content-type: application/json\r\n"
            );
            desk.server.send(&head, body)
        };
        assert_eq!(ask("GET", "/projects", "").status, 200);
        let answer = ask("POST", "/projects", r#"{"name":"third"}"#);
        assert_eq!(answer.status, status, "{}", answer.body);
        if status == 401 {
            assert!(answer.body.contains("sign_in_too_weak"), "{}", answer.body);
            let challenge = "error=\"insufficient_user_authentication\"";
            assert!(answer.head.contains(challenge), "{}", answer.head);
        }
    }
}

/// The code in the mail that is in the folder by now, or soon.
fn mailed_code(desk: &Desk) -> String {
    let folder = desk.folder.0.join("mail-of-people");
    let since = std::time::Instant::now();
    loop {
        let mails = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let texts = mails.filter_map(|mail| std::fs::read_to_string(mail.path()).ok());
        let lines: Vec<String> = texts
            .flat_map(|text| {
                text.lines()
                    .map(|line| line.trim().to_owned())
                    .collect::<Vec<_>>()
            })
            .collect();
        let is_code = |line: &&String| line.len() == 8 && line.bytes().all(|b| b.is_ascii_digit());
        if let Some(code) = lines.iter().find(is_code) {
            return code.clone();
        }
        assert!(since.elapsed() < std::time::Duration::from_secs(20));
    }
}

// AD-02, LG-19: a mailbox that confirms a new browser is no second factor, whatever its words (`otp`) look like beside `pwd`
#[test]
fn a_token_of_somebody_whose_new_browser_was_confirmed_by_mail_changes_nothing() {
    let desk = Desk::open(&format!(
        "mail.folder = 'mail-of-people'\n[[users]]\nusername = 'ada'\npassword = '{PASSWORD}'\n\
         claims = {{ email = 'ada@ada.test', email_verified = true }}\n"
    ));
    let server = &desk.server;
    desk.command(&["operator", "set", "name:ada"]);
    console(&desk);
    let mut ada = Person::default();
    let sign_in = |person: &mut Person, path: &str| {
        let asked = person.get(server, path);
        let page = location(server, &asked);
        let answer = person.post(
            server,
            &page,
            &[("username", "ada"), ("password", PASSWORD)],
        );
        location(server, &answer)
    };
    let own = sign_in(&mut ada, "/account/recovery-codes");
    assert_eq!(own, "/account/recovery-codes");
    let made = ada.send_form(server, &own, &own, &[("do", "new")]);
    assert_eq!(made.status, 200, "{}", made.body);
    // Whoever knows the password and reads the mail, in a browser of their own.
    let mut thief = Person::default();
    let second = sign_in(&mut thief, "/account");
    assert!(second.starts_with("/sign-in?"), "{second}");
    let asked = thief.post(server, &second, &[("way", "email_code")]);
    let waiting = hidden(&asked.body, "waiting");
    let code = mailed_code(&desk);
    let typed = [("waiting", waiting.as_str()), ("mail_code", code.as_str())];
    let done = thief.post(server, &second, &typed);
    assert_eq!(location(server, &done), "/account");
    let weak = thief.get(server, "/dashboard/new?type=oidc");
    assert_eq!(error(&weak.body), Some("sign_in_too_weak"));
    let resource = format!("{}/admin/v1", server.said["issuer"].as_str().unwrap());
    let granted = granted_to(&desk, &mut thief, ("hallpass%3Aadmin", &resource));
    let token = granted["access_token"].as_str().unwrap();
    let head = format!(
        "POST /admin/v1/projects HTTP/1.1\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\n"
    );
    let answer = server.send(&head, r#"{"name":"third"}"#);
    assert_eq!(answer.status, 401, "{}", answer.body);
    assert!(answer.body.contains("sign_in_too_weak"), "{}", answer.body);
}

// AD-16
#[test]
fn the_last_owner_of_all_projects_does_not_delete_their_own_account() {
    let desk = Desk::simple();
    let server = &desk.server;
    let mut owner = Person::operator(server, "owner");
    let all = desk.command(&["user", "list"]);
    let all = all.as_array().unwrap();
    let own = all.iter().find(|user| user["username"] == "owner").unwrap();
    let subject = own["subject"].as_str().unwrap();
    let path = format!("/dashboard/p/default/users/{subject}");
    let revision = hidden(&owner.get(server, &path).body, "revision");
    let form = [
        ("do", "delete"),
        ("confirm", "yes"),
        ("revision", revision.as_str()),
    ];
    let refused = owner.send_form(server, &path, &path, &form);
    assert_eq!(refused.status, 409, "{}", refused.body);
    assert_eq!(owner.get(server, &path).status, 200);
}

// LG-19: a password does not become two factors beside what its owner has set up
#[test]
fn a_thief_of_an_operators_password_sets_up_no_second_factor_of_their_own() {
    let desk = Desk::open("sign_in.confirm_new_device = false");
    let server = &desk.server;
    let mut owner = Person::operator(server, "owner");
    let codes = "/account/recovery-codes";
    let made = owner.send_form(server, codes, codes, &[("do", "new")]);
    assert_eq!(made.status, 200, "{}", made.body);
    let code = made.body.split_once("<code>").unwrap().1;
    let code = code.split('<').next().unwrap().to_owned();
    let mut thief = Person::operator(server, "owner");
    assert_eq!(thief.get(server, "/account").status, 200);
    let mut second = String::new();
    for page in ["/account/totp", "/account/passkeys", codes] {
        let away = thief.get(server, page);
        second = location(server, &away);
        assert!(second.starts_with("/sign-in?"), "{second}");
        let asked = thief.get(server, &second);
        assert!(asked.body.contains("name=\"recovery\""), "{}", asked.body);
        assert!(!asked.body.contains("totp-secret"), "{}", asked.body);
    }
    let weak = thief.get(server, "/dashboard/new?type=oidc");
    assert_eq!(error(&weak.body), Some("sign_in_too_weak"));
    // Who has a code is let on to where they wanted to go, and is strong from then on.
    let shown = thief.post(server, &second, &[("recovery", &code)]);
    assert_eq!(location(server, &shown), codes);
    assert_eq!(thief.get(server, codes).status, 200);
    let strong = thief.get(server, "/dashboard/new?type=oidc");
    assert_eq!(error(&strong.body), None);
}

// AD-04: a name that somebody had when they became an operator may be another's by now
#[test]
fn a_role_is_added_to_those_of_the_account_and_not_to_those_of_who_was_called_so() {
    let desk = Desk::simple();
    let server = &desk.server;
    let issuer = server.said["issuer"].as_str().unwrap().to_owned();
    let mut owner = Person::operator(server, "owner");
    // The owner of another project gives their name up, and somebody else takes it.
    let all = desk.command(&["user", "list"]);
    let subject = |name: &str| {
        let all = all.as_array().unwrap().iter();
        let mut found = all.filter(|user| user["username"] == name);
        found.next().unwrap()["subject"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let mut rename = |subject: &str, name: &str| {
        let path = format!("/dashboard/p/default/users/{subject}");
        let revision = hidden(&owner.get(server, &path).body, "revision");
        let form = [
            ("revision", revision.as_str()),
            ("do", "profile"),
            ("username", name),
        ];
        let answer = owner.send_form(server, &path, &path, &form);
        assert_eq!(answer.status, 303, "{issuer}{path}: {}", answer.body);
    };
    rename(&subject("other-owner"), "somebody");
    rename(&subject("nobody"), "other-owner");
    let form = [
        ("do", "set"),
        ("username", "other-owner"),
        ("project", ""),
        ("role", "support"),
    ];
    let answer = owner.send_form(server, ALL, ALL, &form);
    assert_eq!(location(server, &answer), "/dashboard/operators?done=saved");
    let operators = desk.command(&["operator", "list"]);
    let id = format!("user:{}", subject("nobody"));
    let mut set = operators.as_array().unwrap().iter();
    let set = set.find(|one| one["id"] == id.as_str()).unwrap();
    assert_eq!(set["roles"], serde_json::json!({"*": "support"}));
}
