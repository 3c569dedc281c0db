//! Rows of another program's database, in memory: the tables and columns that are asked for, and no more than so much.

use std::collections::BTreeMap;

/// A table that is wanted, with the columns that are.
pub(super) type Wanted = (&'static str, &'static [&'static str]);

/// Bytes of all that is kept.
const MOST_BYTES: usize = 1 << 30;

/// The tables.
#[derive(Debug)]
pub(super) struct Tables {
    wanted: &'static [Wanted],
    tables: BTreeMap<&'static str, Table>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Table {
    /// Which of the wanted columns there are, each with its place in a row as kept.
    columns: Vec<&'static str>,
    rows: Vec<Vec<Option<Box<str>>>>,
}

/// More than can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

/// A row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'a> {
    columns: &'a [&'static str],
    values: &'a [Option<Box<str>>],
}

impl<'a> Row<'a> {
    /// What stands in a column; none for nothing and for a column that is not there.
    pub(super) fn get(self, column: &str) -> Option<&'a str> {
        let place = self.columns.iter().position(|name| *name == column)?;
        self.values.get(place)?.as_deref()
    }

    /// A column without space around it, if there is something in it.
    pub(super) fn text(self, column: &str) -> Option<&'a str> {
        self.get(column)
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }

    /// A number.
    pub(super) fn number(self, column: &str) -> Option<i64> {
        self.text(column)?.parse().ok()
    }

    /// A truth, as PostgreSQL and MySQL write it.
    pub(super) fn is(self, column: &str) -> bool {
        matches!(
            self.get(column),
            Some("t" | "true" | "TRUE" | "1" | "\u{1}")
        )
    }

    /// A list: an array of PostgreSQL, one of JSON, or words with commas between them.
    pub(super) fn list(self, column: &str) -> Option<Vec<String>> {
        let text = self.text(column)?;
        if let Some(inner) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
            return Some(array(inner));
        }
        if text.starts_with('[') {
            let values: Vec<serde_json::Value> = serde_json::from_str(text).ok()?;
            let words = values.into_iter().map(|value| match &value {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Null
                | serde_json::Value::Bool(_)
                | serde_json::Value::Number(_)
                | serde_json::Value::Array(_)
                | serde_json::Value::Object(_) => value.to_string(),
            });
            return Some(words.collect());
        }
        let words = text.split(',').map(str::trim).filter(|w| !w.is_empty());
        Some(words.map(str::to_owned).collect())
    }
}

/// The inside of an array of PostgreSQL: `a,"b c",NULL`.
fn array(inner: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut word = String::new();
    let (mut quoted, mut was_quoted) = (false, false);
    let mut chars = inner.chars();
    let mut end = |word: &mut String, was_quoted: &mut bool| {
        let text = std::mem::take(word);
        if *was_quoted || !(text.is_empty() || text == "NULL") {
            out.push(text);
        }
        *was_quoted = false;
    };
    while let Some(c) = chars.next() {
        match c {
            '\\' => word.extend(chars.next()),
            '"' => {
                quoted = !quoted;
                was_quoted = true;
            }
            ',' if !quoted => end(&mut word, &mut was_quoted),
            _ => word.push(c),
        }
    }
    end(&mut word, &mut was_quoted);
    out
}

impl Tables {
    pub(super) fn new(wanted: &'static [Wanted]) -> Self {
        Self {
            wanted,
            tables: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// The wanted columns of a table, if it is wanted.
    pub(super) fn wants(&self, table: &str) -> Option<Wanted> {
        self.wanted.iter().find(|(name, _)| *name == table).copied()
    }

    /// Whether the table was there.
    pub(super) fn has(&self, table: &str) -> bool {
        self.tables.contains_key(table)
    }

    /// Says that a table is there, even if it has no row.
    pub(super) fn there(&mut self, (table, _): Wanted) {
        self.tables.entry(table).or_default();
    }

    /// Takes a row of values that stand under those names.
    pub(super) fn add(
        &mut self,
        (table, wanted): Wanted,
        names: &[String],
        values: Vec<Option<String>>,
    ) -> Result<(), TooMuch> {
        let held = self.tables.entry(table).or_default();
        if held.columns.is_empty() {
            held.columns = wanted.to_vec();
        }
        let mut row: Vec<Option<Box<str>>> = vec![None; held.columns.len()];
        for (name, value) in names.iter().zip(values) {
            let place = held.columns.iter().position(|column| *column == name);
            if let Some(cell) = place.and_then(|place| row.get_mut(place)) {
                self.bytes = self
                    .bytes
                    .saturating_add(value.as_ref().map_or(0, String::len));
                *cell = value.map(String::into_boxed_str);
            }
        }
        self.bytes = self
            .bytes
            .saturating_add(64)
            .saturating_add(row.len().saturating_mul(16));
        if self.bytes > MOST_BYTES {
            return Err(TooMuch);
        }
        held.rows.push(row);
        Ok(())
    }

    /// The rows of a table, those that were deleted softly left out.
    pub(super) fn rows<'a>(&'a self, table: &str) -> impl Iterator<Item = Row<'a>> + use<'a> {
        let held = self.tables.get(table);
        let rows = held.into_iter().flat_map(|table| {
            table.rows.iter().map(|values| Row {
                columns: &table.columns,
                values,
            })
        });
        rows.filter(|row| !row.is("deleted"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_every_database_writes_them() {
        static WANTED: &[Wanted] = &[("t", &["l"])];
        for (text, expected) in [
            (
                "{a,\"b, c\",NULL,\"NULL\",\"x\\\"y\"}",
                &["a", "b, c", "NULL", "x\"y"][..],
            ),
            ("[\"a\",2]", &["a", "2"]),
            (" a , b,", &["a", "b"]),
            ("{}", &[]),
        ] {
            let mut tables = Tables::new(WANTED);
            let wanted = tables.wants("t").unwrap();
            let row = vec![Some(text.to_owned())];
            tables.add(wanted, &["l".to_owned()], row).unwrap();
            let row = tables.rows("t").next().unwrap();
            assert_eq!(row.list("l").unwrap(), expected, "{text}");
        }
    }
}
