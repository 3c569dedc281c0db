//! The suite's REST API, as far as a run needs it.

use super::{Result, rest};
use hyper::Method;
use serde::Deserialize;
use serde_json::{Map, Value};

/// A running suite.
#[derive(Debug, Clone)]
pub(crate) struct Suite {
    base: String,
}

/// One module of a created plan.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Module {
    /// The module's name.
    pub(crate) test_module: String,
    /// What the plan fixes for it.
    #[serde(default)]
    pub(crate) variant: Option<Map<String, Value>>,
}

/// A plan that the suite made.
#[derive(Debug, Deserialize)]
pub(crate) struct CreatedPlan {
    pub(crate) id: String,
    pub(crate) modules: Vec<Module>,
}

/// What the suite says of a module run.
#[derive(Debug, Deserialize)]
pub(crate) struct Info {
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) result: Option<String>,
}

impl Suite {
    /// The suite at `https://HOST:PORT`.
    pub(crate) fn new(base: &str) -> Self {
        Self {
            base: base.to_owned(),
        }
    }

    /// The suite's own version.
    ///
    /// # Errors
    /// The suite does not answer.
    pub(crate) async fn version(&self) -> Result<String> {
        let server = self.get("/api/server", &[]).await?;
        Ok(server
            .get("version")
            .and_then(Value::as_str)
            .unwrap_or("unknown")
            .to_owned())
    }

    /// Makes a plan.
    ///
    /// # Errors
    /// The suite refused the plan's name, variant or configuration.
    pub(crate) async fn create_plan(
        &self,
        name: &str,
        variant: &Map<String, Value>,
        configuration: &Value,
    ) -> Result<CreatedPlan> {
        let variant = Value::Object(variant.clone()).to_string();
        let url = self.url("/api/plan", &[("planName", name), ("variant", &variant)]);
        let answer = rest::request(Method::POST, &url, Some(configuration)).await?;
        if answer.status != 201 {
            return Err(refusal("the plan", &answer));
        }
        serde_json::from_value(answer.json()?).map_err(|error| format!("plan: {error}"))
    }

    /// Makes and starts a run of a module; the answer is its id.
    ///
    /// # Errors
    /// The suite refused.
    pub(crate) async fn create_run(&self, plan: &str, module: &Module) -> Result<String> {
        let variant = module
            .variant
            .as_ref()
            .map(|variant| Value::Object(variant.clone()).to_string());
        let mut query = vec![("test", module.test_module.as_str()), ("plan", plan)];
        if let Some(variant) = &variant {
            query.push(("variant", variant));
        }
        let answer = rest::request(Method::POST, &self.url("/api/runner", &query), None).await?;
        if answer.status != 201 {
            return Err(refusal("the run", &answer));
        }
        answer
            .json()?
            .get("id")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| "the run has no id".to_owned())
    }

    /// Waits at most `milliseconds` (30,000 at most) for one of the states; `None` when none came.
    ///
    /// # Errors
    /// The suite does not answer.
    pub(crate) async fn wait(
        &self,
        run: &str,
        states: &str,
        milliseconds: u64,
    ) -> Result<Option<String>> {
        let timeout = milliseconds.to_string();
        let url = self.url(
            &format!("/api/runner/{run}/wait-state"),
            &[("states", states), ("timeoutMs", &timeout)],
        );
        let answer = rest::request(Method::GET, &url, None).await?;
        // A run that ended is forgotten by the runner; its record stays.
        if answer.status == 404 {
            return Ok(Some(self.info(run).await?.status));
        }
        Ok(answer
            .json()?
            .get("state")
            .and_then(Value::as_str)
            .map(str::to_owned))
    }

    /// Starts a run that waits for a person.
    ///
    /// # Errors
    /// The suite refused.
    pub(crate) async fn start(&self, run: &str) -> Result<()> {
        let url = self.url(&format!("/api/runner/{run}"), &[]);
        let answer = rest::request(Method::POST, &url, None).await?;
        if answer.status == 200 {
            Ok(())
        } else {
            Err(refusal("the start", &answer))
        }
    }

    /// The URLs that a person should open now; none when the run has ended.
    ///
    /// # Errors
    /// The suite does not answer.
    pub(crate) async fn urls(&self, run: &str) -> Result<Option<Vec<String>>> {
        let info = self.info(run).await?;
        if matches!(info.status.as_str(), "FINISHED" | "INTERRUPTED") {
            return Ok(None);
        }
        let url = self.url(&format!("/api/runner/browser/{run}"), &[]);
        let answer = rest::request(Method::GET, &url, None).await?;
        if answer.status != 200 {
            return Ok(Some(Vec::new()));
        }
        let urls = answer.json()?.get("urls").cloned().unwrap_or_default();
        Ok(Some(serde_json::from_value(urls).unwrap_or_default()))
    }

    /// Says that a URL was opened.
    ///
    /// # Errors
    /// The suite does not answer.
    pub(crate) async fn visited(&self, run: &str, opened: &str) -> Result<()> {
        let path = format!("/api/runner/browser/{run}/visit");
        let url = self.url(&path, &[("url", opened)]);
        rest::request(Method::POST, &url, None).await.map(drop)
    }

    /// Stops a run.
    ///
    /// # Errors
    /// The suite does not answer.
    pub(crate) async fn cancel(&self, run: &str) -> Result<()> {
        let url = self.url(&format!("/api/runner/{run}"), &[]);
        rest::request(Method::DELETE, &url, None).await.map(drop)
    }

    /// What became of a run.
    ///
    /// # Errors
    /// The suite does not answer or does not know the run.
    pub(crate) async fn info(&self, run: &str) -> Result<Info> {
        let info = self.get(&format!("/api/info/{run}"), &[]).await?;
        serde_json::from_value(info).map_err(|error| format!("info: {error}"))
    }

    /// All log entries of a run.
    ///
    /// # Errors
    /// The suite does not answer.
    pub(crate) async fn log(&self, run: &str) -> Result<Vec<Value>> {
        match self.get(&format!("/api/log/{run}"), &[]).await? {
            Value::Array(entries) => Ok(entries),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Object(_) => Err("the log is not a list".to_owned()),
        }
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let answer = rest::request(Method::GET, &self.url(path, query), None).await?;
        if answer.status == 200 {
            answer.json()
        } else {
            Err(refusal(path, &answer))
        }
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> String {
        let mut url = format!("{}{path}", self.base);
        if !query.is_empty() {
            let pairs = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(query)
                .finish();
            url.push('?');
            url.push_str(&pairs);
        }
        url
    }
}

fn refusal(what: &str, answer: &rest::Answer) -> String {
    let text = String::from_utf8_lossy(&answer.body);
    let start: String = text.chars().take(300).collect();
    format!("the suite refused {what}: {} {start}", answer.status)
}
