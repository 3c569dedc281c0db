//! What the program answers beside operations, in the document.

use hallpass_http::{Described, Gives, Takes};
use serde_json::{Map, Value, json};

/// One method of an endpoint.
pub(super) fn described(endpoint: &Described, method: &str) -> Value {
    let place = endpoint.path.replace(['/', '{', '}'], "-");
    let place = place.trim_matches('-');
    let mut responses = Map::new();
    match endpoint.gives {
        Gives::Json => {
            let json = json!({"schema": {"type": "object"}});
            let jwt = json!({"schema": {"type": "string"}});
            let content = json!({
                "application/json": json,
                "application/jrd+json": json,
                "application/jwt": jwt,
                "application/token-introspection+jwt": jwt,
            });
            put(&mut responses, "2XX", "It is done.", content);
        }
        Gives::Keys => {
            let keys = json!({"application/jwk-set+json": {"schema": {"type": "object"}}});
            put(&mut responses, "200", "The keys.", keys);
        }
        Gives::Page => {
            put(&mut responses, "200", "A page.", page());
            put(
                &mut responses,
                "3XX",
                "Where the browser goes next.",
                json!({}),
            );
        }
        Gives::File => put(&mut responses, "200", "A file.", json!({"*/*": {}})),
        Gives::Nothing => put(&mut responses, "2XX", "It is done.", json!({})),
    }
    for status in endpoint.refuses {
        let status = status.to_string();
        put(
            &mut responses,
            &status,
            "It is not done.",
            refused(endpoint.gives),
        );
    }
    let names = endpoint.path.split('/');
    let names = names.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameters: Vec<Value> = names
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    let mut out = json!({
        "operationId": format!("{}.{}.{place}", endpoint.label, method.to_ascii_lowercase()),
        "summary": endpoint.summary,
        "tags": [endpoint.tag],
        "security": [],
        "parameters": parameters,
        "responses": responses,
    });
    let kind = match (method, endpoint.takes) {
        ("GET" | "DELETE", _) | (_, Takes::Query) => None,
        (_, Takes::Form) => Some("application/x-www-form-urlencoded"),
        (_, Takes::Json) => Some("application/json"),
    };
    if let (Some(kind), Some(out)) = (kind, out.as_object_mut()) {
        let body = json!({"content": {kind: {"schema": {"type": "object"}}}});
        out.insert("requestBody".to_owned(), body);
    }
    out
}

fn put(responses: &mut Map<String, Value>, status: &str, text: &str, content: Value) {
    let mut response = json!({"description": text});
    if let Some(response) = response.as_object_mut()
        && content
            .as_object()
            .is_some_and(|content| !content.is_empty())
    {
        response.insert("content".to_owned(), content);
    }
    responses.insert(status.to_owned(), response);
}

fn page() -> Value {
    json!({"text/html": {"schema": {"type": "string"}}})
}

/// Programs get JSON, people a page; files and what names nothing are pages, too.
fn refused(gives: Gives) -> Value {
    let json = json!({"schema": {"$ref": "#/components/schemas/Error"}});
    let mut content = page();
    if let (Gives::Json | Gives::Keys | Gives::Nothing | Gives::Page, Some(content)) =
        (gives, content.as_object_mut())
    {
        content.insert("application/json".to_owned(), json);
    }
    content
}

/// RFC 6749 §5.2, as all endpoints of the protocol use it.
pub(super) fn error() -> Value {
    json!({
        "description": "Why it was not done (RFC 6749 \u{a7}5.2).",
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {"type": "string"},
            "error_description": {"type": "string"},
        },
    })
}
