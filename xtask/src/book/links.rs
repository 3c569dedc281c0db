//! Whether every link leads somewhere, and every page is in the book once.

use std::collections::BTreeMap;

use super::{
    BESIDE, SUMMARY,
    page::{Page, joined},
};
use crate::workspace;

/// Files that are no pages but are copied for those that link to them.
pub(super) fn goes_along(file: &str) -> bool {
    let known = [
        ".png", ".svg", ".json", ".toml", ".yaml", ".service", ".conf",
    ];
    let folders = ["docs/", "deploy/"];
    file == "hallpass.example.toml"
        || file.starts_with("LICENSE-")
        || file == "deploy/Caddyfile"
        || file == "deploy/Containerfile"
        || folders.iter().any(|folder| file.starts_with(folder))
            && known.iter().any(|ending| file.ends_with(ending))
}

pub(super) fn problems(pages: &[Page], summary: &[String]) -> Result<Vec<String>, String> {
    let files = workspace::files("")?;
    let by_path: BTreeMap<&str, &Page> = pages.iter().map(|p| (p.path.as_str(), p)).collect();
    let mut problems = Vec::new();
    for page in pages {
        let in_book = summary.contains(&page.path);
        for link in &page.links {
            let Some(path) = joined(&page.path, &link.target) else {
                continue;
            };
            let at = format!("{}:{}: `{}`", page.path, link.line, link.target);
            let anchor = link.target.split_once('#').map(|(_, anchor)| anchor);
            let folder = format!("{path}/");
            if !files.contains(&path) && !files.iter().any(|file| file.starts_with(&folder)) {
                problems.push(format!("{at} is not there"));
            } else if let Some(anchor) = anchor
                && !by_path
                    .get(path.as_str())
                    .is_some_and(|to| to.anchors.iter().any(|a| a == anchor))
            {
                problems.push(format!("{at} has no such heading"));
            } else if in_book && !summary.contains(&path) && !goes_along(&path) {
                problems.push(format!(
                    "{at} is dead in the book: {SUMMARY} does not have it"
                ));
            }
        }
    }
    for page in pages {
        let times = summary.iter().filter(|path| **path == page.path).count();
        let beside = BESIDE.iter().any(|folder| page.path.starts_with(folder));
        match times {
            0 if beside || page.path == SUMMARY => {}
            0 => problems.push(format!("{SUMMARY} lacks {}", page.path)),
            1 => {}
            _ => problems.push(format!("{SUMMARY} has {} more than once", page.path)),
        }
    }
    Ok(problems)
}
