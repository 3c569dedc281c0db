//! What commands print: text for people, or JSON for programs.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Value, json};

use crate::failure::Failure;

/// Where a command's answer goes.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    json: bool,
}

impl Output {
    /// As JSON or as text.
    #[must_use]
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether programs read it.
    #[must_use]
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints the value as one line of JSON, or the text.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn say(self, value: &impl Serialize, text: impl Display) -> Result<(), Failure> {
        let line = if self.json {
            serde_json::to_string(value).map_err(|error| Failure::doing("cannot print", &error))?
        } else {
            text.to_string()
        };
        print(&line)
    }

    /// Prints rows below their headings, or the values as one JSON array.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn table(
        self,
        values: &[Value],
        headings: &[&str],
        rows: &[Vec<String>],
    ) -> Result<(), Failure> {
        self.say(&values, columns(headings, rows))
    }

    /// Prints on standard error what a program reads of a failure.
    pub fn fail_with(self, value: &Value) {
        drop(writeln!(io::stderr().lock(), "{value}"));
    }

    /// Prints a failure on standard error.
    pub fn fail(self, failure: &Failure) {
        let mut stderr = io::stderr().lock();
        // Nobody is left to be told that it cannot be told.
        drop(match (self.json, failure) {
            (false, Failure::Configuration(_)) => writeln!(stderr, "{failure}"),
            (false, Failure::Other(_)) => writeln!(stderr, "hallpass: {failure}"),
            (true, Failure::Configuration(problems)) => {
                writeln!(
                    stderr,
                    "{}",
                    json!({ "error": "configuration", "problems": problems.0 })
                )
            }
            (_, Failure::Told(_)) => Ok(()),
            (true, Failure::Other(text)) => writeln!(stderr, "{}", json!({ "error": text })),
        });
    }
}

/// Prints a line on standard output.
///
/// # Errors
/// Standard output is closed.
pub fn print(line: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let text = line.strip_suffix('\n').unwrap_or(line);
    writeln!(stdout, "{text}")
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::doing("cannot print", &error))
}

fn columns(headings: &[&str], rows: &[Vec<String>]) -> String {
    let cells = |row: &[String], at: usize| row.get(at).map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> = headings
        .iter()
        .enumerate()
        .map(|(at, heading)| {
            rows.iter()
                .map(|row| cells(row, at))
                .chain([heading.len()])
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    let first: Vec<String> = headings
        .iter()
        .map(|heading| (*heading).to_owned())
        .collect();
    for row in std::iter::once(&first).chain(rows) {
        let line: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        text.push_str(line.join("  ").trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["a".to_owned(), "b".to_owned()],
            vec!["longer".to_owned(), String::new()],
        ];
        assert_eq!(
            columns(&["name", "x"], &rows),
            "name    x\na       b\nlonger\n"
        );
    }
}
