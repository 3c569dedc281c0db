//! The book: what holds its pages together, and its pages in HTML.
//!
//! The pages are those of `docs/` and those of the root. In the repository every link works as it stands; in the book it leads to the page that
//! was made of where it led, and `docs/SUMMARY.md` is the contents of all.

mod examples;
mod html;
mod links;
mod page;

use std::{collections::BTreeMap, process::ExitCode};

use crate::{report, workspace};
use page::Page;

/// The contents of the book.
const SUMMARY: &str = "docs/SUMMARY.md";
/// The name of the style sheet in the book.
const STYLE: &str = "book.css";
/// Where the book is written.
const TARGET: &str = "target/book";
/// Markdown that is no page of the book: beside code, or about a folder.
const BESIDE: &[&str] = &["crates/", "conformance/README.md", "fuzz/", "examples/"];

/// `cargo xtask book`: looks for dead links and writes the book.
pub(crate) fn main() -> ExitCode {
    report(problems())
}

/// Dead links, pages that the summary lacks, and code that is not what an example says. When there are none, the book is written, and
/// looked at once more.
pub(crate) fn problems() -> Result<Vec<String>, String> {
    let pages = pages()?;
    let summary = summary()?;
    let mut problems = links::problems(&pages, &summary)?;
    for page in &pages {
        problems.extend(examples::problems(page)?);
    }
    if problems.is_empty() {
        problems = build()?;
    }
    Ok(problems)
}

/// Writes what is derived: the list of decisions in the summary, and code that is taken from examples.
pub(crate) fn generate(check: bool) -> Result<Vec<String>, String> {
    let mut stale: Vec<String> = decisions(check)?.into_iter().collect();
    if !check {
        for page in pages()? {
            if let Some(text) = examples::renewed(&page)? {
                stale.extend(workspace::write(&page.path, &text, check)?);
            }
        }
    }
    Ok(stale)
}

fn pages() -> Result<Vec<Page>, String> {
    workspace::files(".md")?
        .into_iter()
        .map(|path| Ok(Page::read(&workspace::read(&path)?, path)))
        .collect()
}

/// The pages that the summary names, as paths from the root.
fn summary() -> Result<Vec<String>, String> {
    let page = Page::read(&workspace::read(SUMMARY)?, SUMMARY.to_owned());
    let targets = page.links.iter().map(|link| link.target.as_str());
    Ok(targets.filter_map(|to| page::joined(SUMMARY, to)).collect())
}

/// The list of decisions in the summary, between its two markers.
fn decisions(check: bool) -> Result<Option<String>, String> {
    const BEGIN: &str = "<!-- decisions: written by cargo xtask generate -->\n";
    const END: &str = "<!-- end of decisions -->";
    let text = workspace::read(SUMMARY)?;
    let (before, rest) = text
        .split_once(BEGIN)
        .ok_or("the summary has no marker for decisions")?;
    let (_, after) = rest
        .split_once(END)
        .ok_or("the summary has no end marker for decisions")?;
    let mut list = String::new();
    for path in workspace::files(".md")? {
        if let Some(name) = path.strip_prefix("docs/decisions/") {
            let page = workspace::read(&path)?;
            let title = page.lines().find_map(|line| line.strip_prefix("# "));
            let title = title.unwrap_or(name).replace('`', "");
            list.push_str(&format!("  - [{title}](decisions/{name})\n"));
        }
    }
    workspace::write(
        SUMMARY,
        &format!("{before}{BEGIN}{list}{END}{after}"),
        check,
    )
}

/// Writes the book to `target/book` and looks at what was written: its dead links.
fn build() -> Result<Vec<String>, String> {
    let target = workspace::root().join(TARGET);
    if target.exists() {
        std::fs::remove_dir_all(&target).map_err(|e| format!("{TARGET}: {e}"))?;
    }
    let entries = html::entries(&workspace::read(SUMMARY)?, SUMMARY);
    let mut pages = BTreeMap::new();
    for path in summary()? {
        let page = Page::read(&workspace::read(&path)?, path);
        pages.insert(html::place(&page.path), html::page(&page, &entries));
    }
    let mut files = vec![STYLE.to_owned()];
    for file in workspace::files("")? {
        if links::goes_along(&file) {
            let place = html::place(&file);
            copy(&file, &target.join(&place))?;
            files.push(place);
        }
    }
    for (place, text) in &pages {
        write(&target.join(place), text)?;
    }
    write(&target.join(STYLE), html::STYLE)?;
    println!("{} pages in {TARGET}/index.html", pages.len());
    Ok(html::dead(&pages, &files))
}

fn write(to: &std::path::Path, text: &str) -> Result<(), String> {
    let folder = to.parent().unwrap_or(to);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(to, text))
        .map_err(|e| format!("{}: {e}", to.display()))
}

fn copy(file: &str, to: &std::path::Path) -> Result<(), String> {
    let folder = to.parent().unwrap_or(to);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::copy(workspace::root().join(file), to))
        .map(|_| ())
        .map_err(|e| format!("{file}: {e}"))
}
