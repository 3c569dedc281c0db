//! The text a configuration comes from: one file and the environment over it, each value with its place.

use std::borrow::Cow;
use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::problem::Problem;

/// Environment variables with this beginning override settings: `HALLPASS__LIFETIMES__CODE=30`.
pub const ENVIRONMENT_PREFIX: &str = "HALLPASS__";

/// A file's settings with those of the environment laid over them.
///
/// Every value keeps its position. Positions behind the end of the file belong to the environment: each variable has
/// a stretch of its own there.
#[derive(Debug)]
pub struct Source {
    file: Option<String>,
    text: String,
    overrides: Vec<Override>,
}

/// One variable of the environment.
#[derive(Clone, Debug)]
struct Override {
    name: String,
    path: Vec<String>,
    value: String,
    span: Range<usize>,
    /// Taken as it stands, although it could be read as a number or the like.
    literal: bool,
}

impl Source {
    /// Reads the file, if there is one, and lays `environment` over it; names without the prefix are passed over.
    ///
    /// # Errors
    /// The file cannot be read, is not TOML, or a variable does not fit the settings it names.
    pub fn read(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Problem> {
        let file = path.map(|path| path.display().to_string());
        let text = match path {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path).map_err(|error| Problem {
                place: file.clone(),
                setting: String::new(),
                message: format!("cannot read the configuration: {error}"),
            })?,
        };
        Self::parse(file, text, environment)
    }

    /// As [`Source::read`], with the file's text at hand.
    ///
    /// # Errors
    /// As for [`Source::read`].
    pub fn parse(
        file: Option<String>,
        text: String,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, Problem> {
        let mut overrides: Vec<Override> = Vec::new();
        let mut end = text.len().saturating_add(1);
        let mut variables: Vec<(String, String)> = environment
            .filter(|(name, _)| name.starts_with(ENVIRONMENT_PREFIX))
            .collect();
        // A section comes before its settings, so that the narrower name wins.
        variables.sort();
        for (name, value) in variables {
            let start = end;
            end = end.saturating_add(value.len()).saturating_add(1);
            let path = name
                .strip_prefix(ENVIRONMENT_PREFIX)
                .unwrap_or_default()
                .split("__")
                .map(str::to_ascii_lowercase)
                .collect();
            overrides.push(Override {
                name,
                path,
                value,
                span: start..end,
                literal: false,
            });
        }
        let source = Self {
            file,
            text,
            overrides,
        };
        source.table()?;
        Ok(source)
    }

    /// The settings as `T`. A value of the environment that reads as a number, say, where `T` wants text is text.
    ///
    /// # Errors
    /// The first unknown key or ill-typed value.
    pub fn deserialize<T: for<'de> Deserialize<'de>>(&mut self) -> Result<T, Problem> {
        loop {
            let table = Spanned::new(0..self.text.len(), self.table()?);
            let error = match T::deserialize(toml::de::Deserializer::from(table)) {
                Ok(settings) => return Ok(settings),
                Err(error) => error,
            };
            let span = error.span().unwrap_or(0..0);
            if !self.take_literally(&span) {
                let setting = self.name_at(&span);
                let message = if holds_secrets(&setting) {
                    "must be a text in quotes, or a list of them where there may be several"
                        .to_owned()
                } else {
                    error.message().replace('\n', "; ")
                };
                return Err(Problem {
                    place: self.place_of(&span),
                    setting,
                    message,
                });
            }
        }
    }

    /// Where a setting stands, or the nearest table above it that was written down.
    #[must_use]
    pub fn place(&self, setting: &str) -> Option<String> {
        let table = self.table().ok()?;
        let mut span = None;
        let mut here: Option<&DeTable<'_>> = Some(&table);
        let mut list: Option<&[Spanned<DeValue<'_>>]> = None;
        for segment in segments(setting) {
            let value = match (here, list) {
                (Some(table), _) => table.get(segment),
                (None, Some(list)) => segment.parse().ok().and_then(|at: usize| list.get(at)),
                (None, None) => None,
            };
            let Some(value) = value else { break };
            span = Some(value.span());
            here = value.get_ref().as_table();
            list = value.get_ref().as_array().map(|array| &**array);
        }
        span.and_then(|span| self.place_of(&span))
    }

    /// The file's table with the environment over it.
    fn table(&self) -> Result<DeTable<'_>, Problem> {
        let mut table = DeTable::parse(&self.text)
            .map_err(|error| Problem {
                place: self.place_of(&error.span().unwrap_or(0..0)),
                setting: String::new(),
                message: error.message().replace('\n', "; "),
            })?
            .into_inner();
        for variable in &self.overrides {
            lay_over(&mut table, variable).map_err(|message| Problem {
                place: Some(variable.name.clone()),
                setting: variable.path.join("."),
                message: message.to_owned(),
            })?;
        }
        Ok(table)
    }

    /// Marks the variable at `span` as text. False if it was that already, or if the file is at fault.
    fn take_literally(&mut self, span: &Range<usize>) -> bool {
        let variable = self
            .overrides
            .iter_mut()
            .find(|each| each.span.contains(&span.start));
        match variable {
            Some(variable) if !variable.literal && is_scalar(&variable.value) => {
                variable.literal = true;
                true
            }
            Some(_) | None => false,
        }
    }

    fn place_of(&self, span: &Range<usize>) -> Option<String> {
        if let Some(variable) = self
            .overrides
            .iter()
            .find(|each| each.span.contains(&span.start))
        {
            return Some(variable.name.clone());
        }
        let before = self.text.get(..span.start.min(self.text.len()))?;
        let line = before
            .bytes()
            .filter(|byte| *byte == b'\n')
            .count()
            .saturating_add(1);
        self.file.as_ref().map(|file| format!("{file}:{line}"))
    }

    /// The path of the innermost key or value at `span`.
    fn name_at(&self, span: &Range<usize>) -> String {
        if let Some(variable) = self
            .overrides
            .iter()
            .find(|each| each.span.contains(&span.start))
        {
            return variable.path.join(".");
        }
        let mut best: Option<(usize, String)> = None;
        if let Ok(table) = self.table() {
            search(&table, "", span, &mut best);
        }
        best.map(|(_, name)| name).unwrap_or_default()
    }
}

/// Whether a message about this setting could repeat a secret.
fn holds_secrets(setting: &str) -> bool {
    segments(setting)
        .filter(|segment| segment.parse::<usize>().is_err())
        .last()
        .is_some_and(|name| matches!(name, "password" | "client_secret" | "initial_access_tokens"))
}

/// `clients[1].redirect_uris` as `clients`, `1`, `redirect_uris`.
fn segments(setting: &str) -> impl Iterator<Item = &str> {
    setting
        .split(['.', '[', ']'])
        .filter(|segment| !segment.is_empty())
}

fn search(
    table: &DeTable<'_>,
    prefix: &str,
    span: &Range<usize>,
    best: &mut Option<(usize, String)>,
) {
    for (key, value) in table {
        let name = if prefix.is_empty() {
            key.get_ref().to_string()
        } else {
            format!("{prefix}.{}", key.get_ref())
        };
        offer(&key.span(), &name, span, best);
        search_value(value, &name, span, best);
    }
}

fn search_value(
    value: &Spanned<DeValue<'_>>,
    name: &str,
    span: &Range<usize>,
    best: &mut Option<(usize, String)>,
) {
    offer(&value.span(), name, span, best);
    if let Some(table) = value.get_ref().as_table() {
        search(table, name, span, best);
    }
    for (index, item) in value.get_ref().as_array().into_iter().flatten().enumerate() {
        search_value(item, &format!("{name}[{index}]"), span, best);
    }
}

fn offer(
    candidate: &Range<usize>,
    name: &str,
    span: &Range<usize>,
    best: &mut Option<(usize, String)>,
) {
    let inside = candidate.start <= span.start && span.end <= candidate.end;
    let length = candidate.len();
    // On a tie the deeper one, which comes later.
    if inside
        && best
            .as_ref()
            .is_none_or(|(shortest, _)| length <= *shortest)
    {
        *best = Some((length, name.to_owned()));
    }
}

/// Puts one variable in its place, making the tables on the way.
fn lay_over<'i>(table: &mut DeTable<'i>, variable: &'i Override) -> Result<(), &'static str> {
    let Some((last, above)) = variable.path.split_last() else {
        return Err("names no setting");
    };
    if variable.path.iter().any(String::is_empty) {
        return Err("names no setting");
    }
    let mut here = Place::Table(table);
    for segment in above {
        here = here.enter(segment, &variable.span)?;
    }
    let value = if variable.literal {
        text(variable)
    } else {
        read(variable)
    };
    here.set(last, value, &variable.span)
}

/// Where the path of a variable has come to.
enum Place<'a, 'i> {
    Table(&'a mut DeTable<'i>),
    List(&'a mut [Spanned<DeValue<'i>>]),
}

impl<'i> Place<'_, 'i> {
    fn enter(self, segment: &'i str, span: &Range<usize>) -> Result<Self, &'static str> {
        let value = match self {
            Self::Table(table) => {
                if !table.contains_key(segment) {
                    let empty = Spanned::new(span.clone(), DeValue::Table(DeTable::new()));
                    table.insert(key(segment, span), empty);
                }
                table.get_mut(segment)
            }
            Self::List(list) => segment.parse().ok().and_then(|at: usize| list.get_mut(at)),
        };
        match value.map(Spanned::get_mut) {
            Some(DeValue::Table(table)) => Ok(Self::Table(table)),
            Some(DeValue::Array(list)) => Ok(Self::List(list)),
            Some(_) => Err("goes into a setting that is neither a table nor a list"),
            None => Err("names an entry that the list does not have"),
        }
    }

    fn set(
        self,
        segment: &'i str,
        value: Spanned<DeValue<'i>>,
        span: &Range<usize>,
    ) -> Result<(), &'static str> {
        match self {
            Self::Table(table) => {
                table.remove(segment);
                table.insert(key(segment, span), value);
                Ok(())
            }
            Self::List(list) => {
                let slot = segment.parse().ok().and_then(|at: usize| list.get_mut(at));
                *slot.ok_or("names an entry that the list does not have")? = value;
                Ok(())
            }
        }
    }
}

fn key<'i>(segment: &'i str, span: &Range<usize>) -> Spanned<Cow<'i, str>> {
    Spanned::new(span.clone(), Cow::Borrowed(segment))
}

/// The value as TOML would read it, and as text if TOML would not.
fn read(variable: &Override) -> Spanned<DeValue<'_>> {
    match DeValue::parse(&variable.value) {
        Ok(value) => placed(value.into_inner(), &variable.span),
        Err(_) => text(variable),
    }
}

fn text(variable: &Override) -> Spanned<DeValue<'_>> {
    Spanned::new(
        variable.span.clone(),
        DeValue::String(Cow::Borrowed(&variable.value)),
    )
}

fn is_scalar(text: &str) -> bool {
    DeValue::parse(text).is_ok_and(|value| {
        let value = value.get_ref();
        !value.is_str() && !value.is_table() && !value.is_array()
    })
}

/// The value with one position for all of its parts.
fn placed<'i>(value: DeValue<'i>, span: &Range<usize>) -> Spanned<DeValue<'i>> {
    let value = match value {
        DeValue::Array(list) => {
            let mut placed_list = DeArray::new();
            for item in list {
                placed_list.push(placed(item.into_inner(), span));
            }
            DeValue::Array(placed_list)
        }
        DeValue::Table(table) => {
            let mut placed_table = DeTable::new();
            for (key, value) in table {
                let key = Spanned::new(span.clone(), key.into_inner());
                placed_table.insert(key, placed(value.into_inner(), span));
            }
            DeValue::Table(placed_table)
        }
        scalar @ (DeValue::String(_)
        | DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)) => scalar,
    };
    Spanned::new(span.clone(), value)
}
