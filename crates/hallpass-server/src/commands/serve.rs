//! `hallpass serve`

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hallpass_admin::AdminApi;
use hallpass_dashboard::Dashboard;
use hallpass_provider::{Grants, Provider};
use hallpass_types::Issuer;
use serde_json::{Map, Value};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::{load, own_issuer};
use crate::app::{Hallpass, endpoint_names};
use crate::cli;
use crate::config::{Config, Seconds};
use crate::data_folder::Purpose;
use crate::demo::Demo;
use crate::events::Telling;
use crate::failure::Failure;
use crate::issuers::platform::{Served, desk};
use crate::issuers::{self, Issuers, Site};
use crate::jobs;
use crate::operations::Check;
use crate::output::{Output, print};
use crate::server::{Settings, Sockets};
use crate::shutdown::{self, Shutdown};
use crate::telemetry::{
    self, LogLevel,
    metrics::{Metrics, Names},
    traces::Traces,
};
use crate::wiring::{Engine, Ground, Setup, forget_clients, make_users, sync_clients};

pub(super) fn run(
    path: Option<&Path>,
    options: &cli::Serve,
    output: Output,
) -> Result<(), Failure> {
    let served = serve(path, options, output);
    telemetry::flush_log();
    served
}

fn serve(path: Option<&Path>, options: &cli::Serve, output: Output) -> Result<(), Failure> {
    let (runtime, started) = apart(|| {
        let config = load(path)?;
        let log =
            telemetry::start_log(&config.log).map_err(|error| Failure::doing("log", &*error))?;
        let runtime = runtime(&config).map_err(|error| Failure::doing("cannot start", &error))?;
        let follow = LogFile {
            log,
            path: path.map(Path::to_owned),
        };
        let started = runtime.block_on(Box::pin(start(config, options.demo, output, follow)))?;
        Ok((runtime, Box::new(started)))
    })?;
    let served = runtime.block_on(started.serve());
    // Nothing that is left could still answer anybody.
    runtime.shutdown_background();
    served
}

/// Does what is done once on a thread of its own, whose stack goes with it: reading a configuration and building everything
/// reaches deep, and serving does not.
fn apart<T: Send>(work: impl FnOnce() -> Result<T, Failure> + Send) -> Result<T, Failure> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("hallpass".to_owned());
        let thread = thread.spawn_scoped(scope, work);
        let thread = thread.map_err(|error| Failure::doing("cannot start", &error))?;
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn runtime(config: &Config) -> std::io::Result<tokio::runtime::Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = config.server.workers.map_or(cores, usize::from);
    let mut builder = if workers == 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    if workers > 1 {
        builder.worker_threads(workers);
    }
    builder.enable_all().thread_name("hallpass").build()
}

/// A server that listens and is to answer.
struct Started {
    config: Config,
    issuer: Issuer,
    shutdown: Shutdown,
    sockets: Sockets,
    metrics: Arc<Metrics>,
    traces: Option<Traces>,
    provider: Provider,
    issuers: Issuers,
    app: Site,
    jobs: Jobs,
}

/// What a server does by itself. Made where the stack does not stay, since it is large until it lies on the heap.
struct Jobs {
    /// Whether the store answered when it was last asked.
    healthy: Arc<AtomicBool>,
    /// Of the configuration's issuer. It ends when the process must.
    own: Job,
    /// Of all others.
    others: Job,
}

type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Jobs {
    fn new(provider: Provider, issuers: Issuers, rotation: Seconds) -> Self {
        let healthy = Arc::new(AtomicBool::new(true));
        Self {
            own: Box::pin(jobs::run(
                provider,
                rotation,
                Arc::clone(&healthy),
                issuers.keys_hinted(),
            )),
            others: Box::pin(issuers::jobs::run(issuers, rotation)),
            healthy,
        }
    }
}

async fn start(
    mut config: Config,
    demo: bool,
    output: Output,
    follow: LogFile,
) -> Result<Started, Failure> {
    if demo {
        Demo::check(&config.server)?;
    }
    let shutdown = shutdown::on_signals().map_err(|error| Failure::doing("signals", &error))?;
    let hangup = signal(SignalKind::hangup()).map_err(|error| Failure::doing("signals", &error))?;
    tokio::spawn(follow.run(hangup));
    // The folder's lock comes first: who does not get it has touched nothing.
    let ground = Ground::open(&config, Purpose::Serve)?;
    let sockets = Sockets::open(&config.server, &config.mtls, &config.operations)
        .map_err(|error| Failure::new(error.to_string()))?;
    let address = sockets
        .public_address()
        .map_err(|error| Failure::doing("server.listen", &error))?;
    let issuer = own_issuer(&config, address.port())?;
    let demo = demo.then(|| Demo::add(&mut config, &issuer, &ground));
    for warning in config.danger.warnings() {
        tracing::warn!("{warning}");
    }
    if config.compatibility.loginid {
        tracing::warn!(%issuer, "compatibility.loginid: this issuer puts up with weak habits of clients");
    }
    if demo.is_some() {
        tracing::warn!("--demo: anybody on this machine may register a client and knows the user");
    }
    let grant_types: Vec<&'static str> = Grants::builtin().names().collect();
    let endpoints: Vec<&'static str> = endpoint_names().collect();
    let names = Names {
        endpoints: &endpoints,
        grant_types: &grant_types,
    };
    let metrics = Arc::new(Metrics::new(names));
    let traces =
        Traces::start(&config.traces).map_err(|error| Failure::doing("traces", &*error))?;
    let events = Arc::new(Telling::new(Arc::clone(&metrics)));
    let setup = Setup {
        ground,
        config: &config,
        issuer: issuer.clone(),
        events,
    };
    let engine = Engine::build(setup).await?;
    prepare(&engine, &config, demo.as_ref()).await?;
    telemetry::watch_engine(&metrics, &engine);
    telemetry::watch_admission(&metrics, &engine.part().admission);
    if let Some(traces) = &traces {
        traces.watch(&metrics);
        engine.part().admission.trace();
    }
    let limits = engine.part().shared_limits;
    if let Some((limits, address)) = limits.zip(config.cache.redis.clone()) {
        telemetry::watch_shared_limits(&metrics, &limits);
        tokio::spawn(limits.run(address));
    }

    let default = Hallpass::new(
        &engine.part(),
        &config.rate_limits,
        &config.registration,
        demo.as_ref(),
    );
    let provider = engine.provider.clone();
    let issuers = Issuers::new(engine, config.clone(), default);
    issuers
        .look()
        .await
        .map_err(|error| Failure::doing("issuers", &error))?;
    telemetry::watch_issuers(&metrics, &issuers);
    let site = Site::new(issuers.clone());
    let site = if config.admin.enabled {
        let api = AdminApi::new(desk(Served::new(issuers.clone())))
            .demanding(config.dashboard.strong_sign_in);
        site.with_admin(api.beside(crate::app::described()))
    } else {
        site
    };
    let app = if config.dashboard.enabled {
        let endpoints = issuers.default_issuer().endpoints().clone();
        let desk = desk(Served::new(issuers.clone()));
        let dashboard = Dashboard::new(desk, endpoints, config.dashboard.settings());
        site.with_dashboard(dashboard.warning(config.danger.warnings()))
    } else {
        site
    };
    let ready = Ready {
        issuer: &issuer,
        address,
        operations: sockets.operations_address(),
        dashboard: config
            .dashboard
            .enabled
            .then(|| issuer.url(hallpass_dashboard::PATH)),
        demo,
    };
    ready.announce(output)?;
    tracing::info!(issuer = issuer.as_str(), listen = %address, "ready");
    let jobs = Jobs::new(provider.clone(), issuers.clone(), config.keys.rotation);
    Ok(Started {
        jobs,
        config,
        issuer,
        shutdown,
        sockets,
        metrics,
        traces,
        provider,
        issuers,
        app,
    })
}

impl Started {
    /// Answers until the end.
    async fn serve(self: Box<Self>) -> Result<(), Failure> {
        let Self {
            config,
            issuer,
            shutdown,
            sockets,
            metrics,
            traces,
            provider,
            issuers,
            app,
            jobs,
        } = *self;
        let Jobs {
            healthy,
            own,
            others,
        } = jobs;
        let ended = Arc::new(Notify::new());
        let end = Arc::clone(&ended);
        let jobs = tokio::spawn(async move {
            tokio::select! {
                () = own => end.notify_one(),
                () = others => {}
            }
        });
        let signing = provider.clone();
        let checks = vec![
            Check::new("store", move || healthy.load(Ordering::Relaxed)),
            Check::new("signers", move || {
                let keys = signing.signing_keys();
                keys.outside().all(|key| key.signer().ready())
            }),
        ];
        let settings = Settings {
            server: &config.server,
            tls: &config.tls,
            mtls: &config.mtls,
            https: issuer.is_https(),
            traces: traces.as_ref(),
        };
        let served = tokio::select! {
            served = sockets.serve(settings, metrics, checks, shutdown, app) => {
                served.map_err(|error| Failure::new(error.to_string()))
            }
            () = ended.notified() => Err(Failure::new(
                "everything that was handed out was ended by hallpass invalidate, so that this process must not go on with \
                 what it holds: start it again",
            )),
        };
        jobs.abort();
        if let Err(error) = provider.keep_tallies().await {
            tracing::warn!(%error, "numbers cannot be kept");
        }
        issuers::jobs::write_tallies(&issuers).await;
        if let Some(traces) = &traces {
            traces.flush().await;
        }
        served
    }
}

/// The level of the log, as the configuration says it at the time.
struct LogFile {
    log: LogLevel,
    path: Option<PathBuf>,
}

impl LogFile {
    /// Reads the configuration again at every SIGHUP. Of what stands there only `log.level` holds at once.
    async fn run(self, mut hangup: Signal) {
        while hangup.recv().await.is_some() {
            match load(self.path.as_deref()) {
                Ok(config) => self.log.change(&config.log),
                Err(error) => {
                    tracing::error!(%error, "the configuration is refused, the level of the log stays");
                }
            }
        }
    }
}

/// Brings configured clients and users into the store.
async fn prepare(engine: &Engine, config: &Config, demo: Option<&Demo>) -> Result<(), Failure> {
    forget_clients(&engine.provider, &config.clients).await?;
    sync_clients(&engine.provider, &config.clients).await?;
    make_users(&engine.provider, &engine.accounts, &config.users).await?;
    match demo {
        Some(demo) => demo.make_user(engine).await,
        None => Ok(()),
    }
}

/// What is told once the server answers.
struct Ready<'a> {
    issuer: &'a Issuer,
    address: SocketAddr,
    operations: Option<SocketAddr>,
    dashboard: Option<String>,
    demo: Option<Demo>,
}

impl Ready<'_> {
    fn announce(&self, output: Output) -> Result<(), Failure> {
        let metrics = self
            .operations
            .map(|address| format!("http://{address}/metrics"));
        if output.is_json() {
            let mut line = Map::new();
            line.insert("issuer".to_owned(), self.issuer.as_str().into());
            line.insert("listen".to_owned(), self.address.to_string().into());
            line.insert(
                "metrics".to_owned(),
                metrics.map_or(Value::Null, Value::from),
            );
            line.insert(
                "dashboard".to_owned(),
                self.dashboard.clone().map_or(Value::Null, Value::from),
            );
            line.extend(self.demo.as_ref().map(Demo::json).unwrap_or_default());
            return print(&Value::Object(line).to_string());
        }
        let mut text = format!(
            "hallpass {} is ready\n  issuer    {}\n  listens   {}\n",
            env!("CARGO_PKG_VERSION"),
            self.issuer,
            self.address
        );
        if let Some(metrics) = metrics {
            text.push_str(&format!("  metrics   {metrics}\n"));
        }
        if let Some(dashboard) = &self.dashboard {
            text.push_str(&format!("  operators {dashboard}\n"));
        }
        match &self.demo {
            Some(demo) => text.push_str(&demo.text(self.issuer)),
            None => text.push_str(NEXT),
        }
        print(&text)
    }
}

const NEXT: &str = "
Next:
  hallpass operator create NAME                  somebody who may use the dashboard
  hallpass user create NAME                      somebody who can sign in
  hallpass client create --redirect-uri URI      an application to sign in to
  hallpass serve --demo                          both made up, with a page to try them
";
