use std::collections::BTreeSet;

use schemars::SchemaGenerator;
use serde_json::Value;

use super::*;
use crate::{Media, Method, Place, operation::matching};

#[test]
fn every_operation_is_named_and_placed_once() {
    let mut ids = BTreeSet::new();
    let mut places = BTreeSet::new();
    for operation in OPERATIONS {
        let info = operation.info;
        assert!(ids.insert(info.id), "{}", info.id);
        assert!(places.insert((info.method, info.path)), "{}", info.path);
        assert!(info.summary.ends_with('.'), "{}", info.id);
        let in_project = info.names().next() == Some("project");
        assert_eq!(
            in_project,
            matches!(info.place, Place::Project | Place::Record | Place::Settings),
            "{}",
            info.id
        );
    }
}

#[test]
fn what_an_operation_takes_is_an_object_that_knows_the_names_of_its_path() {
    for operation in OPERATIONS {
        let info = operation.info;
        let schema = (operation.input)(&mut SchemaGenerator::default()).to_value();
        assert_eq!(schema["type"], "object", "{}", info.id);
        assert_eq!(schema["additionalProperties"], false, "{}", info.id);
        for name in info.names().filter(|name| *name != "project") {
            let required = schema["required"].as_array().unwrap();
            assert!(required.contains(&Value::from(name)), "{} {name}", info.id);
        }
    }
}

// AD-07
#[test]
fn what_only_looks_is_a_get_and_nothing_else_is() {
    for operation in OPERATIONS {
        let info = operation.info;
        let looks = info.method == Method::Get;
        assert_eq!(looks, info.needs.only_looks(), "{}", info.id);
        assert!(info.media == Media::Json || looks, "{}", info.id);
    }
}

#[test]
fn the_path_of_every_operation_leads_to_it() {
    for operation in OPERATIONS {
        let path = operation.info.path.replace(['{', '}'], "");
        let found = matching(&path);
        let ids: Vec<&str> = found.iter().map(|(o, _)| o.info.id).collect();
        assert!(ids.contains(&operation.info.id), "{path}: {ids:?}");
    }
    for path in [
        "",
        "/",
        "/projects/",
        "//",
        "/projects//clients",
        "/Projects",
    ] {
        assert!(matching(path).is_empty(), "{path}");
    }
}
