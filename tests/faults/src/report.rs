//! What an experiment came to.

use std::fmt::{self, Display};
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::check::Violation;

/// An experiment that could not be carried out, or whose guarantee does not hold.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failed(String);

impl Failed {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    pub(crate) fn io(path: &Path, error: io::Error) -> Self {
        Self(format!("{}: {error}", path.display()))
    }
}

impl From<hallpass_load::http::Failure> for Failed {
    fn from(failure: hallpass_load::http::Failure) -> Self {
        Self(failure.to_string())
    }
}

/// The figures of an experiment whose guarantee held.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// Its number.
    pub experiment: &'static str,
    /// What was broken.
    pub fault: &'static str,
    /// Counts and times, in words.
    pub figures: Vec<(String, String)>,
}

impl Report {
    pub(crate) fn new(experiment: &'static str, fault: &'static str) -> Self {
        Self {
            experiment,
            fault,
            figures: Vec::new(),
        }
    }

    pub(crate) fn figure(&mut self, name: &str, value: impl Display) {
        self.figures.push((name.to_owned(), value.to_string()));
    }
}

/// A result that is kept: of the short form, or of the long one, which takes hours.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Kept {
    /// Its number.
    pub experiment: String,
    /// What was broken.
    pub fault: String,
    /// When, of which commit, and what else the machine did.
    pub run: String,
    /// Counts and times, in words.
    pub figures: Vec<(String, String)>,
}

/// Those of before with these instead of the ones of the same experiments, in order.
#[must_use]
pub fn kept_with(mut kept: Vec<Kept>, reports: &[Report], run: &str) -> Vec<Kept> {
    for report in reports {
        kept.retain(|before| before.experiment != report.experiment);
        kept.push(Kept {
            experiment: report.experiment.to_owned(),
            fault: report.fault.to_owned(),
            run: run.to_owned(),
            figures: report.figures.clone(),
        });
    }
    kept.sort_by(|a, b| a.experiment.cmp(&b.experiment));
    kept
}

/// The page: what is kept of the short forms, and of the long ones.
#[must_use]
pub fn page(short: &[Kept], long: &[Kept]) -> String {
    let mut page = HEAD.to_owned();
    for (head, kept) in [(SHORT_HEAD, short), (LONG_HEAD, long)] {
        page.push_str(head);
        for kept in kept {
            page.push_str(&format!(
                "\n### {}: {}\n\n{}\n\n| what | figure |\n|---|---|\n",
                kept.experiment, kept.fault, kept.run
            ));
            for (name, value) in &kept.figures {
                page.push_str(&format!("| {name} | {value} |\n"));
            }
        }
    }
    page
}

const SHORT_HEAD: &str = "
## In the short form

What the tests run, too. Kept in `tests/faults/short.json` by `--keep`.
";

const LONG_HEAD: &str = "
## At full length

What was run in the long form, by release builds. Kept in `tests/faults/long.json` by `--keep`.
";

const HEAD: &str = "# Faults

Experiments that break things under load, in `tests/faults`. Workers sign in, exchange codes, refresh, introspect and revoke;
every request and its outcome is written down, and an audit afterwards asks each node what became of it. A checker compares:
nothing that was acknowledged is lost, no code works twice, nothing that was revoked comes back, a refresh token has one
successor, what one node answered the others know, and a request without an answer has one outcome for everybody. One
violation fails the experiment; a page is written only with what held.

```
cargo xtask faults                    # all, in the short form that the tests run too
cargo xtask faults --long F01 F03     # some, at full length
cargo xtask faults --long F03 --keep 'when, and what else ran' --page docs/reference/faults.md
```

The last one replaces what this page says of that experiment and that form, and nothing else.
";

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}  {}", self.experiment, self.fault)?;
        for (name, value) in &self.figures {
            write!(f, "\n     {name}: {value}")?;
        }
        Ok(())
    }
}

/// Fails with the first few violations.
pub(crate) fn refuse(violations: &[Violation]) -> Result<(), Failed> {
    if violations.is_empty() {
        return Ok(());
    }
    let first: Vec<String> = violations
        .iter()
        .take(10)
        .map(|violation| format!("{}: {}", violation.invariant, violation.what))
        .collect();
    let count = violations.len();
    Err(Failed::new(format!(
        "{count} violations\n{}",
        first.join("\n")
    )))
}

/// Fails with that sentence unless it holds.
pub(crate) fn require(holds: bool, what: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(Failed(what())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_takes_the_place_of_the_one_before_and_of_nothing_else() {
        let mut first = Report::new("F02", "two");
        first.figure("times", 1);
        let mut again = Report::new("F02", "two");
        again.figure("times", 2);
        let kept = kept_with(Vec::new(), &[Report::new("F03", "three"), first], "then");
        let kept = kept_with(kept, &[again], "now");
        let short = kept_with(Vec::new(), &[Report::new("F01", "one")], "before");
        let text = page(&short, &kept);
        let (before, long) = text.split_once(LONG_HEAD).unwrap_or_default();
        assert!(before.contains("### F01: one\n\nbefore\n"), "{before}");
        assert!(!long.contains("| times | 1 |"), "{long}");
        assert!(long.contains("### F02: two\n\nnow\n"), "{long}");
        assert!(long.contains("### F03: three\n\nthen\n"), "{long}");
    }

    /// Every experiment has both, and the page is what they say.
    #[test]
    fn the_page_has_every_experiment_in_both_forms_with_its_run() {
        let kept = |text| -> Vec<Kept> { serde_json::from_str(text).unwrap_or_default() };
        let (short, long) = (
            kept(include_str!("../short.json")),
            kept(include_str!("../long.json")),
        );
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/reference/faults.md"
        );
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == page(&short, &long), "{path} is not what is kept");
        for experiment in crate::experiment::ALL {
            for kept in [&short, &long] {
                let found = kept
                    .iter()
                    .find(|kept| kept.experiment == experiment.number);
                let dated = found.is_some_and(|kept| kept.run.starts_with("20"));
                assert!(dated, "{}", experiment.number);
            }
        }
    }
}
