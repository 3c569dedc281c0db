//! Operations over HTTP.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use hallpass_core::{
    admin::{READ_SCOPE, SCOPE},
    binding::dpop::ALGS,
    sign_in::{Strength, classes_of},
};
use hallpass_http::{
    BodyError, ClientAddr, Described, MAX_JSON, NoCaller, Response, no_store, read_body, secure,
};
use hallpass_jose::json::{self, JsonError};
use hallpass_provider::{Failure, endpoints::Caller as Holder};
use hallpass_types::{ErrorCode, Issuer};
use http::{
    HeaderMap, HeaderValue, Request, StatusCode,
    header::{
        ALLOW, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderName, IF_MATCH, RETRY_AFTER,
        WWW_AUTHENTICATE,
    },
    request::Parts,
};
use http_body::Body;
use serde_json::{Map, Value};

use crate::{
    Caller, Desk, Kind, Principal, Problem, Terms,
    context::OnlyOnce,
    desk::may,
    openapi,
    operation::{Media, Method, Registered, matching},
};

/// Where the operations are, under the issuer of the home project. That URL is also the resource that access tokens are for.
pub const PATH: &str = "/admin/v1";
/// The OpenAPI document below that path.
pub const DOCUMENT: &str = "/openapi.json";

/// Answers the paths of the admin API.
#[derive(Clone, Debug)]
pub struct AdminApi {
    desk: Desk,
    issuer: Issuer,
    resource: String,
    endpoints: Arc<[Described]>,
    /// The document, from the first time on that somebody asked for it: whoever does is not known.
    document: Arc<OnceLock<Bytes>>,
    strong: bool,
}

impl AdminApi {
    /// At the home project's issuer.
    #[must_use]
    pub fn new(desk: Desk) -> Self {
        let issuer = desk.platform().home().provider.policy().issuer.clone();
        Self {
            resource: issuer.url(PATH),
            desk,
            issuer,
            endpoints: Arc::new([]),
            document: Arc::default(),
            strong: true,
        }
    }

    /// Whether a person who changes something must have signed in with a passkey or a second factor before they got the token;
    /// so it is, unless this says otherwise.
    #[must_use]
    pub fn demanding(mut self, strong: bool) -> Self {
        self.strong = strong;
        self
    }

    /// With what else the program answers, for the document.
    #[must_use]
    pub fn beside(mut self, endpoints: Vec<Described>) -> Self {
        self.endpoints = endpoints.into();
        self.document = Arc::default();
        self
    }

    /// Where operations are called.
    #[must_use]
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// Whether a path is one of the API's.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.below(path).is_some()
    }

    fn below<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.issuer.path())?.strip_prefix(PATH)?;
        rest.starts_with('/').then_some(rest)
    }

    /// Answers a request, or gives it back when its path is not one of the API's.
    ///
    /// # Errors
    /// The request itself, untouched.
    pub async fn handle<B>(&self, request: Request<B>) -> Result<Response, Request<B>>
    where
        B: Body + Send,
        B::Data: Send,
    {
        let Some(below) = self.below(request.uri().path()).map(str::to_owned) else {
            return Err(request);
        };
        let (parts, body) = request.into_parts();
        let mut response = if below == DOCUMENT {
            self.document(&parts)
        } else {
            match self.answer(&below, &parts, body).await {
                Ok(response) => response,
                Err(refused) => refused.response(),
            }
        };
        secure(response.headers_mut(), self.issuer.is_https());
        Ok(response)
    }

    fn document(&self, parts: &Parts) -> Response {
        if parts.method != http::Method::GET && parts.method != http::Method::HEAD {
            return Refused::method("GET, HEAD".to_owned()).response();
        }
        let text = self.document.get_or_init(|| {
            let document = openapi::document(&self.issuer, &self.endpoints);
            serde_json::to_vec_pretty(&document)
                .unwrap_or_default()
                .into()
        });
        no_store(StatusCode::OK, "application/json", text.clone())
    }

    async fn answer<B>(&self, below: &str, parts: &Parts, body: B) -> Result<Response, Refused>
    where
        B: Body + Send,
        B::Data: Send,
    {
        // Who is nobody learns nothing, not even which paths there are.
        let (caller, weak) = self.caller(below, parts).await?;
        let found = matching(below);
        if found.is_empty() {
            return Err(Problem::new(Kind::NotFound).into());
        }
        let wanted = parts.method.as_str();
        let Some((operation, names)) = found
            .iter()
            .find(|(operation, _)| operation.info.method.as_str() == wanted)
        else {
            let allowed: Vec<&str> = found.iter().map(|(o, _)| o.info.method.as_str()).collect();
            return Err(Refused::method(allowed.join(", ")));
        };
        let mut names: Map<String, Value> = names
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str())))
            .collect();
        let project = match names.remove("project") {
            Some(Value::String(project)) => Some(project),
            Some(_) | None => None,
        };
        // Who may not is told so whatever they sent.
        if let Err(problem) = may(operation.info, &caller, project.as_deref()) {
            self.desk
                .refused(operation.info, &caller, project.as_deref(), &problem)
                .await;
            return Err(problem.into());
        }
        if weak && self.strong && !matches!(operation.info.method, Method::Get) {
            return Err(self.step_up(&parts.headers));
        }
        let given = if operation.info.method.has_body() {
            if parts.uri.query().is_some_and(|query| !query.is_empty()) {
                return Err(Problem::new(Kind::InvalidParameter).into());
            }
            object(&parts.headers, body).await?
        } else {
            query(parts.uri.query().unwrap_or_default(), operation)?
        };
        let mut terms = Terms {
            if_match: if_match(&parts.headers)?,
            once: None,
            project,
        };
        terms.once = once(parts, &caller, &terms, operation, &given, &names)?;
        let mut input = given;
        for (name, value) in names {
            if input.insert(name, value).is_some() {
                return Err(Problem::new(Kind::InvalidBody).into());
            }
        }
        let done = Box::pin(self.desk.call_registered(operation, &caller, terms, input)).await?;
        Ok(rendered(operation, &done))
    }

    //= RFC9470#3 MUST: the challenge says which classes of authentication are good enough
    fn step_up(&self, headers: &HeaderMap) -> Refused {
        let policy = self.desk.platform().home().provider.policy().clone();
        let classes: Vec<&str> = classes_of(&policy, Strength::Multi)
            .filter(|acr| !acr.contains(['"', '\\']))
            .collect();
        let bound = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok());
        let bound = bound.is_some_and(|value| value.get(..4).is_some_and(is_dpop));
        let scheme = if bound { "DPoP" } else { "Bearer" };
        let mut text =
            format!("{scheme} realm=\"hallpass\", error=\"insufficient_user_authentication\"");
        if !classes.is_empty() {
            text.push_str(&format!(", acr_values=\"{}\"", classes.join(" ")));
        }
        if bound {
            let algs: Vec<&str> = ALGS.iter().map(|alg| alg.name()).collect();
            text.push_str(&format!(", algs=\"{}\"", algs.join(" ")));
        }
        Refused {
            challenge: HeaderValue::from_str(&text).ok(),
            ..Problem::new(Kind::SignInTooWeak).into()
        }
    }

    /// Who calls, and whether they are a person who signed in with one factor.
    async fn caller(&self, below: &str, parts: &Parts) -> Result<(Caller, bool), Refused> {
        let home = self.desk.platform().home();
        let path = format!("{PATH}{below}");
        let held = hallpass_http::caller(&home.provider, parts, &path, &self.resource).await;
        let Holder {
            client,
            holder,
            scope,
        } = held.map_err(Refused::from)?;
        let (principal, through, weak) = match holder {
            hallpass_core::admin::Holder::Person(subject, strength) => {
                let weak = strength < Some(Strength::Multi);
                (Principal::User(subject), Some(client.id.clone()), weak)
            }
            hallpass_core::admin::Holder::Client => {
                (Principal::Client(client.id.clone()), None, false)
            }
        };
        let (store, number) = (home.provider.store(), home.provider.issuer_id());
        let found = Caller::find(&**store, number, principal).await;
        let found = found.map_err(Problem::from)?;
        let mut caller = found.ok_or_else(|| Problem::new(Kind::Forbidden))?;
        caller.client = through;
        caller.only_looks = !scope.contains(SCOPE);
        caller.address = parts
            .extensions
            .get::<ClientAddr>()
            .map(|address| address.0);
        Ok((caller, weak))
    }
}

fn is_dpop(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("dpop")
}

/// A problem with the headers that belong to it.
#[derive(Debug)]
struct Refused {
    problem: Box<Problem>,
    challenge: Option<HeaderValue>,
    allow: Option<String>,
}

impl Refused {
    fn method(allow: String) -> Self {
        Self {
            allow: Some(allow),
            ..Problem::new(Kind::MethodNotAllowed).into()
        }
    }

    fn response(self) -> Response {
        let kind = self.problem.kind();
        let status = StatusCode::from_u16(kind.status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = self.problem.json().to_string();
        let mut response = no_store(status, "application/problem+json", body);
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(allow) = self.allow.and_then(|a| HeaderValue::from_str(&a).ok()) {
            headers.insert(ALLOW, allow);
        }
        if let Some(seconds) = self.problem.retry_after() {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self {
            problem: Box::new(problem),
            challenge: None,
            allow: None,
        }
    }
}

impl From<NoCaller> for Refused {
    fn from(nobody: NoCaller) -> Self {
        let challenge = nobody.challenge(&format!("{SCOPE} {READ_SCOPE}"));
        let problem = match nobody {
            NoCaller::Missing => Problem::new(Kind::TokenMissing),
            NoCaller::Malformed => Problem::new(Kind::InvalidHeader),
            NoCaller::Refused(Failure::Refused(refusal), _) => {
                let kind = if refusal.code == ErrorCode::InsufficientScope {
                    Kind::ScopeMissing
                } else {
                    Kind::TokenInvalid
                };
                Problem::new(kind).because(refusal.text)
            }
            NoCaller::Refused(failure, _) => return Problem::from(failure).into(),
        };
        Self {
            challenge: Some(challenge),
            ..problem.into()
        }
    }
}

/// The body, which may be absent where nothing must be said.
async fn object<B>(headers: &HeaderMap, body: B) -> Result<Map<String, Value>, Refused>
where
    B: Body + Send,
    B::Data: Send,
{
    let bytes = read_body(headers, body, MAX_JSON).await;
    let bytes: Bytes = bytes.map_err(|error| {
        Problem::new(match error {
            BodyError::TooLarge | BodyError::TooSlow => Kind::TooLarge,
            BodyError::Encoded => Kind::UnsupportedMediaType,
            BodyError::Broken => Kind::InvalidBody,
        })
    })?;
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    let json = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let json = json.is_some_and(|value| {
        let kind = value.split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("application/json")
    });
    if !json {
        return Err(Problem::new(Kind::UnsupportedMediaType).into());
    }
    members(&bytes).map_err(Refused::from)
}

/// The members of a JSON object. One that is there twice would be another one for who looks at the first and who looks at the
/// last of them.
///
/// # Errors
/// [`Kind::InvalidBody`], which says why or where.
pub fn members(text: &[u8]) -> Result<Map<String, Value>, Problem> {
    let wrong = Problem::new(Kind::InvalidBody);
    json::parse_object(text, DEEPEST).map_err(|error| match error {
        JsonError::Syntax => match serde_json::from_slice::<serde::de::IgnoredAny>(text) {
            Err(error) => {
                wrong.because(format!("line {}, column {}", error.line(), error.column()))
            }
            Ok(_) => wrong,
        },
        JsonError::Duplicate => wrong.because("a member is there twice"),
        JsonError::Depth => wrong.because("it is nested too deeply"),
        JsonError::NotObject | _ => wrong,
    })
}

/// Levels of a body.
const DEEPEST: u8 = 32;

/// Each parameter once, numbers as numbers where the operation wants some.
fn query(text: &str, operation: &Registered) -> Result<Map<String, Value>, Refused> {
    let wrong = || Refused::from(Problem::new(Kind::InvalidParameter));
    let types = openapi::types(operation);
    let mut found = Map::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        if value.contains('\u{FFFD}') {
            return Err(wrong());
        }
        let value = match types.get(&*name).map(String::as_str) {
            Some("integer") => Value::from(value.parse::<u64>().map_err(|_| wrong())?),
            Some("boolean") => Value::from(value.parse::<bool>().map_err(|_| wrong())?),
            Some(_) | None => Value::from(&*value),
        };
        if found.insert(name.into_owned(), value).is_some() {
            return Err(wrong());
        }
    }
    Ok(found)
}

/// The one entity tag of `If-Match`.
fn if_match(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let Some(text) = single(headers, &IF_MATCH)? else {
        return Ok(None);
    };
    if text == "*" {
        return Ok(Some(text.to_owned()));
    }
    //= RFC9110#13.1.1 MUST: weak tags never match
    let tag = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match tag {
        Some(tag) if !tag.contains(['"', ',']) => Ok(Some(tag.to_owned())),
        Some(_) | None => Err(Problem::new(Kind::InvalidHeader)
            .because("If-Match takes one strong entity tag")
            .into()),
    }
}

fn once(
    parts: &Parts,
    caller: &Caller,
    terms: &Terms,
    operation: &Registered,
    given: &Map<String, Value>,
    names: &Map<String, Value>,
) -> Result<Option<OnlyOnce>, Refused> {
    let Some(key) = single(&parts.headers, &IDEMPOTENCY_KEY)? else {
        return Ok(None);
    };
    let fits = (1..=255).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic());
    if !fits {
        let text = "Idempotency-Key takes 1 to 255 visible characters";
        return Err(Problem::new(Kind::InvalidHeader).because(text).into());
    }
    let changes = !matches!(operation.info.method, Method::Get);
    let Some(who) = caller.principal.key().filter(|_| changes) else {
        return Ok(None);
    };
    let request = serde_json::json!([
        operation.info.id,
        terms.project,
        terms.if_match,
        names,
        given
    ]);
    Ok(Some(OnlyOnce::of(
        &who,
        key,
        request.to_string().as_bytes(),
    )))
}

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Refused> {
    let wrong = || Refused::from(Problem::new(Kind::InvalidHeader));
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| wrong()),
        (Some(_), Some(_)) => Err(wrong()),
    }
}

fn rendered(operation: &Registered, done: &Value) -> Response {
    let info = operation.info;
    let status = StatusCode::from_u16(info.status).unwrap_or(StatusCode::OK);
    if status == StatusCode::NO_CONTENT {
        let mut response = no_store(status, "application/json", Bytes::new());
        response.headers_mut().remove(CONTENT_TYPE);
        return response;
    }
    let mut response = match info.media {
        Media::Json => no_store(status, "application/json", done.to_string()),
        Media::Lines => {
            let mut text = String::new();
            for line in done.as_array().into_iter().flatten() {
                text.push_str(&line.to_string());
                text.push('\n');
            }
            no_store(status, "application/x-ndjson", text)
        }
    };
    let revision = done.get("revision").and_then(Value::as_str);
    if let Some(tag) = revision.and_then(|r| HeaderValue::from_str(&format!("\"{r}\"")).ok()) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
