//! What rustdoc says about a signature, as text.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::Value;

/// Crates whose types need no name of a crate before them.
const STANDARD: [&str; 3] = ["std", "core", "alloc"];

/// The description of one crate.
pub(super) struct Docs<'d> {
    index: &'d Value,
    paths: &'d Value,
    crates: &'d Value,
    /// Items of this crate by the place where others find them.
    pub(super) places: BTreeMap<u64, String>,
    /// Crates that were named since this was asked for.
    named: RefCell<BTreeSet<String>>,
}

impl<'d> Docs<'d> {
    pub(super) fn new(whole: &'d Value) -> Self {
        Self {
            index: at(whole, "index"),
            paths: at(whole, "paths"),
            crates: at(whole, "external_crates"),
            places: BTreeMap::new(),
            named: RefCell::default(),
        }
    }

    /// An item of this crate, or one of another that it speaks of.
    pub(super) fn item(&self, id: u64) -> Option<&'d Value> {
        self.index.get(id.to_string())
    }

    /// The crates outside the standard library that were named since the last call.
    pub(super) fn named(&self) -> BTreeSet<String> {
        self.named.take()
    }

    /// The name of what a path leads to, with its crate unless that is this one or the standard library.
    pub(super) fn name(&self, path: &Value) -> String {
        let written = text(path, "path");
        let last = written.rsplit("::").next().unwrap_or(written);
        let Some(id) = path.get("id").and_then(Value::as_u64) else {
            return last.to_owned();
        };
        if let Some(place) = self.places.get(&id) {
            return place.clone();
        }
        let known = at(self.paths, &id.to_string());
        let of = at(known, "crate_id").as_u64().unwrap_or_default();
        let whole: Vec<&str> = list(known, "path").filter_map(Value::as_str).collect();
        if of == 0 {
            // Not to be reached from outside, and named all the same.
            return whole.get(1..).unwrap_or_default().join("::");
        }
        let krate = text(at(self.crates, &of.to_string()), "name");
        let last = whole.last().copied().unwrap_or(last);
        if STANDARD.contains(&krate) || krate.is_empty() {
            return last.to_owned();
        }
        self.named.borrow_mut().insert(krate.to_owned());
        format!("{krate}::{last}")
    }

    /// A path with its arguments.
    pub(super) fn path(&self, path: &Value) -> String {
        format!("{}{}", self.name(path), self.arguments(at(path, "args")))
    }

    fn arguments(&self, arguments: &Value) -> String {
        match variant(arguments) {
            Some(("angle_bracketed", inner)) => {
                let given = list(inner, "args").map(|argument| self.argument(argument));
                let fixed = list(inner, "constraints").map(|constraint| self.fixed(constraint));
                let all: Vec<String> = given.chain(fixed).collect();
                if all.is_empty() {
                    String::new()
                } else {
                    format!("<{}>", all.join(", "))
                }
            }
            Some(("parenthesized", inner)) => {
                let inputs = self.types(list(inner, "inputs"));
                format!("({inputs}){}", self.output(at(inner, "output")))
            }
            Some((other, _)) => format!("<{other}>"),
            None => String::new(),
        }
    }

    fn argument(&self, argument: &Value) -> String {
        match variant(argument) {
            Some(("lifetime", name)) => name.as_str().unwrap_or_default().to_owned(),
            Some(("type", inner)) => self.kind(inner),
            Some(("const", inner)) => text(inner, "expr").to_owned(),
            Some((other, _)) => other.to_owned(),
            None => "_".to_owned(),
        }
    }

    /// `Item = T` among arguments.
    fn fixed(&self, constraint: &Value) -> String {
        let name = text(constraint, "name");
        match variant(at(constraint, "binding")) {
            Some(("equality", term)) => format!("{name} = {}", self.argument(term)),
            Some((_, bounds)) => format!("{name}: {}", self.bounds(bounds)),
            None => name.to_owned(),
        }
    }

    /// Types, parted by commas.
    pub(super) fn types<'v>(&self, types: impl Iterator<Item = &'v Value>) -> String {
        types
            .map(|one| self.kind(one))
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// A type.
    pub(super) fn kind(&self, kind: &Value) -> String {
        let Some((form, inner)) = variant(kind) else {
            return "_".to_owned();
        };
        match form {
            "resolved_path" => self.path(inner),
            "generic" | "primitive" => inner.as_str().unwrap_or_default().to_owned(),
            "tuple" => format!("({})", self.types(inner.as_array().into_iter().flatten())),
            "slice" => format!("[{}]", self.kind(inner)),
            "array" => format!("[{}; {}]", self.kind(at(inner, "type")), text(inner, "len")),
            "impl_trait" => format!("impl {}", self.bounds(inner)),
            "dyn_trait" => {
                let traits = list(inner, "traits").map(|bound| self.poly(bound));
                let lifetime = at(inner, "lifetime").as_str().map(str::to_owned);
                let all: Vec<String> = traits.chain(lifetime).collect();
                format!("dyn {}", all.join(" + "))
            }
            "borrowed_ref" => {
                let lifetime = at(inner, "lifetime").as_str();
                let lifetime = lifetime.map_or(String::new(), |name| format!("{name} "));
                let mutable = if flag(inner, "is_mutable") {
                    "mut "
                } else {
                    ""
                };
                format!("&{lifetime}{mutable}{}", self.kind(at(inner, "type")))
            }
            "raw_pointer" => {
                let way = if flag(inner, "is_mutable") {
                    "mut"
                } else {
                    "const"
                };
                format!("*{way} {}", self.kind(at(inner, "type")))
            }
            "qualified_path" => {
                let own = self.kind(at(inner, "self_type"));
                let (name, of) = (text(inner, "name"), at(inner, "trait"));
                if text(of, "path").is_empty() {
                    format!("{own}::{name}")
                } else {
                    format!("<{own} as {}>::{name}", self.path(of))
                }
            }
            "function_pointer" => {
                let lifetimes = self.for_all(at(inner, "generic_params"));
                let (sig, header) = (at(inner, "sig"), self.header(at(inner, "header")));
                format!("{lifetimes}{header}fn{}", self.sig(sig))
            }
            other => other.to_owned(),
        }
    }

    /// `(A, B) -> C`; names of arguments are nobody's business.
    pub(super) fn sig(&self, sig: &Value) -> String {
        let inputs = list(sig, "inputs").filter_map(|input| input.get(1));
        format!("({}){}", self.types(inputs), self.output(at(sig, "output")))
    }

    fn output(&self, output: &Value) -> String {
        if output.is_null() {
            return String::new();
        }
        format!(" -> {}", self.kind(output))
    }

    /// `const async unsafe ` before a function.
    pub(super) fn header(&self, header: &Value) -> String {
        let words = [
            ("is_const", "const "),
            ("is_async", "async "),
            ("is_unsafe", "unsafe "),
        ];
        let set = words.iter().filter(|(member, _)| flag(header, member));
        set.map(|(_, word)| *word).collect()
    }

    /// Bounds, parted by plus signs.
    pub(super) fn bounds(&self, bounds: &Value) -> String {
        let bounds = bounds.as_array().into_iter().flatten();
        bounds
            .map(|bound| self.bound(bound))
            .collect::<Vec<_>>()
            .join(" + ")
    }

    fn bound(&self, bound: &Value) -> String {
        match variant(bound) {
            Some(("trait_bound", inner)) => {
                let maybe = if text(inner, "modifier") == "maybe" {
                    "?"
                } else {
                    ""
                };
                format!("{maybe}{}", self.poly(inner))
            }
            Some(("outlives", name)) => name.as_str().unwrap_or_default().to_owned(),
            Some(("use", names)) => {
                let names = names.as_array().into_iter().flatten();
                let names: Vec<String> = names.map(|name| self.argument(name)).collect();
                format!("use<{}>", names.join(", "))
            }
            Some((other, _)) => other.to_owned(),
            None => String::new(),
        }
    }

    fn poly(&self, bound: &Value) -> String {
        let lifetimes = self.for_all(at(bound, "generic_params"));
        format!("{lifetimes}{}", self.path(at(bound, "trait")))
    }

    fn for_all(&self, parameters: &Value) -> String {
        let all: Vec<&str> = parameters
            .as_array()
            .into_iter()
            .flatten()
            .map(|parameter| text(parameter, "name"))
            .collect();
        if all.is_empty() {
            return String::new();
        }
        format!("for<{}> ", all.join(", "))
    }

    /// `<'a, T: Send>` and ` where …`.
    pub(super) fn generics(&self, generics: &Value) -> (String, String) {
        let own = list(generics, "params").filter_map(|parameter| self.parameter(parameter));
        let own: Vec<String> = own.collect();
        let demands = list(generics, "where_predicates").map(|demand| self.demand(demand));
        let demands: Vec<String> = demands.collect();
        let own = if own.is_empty() {
            String::new()
        } else {
            format!("<{}>", own.join(", "))
        };
        let demands = if demands.is_empty() {
            String::new()
        } else {
            format!(" where {}", demands.join(", "))
        };
        (own, demands)
    }

    /// None for one that the compiler makes of `impl Trait`.
    fn parameter(&self, parameter: &Value) -> Option<String> {
        let name = text(parameter, "name");
        match variant(at(parameter, "kind")) {
            Some(("type", inner)) => {
                let bounds = self.bounds(at(inner, "bounds"));
                let bounds = if bounds.is_empty() {
                    bounds
                } else {
                    format!(": {bounds}")
                };
                let default = at(inner, "default");
                let default = if default.is_null() {
                    String::new()
                } else {
                    format!(" = {}", self.kind(default))
                };
                (!flag(inner, "is_synthetic")).then(|| format!("{name}{bounds}{default}"))
            }
            Some(("const", inner)) => {
                Some(format!("const {name}: {}", self.kind(at(inner, "type"))))
            }
            Some(("lifetime", inner)) => {
                let outlives: Vec<&str> =
                    list(inner, "outlives").filter_map(Value::as_str).collect();
                let outlives = outlives.join(" + ");
                Some(if outlives.is_empty() {
                    name.to_owned()
                } else {
                    format!("{name}: {outlives}")
                })
            }
            Some(_) | None => Some(name.to_owned()),
        }
    }

    fn demand(&self, demand: &Value) -> String {
        match variant(demand) {
            Some(("bound_predicate", inner)) => {
                let lifetimes = self.for_all(at(inner, "generic_params"));
                let bounds = self.bounds(at(inner, "bounds"));
                format!("{lifetimes}{}: {bounds}", self.kind(at(inner, "type")))
            }
            Some(("lifetime_predicate", inner)) => {
                let outlives = list(inner, "outlives").filter_map(Value::as_str);
                let outlives: Vec<&str> = outlives.collect();
                format!("{}: {}", text(inner, "lifetime"), outlives.join(" + "))
            }
            Some(("eq_predicate", inner)) => {
                format!(
                    "{} == {}",
                    self.kind(at(inner, "lhs")),
                    self.argument(at(inner, "rhs"))
                )
            }
            Some((other, _)) => other.to_owned(),
            None => String::new(),
        }
    }
}

/// A member, or null.
pub(super) fn at<'v>(value: &'v Value, member: &str) -> &'v Value {
    value.get(member).unwrap_or(&Value::Null)
}

pub(super) fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    at(value, member).as_str().unwrap_or_default()
}

pub(super) fn flag(value: &Value, member: &str) -> bool {
    at(value, member).as_bool().unwrap_or_default()
}

pub(super) fn list<'v>(value: &'v Value, member: &str) -> impl Iterator<Item = &'v Value> {
    at(value, member).as_array().into_iter().flatten()
}

/// The one member of an enumeration with content: its name and that content.
pub(super) fn variant(value: &Value) -> Option<(&str, &Value)> {
    let (name, inner) = value.as_object()?.iter().next()?;
    Some((name.as_str(), inner))
}
