//! The public items of one crate, a line for each.
//!
//! A line that goes or changes breaks who uses the crate; one that comes does not. So that this is true of additions that do
//! break, too, an enumeration, a trait and a struct say in their own lines how many variants, demands or fields they have,
//! where somebody may match, implement or build them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::render::{Docs, at, flag, list, text, variant};

/// What a crate offers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Offered {
    pub(super) lines: BTreeSet<String>,
    /// Other crates with the first line that names each.
    pub(super) named: BTreeMap<String, String>,
}

/// Reads what rustdoc wrote.
pub(super) fn offered(whole: &Value) -> Offered {
    let mut reader = Reader {
        docs: Docs::new(whole),
        out: Offered::default(),
        links: Vec::new(),
    };
    let root = at(whole, "root").as_u64().unwrap_or_default();
    let mut places = BTreeMap::new();
    reader.find(root, "", &mut Vec::new(), &mut places);
    reader.docs.places = places
        .into_iter()
        .map(|(id, (_, place))| (id, place))
        .collect();
    for (place, source) in std::mem::take(&mut reader.links) {
        let krate = source.split("::").next().unwrap_or_default().to_owned();
        let line = match place
            .rsplit_once("::")
            .map_or(place.as_str(), |(_, last)| last)
        {
            "*" => format!(
                "use {source} in {}",
                place.trim_end_matches("*").trim_end_matches("::")
            ),
            _ => format!("use {source} as {place}"),
        };
        reader
            .out
            .named
            .entry(krate)
            .or_insert_with(|| line.clone());
        reader.out.lines.insert(line);
    }
    for (id, place) in reader.docs.places.clone() {
        reader.write(id, &place);
    }
    reader.out
}

/// How many names a place has, and the place: the shortest is where an item is at home.
type Places = BTreeMap<u64, (usize, String)>;

struct Reader<'d> {
    docs: Docs<'d>,
    out: Offered,
    /// What is offered of other crates: where, and what.
    links: Vec<(String, String)>,
}

impl<'d> Reader<'d> {
    /// Finds everything below a module that others can name.
    fn find(&mut self, id: u64, place: &str, above: &mut Vec<u64>, places: &mut Places) {
        if above.contains(&id) {
            return;
        }
        let Some(module) = self.docs.item(id) else {
            return;
        };
        above.push(id);
        let inner = at(module, "inner");
        let children: Vec<u64> = match variant(inner) {
            Some(("module", module)) => list(module, "items").filter_map(Value::as_u64).collect(),
            // Variants that are offered by `pub use Enum::*`.
            Some(("enum", one)) => list(one, "variants").filter_map(Value::as_u64).collect(),
            Some(_) | None => Vec::new(),
        };
        for child in children {
            let Some(item) = self.docs.item(child) else {
                continue;
            };
            if !matches!(text(item, "visibility"), "public" | "default") {
                continue;
            }
            match variant(at(item, "inner")) {
                Some(("use", link)) => self.follow(link, place, above, places),
                Some(("impl", _)) | None => {}
                Some((kind, _)) => {
                    let name = joined(place, text(item, "name"));
                    note(places, child, &name);
                    if kind == "module" {
                        self.find(child, &name, above, places);
                    }
                }
            }
        }
        above.pop();
    }

    /// What `pub use` offers.
    fn follow(&mut self, link: &'d Value, place: &str, above: &mut Vec<u64>, places: &mut Places) {
        let target = at(link, "id").as_u64();
        let item = target.and_then(|id| Some((id, self.docs.item(id)?)));
        let own = item.filter(|(_, item)| at(item, "crate_id").as_u64() == Some(0));
        match own {
            Some((id, _)) if flag(link, "is_glob") => self.find(id, place, above, places),
            Some((id, item)) => {
                let name = joined(place, text(link, "name"));
                note(places, id, &name);
                if variant(at(item, "inner")).is_some_and(|(kind, _)| kind == "module") {
                    self.find(id, &name, above, places);
                }
            }
            None if flag(link, "is_glob") => {
                self.links
                    .push((joined(place, "*"), format!("{}::*", text(link, "source"))));
            }
            None => {
                let name = joined(place, text(link, "name"));
                self.links.push((name, text(link, "source").to_owned()));
            }
        }
    }

    fn line(&mut self, line: String) {
        for krate in self.docs.named() {
            self.out.named.entry(krate).or_insert_with(|| line.clone());
        }
        self.out.lines.insert(line);
    }

    fn write(&mut self, id: u64, place: &str) {
        let Some(item) = self.docs.item(id) else {
            return;
        };
        let Some((kind, inner)) = variant(at(item, "inner")) else {
            return;
        };
        let (own, demands) = self.docs.generics(at(inner, "generics"));
        match kind {
            "module" => self.line(format!("mod {place}")),
            "function" => self.function(inner, place, ""),
            "struct" | "union" => self.record(kind, item, inner, place),
            "enum" => self.choice(item, inner, place),
            "variant" => self.variant(inner, place),
            "trait" => self.interface(inner, place),
            "type_alias" => {
                let of = self.docs.kind(at(inner, "type"));
                self.line(format!("type {place}{own} = {of}{demands}"));
            }
            "constant" => {
                let of = self.docs.kind(at(inner, "type"));
                self.line(format!("const {place}: {of}"));
            }
            "static" => {
                let of = self.docs.kind(at(inner, "type"));
                self.line(format!("static {place}: {of}"));
            }
            other => self.line(format!("{other} {place}")),
        }
        self.impls(inner);
    }

    fn function(&mut self, inner: &Value, place: &str, more: &str) {
        let (own, demands) = self.docs.generics(at(inner, "generics"));
        let header = self.docs.header(at(inner, "header"));
        let sig = self.docs.sig(at(inner, "sig"));
        self.line(format!("{header}fn {place}{own}{sig}{demands}{more}"));
    }

    /// A struct; one that others can build says how many fields it has.
    fn record(&mut self, kind: &str, item: &Value, inner: &Value, place: &str) {
        let (own, demands) = self.docs.generics(at(inner, "generics"));
        let shape = at(inner, "kind");
        let (fields, hidden, form) = match variant(shape) {
            Some(("tuple", fields)) => {
                let all: Vec<&Value> = fields.as_array().into_iter().flatten().collect();
                let hidden = all.iter().any(|field| field.is_null());
                (all, hidden, "in a tuple")
            }
            Some((_, plain)) => (
                list(plain, "fields").collect(),
                flag(plain, "has_stripped_fields"),
                "by name",
            ),
            None => (list(inner, "fields").collect(), shape.is_null(), "at all"),
        };
        let size = if hidden || may_grow(item) {
            String::new()
        } else {
            format!(", {} fields {form}", fields.len())
        };
        self.line(format!("{kind} {place}{own}{demands}{size}"));
        self.fields(fields.into_iter(), place);
    }

    fn fields<'v>(&mut self, fields: impl Iterator<Item = &'v Value>, place: &str) {
        for field in fields.filter_map(Value::as_u64) {
            let Some(item) = self.docs.item(field) else {
                continue;
            };
            let kind = self.docs.kind(at(at(item, "inner"), "struct_field"));
            self.line(format!("field {place}::{}: {kind}", text(item, "name")));
        }
    }

    /// An enumeration; one that others can match whole says how many variants it has.
    fn choice(&mut self, item: &Value, inner: &Value, place: &str) {
        let (own, demands) = self.docs.generics(at(inner, "generics"));
        let variants: Vec<u64> = list(inner, "variants").filter_map(Value::as_u64).collect();
        let size = if may_grow(item) || flag(inner, "has_stripped_variants") {
            String::new()
        } else {
            format!(", {} variants", variants.len())
        };
        self.line(format!("enum {place}{own}{demands}{size}"));
        for variant in variants {
            let Some(item) = self.docs.item(variant) else {
                continue;
            };
            let name = joined(place, text(item, "name"));
            let size = if may_grow(item) {
                ", more may come"
            } else {
                ""
            };
            self.variant(at(at(item, "inner"), "variant"), &format!("{name}{size}"));
        }
    }

    fn variant(&mut self, inner: &Value, place: &str) {
        let (fields, form) = match variant(at(inner, "kind")) {
            Some(("tuple", fields)) => (
                fields.as_array().into_iter().flatten().collect(),
                "in a tuple",
            ),
            Some((_, named)) => (list(named, "fields").collect::<Vec<_>>(), "by name"),
            None => (Vec::new(), "at all"),
        };
        let size = format!(", {} fields {form}", fields.len());
        let size = if place.contains(", ") || fields.is_empty() {
            ""
        } else {
            &size
        };
        self.line(format!("variant {place}{size}"));
        self.fields(
            fields.into_iter(),
            place.split(", ").next().unwrap_or(place),
        );
    }

    /// A trait; what has no default is counted.
    fn interface(&mut self, inner: &Value, place: &str) {
        let (own, demands) = self.docs.generics(at(inner, "generics"));
        let bounds = after_colon(self.docs.bounds(at(inner, "bounds")));
        let items: Vec<&Value> = list(inner, "items")
            .filter_map(|id| self.docs.item(id.as_u64()?))
            .collect();
        let needed = items.iter().filter(|item| is_needed(item)).count();
        let word = if flag(inner, "is_unsafe") {
            "unsafe trait"
        } else {
            "trait"
        };
        let object = if flag(inner, "is_dyn_compatible") {
            ""
        } else {
            ", never dyn"
        };
        self.line(format!(
            "{word} {place}{own}{bounds}{demands}, {needed} to write{object}"
        ));
        for item in items {
            let name = joined(place, text(item, "name"));
            self.member(item, &name, if is_needed(item) { ", to write" } else { "" });
        }
        let others = list(inner, "implementations").filter_map(Value::as_u64);
        for id in others {
            // Those for types of this crate stand with the type.
            let Some(item) = self.docs.item(id) else {
                continue;
            };
            let one = at(at(item, "inner"), "impl");
            let of = at(at(at(one, "for"), "resolved_path"), "id").as_u64();
            if !of.is_some_and(|id| self.docs.places.contains_key(&id)) {
                self.implementation(one);
            }
        }
    }

    /// What stands in a trait or an `impl`.
    fn member(&mut self, item: &Value, name: &str, more: &str) {
        let Some((kind, inner)) = variant(at(item, "inner")) else {
            return;
        };
        match kind {
            "function" => self.function(inner, name, more),
            "assoc_const" => {
                let of = self.docs.kind(at(inner, "type"));
                self.line(format!("const {name}: {of}{more}"));
            }
            "assoc_type" => {
                let (own, demands) = self.docs.generics(at(inner, "generics"));
                let bounds = after_colon(self.docs.bounds(at(inner, "bounds")));
                self.line(format!("type {name}{own}{bounds}{demands}{more}"));
            }
            other => self.line(format!("{other} {name}{more}")),
        }
    }

    fn impls(&mut self, inner: &Value) {
        for id in list(inner, "impls").filter_map(Value::as_u64) {
            if let Some(item) = self.docs.item(id) {
                self.implementation(at(at(item, "inner"), "impl"));
            }
        }
    }

    fn implementation(&mut self, inner: &Value) {
        let kind = at(inner, "trait");
        let written = text(kind, "path");
        let last = written.rsplit("::").next().unwrap_or_default();
        let unsaid = if flag(inner, "is_synthetic") {
            // Of what the compiler finds by itself, these are what programs hold on to.
            !matches!(last, "Send" | "Sync")
        } else {
            !at(inner, "blanket_impl").is_null() || last == "StructuralPartialEq"
        };
        if unsaid {
            return;
        }
        let (own, demands) = self.docs.generics(at(inner, "generics"));
        let of = self.docs.kind(at(inner, "for"));
        let items: Vec<&Value> = list(inner, "items")
            .filter_map(|id| self.docs.item(id.as_u64()?))
            .collect();
        if written.is_empty() {
            for item in items
                .iter()
                .filter(|item| text(item, "visibility") == "public")
            {
                self.member(item, &joined(&of, text(item, "name")), &demands);
            }
            return;
        }
        let no = if flag(inner, "is_negative") { "!" } else { "" };
        let path = self.docs.path(kind);
        let kinds = items.iter().filter_map(|item| {
            let (kind, inner) = variant(at(item, "inner"))?;
            let of = (kind == "assoc_type").then(|| self.docs.kind(at(inner, "type")))?;
            Some(format!("{} = {of}", text(item, "name")))
        });
        let kinds: Vec<String> = kinds.collect();
        let kinds = if kinds.is_empty() {
            String::new()
        } else {
            format!(", {}", kinds.join(", "))
        };
        self.line(format!("impl{own} {no}{path} for {of}{demands}{kinds}"));
    }
}

fn note(places: &mut Places, id: u64, place: &str) {
    let rank = (place.matches("::").count(), place.to_owned());
    match places.get_mut(&id) {
        Some(known) if *known <= rank => {}
        Some(known) => *known = rank,
        None => {
            places.insert(id, rank);
        }
    }
}

fn joined(place: &str, name: &str) -> String {
    if place.is_empty() {
        name.to_owned()
    } else {
        format!("{place}::{name}")
    }
}

fn after_colon(bounds: String) -> String {
    if bounds.is_empty() {
        bounds
    } else {
        format!(": {bounds}")
    }
}

fn may_grow(item: &Value) -> bool {
    list(item, "attrs").any(|attribute| attribute == "non_exhaustive")
}

/// Whether who implements a trait must write it.
fn is_needed(item: &Value) -> bool {
    match variant(at(item, "inner")) {
        Some(("function", inner)) => !flag(inner, "has_body"),
        Some(("assoc_type", inner)) => at(inner, "type").is_null(),
        Some(("assoc_const", inner)) => at(inner, "value").is_null(),
        Some(_) | None => false,
    }
}
