//! The texts of one language: a translation, and what an operator says differently, laid over English.

use minijinja::{Value, value::Serde};
use toml::{Table, Value as Node};

use super::{Lang, en};

/// Texts of an operator's own for one language, as TOML in the shape of the translations:
/// `[sign_in]`, `title = "…"`. Under `[own]` any name is free, for templates of the operator's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Texts(Table);

/// A text that cannot stand where it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextsError {
    /// It is not TOML.
    #[error("{0}")]
    Syntax(String),
    /// There is no text of this name.
    #[error("{0}: there is no text of this name")]
    Unknown(String),
    /// It is no text, or a table where a text should be, or the other way round.
    #[error("{0}: a text is expected here, or a table of texts")]
    Kind(String),
    /// The placeholders are not those of the English text.
    #[error("{name}: the text must have these placeholders and no others: {expected}")]
    Placeholders {
        /// Path of the text.
        name: String,
        /// The placeholders, with spaces between.
        expected: String,
    },
}

impl Texts {
    /// Reads and checks texts.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn parse(source: &str) -> Result<Self, Vec<TextsError>> {
        let table: Table = source
            .parse()
            .map_err(|error: toml::de::Error| vec![TextsError::Syntax(error.to_string())])?;
        Self::from_table(table)
    }

    /// Checks texts that were read from somewhere else.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn from_table(table: Table) -> Result<Self, Vec<TextsError>> {
        let mut base = english();
        let mut problems = Vec::new();
        overlay(&mut base, &table, "", &mut problems);
        if problems.is_empty() {
            Ok(Self(table))
        } else {
            Err(problems)
        }
    }

    /// The built-in translation of a language.
    fn built_in(lang: Lang) -> Self {
        let source = match lang {
            Lang::En => "",
            Lang::De => include_str!("de.toml"),
            Lang::Fr => include_str!("fr.toml"),
            Lang::Es => include_str!("es.toml"),
            Lang::Ar => include_str!("ar.toml"),
        };
        // A translation that does not parse leaves English; a test reads every one.
        Self(source.parse().unwrap_or_default())
    }
}

/// All texts of one language.
#[derive(Clone, Debug)]
pub(crate) struct Catalog {
    lang: Lang,
    tree: Table,
    /// The same, as templates read it.
    value: Value,
}

impl Catalog {
    /// The texts of a language, with those of an operator over them. What fits nowhere is passed over.
    pub(crate) fn new(lang: Lang, own: &Texts) -> Self {
        let mut tree = english();
        let mut problems = Vec::new();
        overlay(&mut tree, &Texts::built_in(lang).0, "", &mut problems);
        overlay(&mut tree, &own.0, "", &mut problems);
        let value = Value::from(Serde(&tree));
        Self { lang, tree, value }
    }

    /// All texts, for templates.
    pub(crate) fn value(&self) -> Value {
        self.value.clone()
    }

    /// The text at a path.
    pub(crate) fn get(&self, path: &[&str]) -> Option<&str> {
        let (name, tables) = path.split_last()?;
        let mut table = &self.tree;
        for name in tables {
            table = table.get(*name)?.as_table()?;
        }
        table.get(*name)?.as_str()
    }

    /// Title and text for an error code.
    pub(crate) fn error(&self, code: &str) -> (&str, &str) {
        let known = |part| self.get(&["error", "known", code, part]);
        match (known("title"), known("text")) {
            (Some(title), Some(text)) => (title, text),
            (None, _) | (_, None) => (
                self.get(&["error", "other_title"]).unwrap_or_default(),
                self.get(&["error", "other"]).unwrap_or_default(),
            ),
        }
    }

    /// A duration in the largest unit that fits, rounded up: `90` is "2 minutes".
    pub(crate) fn duration(&self, seconds: u64) -> String {
        let (unit, forms): (u64, &str) = match seconds {
            0..=59 => (1, "seconds"),
            60..=3_599 => (60, "minutes"),
            3_600..=86_399 => (3_600, "hours"),
            _ => (86_400, "days"),
        };
        let count = seconds.div_ceil(unit);
        self.get(&[forms, self.lang.plural(count)])
            .or_else(|| self.get(&[forms, "other"]))
            .unwrap_or_default()
            .replace("{n}", &self.number(count))
    }

    /// A whole number in the digits of the language.
    pub(crate) fn number(&self, number: u64) -> String {
        let digits = self.get(&["digits"]).unwrap_or_default();
        let own = |digit: char| {
            let nth = digit.to_digit(10).and_then(|n| usize::try_from(n).ok());
            nth.and_then(|n| digits.chars().nth(n)).unwrap_or(digit)
        };
        number.to_string().chars().map(own).collect()
    }
}

/// The English texts as a tree.
fn english() -> Table {
    Table::try_from(&en::MESSAGES).unwrap_or_default()
}

/// Tables to which rows may be added: an operator's scopes, and the reasons of an embedding program.
const OPEN: &[&str] = &["consent.standard", "error.known"];
/// A table to which texts may be added: the names of an operator's claims.
const OPEN_TEXTS: &str = "consent.claim";
/// What an operator's own templates say; any name is free.
const OWN: &str = "own";
/// Forms of a countable noun that English lacks.
const MORE_FORMS: &[&str] = &["zero", "two", "few", "many"];

/// Lays texts over others, and says of which it cannot.
fn overlay(base: &mut Table, over: &Table, at: &str, problems: &mut Vec<TextsError>) {
    let is_noun = base.get("one").is_some_and(Node::is_str) && base.contains_key("other");
    for (name, node) in over {
        let path = match at {
            "" => name.clone(),
            _ => format!("{at}.{name}"),
        };
        if path == OWN {
            if is_all_text(node) {
                base.insert(name.clone(), node.clone());
            } else {
                problems.push(TextsError::Kind(path));
            }
            continue;
        }
        match (base.get_mut(name), node) {
            (Some(Node::Table(base)), Node::Table(over)) => overlay(base, over, &path, problems),
            (Some(Node::String(base)), Node::String(over)) => {
                // A single thing need not be counted.
                let expected = placeholders(base);
                let found = placeholders(over);
                let is_single = is_noun && found.is_empty();
                if found == expected || is_single {
                    base.clone_from(over);
                } else {
                    problems.push(TextsError::Placeholders {
                        name: path,
                        expected: expected.join(" "),
                    });
                }
            }
            (None, Node::String(_)) if is_noun && MORE_FORMS.contains(&name.as_str()) => {
                base.insert(name.clone(), node.clone());
            }
            (None, Node::String(_)) if at == OPEN_TEXTS => {
                base.insert(name.clone(), node.clone());
            }
            (None, Node::Table(row)) if OPEN.contains(&at) => {
                let is_row = ["title", "text"]
                    .iter()
                    .all(|part| row.get(*part).is_some_and(Node::is_str));
                if is_row && row.len() == 2 {
                    base.insert(name.clone(), node.clone());
                } else {
                    problems.push(TextsError::Kind(path));
                }
            }
            (None, _) => problems.push(TextsError::Unknown(path)),
            (Some(_), _) => problems.push(TextsError::Kind(path)),
        }
    }
}

fn is_all_text(node: &Node) -> bool {
    match node {
        Node::String(_) => true,
        Node::Table(table) => table.values().all(is_all_text),
        Node::Integer(_)
        | Node::Float(_)
        | Node::Boolean(_)
        | Node::Datetime(_)
        | Node::Array(_) => false,
    }
}

/// The placeholders of a text, sorted, each once.
fn placeholders(text: &str) -> Vec<&str> {
    let mut names: Vec<&str> = text
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The texts that a built-in translation lacks, by path. They are shown in English.
#[must_use]
pub fn missing(lang: Lang) -> Vec<String> {
    fn look(base: &Table, over: Option<&Table>, at: &str, missing: &mut Vec<String>) {
        for (name, node) in base {
            let path = match at {
                "" => name.clone(),
                _ => format!("{at}.{name}"),
            };
            let over = over.and_then(|over| over.get(name));
            match node {
                Node::Table(base) => look(base, over.and_then(Node::as_table), &path, missing),
                _ if over.is_none() => missing.push(path),
                Node::String(_)
                | Node::Integer(_)
                | Node::Float(_)
                | Node::Boolean(_)
                | Node::Datetime(_)
                | Node::Array(_) => {}
            }
        }
    }
    let mut names = Vec::new();
    if lang != Lang::En {
        look(&english(), Some(&Texts::built_in(lang).0), "", &mut names);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_translation_says_only_what_there_is_to_say_with_the_same_placeholders() {
        for lang in Lang::ALL {
            let built_in = Texts::built_in(lang);
            assert!(lang == Lang::En || !built_in.0.is_empty(), "{lang:?}");
            let checked = Texts::from_table(built_in.0);
            assert!(checked.is_ok(), "{lang:?}: {checked:?}");
        }
    }

    /// At run time such a text is shown in English. `cargo run -p hallpass-pages --example languages` lists them too.
    #[test]
    #[ignore = "translations follow the texts before a release"]
    fn every_language_says_everything() {
        for lang in Lang::ALL {
            assert_eq!(missing(lang), [""; 0], "{lang:?}");
        }
    }

    #[test]
    fn what_a_language_does_not_say_is_said_in_english() {
        let catalog = Catalog::new(Lang::De, &Texts::default());
        assert_eq!(catalog.get(&["sign_in", "title"]), Some("Anmelden"));
        let mut tree = english();
        overlay(&mut tree, &Table::new(), "", &mut Vec::new());
        assert_eq!(tree["sign_in"]["title"].as_str(), Some("Sign in"));
    }

    #[test]
    fn an_operator_says_it_differently() {
        let own = Texts::parse(
            "sign_in.title = 'Come in'\n[own.help]\nline = 'Call us'\n\
             [consent.standard.'albums:print']\ntitle = 'Print'\ntext = 'Your albums.'",
        )
        .unwrap();
        let catalog = Catalog::new(Lang::De, &own);
        for (path, text) in [
            (&["sign_in", "title"][..], "Come in"),
            (&["sign_in", "password"], "Passwort"),
            (&["own", "help", "line"], "Call us"),
            (&["consent", "standard", "albums:print", "title"], "Print"),
        ] {
            assert_eq!(catalog.get(path), Some(text));
        }
    }

    #[test]
    fn a_text_that_fits_nowhere_is_refused() {
        for (source, problem) in [
            ("sign_in = 1", TextsError::Kind("sign_in".to_owned())),
            ("sign_in = 'x'", TextsError::Kind("sign_in".to_owned())),
            ("own.x = 1", TextsError::Kind("own".to_owned())),
            (
                "sign_in.titel = 'x'",
                TextsError::Unknown("sign_in.titel".to_owned()),
            ),
            (
                "minutes.dozen = 'x'",
                TextsError::Unknown("minutes.dozen".to_owned()),
            ),
            (
                "seconds.x = 'x'",
                TextsError::Unknown("seconds.x".to_owned()),
            ),
            (
                "[error.known.x]\ntitle = 'only'",
                TextsError::Kind("error.known.x".to_owned()),
            ),
            (
                "sign_in.to_client = 'on'",
                TextsError::Placeholders {
                    name: "sign_in.to_client".to_owned(),
                    expected: "client".to_owned(),
                },
            ),
            (
                "sign_in.title = '{client}'",
                TextsError::Placeholders {
                    name: "sign_in.title".to_owned(),
                    expected: String::new(),
                },
            ),
        ] {
            assert_eq!(Texts::parse(source), Err(vec![problem]), "{source}");
        }
        assert!(matches!(
            Texts::parse("a = ").unwrap_err()[..],
            [TextsError::Syntax(_)]
        ));
    }

    #[test]
    fn durations_speak_every_language() {
        for (lang, seconds, text) in [
            (Lang::De, 60, "1 Minute"),
            (Lang::De, 7_776_000, "90 Tage"),
            (Lang::Fr, 0, "0 seconde"),
            (Lang::Es, 7_200, "2 horas"),
            (Lang::Ar, 120, "دقيقتين"),
            (Lang::Ar, 5, "5 ثوانٍ"),
            (Lang::Ar, 90 * 86_400, "90 يومًا"),
        ] {
            let catalog = Catalog::new(lang, &Texts::default());
            assert_eq!(catalog.duration(seconds), text, "{lang:?}");
        }
    }

    #[test]
    fn numbers_have_the_digits_of_the_language() {
        let own = Texts::parse("digits = '٠١٢٣٤٥٦٧٨٩'").unwrap();
        assert_eq!(Catalog::new(Lang::Ar, &own).number(905), "٩٠٥");
    }
}
