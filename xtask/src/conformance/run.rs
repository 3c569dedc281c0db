//! Plans one after another, modules side by side where the plan allows it.

use super::chromium::Chromium;
use super::expected::Expected;
use super::options::Options;
use super::plan::{self, Plan, Scripts, Words, in_file};
use super::report::{self, Outcome, PlanOutcome};
use super::resource::{Introspection, Resource};
use super::server::{self, Server};
use super::suite::{Module, Suite};
use super::{Result, rest};
use serde_json::Value;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Runs what the options ask for; the answer is whether everything ended as expected.
///
/// # Errors
/// A file is missing, the suite does not answer, or the server does not start.
pub(crate) async fn run(options: &Options) -> Result<bool> {
    let plans = plan::plans(&options.plans)?;
    let scripts = plan::scripts()?;
    let mut expected = Expected::read()?;
    if !options.write_expected {
        expected.check()?;
    }
    // Before the expectation is written, which is a change of its own.
    let commit = report::commit();
    let suite = Suite::new(&options.suite);
    let version = suite.version().await?;
    println!("suite {version} at {}", options.suite);

    let shared = Arc::new(Shared {
        options: options.clone(),
        suite,
        scripts,
        queue: Mutex::new(plans.into_iter().enumerate().collect()),
    });
    let mut tasks = JoinSet::new();
    for _ in 0..options.plans_at_once.max(1) {
        tasks.spawn(run_plans(Arc::clone(&shared)));
    }
    let mut ended = Vec::new();
    while let Some(finished) = tasks.join_next().await {
        ended.extend(finished.map_err(|error| error.to_string())??);
    }
    ended.sort_by_key(|(index, _)| *index);
    let outcomes: Vec<_> = ended.into_iter().map(|(_, outcome)| outcome).collect();
    if options.write_expected {
        expected.suite.clone_from(&version);
        for plan in &outcomes {
            let seen: Vec<_> = plan
                .outcomes
                .iter()
                .map(|outcome| (outcome.module.clone(), outcome.result.clone()))
                .collect();
            expected.replace(&plan.plan, &seen);
        }
        expected.write()?;
    }
    if let Some(path) = &options.write_results {
        report::write(path, &outcomes, &expected, &version, &commit)?;
    }
    Ok(report::judge(&outcomes, &expected, options.only.is_empty()))
}

/// What all plans of a run share.
struct Shared {
    options: Options,
    suite: Suite,
    scripts: Scripts,
    queue: Mutex<VecDeque<(usize, Plan)>>,
}

async fn run_plans(shared: Arc<Shared>) -> Result<Vec<(usize, PlanOutcome)>> {
    let mut outcomes = Vec::new();
    loop {
        let next = shared
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let Some((index, plan)) = next else {
            return Ok(outcomes);
        };
        outcomes.push((index, run_plan(&shared, &plan).await?));
    }
}

async fn run_plan(shared: &Shared, plan: &Plan) -> Result<PlanOutcome> {
    let Shared {
        options,
        suite,
        scripts,
        queue: _,
    } = shared;
    println!("{}: begins", plan.name);
    let work = fresh_folder(&options.out.join(&plan.name))?;
    let mut words = server::words(&options.suite)?;
    plan.add_words(&mut words);
    let bound = if plan.resource {
        let (listener, url) = Resource::bind().await?;
        words.set("resource", &url);
        Some((listener, url))
    } else {
        None
    };
    let certificate = rest::certificate(&options.suite).await?;
    let server = Server::start(
        &options.server,
        &work,
        &mut words,
        &certificate,
        &plan.server,
    )
    .await?;

    let introspection = || Introspection {
        issuer: words.fill("{issuer}"),
        client: "conformance-resource",
        secret: words.fill("{secret_resource}"),
    };
    let resource = bound
        .map(|bound| Resource::start(bound, &work, introspection()))
        .transpose()?;
    let configuration = plan.configuration(scripts, &words)?;
    let created = suite
        .create_plan(&plan.plan, &plan.variant, &configuration)
        .await?;
    let labels = report::labels(&created.modules);
    let queue: VecDeque<(usize, String, Module)> = labels
        .into_iter()
        .zip(created.modules)
        .enumerate()
        .map(|(index, (label, module))| (index, label, module))
        .filter(|(_, _, module)| {
            options.only.is_empty() || options.only.contains(&module.test_module)
        })
        .collect();
    // New keys in the middle of another module would be that module's failure.
    let (alone, together): (VecDeque<_>, VecDeque<_>) = queue
        .into_iter()
        .partition(|(_, _, module)| module.test_module == ROTATION);

    let chromium = if plan.chromium {
        Some(Chromium::start(&work).await?)
    } else {
        None
    };
    let context = Arc::new(Context {
        _resource: resource,
        chromium,
        words,
        suite: suite.clone(),
        name: plan.name.clone(),
        plan: created.id,
        server,
        work,
        queue: Mutex::new(together),
    });
    let lanes = if plan.is_serial() {
        1
    } else {
        options.parallel.max(1)
    };
    let mut tasks = JoinSet::new();
    for _ in 0..lanes {
        tasks.spawn(work_off(Arc::clone(&context)));
    }
    let mut outcomes = Vec::new();
    while let Some(finished) = tasks.join_next().await {
        outcomes.extend(finished.map_err(|error| error.to_string())?);
    }
    *context.queue.lock().unwrap_or_else(PoisonError::into_inner) = alone;
    outcomes.extend(work_off(Arc::clone(&context)).await);
    outcomes.sort_by_key(|(index, _)| *index);
    Ok(PlanOutcome {
        plan: plan.name.clone(),
        outcomes: outcomes.into_iter().map(|(_, outcome)| outcome).collect(),
    })
}

struct Context {
    _resource: Option<Resource>,
    chromium: Option<Chromium>,
    words: Words,
    suite: Suite,
    name: String,
    plan: String,
    server: Server,
    work: PathBuf,
    queue: Mutex<VecDeque<(usize, String, Module)>>,
}

async fn work_off(context: Arc<Context>) -> Vec<(usize, Outcome)> {
    let mut outcomes = Vec::new();
    loop {
        let next = context
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let Some((index, label, module)) = next else {
            return outcomes;
        };
        let start = Instant::now();
        let (result, notes) = match run_module(&context, &label, &module).await {
            Ok(ended) => ended,
            Err(error) => ("ERROR".to_owned(), vec![error]),
        };
        let outcome = Outcome {
            module: label,
            result,
            seconds: start.elapsed().as_secs(),
            notes,
        };
        report::print(&context.name, &outcome);
        outcomes.push((index, outcome));
    }
}

/// Runs one module; the answer is its result and the notes that explain it.
async fn run_module(
    context: &Context,
    label: &str,
    module: &Module,
) -> Result<(String, Vec<String>)> {
    let suite = &context.suite;
    let run = suite.create_run(&context.plan, module).await?;
    let deadline = Instant::now().checked_add(MODULE_TIMEOUT);
    let mut state = None;
    if module.test_module == ROTATION {
        state = wait(suite, &run, "CONFIGURED,FINISHED,INTERRUPTED", deadline).await?;
        if state.as_deref() == Some("CONFIGURED") {
            context.server.rotate_keys().await?;
            suite.start(&run).await?;
        }
    }
    if let Some(chromium) = &context.chromium {
        chromium.walk(suite, &run, &context.words, deadline).await?;
    }
    if !matches!(state.as_deref(), Some("FINISHED" | "INTERRUPTED")) {
        state = wait(suite, &run, "FINISHED,INTERRUPTED", deadline).await?;
    }
    let result = match state.as_deref() {
        None => {
            suite.cancel(&run).await?;
            "TIMEOUT".to_owned()
        }
        Some("INTERRUPTED") => "INTERRUPTED".to_owned(),
        Some(_) => result(suite, &run).await?,
    };
    let log = suite.log(&run).await?;
    keep_log(&context.work, label, &log)?;
    let notes = if result == "PASSED" {
        Vec::new()
    } else {
        report::notes(&log)
    };
    Ok((result, notes))
}

async fn wait(
    suite: &Suite,
    run: &str,
    states: &str,
    deadline: Option<Instant>,
) -> Result<Option<String>> {
    loop {
        let left = deadline.map_or(Duration::ZERO, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        });
        if left.is_zero() {
            return Ok(None);
        }
        let milliseconds = u64::try_from(left.as_millis())
            .unwrap_or(u64::MAX)
            .clamp(1, 30_000);
        if let Some(state) = suite.wait(run, states, milliseconds).await? {
            return Ok(Some(state));
        }
    }
}

/// The result of a finished run, which the suite writes a moment after its state.
async fn result(suite: &Suite, run: &str) -> Result<String> {
    for _ in 0..50 {
        let info = suite.info(run).await?;
        if let Some(result) = info.result
            && matches!(info.status.as_str(), "FINISHED" | "INTERRUPTED")
        {
            return Ok(result);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err("the run finished without a result".to_owned())
}

fn keep_log(work: &Path, label: &str, log: &[Value]) -> Result<()> {
    let path = work.join(format!("{label}.json"));
    let text = serde_json::to_vec_pretty(log).map_err(|error| error.to_string())?;
    std::fs::write(&path, text).map_err(|error| in_file(&path, error))
}

fn fresh_folder(path: &Path) -> Result<PathBuf> {
    if path.exists() {
        std::fs::remove_dir_all(path).map_err(|error| in_file(path, error))?;
    }
    std::fs::create_dir_all(path).map_err(|error| in_file(path, error))?;
    path.canonicalize().map_err(|error| in_file(path, error))
}

/// The module that waits until somebody has rotated the server's keys.
const ROTATION: &str = "oidcc-server-rotate-keys";

/// What the suite's own runner gives a module.
const MODULE_TIMEOUT: Duration = Duration::from_secs(240);
