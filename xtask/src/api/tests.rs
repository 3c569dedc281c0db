use serde_json::json;

use super::*;

/// What rustdoc says of a crate with one module that is not public and offers a struct, an enumeration and a trait.
fn described() -> Value {
    let item = |name: &str, visibility: &str, attrs: Value, inner: Value| json!({"crate_id": 0, "name": name, "visibility": visibility, "attrs": attrs, "inner": inner});
    let none = json!({"params": [], "where_predicates": []});
    let text = json!({"resolved_path": {"path": "String", "id": 90, "args": null}});
    let foreign = json!({"resolved_path": {"path": "time::Span", "id": 91, "args": null}});
    json!({
        "root": 0,
        "format_version": 57,
        "index": {
            "0": item("a", "public", json!([]), json!({"module": {"items": [1, 2, 3]}})),
            "1": item("hidden", "crate", json!([]), json!({"module": {"items": [10, 20, 30]}})),
            "2": item("", "public", json!([]),
                json!({"use": {"source": "hidden::*", "name": "hidden", "id": 1, "is_glob": true}})),
            "3": item("", "public", json!([]),
                json!({"use": {"source": "other::Thing", "name": "Thing", "id": 92, "is_glob": false}})),
            "10": item("Whole", "public", json!([]), json!({"struct": {"generics": none, "impls": [14, 15],
                "kind": {"plain": {"fields": [11, 12], "has_stripped_fields": false}}}})),
            "11": item("name", "public", json!([]), json!({"struct_field": text})),
            "12": item("span", "public", json!([]), json!({"struct_field": foreign})),
            "14": item("", "default", json!([]), json!({"impl": {"generics": none, "trait": null, "items": [16, 17],
                "for": {"resolved_path": {"path": "Whole", "id": 10, "args": null}}}})),
            "15": item("", "default", json!([]), json!({"impl": {"generics": none, "items": [], "is_synthetic": true,
                "trait": {"path": "Send", "id": 93, "args": null},
                "for": {"resolved_path": {"path": "Whole", "id": 10, "args": null}}}})),
            "16": item("make", "public", json!([]), json!({"function": {"generics": none, "has_body": true,
                "header": {"is_async": true}, "sig": {"inputs": [["name", {"borrowed_ref":
                    {"lifetime": null, "is_mutable": false, "type": {"primitive": "str"}}}]],
                    "output": {"resolved_path": {"path": "Whole", "id": 10, "args": null}}}}})),
            "17": item("secret", "default", json!([]), json!({"function": {"generics": none, "has_body": true,
                "header": {}, "sig": {"inputs": [], "output": null}}})),
            "20": item("Open", "public", json!(["non_exhaustive"]),
                json!({"enum": {"generics": none, "variants": [21], "impls": []}})),
            "21": item("A", "default", json!([]), json!({"variant": {"kind": "plain"}})),
            "30": item("Port", "public", json!([]), json!({"trait": {"generics": none, "bounds": [],
                "is_dyn_compatible": true, "items": [31, 32], "implementations": []}})),
            "31": item("must", "default", json!([]), json!({"function": {"generics": none, "has_body": false,
                "header": {}, "sig": {"inputs": [["self", {"generic": "Self"}]], "output": null}}})),
            "32": item("may", "default", json!([]), json!({"function": {"generics": none, "has_body": true,
                "header": {}, "sig": {"inputs": [["self", {"generic": "Self"}]], "output": null}}})),
        },
        "paths": {
            "90": {"crate_id": 2, "path": ["alloc", "string", "String"]},
            "91": {"crate_id": 3, "path": ["time", "span", "Span"]},
            "93": {"crate_id": 2, "path": ["core", "marker", "Send"]},
        },
        "external_crates": {"2": {"name": "core"}, "3": {"name": "time"}},
    })
}

fn lines() -> BTreeSet<String> {
    lines::offered(&described()).lines
}

#[test]
fn each_public_item_has_its_line_at_the_place_where_others_find_it() {
    let expected = [
        "async fn Whole::make(&str) -> Whole",
        "enum Open",
        "field Whole::name: String",
        "field Whole::span: time::Span",
        "fn Port::may(Self)",
        "fn Port::must(Self), to write",
        "impl Send for Whole",
        "struct Whole, 2 fields by name",
        "trait Port, 1 to write",
        "use other::Thing as Thing",
        "variant Open::A",
    ];
    let expected: BTreeSet<String> = expected.map(str::to_owned).into();
    assert_eq!(lines(), expected);
}

#[test]
fn what_breaks_others_takes_a_line_away() {
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 5] = [
        ("a private field", |all| {
            all["index"]["10"]["inner"]["struct"]["kind"]["plain"]["has_stripped_fields"] =
                json!(true);
        }),
        ("a demand of a trait", |all| {
            all["index"]["32"]["inner"]["function"]["has_body"] = json!(false);
        }),
        ("a method that hides", |all| {
            all["index"]["16"]["visibility"] = json!("crate");
        }),
        ("a thread that it must not cross", |all| {
            all["index"]["15"]["inner"]["impl"]["is_negative"] = json!(true);
        }),
        ("another type", |all| {
            all["index"]["11"]["inner"]["struct_field"] = json!({"primitive": "u8"});
        }),
    ];
    for (what, change) in changes {
        let mut all = described();
        change(&mut all);
        let now = lines::offered(&all).lines;
        let before = written("a", "0.3.1", &lines());
        assert!(!broken("a", &before, "0.3.2", &now).is_empty(), "{what}");
        assert!(broken("a", &before, "0.4.0", &now).is_empty(), "{what}");
    }
}

#[test]
fn what_only_adds_takes_nothing_away() {
    let mut all = described();
    all["index"]["20"]["inner"]["enum"]["variants"] = json!([21, 22]);
    let mut more = all["index"]["21"].clone();
    more["name"] = json!("B");
    all["index"]["22"] = more;
    let now = lines::offered(&all).lines;
    assert_eq!(now.len(), lines().len().saturating_add(1));
    assert!(broken("a", &written("a", "1.2.0", &lines()), "1.3.0", &now).is_empty());
    let told = differences(
        "a.txt",
        &written("a", "1.2.0", &lines()),
        &written("a", "1.2.0", &now),
    );
    assert!(
        told.iter().any(|line| line == "  + variant Open::B"),
        "{told:?}"
    );
}

#[test]
fn a_variant_of_what_others_may_match_whole_breaks() {
    let mut all = described();
    all["index"]["20"]["attrs"] = json!([]);
    let before = written("a", "0.3.1", &lines::offered(&all).lines);
    let mut more = all["index"]["21"].clone();
    more["name"] = json!("B");
    all["index"]["22"] = more;
    all["index"]["20"]["inner"]["enum"]["variants"] = json!([21, 22]);
    let now = lines::offered(&all).lines;
    let told = broken("a", &before, "0.3.2", &now);
    assert_eq!(
        told,
        ["a 0.3.2 breaks who uses 0.3.1: enum Open, 1 variants"]
    );
}

#[test]
fn a_type_of_a_crate_that_is_in_no_list_is_found() {
    let told = foreign("a", &lines::offered(&described()));
    assert_eq!(
        told,
        [
            "a must not name other in public: use other::Thing as Thing",
            "a must not name time in public: field Whole::span: time::Span"
        ]
    );
}

#[test]
fn a_version_breaks_with_its_first_number_that_is_not_nothing() {
    assert_eq!(compatible("0.1.4"), compatible("0.1.9-rc.1"));
    assert_eq!(compatible("1.2.0"), compatible("1.9.3"));
    for (old, new) in [
        ("0.1.0", "0.2.0"),
        ("1.9.9", "2.0.0"),
        ("0.9.0", "1.0.0"),
        ("0.0.1", "0.0.2"),
    ] {
        assert_ne!(compatible(old), compatible(new), "{old} {new}");
    }
}
