//! `hallpass import users`, which is `hallpass user import`: accounts from a file, with the hashes of their passwords.
//!
//! One account a line, as JSON or as CSV with a header. Everything is read and checked before the first is made; who is there
//! already stays as they are, so that the same file can be given again.

use std::collections::BTreeSet;
use std::sync::Arc;

use hallpass_accounts::{AccountError, NewUser, hash::Stored};
use hallpass_core::record::Activity;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::task::JoinSet;

use super::bring::begun;
use crate::cli;
use crate::commands::user::{failed, told};
use crate::failure::Failure;
use crate::output::Output;
use crate::wiring::Engine;

/// An account of the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    username: String,
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
    if options.dry_run {
        let value = json!({ "would_import": lines.len() });
        return output.say(&value, format!("{} accounts can be imported", lines.len()));
    }
    begun("a file", &[("users", lines.len())], engine).await?;
    let (mut made, mut there) = (0_usize, 0_usize);
    for piece in lines.chunks(TOGETHER) {
        let mut tasks = JoinSet::new();
        for (place, line) in piece {
            let (place, line) = (*place, line.clone());
            let accounts = Arc::clone(&engine.accounts);
            let issuer = engine.provider.issuer_id();
            tasks.spawn(async move {
                let new = NewUser {
                    username: line.username,
                    password: None,
                    must_change: line.must_change,
                    claims: line.claims,
                };
                let imported = accounts.import(issuer, new, line.password_hash, line.disabled);
                (place, imported.await)
            });
        }
        while let Some(done) = tasks.join_next().await {
            let (place, imported) =
                done.map_err(|error| Failure::new(format!("the import stopped: {error}")))?;
            match imported {
                Ok(user) => {
                    made = made.saturating_add(1);
                    told(&engine.provider.policy().issuer, "imported", &user.subject);
                    let noted = engine
                        .provider
                        .note(&user.subject, Activity::Imported)
                        .await;
                    noted.map_err(|error| failed(error.into()))?;
                }
                Err(AccountError::NameTaken) => there = there.saturating_add(1),
                Err(error) => {
                    let why = failed(error);
                    return Err(Failure::new(format!("line {place}: {why}")));
                }
            }
        }
    }
    let value = json!({ "imported": made, "already_there": there });
    output.say(
        &value,
        format!("{made} accounts are imported; {there} were there already"),
    )
}

/// What keeps a line from being imported, before anything is written.
fn check(lines: &[(usize, Line)]) -> Vec<String> {
    let mut names = BTreeSet::new();
    let mut problems = Vec::new();
    for (place, line) in lines {
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

/// Columns `username`, `password_hash`, `disabled`, `must_change`; every other one is a claim.
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
