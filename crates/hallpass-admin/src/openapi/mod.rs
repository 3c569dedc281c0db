//! The OpenAPI document, out of the list of operations.

mod endpoint;

use std::collections::{BTreeMap, BTreeSet};

use hallpass_core::admin::{Permission, READ_SCOPE, Role, SCOPE};
use hallpass_http::Described;
use hallpass_types::Issuer;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{
    Kind,
    http::{DOCUMENT, PATH},
    operation::{Info, Media, Registered},
    problem::EVERYWHERE,
    v1::OPERATIONS,
};

/// The document of an issuer (OpenAPI 3.1): all operations, and what else the program answers.
#[must_use]
pub fn document(issuer: &Issuer, endpoints: &[Described]) -> Value {
    let mut generator = generator();
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for operation in OPERATIONS {
        let path = format!("{PATH}{}", operation.info.path);
        let described = described(operation, &mut generator);
        let method = operation.info.method.as_str().to_ascii_lowercase();
        paths.entry(path).or_default().insert(method, described);
    }
    for endpoint in endpoints {
        for method in endpoint.methods {
            let described = endpoint::described(endpoint, method);
            let at = paths.entry(endpoint.path.clone()).or_default();
            at.insert(method.to_ascii_lowercase(), described);
        }
    }
    let own = json!({
        "get": {
            "operationId": "openapi.show",
            "summary": "Answers this document.",
            "tags": ["openapi"],
            "security": [],
            "responses": {
                "200": {"description": "It.", "content": {"application/json": {"schema": {"type": "object"}}}},
                "4XX": {"description": "Not so."},
                "503": {"description": "The server is busy."},
            },
        }
    });
    if let Value::Object(own) = own {
        paths.insert(format!("{PATH}{DOCUMENT}"), own);
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Problem".to_owned(), problem());
    schemas.insert("Error".to_owned(), endpoint::error());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hallpass",
            "version": env!("CARGO_PKG_VERSION"),
            "description": DESCRIPTION,
        },
        "servers": [{"url": issuer.as_str()}],
        "security": [{"administration": [SCOPE]}, {"administration": [READ_SCOPE]}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"administration": {
                "type": "oauth2",
                "flows": {
                    "clientCredentials": {"tokenUrl": issuer.url("/token"), "scopes": scopes()},
                    "authorizationCode": {
                        "authorizationUrl": issuer.url("/authorize"),
                        "tokenUrl": issuer.url("/token"),
                        "scopes": scopes(),
                    },
                },
            }},
        },
    })
}

fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12();
    let settings = settings.with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    settings.into_generator()
}

fn scopes() -> Value {
    json!({
        SCOPE: "To do everything that the operator may.",
        READ_SCOPE: "To look at everything that the operator may see.",
    })
}

fn described(operation: &Registered, generator: &mut SchemaGenerator) -> Value {
    let info = operation.info;
    let input = (operation.input)(generator).to_value();
    let mut members = match input.get("properties") {
        Some(Value::Object(members)) => members.clone(),
        Some(_) | None => Map::new(),
    };
    let required: BTreeSet<&str> = input
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut parameters = Vec::new();
    for name in info.names() {
        let schema = members
            .remove(name)
            .unwrap_or_else(|| json!({"type": "string"}));
        parameters.push(parameter(name, "path", true, schema));
    }
    let mut out = Map::new();
    if info.method.has_body() {
        let required: Vec<&str> = required
            .iter()
            .copied()
            .filter(|name| members.contains_key(*name))
            .collect();
        let needed = !required.is_empty();
        let mut schema = json!({
            "type": "object",
            "properties": members,
            "additionalProperties": false,
        });
        if let (Some(schema), true) = (schema.as_object_mut(), needed) {
            schema.insert("required".to_owned(), json!(required));
        }
        let body = json!({"required": needed, "content": {"application/json": {"schema": schema}}});
        out.insert("requestBody".to_owned(), body);
    } else {
        for (name, schema) in members {
            let needed = required.contains(name.as_str());
            parameters.push(parameter(&name, "query", needed, schema));
        }
    }
    parameters.extend(headers(info));
    out.insert("operationId".to_owned(), json!(info.id));
    out.insert("summary".to_owned(), json!(info.summary));
    let tag = info.id.split_once('.').map_or(info.id, |(tag, _)| tag);
    out.insert("tags".to_owned(), json!([tag]));
    out.insert("parameters".to_owned(), json!(parameters));
    out.insert("responses".to_owned(), responses(operation, generator));
    out.insert("x-roles".to_owned(), json!(roles(info.needs)));
    Value::Object(out)
}

/// The roles that include a permission.
fn roles(needs: Permission) -> Vec<&'static str> {
    let able = Role::ALL.iter().filter(|role| role.may(needs));
    able.map(|role| role.as_str()).collect()
}

fn parameter(name: &str, place: &str, required: bool, mut schema: Value) -> Value {
    let description = schema
        .as_object_mut()
        .and_then(|schema| schema.remove("description"));
    let mut out = json!({"name": name, "in": place, "required": required, "schema": schema});
    if let (Some(out), Some(description)) = (out.as_object_mut(), description) {
        out.insert("description".to_owned(), description);
    }
    out
}

fn headers(info: Info) -> Vec<Value> {
    if !info.method.has_body() && info.status != 204 {
        return Vec::new();
    }
    let once = json!({
        "name": "Idempotency-Key", "in": "header", "required": false,
        "description": "A request with the same key is done once; sent again within a day, it gets the same answer.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    });
    let seen = json!({
        "name": "If-Match", "in": "header", "required": false,
        "description": "The ETag of what is to be changed: nothing happens when it is another one.",
        "schema": {"type": "string", "pattern": "^(\\*|\"[!#-+\\-./:-~]*\")$"},
    });
    vec![once, seen]
}

fn responses(operation: &Registered, generator: &mut SchemaGenerator) -> Value {
    let info = operation.info;
    let mut out = Map::new();
    let schema = (operation.output)(generator).to_value();
    let done = match (info.status, info.media) {
        (204, _) => json!({"description": "It is done."}),
        (_, Media::Json) => {
            json!({"description": "It is done.", "content": {"application/json": {"schema": schema}}})
        }
        (_, Media::Lines) => json!({
            "description": "One JSON object a line.",
            "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
        }),
    };
    out.insert(info.status.to_string(), done);
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    let body: &[Kind] = if info.method.has_body() {
        &[
            Kind::InvalidBody,
            Kind::TooLarge,
            Kind::UnsupportedMediaType,
        ]
    } else {
        &[]
    };
    let changes: &[Kind] = if info.needs.only_looks() {
        &[]
    } else {
        &[
            Kind::Changed,
            Kind::PreconditionFailed,
            Kind::KeyReused,
            Kind::WrongState,
        ]
    };
    let known = EVERYWHERE
        .iter()
        .chain(body)
        .chain(changes)
        .chain(info.problems);
    for kind in known.chain(&[Kind::WrongState]) {
        let ids = by_status.entry(kind.status()).or_default();
        if !ids.contains(&kind.id()) {
            ids.push(kind.id());
        }
    }
    for (status, mut ids) in by_status {
        ids.sort_unstable();
        let response = json!({
            "description": ids.join(", "),
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        });
        out.insert(status.to_string(), response);
    }
    Value::Object(out)
}

fn problem() -> Value {
    let types: Vec<String> = Kind::ALL
        .iter()
        .map(|kind| format!("{}{}", crate::problem::TYPE, kind.id()))
        .collect();
    json!({
        "description": "Why it was not done (RFC 9457).",
        "type": "object",
        "required": ["type", "title", "status"],
        "properties": {
            "type": {"type": "string", "enum": types},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "field": {"type": "string", "description": "The member of the request that it is about."},
        },
    })
}

/// What the parameters of an operation are: `integer`, `boolean`, `string`, …
pub(crate) fn types(operation: &Registered) -> BTreeMap<String, String> {
    let schema = (operation.input)(&mut generator()).to_value();
    let mut out = BTreeMap::new();
    for (name, member) in schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        let kind = match member.get("type") {
            Some(Value::String(kind)) => Some(kind.as_str()),
            Some(Value::Array(kinds)) => {
                let mut kinds = kinds.iter().filter_map(Value::as_str);
                kinds.find(|kind| *kind != "null")
            }
            Some(_) | None => None,
        };
        if let Some(kind) = kind {
            out.insert(name.clone(), kind.to_owned());
        }
    }
    out
}

const DESCRIPTION: &str = "Operations on projects, applications, people, keys and whatever else an operator looks after. \
Lists come in pages: `next` is the `cursor` of the page that follows. Answers that can be changed have an ETag.";
