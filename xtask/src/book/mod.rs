//! The book: what holds its pages together, and its assembly for mdBook.
//!
//! The pages are those of `docs/` and those of the root. On the repository's own pages every link works as it stands; for mdBook they are
//! copied with the same places to each other, and `docs/SUMMARY.md` becomes the summary of all.

mod examples;
mod links;
mod page;

use std::{collections::BTreeSet, process::ExitCode};

use crate::{report, workspace};
use page::Page;

/// The contents of the book.
const SUMMARY: &str = "docs/SUMMARY.md";
/// What mdBook is told.
const SETTINGS: &str = "docs/book.toml";
/// Where the book is assembled.
const TARGET: &str = "target/book";
/// Markdown that is no page of the book: beside code, or about a folder.
const BESIDE: &[&str] = &["crates/", "conformance/README.md", "fuzz/", "examples/"];

/// `cargo xtask book`: looks for dead links and copies the pages to where mdBook builds them, which is called if it is installed.
pub(crate) fn main() -> ExitCode {
    report(problems().and_then(|problems| {
        if problems.is_empty() {
            build()?;
        }
        Ok(problems)
    }))
}

/// Dead links, pages that the summary lacks, and code that is not what an example says.
pub(crate) fn problems() -> Result<Vec<String>, String> {
    let pages = pages()?;
    let summary = summary()?;
    let mut problems = links::problems(&pages, &summary)?;
    for page in &pages {
        problems.extend(examples::problems(page)?);
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

/// Copies everything that the book is made of, and calls mdBook.
fn build() -> Result<(), String> {
    let source = workspace::root().join(TARGET).join("src");
    if source.exists() {
        std::fs::remove_dir_all(&source).map_err(|e| format!("{TARGET}: {e}"))?;
    }
    let mut files: BTreeSet<String> = summary()?.into_iter().collect();
    files.extend(
        workspace::files("")?
            .into_iter()
            .filter(|file| links::goes_along(file)),
    );
    for file in &files {
        copy(file, &source.join(file))?;
    }
    let text = page::rebased(&workspace::read(SUMMARY)?);
    std::fs::write(source.join("SUMMARY.md"), text).map_err(|e| format!("SUMMARY.md: {e}"))?;
    copy(SETTINGS, &source.with_file_name("book.toml"))?;
    println!("assembled {} files in {TARGET}", files.len());
    match std::process::Command::new("mdbook")
        .arg("--version")
        .output()
    {
        Ok(_) => workspace::run("mdbook", &["build", TARGET]),
        Err(_) => {
            println!("mdbook is not installed (cargo install mdbook)");
            Ok(())
        }
    }
}

fn copy(file: &str, to: &std::path::Path) -> Result<(), String> {
    let folder = to.parent().unwrap_or(to);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::copy(workspace::root().join(file), to))
        .map(|_| ())
        .map_err(|e| format!("{file}: {e}"))
}
