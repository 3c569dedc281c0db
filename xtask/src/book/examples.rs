//! Code of the book that is taken from programs which are built and tried.
//!
//! A comment `<!-- include PATH#MARKER -->` stands before the block of code, and the lines between the comments `// [MARKER]` and
//! `// [/MARKER]` of that file are the block, less the indentation that they share. Without a marker it is the whole file.

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
    let lines: Vec<&str> = if marker.is_empty() {
        text.lines().collect()
    } else {
        let (begin, end) = (format!("// [{marker}]"), format!("// [/{marker}]"));
        let mut after = text.lines().skip_while(|line| line.trim() != begin);
        after
            .next()
            .ok_or_else(|| format!("{path} has no `{begin}`"))?;
        let after: Vec<&str> = after.collect();
        let end = after
            .iter()
            .position(|line| line.trim() == end)
            .ok_or_else(|| format!("{path} has no `{end}`"))?;
        after.into_iter().take(end).collect()
    };
    let lines: Vec<&str> = lines.into_iter().filter(|line| !is_mark(line)).collect();
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

/// `// [name]` or `// [/name]`.
fn is_mark(line: &str) -> bool {
    let inside = line
        .trim()
        .strip_prefix("// [")
        .and_then(|rest| rest.strip_suffix(']'));
    inside.is_some_and(|name| {
        let name = name.strip_prefix('/').unwrap_or(name);
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> Result<String, String> {
        match path {
            "examples/a.rs" => Ok(
                "fn main() {\n    // [serve]\n    serve();\n\n    if on {\n        stop();\n    }\n    // [/serve]\n}\n"
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
            (page("examples/a.rs#x", "```\n```\n"), "no `// [x]`"),
            (page("examples/a.rs#serve", "text\n"), "no block"),
            (page("examples/a.rs#serve", "```\nserve();\n"), "no end"),
        ] {
            let told = renew(&text, &file).unwrap_err();
            assert!(told.contains(problem), "{told}");
        }
    }
}
