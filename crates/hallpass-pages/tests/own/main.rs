//! Pages of an operator's own: templates and files from a folder.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use hallpass_pages::{
    Chrome, Html, Lang, Page, Pages, PagesError, Settings, Texts, samples,
    view::{Error, SignIn},
};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "hallpass-pages-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(folder.0.join("assets")).unwrap();
        for (name, content) in files {
            folder.write(name, content);
        }
        folder
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.0.join(name), content).unwrap();
    }

    fn settings(&self) -> Settings {
        Settings {
            templates_dir: Some(self.0.clone()),
            ..Settings::default()
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn sign_in(pages: &Pages, username: &str) -> Html {
    let page = SignIn {
        username,
        ..first_sign_in()
    };
    pages.render(Page::SignIn(page), &samples::CHROME)
}

fn first_sign_in() -> SignIn<'static> {
    let all = samples::all();
    let found = all.into_iter().find_map(|(_, page)| {
        let Page::SignIn(page) = page else {
            return None;
        };
        Some(page)
    });
    found.unwrap()
}

const OWN: &str = "{% extends \"layout.html\" %}\n{% block title %}Ours{% endblock %}\n{% block main %}\
    <h1 id=\"ours\">{{ m.sign_in.title }}</h1><img src=\"{{ assets[\"a.svg\"] }}\" alt=\"\">\
    <p>{{ page.username }}</p>{% endblock %}\n";

#[test]
fn s25_a_template_from_a_folder_takes_the_place_of_ours() {
    let folder = Folder::new(&[
        ("sign_in.html", OWN),
        ("notes.txt", "{{"),
        ("assets/a.svg", "<svg/>"),
    ]);
    let pages = Pages::with(folder.settings()).unwrap();
    let html = sign_in(&pages, "<b>'\"");
    assert!(
        html.body.contains("<h1 id=\"ours\">Sign in</h1>"),
        "{}",
        html.body
    );
    assert!(
        html.body.contains("<p>&lt;b&gt;&#x27;&quot;</p>"),
        "{}",
        html.body
    );
    let picture = pages
        .assets()
        .all()
        .find(|asset| *asset.bytes == *b"<svg/>")
        .unwrap();
    assert!(
        html.body.contains(&picture.path.replace('/', "&#x2f;")),
        "{}",
        html.body
    );
    // The policy is that of the built-in page, and so are the other pages.
    let usual = Pages::new().unwrap();
    assert_eq!(html.csp, sign_in(&usual, "x").csp);
    let error = Page::Error(Error {
        code: "invalid_request",
        about: None,
        id: "x",
        detail: None,
        next: None,
        next_host: "",
        next_fields: None,
    });
    let german = Chrome {
        lang: Lang::De,
        ..samples::CHROME
    };
    assert_eq!(
        pages.render(error, &german).body,
        usual.render(error, &german).body
    );
}

#[test]
fn a_broken_template_ends_the_start_with_file_and_line() {
    for (name, source, line) in [
        ("sign_in.html", "a\nb\n{% if %}", 3),
        ("sign_in.html", "a\n{{ page.usrname }}", 2),
        ("sign_in.html", "a\n\n\n{{ m.sign_in.titel }}", 4),
        ("error.html", "{{ page.title|safe }}", 1),
        (
            "error.html",
            "x\n{% autoescape false %}{{ page.title }}{% endautoescape %}",
            2,
        ),
        ("consent.html", "{% include \"nothing.html\" %}", 1),
        ("layout.html", "\n{{ nothing }}", 2),
        (
            "parts.html",
            "{% macro hidden(fields) %}\n{{ fields.x.y }}{% endmacro %}",
            2,
        ),
        ("home.html", "{{ assets[\"missing.svg\"] }}", 1),
    ] {
        let folder = Folder::new(&[(name, source)]);
        let refused = Pages::with(folder.settings()).unwrap_err();
        let text = refused.to_string();
        let expected = format!("{}, line {line}: ", folder.0.join(name).display());
        assert!(text.starts_with(&expected), "{name} {source}: {text}");
    }
}

#[test]
fn a_folder_that_is_not_there_ends_the_start() {
    let settings = Settings {
        templates_dir: Some(Path::new("/nonexistent/templates").to_owned()),
        ..Settings::default()
    };
    let refused = Pages::with(settings).unwrap_err();
    assert!(matches!(refused, PagesError::Template(_)), "{refused}");
}

#[test]
fn no_script_comes_along() {
    for name in ["x.js", "x.html", "x"] {
        let folder = Folder::new(&[(&format!("assets/{name}"), "alert(1)")]);
        let refused = Pages::with(folder.settings()).unwrap_err();
        assert!(matches!(refused, PagesError::File(_)), "{name}: {refused}");
    }
}

#[test]
fn in_development_a_template_is_read_again() {
    let folder = Folder::new(&[("sign_in.html", "first {{ page.username }}")]);
    let pages = Pages::with(Settings {
        reload: true,
        ..folder.settings()
    })
    .unwrap();
    assert_eq!(sign_in(&pages, "ada").body, "first ada");
    folder.write("sign_in.html", "second {{ page.username }}");
    assert_eq!(sign_in(&pages, "ada").body, "second ada");
    folder.write("sign_in.html", "\n{{ page.nothing }}");
    let broken = sign_in(&pages, "ada").body;
    assert!(
        broken.contains("id=\"template-error\"") && broken.contains("line 2"),
        "{broken}"
    );
    folder.write("sign_in.html", "third {{ page.username }}");
    assert_eq!(sign_in(&pages, "<").body, "third &lt;");
}

#[test]
fn otherwise_a_template_stays_as_it_was_at_the_start() {
    let folder = Folder::new(&[("sign_in.html", "first")]);
    let pages = Pages::with(folder.settings()).unwrap();
    folder.write("sign_in.html", "{{ page.nothing }}");
    assert_eq!(sign_in(&pages, "ada").body, "first");
}

#[test]
fn an_operator_has_words_of_their_own() {
    let folder = Folder::new(&[("home.html", "{{ m.own.help }}")]);
    let texts = |source| Texts::parse(source).unwrap();
    let one = Pages::with(Settings {
        texts: vec![(Lang::En, texts("own.help = 'Call us'"))],
        ..folder.settings()
    });
    // In the other languages there is no such word.
    assert!(one.is_err());
    let texts = Lang::ALL.map(|lang| (lang, texts("own.help = 'Call us'\nsign_in.title = 'Hi'")));
    let pages = Pages::with(Settings {
        texts: texts.to_vec(),
        ..folder.settings()
    })
    .unwrap();
    assert!(sign_in(&pages, "x").body.contains("<h1>Hi</h1>"));
}

#[test]
fn there_is_a_sample_of_every_page() {
    let pages = Pages::new().unwrap();
    let mut names: Vec<String> = samples::all()
        .into_iter()
        .map(|(_, page)| pages.template_of(page))
        .collect();
    names.sort();
    names.dedup();
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("templates")).unwrap();
    let mut all: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| {
            !matches!(
                name.as_str(),
                "layout.html" | "parts.html" | "people.html" | "mail.html" | "mail.txt"
            )
        })
        .collect();
    all.sort();
    assert_eq!(names, all);
}
