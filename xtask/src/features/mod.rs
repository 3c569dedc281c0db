//! The feature table beside node-oidc-provider: no name is missing, no cell is empty, and what a row points at exists.
//!
//! `names.txt` lists what that server has, section by section. The page has a table for each section with a row for each
//! name. The fourth column says where a thing is found here, each time with its kind; the fifth names tests.

mod tree;

use std::collections::{BTreeMap, BTreeSet};

use self::tree::Tree;
use crate::workspace;

const PAGE: &str = "docs/reference/node-oidc-provider.md";
const NAMES: &str = "xtask/src/features/names.txt";
const COLUMNS: usize = 5;

/// Names by section.
type Sections = BTreeMap<String, BTreeSet<String>>;

/// Everything that is wrong with the page.
pub(crate) fn problems() -> Result<Vec<String>, String> {
    let page = workspace::read(PAGE)?;
    let names = sections(&workspace::read(NAMES)?)?;
    let mut found = Vec::new();
    let rows = rows(&page, &mut found);
    compare(&names, &rows, &mut found);
    let tree = Tree::read()?;
    for row in &rows {
        row.check(&tree, &mut found);
    }
    Ok(found.into_iter().map(|p| format!("{PAGE}: {p}")).collect())
}

/// Lines of `# section` and names below.
fn sections(text: &str) -> Result<Sections, String> {
    let mut all = Sections::new();
    let mut current = None;
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty()) {
        if let Some(title) = line.strip_prefix("# ") {
            current = Some(title.to_owned());
            all.entry(title.to_owned()).or_default();
        } else {
            let title = current.clone().ok_or("a name before any section")?;
            if !all.entry(title).or_default().insert(line.to_owned()) {
                return Err(format!("{line} is listed twice"));
            }
        }
    }
    Ok(all)
}

/// One line of a table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    section: String,
    cells: Vec<String>,
}

/// The rows of all tables of the page.
fn rows(page: &str, found: &mut Vec<String>) -> Vec<Row> {
    let mut section = String::new();
    let mut rows = Vec::new();
    for line in page.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            title.clone_into(&mut section);
        }
        let Some(inner) = line.strip_prefix('|').and_then(|l| l.strip_suffix('|')) else {
            if line.starts_with('|') {
                found.push(format!("a row that does not end: {line}"));
            }
            continue;
        };
        let cells: Vec<String> = cells(inner);
        let head = cells.first().is_some_and(|c| c == "there");
        if head || cells.iter().all(|c| c.chars().all(|c| c == '-')) {
            continue;
        }
        if cells.len() != COLUMNS {
            found.push(format!(
                "{} cells instead of {COLUMNS}: {line}",
                cells.len()
            ));
            continue;
        }
        let row = Row {
            section: section.clone(),
            cells,
        };
        for (at, cell) in row.cells.iter().enumerate() {
            if cell.chars().all(|c| !c.is_alphanumeric()) {
                found.push(format!(
                    "{}: column {} is empty",
                    row.name(),
                    at.saturating_add(1)
                ));
            }
        }
        rows.push(row);
    }
    rows
}

/// Cells of a line; `\|` is a bar within one.
fn cells(inner: &str) -> Vec<String> {
    const BAR: &str = "\u{0}";
    inner
        .replace("\\|", BAR)
        .split('|')
        .map(|cell| cell.trim().replace(BAR, "|"))
        .collect()
}

/// Every name has one row in its section, and every row a name.
fn compare(names: &Sections, rows: &[Row], found: &mut Vec<String>) {
    let mut shown = Sections::new();
    for row in rows {
        let name = row.name().to_owned();
        if !shown.entry(row.section.clone()).or_default().insert(name) {
            found.push(format!("{}: {} has two rows", row.section, row.name()));
        }
    }
    let nothing = BTreeSet::new();
    for title in names.keys().chain(shown.keys()).collect::<BTreeSet<_>>() {
        let listed = names.get(title).unwrap_or(&nothing);
        let there = shown.get(title).unwrap_or(&nothing);
        for name in listed.difference(there) {
            found.push(format!("{title}: {name} has no row"));
        }
        for name in there.difference(listed) {
            found.push(format!("{title}: {name} is not among the names"));
        }
    }
}

/// What may stand in the fourth column instead of places. Nothing is left for later.
const NOWHERE: [&str; 1] = ["by design not"];
/// What may stand in the fifth column for something that is not here.
const NOTHING: &str = "nothing to show";

impl Row {
    /// The name, without its backticks.
    fn name(&self) -> &str {
        self.cell(0).trim_matches('`')
    }

    fn cell(&self, at: usize) -> &str {
        self.cells.get(at).map_or("", String::as_str)
    }

    fn check(&self, tree: &Tree, found: &mut Vec<String>) {
        let mut complain = |text: String| found.push(format!("{}: {text}", self.name()));
        let absent = NOWHERE.contains(&self.cell(3));
        if !absent {
            for place in self.cell(3).split("; ") {
                match place.split_once(' ').map(|(k, rest)| (k, quoted(rest))) {
                    Some((kind, Some(names))) => {
                        for name in names {
                            match tree.has(kind, name) {
                                Some(true) => {}
                                Some(false) => complain(format!("there is no {kind} `{name}`")),
                                None => complain(format!("{kind} is no kind of place")),
                            }
                        }
                    }
                    Some((_, None)) | None => complain(format!("{place} names no place")),
                }
            }
        }
        if absent && self.cell(4) == NOTHING {
            return;
        }
        for proof in self.cell(4).split("; ") {
            let (kind, rest) = match proof.strip_prefix("suite ") {
                Some(rest) => ("suite", rest),
                None => ("test", proof),
            };
            match quoted(rest) {
                Some(names) => {
                    for name in names {
                        if tree.has(kind, name) != Some(true) {
                            complain(format!("there is no {kind} `{name}`"));
                        }
                    }
                }
                None => complain(format!("{proof} names no test")),
            }
        }
    }
}

/// The texts of `` `a`, `b` ``; none when it is anything else.
fn quoted(text: &str) -> Option<Vec<&str>> {
    let names = text.split(", ").map(|part| {
        let name = part.strip_prefix('`')?.strip_suffix('`')?;
        (!name.is_empty() && !name.contains('`')).then_some(name)
    });
    names.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE_OF_ONE: &str = "# T\n\n## A\n\n| there | is | here | found at | shown by |\n|---|---|---|---|---|\n\
                               | `a` | x | y | endpoint `/token` | `a_test` |\n";

    fn wrong_with(page: &str, names: &str) -> Vec<String> {
        let mut found = Vec::new();
        let rows = rows(page, &mut found);
        compare(&sections(names).unwrap(), &rows, &mut found);
        found
    }

    #[test]
    fn the_committed_page_is_whole_and_true() {
        let found = problems().unwrap();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    #[test]
    fn a_name_without_a_row_and_a_row_without_a_name_are_found() {
        assert!(wrong_with(PAGE_OF_ONE, "# A\na\n").is_empty());
        for names in [
            "# A\na\nb\n",
            "# A\n",
            "# A\nA\n",
            "# B\na\n",
            "# A\na\n# B\nb\n",
        ] {
            assert!(!wrong_with(PAGE_OF_ONE, names).is_empty(), "{names}");
        }
    }

    #[test]
    fn an_empty_cell_and_a_missing_one_are_found() {
        for (from, to) in [
            ("| x |", "| |"),
            ("| x |", "| — |"),
            ("| x |", ""),
            ("| x |", "|"),
            ("`a_test` |", "`a_test`"),
        ] {
            let page = PAGE_OF_ONE.replace(from, to);
            assert!(!wrong_with(&page, "# A\na\n").is_empty(), "{page}");
        }
    }

    #[test]
    fn what_is_not_in_the_tree_is_found() {
        let tree = Tree::read().unwrap();
        let wrong = |place: &str, proof: &str| {
            let cells = ["`a`", "x", "y", place, proof].map(str::to_owned).to_vec();
            let row = Row {
                section: "A".to_owned(),
                cells,
            };
            let mut found = Vec::new();
            row.check(&tree, &mut found);
            found
        };
        let test = "`what_is_not_in_the_tree_is_found`";
        for good in [
            "setting `server.issuer`",
            "setting `protocol.resources[].identifier`, `lifetimes.code`",
            "endpoint `/token`; metadata `issuer`",
            "member `redirect_uris`",
            "field `Policy::scopes`",
            "port `Accounts`",
            "type `Policy`",
            "function `builder`",
            "command `hallpass client create`",
            "event `TokensIssued`",
            "by design not",
        ] {
            assert_eq!(wrong(good, test), Vec::<String>::new(), "{good}");
        }
        assert!(wrong("by design not", NOTHING).is_empty());
        assert!(wrong("endpoint `/token`", "suite `oidcc-server`").is_empty());
        for bad in [
            "setting `server.nothing`",
            "setting `protocol.resources.identifier`",
            "endpoint `/tokens`",
            "member `no_such_member`",
            "metadata `no_such_member`",
            "field `Policy::nothing`",
            "field `Nothing::scopes`",
            "port `Policy`",
            "function `no_such_function_anywhere`",
            "command `hallpass nothing`",
            "event `Nothing`",
            "thing `x`",
            "endpoint /token",
            "`/token`",
            "see above",
        ] {
            assert!(!wrong(bad, test).is_empty(), "{bad}");
        }
        for bad in [
            "`no_such_test`",
            "suite `no-such-module`",
            "trust me",
            NOTHING,
        ] {
            assert!(!wrong("endpoint `/token`", bad).is_empty(), "{bad}");
        }
    }
}
