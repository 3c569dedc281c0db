//! The book in HTML: a page for each of the summary, with the contents beside it. No script, and nothing from elsewhere.

use std::collections::BTreeMap;

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd};

use super::page::{Page, joined};

/// How the book looks.
pub(super) const STYLE: &str = include_str!("book.css");

/// One line of the summary.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// A heading of the contents.
    Part(String),
    /// A page: how deep, its title, and its path from the root of the repository.
    Page(usize, String, String),
}

/// What the summary says; its path tells where its links begin.
pub(super) fn entries(summary: &str, path: &str) -> Vec<Entry> {
    let mut entries = Vec::new();
    for line in summary.lines() {
        if let Some(title) = line.strip_prefix("# ") {
            entries.push(Entry::Part(title.to_owned()));
            continue;
        }
        let text = line.trim_start();
        let depth = line.len().saturating_sub(text.len());
        let link = text.strip_prefix("- ").unwrap_or(text);
        let link = link
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]("));
        let Some((title, target)) = link else {
            continue;
        };
        let target = target.trim_end().trim_end_matches(')');
        if let Some(page) = joined(path, target).filter(|_| !target.is_empty()) {
            entries.push(Entry::Page(depth, title.to_owned(), page));
        }
    }
    // What stands before the first part is the title page; `# Summary` names the file and no part.
    entries.retain(|entry| !matches!(entry, Entry::Part(title) if title == "Summary"));
    entries
}

/// A long name that may be broken behind its separators, so that a table of such names is no wider than its page.
fn breakable(name: &str) -> String {
    let pieces = name.split_inclusive(['_', '.', '/', ':', '-']);
    pieces.map(escaped).collect::<Vec<_>>().join("<wbr>")
}

/// Where a file of the repository is in the book.
pub(super) fn place(path: &str) -> String {
    if path == "README.md" {
        return "index.html".to_owned();
    }
    let path = path.strip_prefix("docs/").unwrap_or(path);
    match path.strip_suffix(".md") {
        Some(page) => format!("{page}.html"),
        None => path.to_owned(),
    }
}

/// The whole page.
pub(super) fn page(page: &Page, entries: &[Entry]) -> String {
    let root = up(&page.path);
    let pages: Vec<(&str, &str)> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Page(_, title, path) => Some((title.as_str(), path.as_str())),
            Entry::Part(_) => None,
        })
        .collect();
    let at = pages.iter().position(|(_, path)| *path == page.path);
    let beside = |step: Option<usize>, word: &str, rel: &str| {
        let found = step.and_then(|at| pages.get(at));
        found.map_or(String::new(), |(title, path)| {
            let (title, place) = (escaped(title), place(path));
            format!("<a rel=\"{rel}\" href=\"{root}{place}\"><small>{word}</small> {title}</a>")
        })
    };
    let before = beside(at.and_then(|at| at.checked_sub(1)), "Before", "prev");
    let after = beside(at.and_then(|at| at.checked_add(1)), "Next", "next");
    let title = at
        .and_then(|at| pages.get(at))
        .map_or("", |(title, _)| title);
    let title = escaped(title);
    let title = if title == "Hallpass" {
        title
    } else {
        format!("{title} · Hallpass")
    };
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n\
         <link rel=\"stylesheet\" href=\"{root}book.css\">\n</head>\n<body>\n\
         <header><a href=\"{root}index.html\">Hallpass</a> <a class=\"jump\" href=\"#contents\">Contents</a></header>\n\
         <main>\n{}<div class=\"beside\">{before}{after}</div>\n</main>\n\
         <nav id=\"contents\" aria-label=\"Contents\">\n{}</nav>\n</body>\n</html>\n",
        body(page),
        contents(entries, &page.path),
    )
}

/// The list of all pages; what lies deeper is folded away unless this page is among it.
fn contents(entries: &[Entry], current: &str) -> String {
    let root = up(current);
    let mut out = String::new();
    let mut rest = entries.iter().peekable();
    let mut open = false;
    while let Some(entry) = rest.next() {
        match entry {
            Entry::Part(title) => {
                close(&mut out, &mut open);
                out.push_str(&format!("<h2>{}</h2>\n", escaped(title)));
            }
            Entry::Page(0, title, path) => {
                if !std::mem::replace(&mut open, true) {
                    out.push_str("<ul>\n");
                }
                out.push_str(&format!("<li>{}", link(&root, title, path, current)));
                let mut deeper = Vec::new();
                while let Some(Entry::Page(1.., title, path)) = rest.peek() {
                    deeper.push((title, path));
                    rest.next();
                }
                if !deeper.is_empty() {
                    let among = path == current || deeper.iter().any(|(_, path)| *path == current);
                    let all = deeper.iter().map(|(title, path)| {
                        format!("<li>{}</li>\n", link(&root, title, path, current))
                    });
                    out.push_str(&format!(
                        "<details{}><summary>{} pages</summary>\n<ul>\n{}</ul></details>",
                        if among { " open" } else { "" },
                        deeper.len(),
                        all.collect::<String>()
                    ));
                }
                out.push_str("</li>\n");
            }
            // Deeper than a page that is not there.
            Entry::Page(..) => {}
        }
    }
    close(&mut out, &mut open);
    out
}

fn close(out: &mut String, open: &mut bool) {
    if std::mem::take(open) {
        out.push_str("</ul>\n");
    }
}

fn link(root: &str, title: &str, path: &str, current: &str) -> String {
    let here = if path == current {
        " aria-current=\"page\""
    } else {
        ""
    };
    format!(
        "<a href=\"{root}{}\"{here}>{}</a>",
        place(path),
        escaped(title)
    )
}

/// The text of the page.
fn body(page: &Page) -> String {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_FOOTNOTES;
    let mut anchors = page.anchors.iter();
    let mut in_table = false;
    let mut events = Vec::new();
    for event in Parser::new_ext(&page.text, options) {
        if let Event::Start(Tag::Heading {
            level,
            classes,
            attrs,
            ..
        }) = event
        {
            let id = anchors.next().map(|anchor| CowStr::from(anchor.clone()));
            events.push(Event::Start(Tag::Heading {
                level,
                id,
                classes,
                attrs,
            }));
        } else if let Event::Start(Tag::Link {
            link_type,
            dest_url,
            title,
            id,
        }) = event
        {
            let dest_url = led(&page.path, &dest_url).into();
            events.push(Event::Start(Tag::Link {
                link_type,
                dest_url,
                title,
                id,
            }));
        } else if let Event::Start(Tag::Image {
            link_type,
            dest_url,
            title,
            id,
        }) = event
        {
            let dest_url = led(&page.path, &dest_url).into();
            events.push(Event::Start(Tag::Image {
                link_type,
                dest_url,
                title,
                id,
            }));
        } else if let (Event::Code(text), true) = (&event, in_table) {
            let code = format!("<code>{}</code>", breakable(text));
            events.push(Event::InlineHtml(code.into()));
        } else if let Event::Start(Tag::Table(columns)) = event {
            in_table = true;
            events.push(Event::Html("<div class=\"wide\">\n".into()));
            events.push(Event::Start(Tag::Table(columns)));
        } else if let Event::End(TagEnd::Table) = event {
            in_table = false;
            events.push(event);
            events.push(Event::Html("</div>\n".into()));
        } else if let Event::Html(text) = event {
            events.push(Event::Html(attributes(&page.path, &text).into()));
        } else if let Event::InlineHtml(text) = event {
            events.push(Event::InlineHtml(attributes(&page.path, &text).into()));
        } else {
            events.push(event);
        }
    }
    let mut out = String::new();
    pulldown_cmark::html::push_html(&mut out, events.into_iter());
    out
}

/// Where a link of a page leads in the book.
fn led(page: &str, target: &str) -> String {
    let anchor = target.split_once('#').map(|(_, anchor)| anchor);
    match joined(page, target) {
        None => target.to_owned(),
        Some(path) => {
            let anchor = anchor.map_or(String::new(), |anchor| format!("#{anchor}"));
            format!("{}{}{anchor}", up(page), place(&path))
        }
    }
}

/// HTML that stands in a page, with its links led to where they lead in the book.
fn attributes(page: &str, html: &str) -> String {
    // Comments are for those who write.
    if html.starts_with("<!--") {
        return String::new();
    }
    let mut out = String::new();
    let mut rest = html;
    let begins = |text: &str| {
        let names = ["href=\"", "src=\"", "srcset=\""];
        let found = names
            .iter()
            .filter_map(|name| Some(text.find(name)?.saturating_add(name.len())));
        found.min()
    };
    while let Some((before, after)) = begins(rest).and_then(|at| rest.split_at_checked(at)) {
        let (target, after) = after.split_once('"').unwrap_or((after, ""));
        out.push_str(before);
        out.push_str(&led(page, target));
        out.push('"');
        rest = after;
    }
    out.push_str(rest);
    out
}

/// From a page to the root of the book.
fn up(path: &str) -> String {
    "../".repeat(place(path).matches('/').count())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

/// Links of the finished book that lead nowhere. `pages` are its pages, `files` everything else in it.
pub(super) fn dead(pages: &BTreeMap<String, String>, files: &[String]) -> Vec<String> {
    let mut dead = Vec::new();
    for (place, html) in pages {
        let ways = html
            .split(" href=\"")
            .skip(1)
            .chain(html.split(" src=\"").skip(1));
        for target in ways.filter_map(|rest| rest.split('"').next()) {
            let Some(path) = joined(place, target) else {
                continue;
            };
            let there = match (pages.get(&path), target.split_once('#')) {
                (Some(page), Some((_, anchor))) => page.contains(&format!(" id=\"{anchor}\"")),
                (Some(_), None) => true,
                (None, _) => files.contains(&path),
            };
            if !there {
                dead.push(format!(
                    "the book's {place} leads to {target}, which is not there"
                ));
            }
        }
    }
    dead
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str, text: &str) -> Page {
        Page::read(text, path.to_owned())
    }

    const SUMMARY: &str = "# Summary\n\n[Hallpass](../README.md)\n\n# Guides\n\n- [A](guide/a.md)\n  - [B](guide/b.md)\n- [C](c.md)\n";

    #[test]
    fn names_in_tables_break_behind_their_separators_and_elsewhere_not() {
        let html = body(&read(
            "docs/a.md",
            "`a_b<c`\n\n| x |\n|---|\n| `a_b<c` `D::e` |\n",
        ));
        assert!(html.contains("<p><code>a_b&lt;c</code></p>"), "{html}");
        let cell = "<td><code>a_<wbr>b&lt;c</code> <code>D:<wbr>:<wbr>e</code></td>";
        assert!(html.contains(cell), "{html}");
    }

    #[test]
    fn links_lead_to_where_pages_are_in_the_book() {
        let page = read(
            "docs/guide/a.md",
            "# A `b`\n\n[x](../../README.md#y) [z](b.md) ![p](../images/p.png) <https://example.com/>\n\n\
             <!-- include x -->\n<img src=\"../images/q.png\" alt=\"\">\n",
        );
        let html = body(&page);
        for part in [
            "<h1 id=\"a-b\">A <code>b</code></h1>",
            "<a href=\"../index.html#y\">",
            "<a href=\"../guide/b.html\">",
            "<img src=\"../images/p.png\"",
            "<img src=\"../images/q.png\" alt=\"\">",
            "<a href=\"https://example.com/\">",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
        assert!(!html.contains("include"), "{html}");
    }

    #[test]
    fn every_page_says_where_it_is_and_what_is_beside_it() {
        let entries = entries(SUMMARY, "docs/SUMMARY.md");
        assert_eq!(entries.len(), 5, "{entries:?}");
        let html = page(&read("docs/guide/b.md", "# B\n"), &entries);
        for part in [
            "<title>B · Hallpass</title>",
            "<details open><summary>1 pages</summary>",
            "<a href=\"../guide/b.html\" aria-current=\"page\">B</a>",
            "rel=\"prev\" href=\"../guide/a.html\"",
            "rel=\"next\" href=\"../c.html\"",
            "href=\"../book.css\"",
        ] {
            assert!(html.contains(part), "{part}\n{html}");
        }
        let elsewhere = page(&read("docs/c.md", "# C\n"), &entries);
        assert!(elsewhere.contains("<details><summary>"), "{elsewhere}");
        assert!(!elsewhere.contains("rel=\"next\""), "{elsewhere}");
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        let html = "<h2 id=\"there\"></h2><a href=\"#there\"><a href=\"#not\"><a href=\"b.html\"><a href=\"../p.png\">\
                    <img src=\"q.png\"><a href=\"https://example.com/#x\">";
        let pages = BTreeMap::from([("g/a.html".to_owned(), html.to_owned())]);
        let found = dead(&pages, &["p.png".to_owned()]);
        assert_eq!(found.len(), 3, "{found:?}");
        for target in ["#not", "b.html", "q.png"] {
            assert!(
                found.iter().any(|line| line.contains(target)),
                "{target} {found:?}"
            );
        }
    }
}
