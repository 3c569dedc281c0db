//! One page of Markdown: its headings, links and marked code. It reads as much of Markdown as our pages use.

/// A page that was read.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// From the root of the repository.
    pub(crate) path: String,
    /// What headings can be linked by.
    pub(crate) anchors: Vec<String>,
    pub(crate) links: Vec<Link>,
    pub(crate) text: String,
}

/// A link or a picture.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Link {
    /// Counted from one.
    pub(crate) line: usize,
    pub(crate) target: String,
}

impl Page {
    pub(crate) fn read(text: &str, path: String) -> Self {
        let mut page = Self {
            path,
            text: text.to_owned(),
            ..Self::default()
        };
        let mut fence: Option<String> = None;
        for (number, line) in (1..).zip(text.lines()) {
            let trimmed = line.trim_start();
            let ticks: String = trimmed.chars().take_while(|c| *c == '`').collect();
            match &fence {
                Some(open) if ticks.len() >= open.len() && trimmed.trim_end() == ticks => {
                    fence = None;
                    continue;
                }
                Some(_) => continue,
                None if ticks.len() >= 3 => {
                    fence = Some(ticks);
                    continue;
                }
                None => {}
            }
            if let Some(title) = heading(line) {
                let slug = slug(title);
                let same = page.anchors.iter().filter(|a| same_slug(a, &slug)).count();
                page.anchors.push(match same {
                    0 => slug,
                    more => format!("{slug}-{more}"),
                });
            }
            let targets = targets(&without_code(line));
            page.links.extend(targets.into_iter().map(|target| Link {
                line: number,
                target,
            }));
        }
        page
    }
}

/// The title of a heading.
fn heading(line: &str) -> Option<&str> {
    let rest = line.trim_start_matches('#');
    let level = line.len().saturating_sub(rest.len());
    ((1..=6).contains(&level))
        .then(|| rest.strip_prefix(' '))
        .flatten()
}

/// How a heading is linked: what GitHub makes of it.
fn slug(title: &str) -> String {
    let mut shown = String::new();
    let mut rest = title.trim();
    // Of a link its text counts.
    while let Some((before, after)) = rest.split_once("](") {
        shown.push_str(&before.replace('[', ""));
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    shown.push_str(rest);
    shown
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
            _ => None,
        })
        .collect()
}

fn same_slug(known: &str, slug: &str) -> bool {
    known == slug
        || known
            .strip_prefix(slug)
            .and_then(|rest| rest.strip_prefix('-'))
            .is_some_and(|rest| rest.parse::<u32>().is_ok())
}

/// The line with its spans of code blanked.
fn without_code(line: &str) -> String {
    let mut out = String::new();
    for (number, part) in line.split('`').enumerate() {
        if number % 2 == 0 {
            out.push_str(part);
        } else {
            out.push(' ');
        }
    }
    out
}

/// Targets of inline links, pictures, and attributes of HTML.
fn targets(line: &str) -> Vec<String> {
    let mut targets = Vec::new();
    for (begin, end) in [("](", ')'), ("href=\"", '"'), ("src=\"", '"')] {
        let mut rest = line;
        while let Some((_, after)) = rest.split_once(begin) {
            let Some((target, after)) = after.split_once(end) else {
                break;
            };
            // An entry of the summary without a page leads nowhere.
            if !target.is_empty() {
                targets.push(target.split(' ').next().unwrap_or_default().to_owned());
            }
            rest = after;
        }
    }
    targets
}

/// The path from the root that a link of a page leads to, without its anchor; none for what is not in this repository.
pub(crate) fn joined(page: &str, target: &str) -> Option<String> {
    let path = target.split('#').next().unwrap_or_default();
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    if path.is_empty() {
        return Some(page.to_owned());
    }
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_in_code_are_none() {
        let page = Page::read(
            "# A\n[x](a.md) `[y](b.md)`\n```\n[z](c.md)\n# not\n```\n![p](d.png) <a href=\"e.md#f\">\n",
            "docs/p.md".to_owned(),
        );
        let found: Vec<&str> = page.links.iter().map(|l| l.target.as_str()).collect();
        assert_eq!(found, ["a.md", "d.png", "e.md#f"]);
        assert_eq!(page.anchors, ["a"]);
    }

    #[test]
    fn headings_are_linked_as_others_do() {
        let page = Page::read(
            "## Why `--after`\n## Log\n## Log\n## [Name](x.md), and more\n### `[sign_in]`\n",
            "p.md".to_owned(),
        );
        assert_eq!(
            page.anchors,
            ["why---after", "log", "log-1", "name-and-more", "sign_in"]
        );
    }

    #[test]
    fn paths_begin_at_the_page() {
        assert_eq!(
            joined("docs/guide/a.md", "b.md#c"),
            Some("docs/guide/b.md".to_owned())
        );
        assert_eq!(
            joined("docs/guide/a.md", "../../README.md"),
            Some("README.md".to_owned())
        );
        assert_eq!(joined("docs/a.md", "#here"), Some("docs/a.md".to_owned()));
        assert_eq!(
            joined("README.md", "docs/decisions"),
            Some("docs/decisions".to_owned())
        );
        assert_eq!(joined("a.md", "https://example.com/x"), None);
    }
}
