//! `hallpass import users`, which is `hallpass user import`: accounts from a file, with the hashes of their passwords.
//!
//! One account a line, as JSON or as CSV with a header. Everything is read and checked before the first is made; who is there
//! already stays as they are, so that the same file can be given again.

use std::collections::BTreeSet;
use std::sync::Arc;

use hallpass_accounts::hash::Stored;
use hallpass_types::Subject;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::arrivals::Person;
use super::bring::{Came, begun, bring_person};
use crate::cli;
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::Engine;

/// An account of the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    username: String,
    /// Who they were to clients, and stay.
    #[serde(default, alias = "sub")]
    subject: Option<String>,
    #[serde(default)]
    password_hash: Option<String>,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    must_change: bool,
    #[serde(default)]
    claims: Map<String, Value>,
}

/// Accounts that are made at once.
const TOGETHER: usize = 32;
/// Bytes of a file.
const LONGEST: u64 = 1 << 30;

pub(in crate::commands) async fn run(
    options: &cli::UserImport,
    engine: &Engine,
    output: Output,
) -> Result<(), Failure> {
    let name = options.file.display();
    let cannot = |error: std::io::Error| Failure::new(format!("cannot read {name}: {error}"));
    let length = std::fs::metadata(&options.file).map_err(cannot)?.len();
    if length > LONGEST {
        return Err(Failure::new(format!("{name} is larger than 1 GiB")));
    }
    let text = std::fs::read_to_string(&options.file).map_err(cannot)?;
    let is_csv = options
        .file
        .extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("csv"));
    let lines = if is_csv {
        csv(&text)?
    } else {
        json_lines(&text)?
    };
    let problems = check(&lines);
    if !problems.is_empty() {
        return Err(Failure::new(format!(
            "nothing was imported:\n{}",
            problems.join("\n")
        )));
    }
    if !options.dry_run {
        begun("a file", &[("users", lines.len())], engine).await?;
    }
    let mut came = Count::default();
    for piece in lines.chunks(TOGETHER) {
        let mut tasks = JoinSet::new();
        for (place, line) in piece {
            let (place, person) = (*place, Person::from(line.clone()));
            let (provider, accounts) = (engine.provider.clone(), Arc::clone(&engine.accounts));
            let dry_run = options.dry_run;
            tasks.spawn(async move {
                let came = bring_person(person, dry_run, &provider, &accounts).await;
                (place, came)
            });
        }
        while let Some(done) = tasks.join_next().await {
            let (place, done) =
                done.map_err(|error| Failure::doing("the import stopped in the middle", &error))?;
            let done = done.map_err(|error| Failure::doing("store", &error));
            came.add(place, done?);
        }
    }
    came.say(options.dry_run, output)
}

/// What came of the lines.
#[derive(Default)]
struct Count {
    made: usize,
    there: usize,
    /// An address or an identity of theirs is another account's already.
    without: Vec<usize>,
    refused: Vec<(usize, &'static str)>,
}

impl Count {
    fn add(&mut self, place: usize, came: Came) {
        match came {
            Came::Made { left_out } => {
                self.made = self.made.saturating_add(1);
                if left_out > 0 {
                    self.without.push(place);
                }
            }
            Came::There => self.there = self.there.saturating_add(1),
            Came::Refused(why) => self.refused.push((place, why)),
        }
    }

    /// Says it; lines that were refused are a failure, after all others.
    fn say(mut self, dry_run: bool, output: Output) -> Result<(), Failure> {
        self.without.sort_unstable();
        self.refused.sort_unstable();
        let Self {
            made,
            there,
            without,
            refused,
        } = self;
        let (name, verb) = if dry_run {
            ("would_import", "can be imported")
        } else {
            ("imported", "are imported")
        };
        let mut value = Map::new();
        value.insert(name.to_owned(), made.into());
        value.insert("already_there".to_owned(), there.into());
        let mut text = format!("{made} accounts {verb}; {there} were there already");
        if !without.is_empty() {
            let lines: Vec<String> = without.iter().map(ToString::to_string).collect();
            let lines = lines.join(", ");
            text.push_str(&format!(
                "\nlines {lines}: an address of theirs belongs to another account already, and was left out"
            ));
            value.insert("without_address".to_owned(), without.into());
        }
        if refused.is_empty() {
            return output.say(&Value::Object(value), text);
        }
        let lines: Vec<Value> = refused
            .iter()
            .map(|(place, why)| json!({"line": place, "why": why}))
            .collect();
        value.insert("refused".to_owned(), lines.into());
        output.say(&Value::Object(value), text)?;
        let lines: Vec<String> = refused
            .iter()
            .map(|(place, why)| format!("line {place}: {why}"))
            .collect();
        Err(Failure::new(lines.join("\n")))
    }
}

impl From<Line> for Person {
    fn from(line: Line) -> Self {
        Self {
            subject: line.subject,
            username: line.username,
            hash: line.password_hash,
            must_change: line.must_change,
            disabled: line.disabled,
            claims: line.claims,
            ..Self::default()
        }
    }
}

/// What keeps a line from being imported, before anything is written.
fn check(lines: &[(usize, Line)]) -> Vec<String> {
    let mut names = BTreeSet::new();
    let mut subjects = BTreeSet::new();
    let mut problems = Vec::new();
    for (place, line) in lines {
        if let Some(subject) = &line.subject {
            if Subject::parse(subject).is_err() {
                let message = "subject is none that a person can have (printable ASCII, at most 255 characters, not beginning with client:)";
                problems.push(format!("line {place}: {message}"));
            }
            if !subjects.insert(subject) {
                problems.push(format!(
                    "line {place}: the subject stands in the file twice"
                ));
            }
        }
        if !names.insert(hallpass_accounts::username_key(&line.username)) {
            problems.push(format!("line {place}: the name stands in the file twice"));
        }
        let hash = line.password_hash.as_deref();
        if hash.is_some_and(|hash| Stored::parse(hash).is_err()) {
            let message = "password_hash is none that can be verified: bcrypt ($2a$, $2b$, $2y$, cost 4 to 14), scrypt, \
                           PBKDF2 or Argon2 in PHC form, within limits";
            problems.push(format!("line {place}: {message}"));
        }
    }
    problems
}

fn json_lines(text: &str) -> Result<Vec<(usize, Line)>, Failure> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let place = index.saturating_add(1);
        if line.trim().is_empty() {
            continue;
        }
        let parsed: Line = serde_json::from_str(line)
            .map_err(|error| Failure::new(format!("line {place}: {}", without_input(&error))))?;
        lines.push((place, parsed));
    }
    Ok(lines)
}

/// The error without what stands in the file: a hash may be in it.
fn without_input(error: &serde_json::Error) -> String {
    let kind = if error.is_data() {
        "has a member that is unknown, missing or of another type"
    } else {
        "is no JSON object"
    };
    format!("{kind} (column {})", error.column())
}

/// Columns `username`, `subject`, `password_hash`, `disabled`, `must_change`; every other one is a claim.
fn csv(text: &str) -> Result<Vec<(usize, Line)>, Failure> {
    let mut rows = rows(text)?.into_iter();
    let (_, header) = rows
        .next()
        .ok_or_else(|| Failure::new("the file is empty".to_owned()))?;
    if !header.iter().any(|name| name == "username") {
        return Err(Failure::new(
            "line 1: there is no column username".to_owned(),
        ));
    }
    let mut lines = Vec::new();
    for (place, row) in rows {
        if row.len() != header.len() {
            return Err(Failure::new(format!(
                "line {place}: {} fields, and the header has {}",
                row.len(),
                header.len()
            )));
        }
        let mut line = Line {
            username: String::new(),
            subject: None,
            password_hash: None,
            disabled: false,
            must_change: false,
            claims: Map::new(),
        };
        for (name, field) in header.iter().zip(row) {
            let flag = || match field.as_str() {
                "true" | "1" => Ok(true),
                "false" | "0" | "" => Ok(false),
                _ => Err(Failure::new(format!(
                    "line {place}: {name} is neither true nor false"
                ))),
            };
            match name.as_str() {
                "username" => line.username = field,
                "subject" | "sub" => line.subject = Some(field).filter(|f| !f.is_empty()),
                "password_hash" => line.password_hash = Some(field).filter(|f| !f.is_empty()),
                "disabled" => line.disabled = flag()?,
                "must_change" => line.must_change = flag()?,
                "email_verified" | "phone_number_verified" => {
                    let flag = flag()?;
                    line.claims.insert(name.clone(), Value::from(flag));
                }
                _ if field.is_empty() => {}
                _ => {
                    line.claims.insert(name.clone(), Value::from(field));
                }
            }
        }
        lines.push((place, line));
    }
    Ok(lines)
}

type Row = (usize, Vec<String>);

/// Rows of RFC 4180, each with the line on which it begins.
fn rows(text: &str) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let mut row: Vec<String> = Vec::new();
    let mut field = String::new();
    let (mut line, mut begins) = (1_usize, 1_usize);
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                chars.next();
                field.push('"');
            }
            '"' if quoted => quoted = false,
            '"' if field.is_empty() => quoted = true,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\r' if !quoted && chars.peek() == Some(&'\n') => {}
            '\n' => {
                line = line.saturating_add(1);
                if quoted {
                    field.push(c);
                    continue;
                }
                if !row.is_empty() || !field.is_empty() {
                    row.push(std::mem::take(&mut field));
                    rows.push((begins, std::mem::take(&mut row)));
                }
                begins = line;
            }
            _ => field.push(c),
        }
    }
    if quoted {
        return Err(Failure::new(format!(
            "line {begins}: a quote is not closed"
        )));
    }
    if !row.is_empty() || !field.is_empty() {
        row.push(field);
        rows.push((begins, row));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "$2b$05$abcdefghijklmnopqrstuuD3mHdCr44zlIZ.VZCaYRpfQhXMYnEo.";

    #[test]
    fn json_and_csv_say_the_same() {
        let json = format!(
            "{{\"username\":\"ada\",\"password_hash\":\"{HASH}\",\"claims\":{{\"name\":\"Lovelace, Ada\",\"email\":\"ada@a.test\",\"email_verified\":true}}}}\n\n"
        );
        let text = format!(
            "username,password_hash,name,email,email_verified\r\nada,{HASH},\"Lovelace, Ada\",ada@a.test,true\r\n"
        );
        let (one, other) = (json_lines(&json).unwrap(), csv(&text).unwrap());
        assert_eq!(format!("{:?}", one[0].1), format!("{:?}", other[0].1));
        assert!(check(&one).is_empty());
    }

    #[test]
    fn a_line_that_cannot_be_imported_is_named_without_its_secrets() {
        for (text, says) in [
            ("{\"username\":\"a\",\"password\":\"hunter2\"}", "line 1"),
            ("{\"username\":\"a\"}\nnonsense hunter2", "line 2"),
            ("{\"username\":\"a\",\"subject\":[\"hunter2\"]}", "line 1"),
            ("[1]", "line 1"),
        ] {
            let error = json_lines(text).unwrap_err().to_string();
            assert!(
                error.contains(says) && !error.contains("hunter2"),
                "{error}"
            );
        }
        for text in [
            "",
            "name\nx",
            "username,name\na",
            "username\n\"a",
            "username,disabled\na,perhaps",
        ] {
            assert!(csv(text).is_err(), "{text}");
        }
        let twice = "{\"username\":\"Ada\"}\n{\"username\":\"ada\",\"password_hash\":\"$2b$31$x\"}";
        let problems = check(&json_lines(twice).unwrap());
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(
            problems
                .iter()
                .all(|p| p.starts_with("line 2") && !p.contains("$31$"))
        );
    }

    #[test]
    fn nobody_comes_as_a_client_or_as_two() {
        for (subject, problems) in [("24400320", 0), ("client:web", 1), ("a\u{7f}b", 1), ("", 1)] {
            let line = json!({"username": "a", "subject": subject}).to_string();
            let lines = json_lines(&line).unwrap();
            assert_eq!(check(&lines).len(), problems, "{subject:?}");
        }
        let twice = csv("username,sub\na,1\nb,1\nc,\nd,\n").unwrap();
        let problems = check(&twice);
        assert_eq!(problems, ["line 3: the subject stands in the file twice"]);
    }

    #[test]
    fn quotes_commas_and_line_breaks_are_read_as_they_are_meant() {
        let rows = rows("a,\"b \"\"c\"\", d\",\r\n\n\"x\ny\",,z").unwrap();
        assert_eq!(
            rows[0],
            (
                1,
                vec!["a".to_owned(), "b \"c\", d".to_owned(), String::new()]
            )
        );
        assert_eq!(
            rows[1],
            (3, vec!["x\ny".to_owned(), String::new(), "z".to_owned()])
        );
    }
}
