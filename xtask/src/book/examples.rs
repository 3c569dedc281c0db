//! Code of the book that is taken from programs which are built and tried.
//!
//! A comment `<!-- include PATH#MARKER -->` stands before the block of code, and the lines between `ANCHOR: MARKER` and
//! `ANCHOR_END: MARKER` in comments of that file are the block, less the indentation that they share. Without a marker it is the whole file.

use super::page::Page;
use crate::workspace;

const BEGIN: &str = "<!-- include ";
const END: &str = " -->";

/// Blocks that differ from what they are taken from.
pub(super) fn problems(page: &Page) -> Result<Vec<String>, String> {
    Ok(match renewed(page) {
        Ok(None) => Vec::new(),
        Ok(Some(_)) => vec![format!(
            "{}: code differs from its example: run `cargo xtask generate`",
            page.path
        )],
        Err(problem) => vec![format!("{}: {problem}", page.path)],
    })
}

/// The page with its blocks taken anew; none if nothing changes.
pub(super) fn renewed(page: &Page) -> Result<Option<String>, String> {
    let text = renew(&page.text, &workspace::read)?;
    Ok((text != page.text).then_some(text))
}

fn renew(text: &str, read: &dyn Fn(&str) -> Result<String, String>) -> Result<String, String> {
    let mut out = String::new();
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        out.push_str(line);
        let named = line
            .trim_end()
            .strip_prefix(BEGIN)
            .and_then(|rest| rest.strip_suffix(END));
        let Some(named) = named else { continue };
        let open = lines.next().unwrap_or_default();
        let ticks: String = open.chars().take_while(|c| *c == '`').collect();
        if ticks.len() < 3 {
            return Err(format!("no block of code follows `{named}`"));
        }
        out.push_str(open);
        out.push_str(&region(named, read)?);
        let close = lines
            .by_ref()
            .find(|line| line.trim_end() == ticks)
            .ok_or_else(|| format!("the block of `{named}` has no end"))?;
        out.push_str(close);
    }
    Ok(out)
}

/// The marked lines of a file.
fn region(named: &str, read: &dyn Fn(&str) -> Result<String, String>) -> Result<String, String> {
    let (path, marker) = named.split_once('#').unwrap_or((named, ""));
    let text = read(path)?;
    let is_mark = |line: &str, word: &str, name: &str| {
        line.split_once(word)
            .is_some_and(|(_, rest)| rest.split_whitespace().next() == Some(name))
    };
    let lines: Vec<&str> = if marker.is_empty() {
        text.lines().collect()
    } else {
        let mut after = text
            .lines()
            .skip_while(|line| !is_mark(line, "ANCHOR:", marker));
        after
            .next()
            .ok_or_else(|| format!("{path} has no `ANCHOR: {marker}`"))?;
        let after: Vec<&str> = after.collect();
        let end = after
            .iter()
            .position(|line| is_mark(line, "ANCHOR_END:", marker))
            .ok_or_else(|| format!("{path} has no `ANCHOR_END: {marker}`"))?;
        after.into_iter().take(end).collect()
    };
    let lines: Vec<&str> = lines
        .into_iter()
        .filter(|line| !line.contains("ANCHOR:") && !line.contains("ANCHOR_END:"))
        .collect();
    let full = lines.iter().filter(|line| !line.trim().is_empty());
    let shared = full
        .map(|line| line.len().saturating_sub(line.trim_start().len()))
        .min()
        .unwrap_or(0);
    Ok(lines
        .iter()
        .map(|line| format!("{}\n", line.get(shared..).unwrap_or_default()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> Result<String, String> {
        match path {
            "examples/a.rs" => Ok(
                "fn main() {\n    // ANCHOR: serve\n    serve();\n\n    if on {\n        stop();\n    }\n    // ANCHOR_END: serve\n}\n"
                    .to_owned(),
            ),
            _ => Err(format!("{path}: no such file")),
        }
    }

    #[test]
    fn a_block_becomes_what_the_example_says() {
        let old = "a\n<!-- include examples/a.rs#serve -->\n```rust\nold();\n```\nb\n";
        let new = "a\n<!-- include examples/a.rs#serve -->\n```rust\nserve();\n\nif on {\n    stop();\n}\n```\nb\n";
        assert_eq!(renew(old, &file).as_deref(), Ok(new));
        assert_eq!(renew(new, &file).as_deref(), Ok(new));
    }

    #[test]
    fn what_is_not_there_is_said() {
        let page = |named: &str, block: &str| format!("<!-- include {named} -->\n{block}");
        for (text, problem) in [
            (page("examples/b.rs", "```\n```\n"), "no such file"),
            (page("examples/a.rs#x", "```\n```\n"), "no `ANCHOR: x`"),
            (page("examples/a.rs#serve", "text\n"), "no block"),
            (page("examples/a.rs#serve", "```\nserve();\n"), "no end"),
        ] {
            let told = renew(&text, &file).unwrap_err();
            assert!(told.contains(problem), "{told}");
        }
    }
}
