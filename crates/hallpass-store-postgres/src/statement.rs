//! The SQL of commits: one statement that does many commits of the same shape at once, and one for each kind of change
//! alone.

use std::fmt::Write as _;

use tokio_postgres::types::ToSql;

use crate::{
    kind::{Action, Column, Conflict, Kind, Spec, Type},
    op::{Op, Value},
};

/// What commits have in common that one statement can do: the kinds of their spends with how many of each, and the
/// kinds of their writes. Both in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Shape {
    pub(crate) spends: Vec<(Kind, usize)>,
    pub(crate) writes: Vec<Kind>,
}

impl Shape {
    /// The shape of a commit, or none when one statement cannot do it: each table may be touched by one kind only and
    /// each row once, since the parts of a statement do not see each other's changes.
    pub(crate) fn of(spends: &[&Op], writes: &[Op]) -> Option<Self> {
        let mut shape = Self {
            spends: Vec::new(),
            writes: Vec::new(),
        };
        let mut tables: Vec<(&str, Kind)> = Vec::new();
        let all: Vec<&Op> = spends.iter().copied().chain(writes).collect();
        for (place, op) in all.iter().enumerate() {
            let table = op.kind.spec().table;
            match tables.iter().find(|(name, _)| *name == table) {
                Some((_, kind)) if *kind != op.kind => return None,
                Some(_) => {}
                None => tables.push((table, op.kind)),
            }
            let earlier = all.get(..place).unwrap_or_default();
            if earlier
                .iter()
                .any(|e| e.kind == op.kind && e.key() == op.key())
            {
                return None;
            }
        }
        for op in spends {
            match shape.spends.iter_mut().find(|(kind, _)| *kind == op.kind) {
                Some((_, count)) => *count = count.saturating_add(1),
                None => shape.spends.push((op.kind, 1)),
            }
        }
        if shape
            .spends
            .iter()
            .any(|(_, count)| *count > MOST_OF_A_KIND)
        {
            return None;
        }
        for op in writes {
            if !shape.writes.contains(&op.kind) {
                shape.writes.push(op.kind);
            }
        }
        shape.spends.sort_unstable();
        shape.writes.sort_unstable();
        Some(shape)
    }

    /// All kinds, in the order of the statement's parameters.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = Kind> + '_ {
        let spends = self.spends.iter().map(|(kind, _)| *kind);
        spends.chain(self.writes.iter().copied())
    }

    /// How many of its spends change something.
    fn changing(&self) -> usize {
        let changing = self.spends.iter().filter(|(kind, _)| !kind.is_assertion());
        changing.map(|(_, count)| count).sum()
    }

    /// One statement. Its parameters are arrays: for each kind, the number of the commit, the issuer, and the columns of
    /// the kind. It answers one row: the numbers of the commits whose spends were all in time; the writes of these have
    /// happened, and nothing of the others.
    ///
    /// A spend that is too late after another of the same commit has changed something cannot be taken back inside a
    /// statement. Then the statement fails as a whole ([`UNDONE`]).
    pub(crate) fn sql(&self) -> String {
        let mut sql = Sql::default();
        let mut passed: Option<String> = None;
        let mut first_changing = None;
        for (kind, count) in &self.spends {
            let input = sql.input(kind.spec());
            let gate = passed.as_ref().map(|p| gate(p));
            let found = sql.spend(kind.spec(), &input, gate.as_deref());
            if !kind.is_assertion() && first_changing.is_none() {
                first_changing = Some(found.clone());
            }
            passed = Some(match count {
                1 => found,
                _ => {
                    let name = sql.name("p");
                    let having =
                        format!("SELECT n FROM {found} GROUP BY n HAVING count(*) = {count}");
                    sql.part(&name, &having);
                    name
                }
            });
        }
        for kind in &self.writes {
            let input = sql.input(kind.spec());
            let gate = passed.as_ref().map(|p| gate(p));
            sql.write(kind.spec(), &input, gate.as_deref());
        }
        let done = match &passed {
            Some(passed) => format!("ARRAY(SELECT n FROM {passed})"),
            None => "ARRAY[]::int8[]".to_owned(),
        };
        let guard = match (&passed, &first_changing) {
            (Some(passed), Some(first)) if self.changing() > 1 => format!(
                "1 / CASE WHEN EXISTS (SELECT 1 FROM {first} f WHERE f.n <> ALL (ARRAY(SELECT n FROM {passed})))
                    THEN 0 ELSE 1 END"
            ),
            _ => "1".to_owned(),
        };
        format!("WITH {} SELECT {done}, {guard}", sql.parts.join(",\n"))
    }

    /// The parameters for some commits; `n` of each row is the place of its commit. Rows are in the order of their keys,
    /// so that statements that want the same rows do not wait for each other in a circle.
    pub(crate) fn params<'o>(&self, rows: impl Iterator<Item = (i64, i64, &'o Op)>) -> Params {
        type OfKind<'o> = (Kind, Vec<(i64, i64, &'o Op)>);
        let mut by_kind: Vec<OfKind<'_>> = self.kinds().map(|kind| (kind, Vec::new())).collect();
        for row in rows {
            if let Some((_, rows)) = by_kind.iter_mut().find(|(kind, _)| *kind == row.2.kind) {
                rows.push(row);
            }
        }
        let mut params = Params::default();
        for (kind, mut rows) in by_kind {
            rows.sort_unstable_by(|a, b| (a.1, a.2.key()).cmp(&(b.1, b.2.key())));
            params.rows(kind, &rows);
        }
        params
    }
}

/// A kind alone: answers as many rows as it found or changed.
pub(crate) fn single(kind: Kind) -> String {
    let mut sql = Sql::default();
    let spec = kind.spec();
    let input = sql.input(spec);
    let body = body(spec, &input, None);
    format!("WITH {} {body}", sql.parts.join(", "))
}

/// The parameters for [`single`].
pub(crate) fn single_params(issuer: i64, op: &Op) -> Params {
    of_one_kind(op.kind, &[(0, issuer, op)])
}

/// Arrays of numbers, issuers and the columns of the kind.
pub(crate) fn of_one_kind(kind: Kind, rows: &[(i64, i64, &Op)]) -> Params {
    let mut params = Params::default();
    params.rows(kind, rows);
    params
}

/// The name by which a statement that had to undo itself is known: `division_by_zero`.
pub(crate) const UNDONE: &str = "22012";

/// More spends of one kind in a commit get statements of their own.
const MOST_OF_A_KIND: usize = 4;

#[derive(Debug, Default)]
struct Sql {
    parts: Vec<String>,
    params: usize,
    names: usize,
}

impl Sql {
    fn name(&mut self, prefix: &str) -> String {
        self.names = self.names.saturating_add(1);
        format!("{prefix}{}", self.names)
    }

    fn part(&mut self, name: &str, body: &str) {
        self.parts.push(format!("{name} AS ({body})"));
    }

    /// The arrays of a kind as rows.
    fn input(&mut self, spec: Spec) -> String {
        let name = self.name("i");
        let mut arrays = String::new();
        let mut columns = String::new();
        for (column, kind) in all_columns(spec) {
            self.params = self.params.saturating_add(1);
            let comma = if columns.is_empty() { "" } else { ", " };
            let written = write!(arrays, "{comma}${}::{}", self.params, kind.array());
            debug_assert!(written.is_ok(), "a String takes everything");
            columns.push_str(comma);
            columns.push_str(column);
        }
        let body = format!("SELECT {columns} FROM unnest({arrays}) AS u ({columns})");
        self.part(&name, &body);
        name
    }

    /// Answers the name of the part that lists the commits that were in time, once for each row.
    fn spend(&mut self, spec: Spec, input: &str, gate: Option<&str>) -> String {
        let name = self.name("s");
        let body = body(spec, input, gate);
        match spec.action {
            Action::Assert { .. } => self.part(&name, &body),
            Action::Update { .. } | Action::Delete { .. } => {
                self.part(&name, &format!("{body} RETURNING i.n"));
            }
            Action::Insert(_) => {
                let keys = names(std::iter::once(&("issuer", Type::Int)).chain(spec.key));
                let inserted = self.name("r");
                self.part(&inserted, &format!("{body} RETURNING {keys}"));
                // Inside of CASE it stays a table of hashes, whatever the planner thinks of joins.
                let back = format!(
                    "SELECT n FROM {input} WHERE CASE WHEN ({keys}) IN (SELECT {keys} FROM {inserted})
                        THEN true ELSE false END"
                );
                self.part(&name, &back);
            }
        }
        name
    }

    fn write(&mut self, spec: Spec, input: &str, gate: Option<&str>) {
        let name = self.name("w");
        let body = body(spec, input, gate);
        self.part(&name, &body);
    }
}

fn gate(passed: &str) -> String {
    format!("i.n = ANY (ARRAY(SELECT n FROM {passed}))")
}

fn all_columns(spec: Spec) -> impl Iterator<Item = Column> {
    [("n", Type::Int), ("issuer", Type::Int)]
        .into_iter()
        .chain(spec.key.iter().copied())
        .chain(spec.rest.iter().copied())
}

fn names<'c>(columns: impl Iterator<Item = &'c Column>) -> String {
    let names: Vec<&str> = columns.map(|(name, _)| *name).collect();
    names.join(", ")
}

fn body(spec: Spec, input: &str, gate: Option<&str>) -> String {
    let Spec {
        table,
        key,
        rest,
        action,
    } = spec;
    let mut on = String::from("t.issuer = i.issuer");
    for (column, _) in key {
        let written = write!(on, " AND t.{column} = i.{column}");
        debug_assert!(written.is_ok(), "a String takes everything");
    }
    let and = |condition: &str| match condition {
        "" => String::new(),
        condition => format!(" AND {condition}"),
    };
    let gated = gate.map(|gate| format!(" AND {gate}")).unwrap_or_default();
    match action {
        Action::Assert { condition, lock } => format!(
            "SELECT i.n FROM {input} i JOIN {table} t ON {on} WHERE true{}{gated} FOR {lock} OF t",
            and(condition)
        ),
        Action::Update { set, condition } => format!(
            "UPDATE {table} t SET {set} FROM {input} i WHERE {on}{}{gated}",
            and(condition)
        ),
        Action::Delete { condition } => format!(
            "DELETE FROM {table} t USING {input} i WHERE {on}{}{gated}",
            and(condition)
        ),
        Action::Insert(conflict) => {
            let columns = std::iter::once(&("issuer", Type::Int)).chain(key);
            let columns = names(columns.chain(rest));
            let conflict = match conflict {
                Conflict::Fails => String::new(),
                Conflict::Nothing => " ON CONFLICT DO NOTHING".to_owned(),
                Conflict::Replaces(set) => {
                    let keys = names(std::iter::once(&("issuer", Type::Int)).chain(key));
                    format!(" ON CONFLICT ({keys}) DO UPDATE SET {set}")
                }
            };
            format!(
                "INSERT INTO {table} ({columns}) SELECT {columns} FROM {input} i WHERE true{gated}{conflict}"
            )
        }
    }
}

/// Parameters: one array for each.
#[derive(Debug, Default)]
pub(crate) struct Params(Vec<Array>);

#[derive(Debug)]
enum Array {
    Int(Vec<Option<i64>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Bool(Vec<Option<bool>>),
}

impl Params {
    fn rows(&mut self, kind: Kind, rows: &[(i64, i64, &Op)]) {
        let spec = kind.spec();
        self.0
            .push(Array::Int(rows.iter().map(|(n, ..)| Some(*n)).collect()));
        let issuers = rows.iter().map(|(_, issuer, _)| Some(*issuer)).collect();
        self.0.push(Array::Int(issuers));
        for (place, (_, kind)) in spec.key.iter().chain(spec.rest).enumerate() {
            let mut array = match kind {
                Type::Int => Array::Int(Vec::with_capacity(rows.len())),
                Type::Bytes => Array::Bytes(Vec::with_capacity(rows.len())),
                Type::Bool => Array::Bool(Vec::with_capacity(rows.len())),
            };
            for (_, _, op) in rows {
                array.push(op.values.get(place));
            }
            self.0.push(array);
        }
    }

    pub(crate) fn as_sql(&self) -> Vec<&(dyn ToSql + Sync)> {
        self.0.iter().map(Array::as_sql).collect()
    }
}

impl Array {
    /// A value that is not there, or of another type, is null; the columns refuse it.
    fn push(&mut self, value: Option<&Value>) {
        match self {
            Self::Int(array) => array.push(match value {
                Some(Value::Int(value)) => *value,
                Some(Value::Bytes(_) | Value::Bool(_)) | None => None,
            }),
            Self::Bytes(array) => array.push(match value {
                Some(Value::Bytes(value)) => value.clone(),
                Some(Value::Int(_) | Value::Bool(_)) | None => None,
            }),
            Self::Bool(array) => array.push(match value {
                Some(Value::Bool(value)) => Some(*value),
                Some(Value::Int(_) | Value::Bytes(_)) | None => None,
            }),
        }
    }

    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Int(array) => array,
            Self::Bytes(array) => array,
            Self::Bool(array) => array,
        }
    }
}
