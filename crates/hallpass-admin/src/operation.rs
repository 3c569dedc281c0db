//! What an operation is, and the list of all of them.

use hallpass_core::admin::Permission;
use hallpass_store::BoxFuture;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{Context, Kind, Problem};

/// The method of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(
    clippy::exhaustive_enums,
    reason = "routes, documents and tests look at every one"
)]
pub enum Method {
    /// Looks.
    Get,
    /// Makes or does something.
    Post,
    /// Changes some members.
    Patch,
    /// Replaces, or makes under a name that the caller chooses.
    Put,
    /// Deletes.
    Delete,
}

impl Method {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }

    /// Whether what is no part of the path is a body. Otherwise it is the query.
    #[must_use]
    pub const fn has_body(self) -> bool {
        match self {
            Self::Post | Self::Patch | Self::Put => true,
            Self::Get | Self::Delete => false,
        }
    }
}

/// Where an operation takes place, and what is there before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "who calls an operation looks at every one"
)]
pub enum Place {
    /// Everybody with any role may; what is answered is what they may see.
    Anybody,
    /// At the home project, for those who have the permission in all projects.
    Platform,
    /// At a project as it is written down, whether it answers or not.
    Record,
    /// As [`Self::Record`], but what is said about it stands in the project's own log, where it answers: its operators and its
    /// webhooks are told.
    Settings,
    /// In a project that answers.
    Project,
}

/// What is known of an operation.
#[derive(Clone, Copy, Debug)]
pub struct Info {
    /// Its identifier: `resource.verb`.
    pub id: &'static str,
    /// Its method.
    pub method: Method,
    /// Its path below `/admin/v1`, with names in braces. In a project the first is `{project}`.
    pub path: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// Where.
    pub place: Place,
    /// What one must be allowed.
    pub needs: Permission,
    /// The status of its answer; 204 for one without a body.
    pub status: u16,
    /// Its own problems, beside those that every operation may have.
    pub problems: &'static [Kind],
    /// The media type of its answer.
    pub media: Media,
}

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "whoever writes answers knows every form"
)]
pub enum Media {
    /// A JSON object.
    Json,
    /// One JSON object a line.
    Lines,
}

impl Info {
    /// An operation that looks.
    #[must_use]
    pub const fn get(id: &'static str, path: &'static str, needs: Permission) -> Self {
        Self::new(id, Method::Get, path, needs)
    }

    /// An operation in a project that answers with 200 and JSON.
    #[must_use]
    pub const fn new(
        id: &'static str,
        method: Method,
        path: &'static str,
        needs: Permission,
    ) -> Self {
        Self {
            id,
            method,
            path,
            summary: "",
            place: Place::Project,
            needs,
            status: match method {
                Method::Delete => 204,
                Method::Get | Method::Post | Method::Patch | Method::Put => 200,
            },
            problems: &[],
            media: Media::Json,
        }
    }

    /// With a sentence that says what it does.
    #[must_use]
    pub const fn does(mut self, summary: &'static str) -> Self {
        self.summary = summary;
        self
    }

    /// With another place.
    #[must_use]
    pub const fn at(mut self, place: Place) -> Self {
        self.place = place;
        self
    }

    /// With another status.
    #[must_use]
    pub const fn answers(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// With problems of its own.
    #[must_use]
    pub const fn fails(mut self, problems: &'static [Kind]) -> Self {
        self.problems = problems;
        self
    }

    /// Answers lines.
    #[must_use]
    pub const fn lines(mut self) -> Self {
        self.media = Media::Lines;
        self
    }

    /// The names in its path.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
    }
}

/// One thing that can be done. A file each, and a line in [`OPERATIONS`](crate::v1::OPERATIONS).
pub trait Operation: Sized + Send + Sync + 'static {
    /// What is known of it.
    const INFO: Info;
    /// Everything that is asked: names of the path (but for the project), then query or body. Unknown members are refused.
    type Input: DeserializeOwned + JsonSchema + Send;
    /// The answer. A member `revision` becomes the `ETag`.
    type Output: Serialize + JsonSchema + Send;

    /// Does it. The caller was found to be allowed to.
    fn run(
        cx: &Context,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, Problem>> + Send;
}

/// The answer of an operation without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Nothing {}

/// Reads the input, does it, and writes the output.
type Run = for<'a> fn(&'a Context, Map<String, Value>) -> BoxFuture<'a, Result<Value, Problem>>;

/// An operation without its types.
#[derive(Clone, Copy)]
pub struct Registered {
    /// What is known of it.
    pub info: Info,
    /// The schema of what it takes.
    pub input: fn(&mut SchemaGenerator) -> Schema,
    /// The schema of what it answers.
    pub output: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) run: Run,
}

impl std::fmt::Debug for Registered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registered")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

impl Registered {
    /// The registration of an operation.
    #[must_use]
    pub const fn of<O: Operation>() -> Self {
        Self {
            info: O::INFO,
            input: |generator| O::Input::json_schema(generator),
            output: |generator| generator.subschema_for::<O::Output>(),
            run: |cx, input| Box::pin(run::<O>(cx, input)),
        }
    }
}

async fn run<O: Operation>(cx: &Context, input: Map<String, Value>) -> Result<Value, Problem> {
    let input =
        serde_json::from_value(Value::Object(input)).map_err(|error| misread(&O::INFO, &error))?;
    let output = O::run(cx, input).await?;
    serde_json::to_value(output).map_err(|error| {
        tracing::error!(%error, operation = O::INFO.id, "an answer has no JSON form");
        Kind::Internal.into()
    })
}

/// What of an error can be said without repeating what was sent.
fn misread(info: &Info, error: &serde_json::Error) -> Problem {
    let kind = if info.method.has_body() {
        Kind::InvalidBody
    } else {
        Kind::InvalidParameter
    };
    let text = error.to_string();
    let said = text
        .strip_prefix("missing field `")
        .and_then(|rest| rest.split_once('`'))
        .map(|(name, _)| format!("{name} is missing"))
        .or_else(|| {
            text.rsplit_once("expected ")
                .map(|(_, what)| format!("expected {what}"))
        });
    match said {
        Some(said) => Problem::new(kind).because(said),
        None => Problem::new(kind),
    }
}

/// Splits a path below `/admin/v1` and finds what is meant by it: the operations with another method too.
pub(crate) fn matching(path: &str) -> Vec<(&'static Registered, Vec<(&'static str, String)>)> {
    let given: Vec<&str> = path.split('/').collect();
    let fits = |registered: &'static Registered| {
        let parts: Vec<&'static str> = registered.info.path.split('/').collect();
        if parts.len() != given.len() {
            return None;
        }
        let mut names = Vec::new();
        for (part, given) in parts.into_iter().zip(&given) {
            match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
                Some(name) => {
                    let decoded = percent_encoding::percent_decode_str(given).decode_utf8();
                    let decoded = decoded.ok().filter(|text| !text.is_empty())?;
                    names.push((name, decoded.into_owned()));
                }
                None if part == *given => {}
                None => return None,
            }
        }
        Some((registered, names))
    };
    let mut found: Vec<_> = crate::v1::OPERATIONS.iter().filter_map(fits).collect();
    // A word of the path wins over a name.
    let fewest = found.iter().map(|(_, names)| names.len()).min();
    found.retain(|(_, names)| Some(names.len()) == fewest);
    found
}
