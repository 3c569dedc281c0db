//! Files that pg_dump and mysqldump write: `CREATE TABLE`, `COPY` and `INSERT`, read as a stream. Whatever else stands there
//! is passed over; nothing of it is executed.

mod tokens;

use std::io::{self, BufRead};

use self::tokens::{Dialect, LONGEST, Reader, Token};
use super::tables::{Tables, Wanted};

/// Values of a row.
const MOST_VALUES: usize = 512;

/// Why a dump cannot be read. Nothing of its content is in the text.
#[derive(Debug, thiserror::Error)]
pub(super) enum DumpError {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("line {0}: something is longer than it may be")]
    TooLong(u64),
    #[error("line {0}: a value is not text in UTF-8")]
    NotText(u64),
    #[error("line {0}: a statement ends too early or is not understood")]
    Broken(u64),
    #[error("it holds more than can be imported at once")]
    TooMuch,
    #[error(
        "it is in the custom format of pg_dump; make it SQL first: pg_restore --file=dump.sql DUMP"
    )]
    Custom,
}

/// Reads the wanted tables; of PostgreSQL those of that schema.
pub(super) fn read(
    mut inner: impl BufRead,
    wanted: &'static [Wanted],
    schema: &str,
) -> Result<Tables, DumpError> {
    let start = inner.fill_buf()?;
    if start.starts_with(b"PGDMP") {
        return Err(DumpError::Custom);
    }
    let start = start.get(..start.len().min(4096)).unwrap_or_default();
    let is_mysql = |text: &[u8]| start.windows(text.len()).any(|window| window == text);
    let dialect = if is_mysql(b"MySQL dump") || is_mysql(b"MariaDB dump") || is_mysql(b"`") {
        Dialect::MySql
    } else {
        Dialect::Postgres
    };
    let mut reader = Reader {
        inner,
        peeked: None,
        line: 1,
        dialect,
        keep: false,
    };
    let mut tables = Tables::new(wanted);
    let mut columns = std::collections::BTreeMap::new();
    loop {
        reader.keep = false;
        let word = match reader.token()? {
            Token::End => return Ok(tables),
            Token::Sign(b'\\') => {
                // A command of psql.
                reader.skip_line()?;
                continue;
            }
            Token::Sign(b';') => continue,
            Token::Word(word) => word.to_ascii_uppercase(),
            Token::Name(_) | Token::Text(_) | Token::Sign(_) => String::new(),
        };
        match word.as_str() {
            "DELIMITER" => reader.skip_delimited()?,
            "CREATE" => {
                if let Some((table, names)) = reader.create(&tables, schema)? {
                    tables.there(table);
                    columns.insert(table.0, names);
                }
            }
            "INSERT" | "REPLACE" => reader.insert(&mut tables, &columns, schema)?,
            "COPY" => reader.copy(&mut tables, schema)?,
            _ => reader.skip_statement()?,
        }
    }
}

type Columns = std::collections::BTreeMap<&'static str, Vec<String>>;

impl<R: BufRead> Reader<R> {
    /// `schema.table`, and what follows. None: another schema, or a table that nobody wants.
    fn table(
        &mut self,
        first: Token,
        tables: &Tables,
        schema: &str,
    ) -> Result<(Option<Wanted>, Token), DumpError> {
        let (Token::Word(mut name) | Token::Name(mut name)) = first else {
            return self.broken();
        };
        let mut next = self.token()?;
        let mut of_schema = true;
        // An unquoted name may hold the dot already.
        if let Some((before, after)) = name.split_once('.') {
            of_schema = before == schema || self.dialect == Dialect::MySql;
            name = after.to_owned();
        }
        if next == Token::Sign(b'.') {
            of_schema = name == schema || self.dialect == Dialect::MySql;
            (name, next) = match self.token()? {
                Token::Word(table) | Token::Name(table) => (table, self.token()?),
                Token::Text(_) | Token::Sign(_) | Token::End => return self.broken(),
            };
        }
        if name.is_empty() {
            name = match next {
                Token::Name(table) => {
                    next = self.token()?;
                    table
                }
                Token::Word(_) | Token::Text(_) | Token::Sign(_) | Token::End => {
                    return self.broken();
                }
            };
        }
        let wanted = tables.wants(&name).filter(|_| of_schema);
        Ok((wanted, next))
    }

    fn create(
        &mut self,
        tables: &Tables,
        schema: &str,
    ) -> Result<Option<(Wanted, Vec<String>)>, DumpError> {
        let mut token = self.token()?;
        if !is(&token, "TABLE") {
            if token != Token::Sign(b';') {
                self.skip_statement()?;
            }
            return Ok(None);
        }
        token = self.token()?;
        for word in ["IF", "NOT", "EXISTS"] {
            if is(&token, word) {
                token = self.token()?;
            }
        }
        let (wanted, next) = self.table(token, tables, schema)?;
        if next != Token::Sign(b'(') {
            self.skip_statement()?;
            return Ok(None);
        }
        let mut names = Vec::new();
        let (mut depth, mut begins) = (1_u32, true);
        loop {
            let token = self.token()?;
            match &token {
                Token::Sign(b'(') => depth = depth.saturating_add(1),
                Token::Sign(b')') => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        break;
                    }
                }
                Token::Sign(b',') if depth == 1 => {
                    begins = true;
                    continue;
                }
                Token::Name(name) if begins => names.push(name.clone()),
                Token::Word(name) if begins && !is_constraint(name) => names.push(name.clone()),
                Token::End => return self.broken(),
                Token::Word(_) | Token::Name(_) | Token::Text(_) | Token::Sign(_) => {}
            }
            if names.len() > MOST_VALUES {
                return Err(DumpError::TooLong(self.line));
            }
            begins = false;
        }
        self.skip_statement()?;
        Ok(wanted.map(|wanted| (wanted, names)))
    }

    /// `(a, b, …)`, its first parenthesis read already.
    fn names(&mut self) -> Result<Vec<String>, DumpError> {
        let mut names = Vec::new();
        loop {
            match self.token()? {
                Token::Word(name) | Token::Name(name) => names.push(name),
                Token::Sign(b',') => {}
                Token::Sign(b')') => return Ok(names),
                Token::Text(_) | Token::Sign(_) | Token::End => return self.broken(),
            }
            if names.len() > MOST_VALUES {
                return Err(DumpError::TooLong(self.line));
            }
        }
    }

    fn insert(
        &mut self,
        tables: &mut Tables,
        columns: &Columns,
        schema: &str,
    ) -> Result<(), DumpError> {
        let mut token = self.token()?;
        while is(&token, "IGNORE") || is(&token, "INTO") {
            token = self.token()?;
        }
        let (wanted, mut next) = self.table(token, tables, schema)?;
        let Some(wanted) = wanted else {
            return self.skip_statement();
        };
        let mut names = columns.get(wanted.0).cloned().unwrap_or_default();
        if next == Token::Sign(b'(') {
            names = self.names()?;
            next = self.token()?;
        }
        if !(is(&next, "VALUES") || is(&next, "VALUE")) || names.is_empty() {
            return self.broken();
        }
        self.keep = true;
        loop {
            match self.token()? {
                Token::Sign(b'(') => {
                    let row = self.row()?;
                    if row.len() != names.len() {
                        return self.broken();
                    }
                    let added = tables.add(wanted, &names, row);
                    added.map_err(|_| DumpError::TooMuch)?;
                }
                Token::Sign(b',') => {}
                Token::Sign(b';') => return Ok(()),
                // ON CONFLICT DO NOTHING.
                Token::Word(_) => return self.skip_statement(),
                Token::Name(_) | Token::Text(_) | Token::Sign(_) | Token::End => {
                    return self.broken();
                }
            }
        }
    }

    /// The values of one row, its first parenthesis read already.
    fn row(&mut self) -> Result<Vec<Option<String>>, DumpError> {
        let mut row = Vec::new();
        let (mut value, mut depth): (Option<Option<String>>, u32) = (None, 0);
        let mut minus = false;
        loop {
            match self.token()? {
                Token::Sign(b',') if depth == 0 => {
                    let Some(value) = value.take() else {
                        return self.broken();
                    };
                    row.push(value);
                    minus = false;
                    if row.len() > MOST_VALUES {
                        return Err(DumpError::TooLong(self.line));
                    }
                }
                Token::Sign(b')') if depth == 0 => {
                    let Some(value) = value else {
                        return self.broken();
                    };
                    row.push(value);
                    return Ok(row);
                }
                Token::Sign(b'(') => depth = depth.saturating_add(1),
                Token::Sign(b')') => depth = depth.saturating_sub(1),
                Token::Sign(b'-') if value.is_none() => minus = true,
                Token::End => return self.broken(),
                // What follows the value, a cast for one, does not matter.
                Token::Sign(_) | Token::Word(_) | Token::Text(_) | Token::Name(_)
                    if value.is_some() => {}
                // An introducer of MySQL: the value follows.
                Token::Word(word) if word.starts_with('_') => {}
                Token::Word(word) => value = Some(literal(&word, minus)),
                Token::Text(bytes) => {
                    let text = String::from_utf8(bytes);
                    value = Some(Some(text.map_err(|_| DumpError::NotText(self.line))?));
                }
                Token::Name(_) | Token::Sign(_) => return self.broken(),
            }
        }
    }

    fn copy(&mut self, tables: &mut Tables, schema: &str) -> Result<(), DumpError> {
        let token = self.token()?;
        let (wanted, mut next) = self.table(token, tables, schema)?;
        let mut names = Vec::new();
        if next == Token::Sign(b'(') {
            names = self.names()?;
            next = self.token()?;
        }
        let mut from_here = is(&next, "FROM");
        loop {
            match self.token()? {
                Token::Sign(b';') => break,
                Token::Word(word) => from_here &= word.eq_ignore_ascii_case("stdin"),
                Token::Name(_) | Token::Text(_) | Token::Sign(_) => from_here = false,
                Token::End => return self.broken(),
            }
        }
        if !from_here {
            return self.broken();
        }
        self.skip_line()?;
        loop {
            let Some(line) = self.line()? else {
                return self.broken();
            };
            if line == b"\\." {
                return Ok(());
            }
            let Some(wanted) = wanted else { continue };
            let mut row = Vec::with_capacity(names.len());
            for field in line.split(|byte| *byte == b'\t') {
                row.push(match unescaped(field) {
                    None => None,
                    Some(bytes) if bytes.len() > LONGEST => {
                        return Err(DumpError::TooLong(self.line));
                    }
                    Some(bytes) => {
                        let text = String::from_utf8(bytes);
                        Some(text.map_err(|_| DumpError::NotText(self.line))?)
                    }
                });
            }
            if row.len() != names.len() || row.len() > MOST_VALUES {
                return self.broken();
            }
            let added = tables.add(wanted, &names, row);
            added.map_err(|_| DumpError::TooMuch)?;
        }
    }
}

fn is(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found) if found.eq_ignore_ascii_case(word))
}

fn is_constraint(word: &str) -> bool {
    [
        "PRIMARY",
        "UNIQUE",
        "KEY",
        "CONSTRAINT",
        "FOREIGN",
        "CHECK",
        "INDEX",
        "FULLTEXT",
        "SPATIAL",
        "EXCLUDE",
        "LIKE",
    ]
    .iter()
    .any(|name| word.eq_ignore_ascii_case(name))
}

/// A value that is no quoted text.
fn literal(word: &str, minus: bool) -> Option<String> {
    if word.eq_ignore_ascii_case("NULL") {
        return None;
    }
    if let Some(digits) = word.strip_prefix("0x") {
        let bytes: Option<Vec<u8>> = (0..digits.len())
            .step_by(2)
            .map(|at| {
                let pair = digits.get(at..at.saturating_add(2))?;
                u8::from_str_radix(pair, 16).ok()
            })
            .collect();
        return String::from_utf8(bytes?).ok();
    }
    let sign = if minus { "-" } else { "" };
    Some(format!("{sign}{word}"))
}

/// A field of `COPY`; none for nothing.
fn unescaped(field: &[u8]) -> Option<Vec<u8>> {
    if field == b"\\N" {
        return None;
    }
    let mut out = Vec::with_capacity(field.len());
    let mut bytes = field.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next() {
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'v') => 11,
            Some(other) => other,
            None => b'\\',
        });
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    static WANTED: &[Wanted] = &[("users", &["id", "name", "deleted"])];

    fn names(text: &str) -> Vec<String> {
        let tables = read(text.as_bytes(), WANTED, "main").unwrap();
        let rows = tables.rows("users");
        rows.map(|row| format!("{:?}={:?}", row.get("id"), row.get("name")))
            .collect()
    }

    #[test]
    fn every_form_of_a_dump_says_the_same() {
        let expected = ["Some(\"1\")=Some(\"it's\\ta \\\\ b\")", "Some(\"-2\")=None"];
        let copy = "\\restrict x\nSET a = 'b;c';\nCREATE FUNCTION f() AS $_$ ; ' $_$;\nCREATE TABLE main.users (id int, name varchar(3) DEFAULT 'x,y', CONSTRAINT p PRIMARY KEY (id));\n\
                    COPY other.users (id, name, deleted) FROM stdin;\n9\tx\tf\n\\.\n\
                    COPY main.users (id, name, deleted) FROM stdin;\n1\tit's\\ta \\\\ b\tf\n-2\t\\N\tf\n3\tgone\tt\n\\.\nSELECT 1;\n";
        assert_eq!(names(copy), expected);
        let insert = "INSERT INTO main.users (id, name, deleted) VALUES (1, E'it''s\\ta \\\\ b', false), (-2, NULL, 'f'::boolean);\n\
                      INSERT INTO \"main\".\"users\" VALUES (3, 'gone', true);";
        let with_columns =
            format!("CREATE TABLE main.users (id int, name text, deleted bool);{insert}");
        assert_eq!(names(&with_columns), expected);
        let mysql = "-- MySQL dump 10\n/*!40101 SET x=1 */;\nCREATE TABLE `users` (`id` int, `name` varchar(9), `deleted` bit(1), PRIMARY KEY (`id`)) ENGINE=InnoDB;\n\
                     DELIMITER ;;\nCREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW BEGIN SET NEW.id = 'x'; END ;;\nDELIMITER ;\n\
                     INSERT INTO `users` VALUES (1,'it\\'s\\ta \\\\ b',_binary '\\0'),(-2,NULL,b'0'),(3,'gone',0x01);";
        assert_eq!(names(mysql), expected);
    }

    #[test]
    fn a_hostile_dump_is_refused_and_never_a_panic() {
        let good = "CREATE TABLE main.users (id int, name text);INSERT INTO main.users VALUES (1, 'a');COPY main.users (id, name) FROM stdin;\n1\tb\n\\.\n";
        for end in 0..good.len() {
            drop(read(&good.as_bytes()[..end], WANTED, "main"));
        }
        for (text, says) in [
            ("INSERT INTO main.users (id) VALUES (1, 2);", "line 1"),
            ("COPY main.users (id) FROM stdin;\n1\t2\n\\.\n", "line"),
            ("COPY main.users (id) FROM '/etc/passwd';", "line 1"),
            ("COPY main.users (id) FROM PROGRAM 'id';", "line 1"),
            ("INSERT INTO main.users (id) VALUES ('a", "line 1"),
            ("PGDMP", "custom format"),
        ] {
            let error = read(text.as_bytes(), WANTED, "main")
                .unwrap_err()
                .to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        let long = format!(
            "INSERT INTO main.users (id) VALUES ('{}');",
            "x".repeat(LONGEST + 1)
        );
        let error = read(long.as_bytes(), WANTED, "main").unwrap_err();
        assert!(matches!(error, DumpError::TooLong(_)), "{error}");
        let bytes = b"INSERT INTO main.users (id) VALUES ('\xff');";
        let error = read(&bytes[..], WANTED, "main").unwrap_err();
        assert!(matches!(error, DumpError::NotText(_)), "{error}");
    }
}
