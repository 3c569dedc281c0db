//! A file in TOML or JSON, each value with its line.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value with the line on which it was written down.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Table(BTreeMap<String, Node>),
    List(Vec<Node>),
    Leaf(Value),
}

/// What is wrong with a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) line: usize,
    pub(super) text: String,
}

/// Tables in tables, at most.
const DEEPEST: usize = 64;

impl Node {
    pub(super) fn toml(text: &str) -> Result<Self, Wrong> {
        let table = DeTable::parse(text).map_err(|error| Wrong {
            line: line_at(text, error.span().map_or(0, |span| span.start)),
            text: error.message().replace('\n', "; "),
        })?;
        let (span, table) = (table.span(), table.into_inner());
        of_table(text, span.start, table, 0)
    }

    pub(super) fn json(text: &str) -> Result<Self, Wrong> {
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| Wrong {
            line: error.line(),
            text: "is no JSON".to_owned(),
        })?;
        of_json(text, raw, 0)
    }

    /// Without the lines.
    pub(super) fn value(&self) -> Value {
        match &self.what {
            What::Table(members) => Value::Object(object(members)),
            What::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            What::Leaf(value) => value.clone(),
        }
    }
}

/// Members without their lines.
pub(super) fn object(members: &BTreeMap<String, Node>) -> Map<String, Value> {
    let members = members.iter();
    members
        .map(|(name, node)| (name.clone(), node.value()))
        .collect()
}

fn line_at(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    let breaks = before.iter().filter(|byte| **byte == b'\n').count();
    breaks.saturating_add(1)
}

fn of_table(text: &str, at: usize, table: DeTable<'_>, depth: usize) -> Result<Node, Wrong> {
    let mut members = BTreeMap::new();
    for (key, value) in table {
        let at = key.span().start;
        members.insert(
            key.into_inner().into_owned(),
            of_toml(text, at, value, depth.saturating_add(1))?,
        );
    }
    Ok(Node {
        line: line_at(text, at),
        what: What::Table(members),
    })
}

fn of_toml(
    text: &str,
    at: usize,
    value: Spanned<DeValue<'_>>,
    depth: usize,
) -> Result<Node, Wrong> {
    let line = line_at(text, at);
    let wrong = |says: &str| Wrong {
        line,
        text: says.to_owned(),
    };
    if depth > DEEPEST {
        return Err(wrong("is nested too deeply"));
    }
    let what = match value.into_inner() {
        DeValue::Table(table) => return of_table(text, at, table, depth),
        DeValue::Array(list) => {
            let items = list.into_iter().map(|item| {
                let at = item.span().start;
                of_toml(text, at, item, depth.saturating_add(1))
            });
            What::List(items.collect::<Result<_, _>>()?)
        }
        DeValue::String(text) => What::Leaf(Value::String(text.into_owned())),
        DeValue::Boolean(value) => What::Leaf(Value::Bool(value)),
        DeValue::Integer(number) => {
            let read = i64::from_str_radix(number.as_str(), number.radix());
            let read = read.map_err(|_| wrong("is a number out of range"))?;
            What::Leaf(read.into())
        }
        DeValue::Float(number) => {
            let read: Option<f64> = number.as_str().parse().ok();
            let read = read.and_then(serde_json::Number::from_f64);
            What::Leaf(Value::Number(
                read.ok_or_else(|| wrong("is a number out of range"))?,
            ))
        }
        DeValue::Datetime(_) => return Err(wrong("is a date, which nothing here is")),
    };
    Ok(Node { line, what })
}

/// Members in the order of the text, each with its own text. Doubles are still among them.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> serde::Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;
        impl<'de> serde::de::Visitor<'de> for Visit {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Visit).map(Members)
    }
}

fn of_json(whole: &str, raw: &RawValue, depth: usize) -> Result<Node, Wrong> {
    let text = raw.get();
    // A part of the whole begins where its first byte is.
    let at = (text.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    let line = line_at(whole, at);
    let wrong = |says: &str| Wrong {
        line,
        text: says.to_owned(),
    };
    if depth > DEEPEST {
        return Err(wrong("is nested too deeply"));
    }
    let deeper = depth.saturating_add(1);
    let what = match text.as_bytes().first() {
        Some(b'{') => {
            let Members(given) =
                serde_json::from_str(text).map_err(|_| wrong("is no JSON object"))?;
            let mut members = BTreeMap::new();
            for (name, value) in given {
                let node = of_json(whole, value, deeper)?;
                let line = node.line;
                if members.insert(name.clone(), node).is_some() {
                    let text = format!("{name:?} stands there twice");
                    return Err(Wrong { line, text });
                }
            }
            What::Table(members)
        }
        Some(b'[') => {
            let items: Vec<&RawValue> =
                serde_json::from_str(text).map_err(|_| wrong("is no JSON array"))?;
            let items = items.into_iter().map(|item| of_json(whole, item, deeper));
            What::List(items.collect::<Result<_, _>>()?)
        }
        Some(_) | None => What::Leaf(serde_json::from_str(text).map_err(|_| wrong("is no JSON"))?),
    };
    Ok(Node { line, what })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(node: &Node) -> &BTreeMap<String, Node> {
        match &node.what {
            What::Table(members) => members,
            What::List(_) | What::Leaf(_) => panic!("{node:?}"),
        }
    }

    #[test]
    fn both_forms_say_the_same_with_their_lines() {
        let toml = "[clients.shop]\nredirect_uris = ['https://a', 'https://b']\nn = 0x10\nf = 1.5\n\n[roles]\n";
        let json = "{\n \"clients\": {\"shop\": {\n  \"redirect_uris\": [\"https://a\", \"https://b\"],\n  \"n\": 16,\n  \"f\": 1.5}},\n \"roles\": {}\n}";
        let (toml, json) = (Node::toml(toml).unwrap(), Node::json(json).unwrap());
        assert_eq!(toml.value(), json.value());
        assert_eq!(
            toml.value(),
            json!({"clients": {"shop": {"redirect_uris": ["https://a", "https://b"], "n": 16, "f": 1.5}}, "roles": {}})
        );
        let line = |node: &Node| table(&table(&table(node)["clients"])["shop"])["n"].line;
        assert_eq!((line(&toml), line(&json)), (3, 4));
        assert_eq!(table(&toml)["roles"].line, 6);
    }

    #[test]
    fn what_stands_there_twice_is_refused_with_its_line() {
        let wrong = Node::json("{\"clients\": {\n\"a\": {},\n\"a\": {}}}").unwrap_err();
        assert_eq!(
            (wrong.line, wrong.text.as_str()),
            (3, "\"a\" stands there twice")
        );
        let wrong = Node::json("[{\"a\": 1,\n\"a\": 1}]").unwrap_err();
        assert_eq!(wrong.line, 2);
        assert_eq!(Node::toml("[a]\n[b]\n[a]\n").unwrap_err().line, 3);
        assert_eq!(Node::toml("a = 1\na = 2\n").unwrap_err().line, 2);
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_nothing_panics() {
        for text in ["", "{", "{\"a\":}", "[1,]", "nul", "{\"a\" 1}", "\u{0}"] {
            assert!(Node::json(text).is_err(), "{text:?}");
        }
        for text in [
            "a",
            "a =",
            "[a",
            "a = 1979-05-27",
            "a = nan",
            "a = 99999999999999999999",
        ] {
            assert!(Node::toml(text).is_err(), "{text:?}");
        }
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        assert!(Node::json(&deep).is_err());
        assert!(Node::toml(&format!("a = {deep}")).is_err());
        let deeper = "[".repeat(500_000);
        assert!(Node::json(&deeper).is_err());
    }
}
