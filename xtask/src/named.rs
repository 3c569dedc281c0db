//! Whether what ARCHITECTURE.md names is there: files, folders and functions.

use crate::workspace;

const PAGES: &[&str] = &["ARCHITECTURE.md", "CONTRIBUTING.md"];

/// What is named and is not there.
pub(crate) fn problems() -> Result<Vec<String>, String> {
    let mut code = String::new();
    for file in workspace::files(".rs")? {
        code.push_str(&workspace::read(&file)?);
    }
    let mut problems = Vec::new();
    for page in PAGES {
        let text = workspace::read(page)?;
        for (number, line) in text.lines().enumerate() {
            let missing = spans(line).filter(|span| !is_there(span, &code));
            problems.extend(missing.map(|span| {
                let line = number.saturating_add(1);
                format!("{page}:{line}: there is no `{span}`")
            }));
        }
    }
    Ok(problems)
}

/// What stands between backticks.
fn spans(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

fn is_there(span: &str, code: &str) -> bool {
    if is_path(span) {
        let root = workspace::root();
        return each(span)
            .iter()
            .all(|path| root.join(path).exists() || root.join("crates").join(path).exists());
    }
    function(span).is_none_or(|name| {
        [
            format!("fn {name}("),
            format!("fn {name}<"),
            format!("pub {name}: "),
        ]
        .iter()
        .any(|text| code.contains(text.as_str()))
    })
}

/// Files and folders of ours, not routes, addresses and patterns.
fn is_path(span: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-{},".contains(c);
    let made = span.starts_with("target/");
    span.contains('/') && !made && !span.starts_with(['/', '.']) && span.chars().all(plain)
}

/// `a/{b,c}` as `a/b` and `a/c`.
fn each(path: &str) -> Vec<String> {
    let parts = path
        .split_once('{')
        .and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    let Some((before, (choices, after))) = parts else {
        return vec![path.to_owned()];
    };
    choices
        .split(',')
        .map(|choice| format!("{before}{choice}{after}"))
        .collect()
}

/// The function, or the public field, of `Type::function` and `module::function`.
fn function(span: &str) -> Option<&str> {
    let (owner, name) = span.split_once("::")?;
    let plain = |c: char| c.is_ascii_lowercase() || c == '_';
    let ours = owner.chars().all(|c| c.is_ascii_alphanumeric());
    (ours && !name.is_empty() && name.chars().all(plain)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_is_found_and_what_is_not_is_missed() {
        let code = "pub fn next(valid: &Valid) {} pub own: Vec<u8>,";
        for good in [
            "hallpass-core/src/lib.rs",
            "xtask/src/{named,main}.rs",
            "crates/hallpass-core/src/",
            "interaction::next",
            "RequestPolicy::own",
            "POST /admin/v1/projects/acme/clients",
            "/token",
            "Spend::SigningKeys",
            "grant_type=authorization_code",
        ] {
            assert!(is_there(good, code), "{good}");
        }
        for bad in [
            "hallpass-core/src/lib2.rs",
            "xtask/src/{named,nobody}.rs",
            "tests/it/doctor.rs",
            "interaction::last",
        ] {
            assert!(!is_there(bad, code), "{bad}");
        }
    }

    #[test]
    fn every_span_of_a_line_is_looked_at() {
        let found: Vec<&str> = spans("| `a` and `b/c` | none |").collect();
        assert_eq!(found, ["a", "b/c"]);
    }
}
