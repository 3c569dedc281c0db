//! Numbers about the running server, for `/metrics` on the second listener.
//!
//! What is counted while a request is served costs an atomic addition or two: no lock, no allocation, no map.

mod grid;
mod histogram;
mod observed;
pub mod process;
mod tally;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::registry::Registry;

pub use grid::{Grid, Label};
pub use histogram::Histogram;
pub use observed::{Distribution, Observe, Observed, Reading};
pub use tally::Tally;

/// Every number.
pub struct Metrics {
    requests: Arc<Grid>,
    request_time: Arc<Histogram>,
    tokens: Arc<Grid>,
    sign_ins: Arc<Grid>,
    errors: Arc<Tally>,
    connections: Arc<Grid>,
    registry: Mutex<Registry>,
}

/// The values that labels can have. They come from the registries of those who count.
#[derive(Clone, Copy, Debug, Default)]
pub struct Names<'a> {
    /// Names of the endpoints.
    pub endpoints: &'a [&'static str],
    /// Grant types.
    pub grant_types: &'a [&'static str],
}

impl Metrics {
    /// Numbers that all stand at zero.
    #[must_use]
    pub fn new(names: Names<'_>) -> Self {
        let endpoint = Label::new("endpoint", names.endpoints);
        let method = Label::new("method", METHODS);
        let status = Label::new("status", STATUSES);
        let mut registry = Registry::default();
        let requests = grid(
            &mut registry,
            "hallpass_http_requests",
            "Requests answered",
            vec![endpoint, method, status],
        );
        let request_time = share(
            &mut registry,
            Histogram::by(
                "hallpass_http_request",
                "Time from the end of a request's head to its answer",
                "endpoint",
                names.endpoints,
            ),
        );
        let grant = Label::new("grant_type", names.grant_types);
        let format = Label::new("format", &["jwt", "sealed"]);
        let tokens = grid(
            &mut registry,
            "hallpass_tokens_issued",
            "Access tokens issued",
            vec![grant, format],
        );
        let outcome = Label::new("outcome", &["success", "refused", "throttled", "busy"]);
        let sign_ins = grid(
            &mut registry,
            "hallpass_sign_ins",
            "Sign-ins by their outcome",
            vec![outcome],
        );
        let errors = share(
            &mut registry,
            Tally::new("hallpass_errors", "Refusals by their reason", "reason"),
        );
        let fate = Label::new("fate", &["accepted", "shed", "evicted", "handshake_failed"]);
        let connections = grid(
            &mut registry,
            "hallpass_connections",
            "Connections by what became of them",
            vec![fate],
        );
        let metrics = Self {
            requests,
            request_time,
            tokens,
            sign_ins,
            errors,
            connections,
            registry: Mutex::new(registry),
        };
        metrics.observe_process();
        metrics
    }

    /// Counts an answered request.
    pub fn request(
        &self,
        endpoint: &str,
        method: &http::Method,
        status: http::StatusCode,
        time: Duration,
    ) {
        self.requests
            .count(&[endpoint, method.as_str(), status.as_str()]);
        self.request_time.observe(endpoint, time);
    }

    /// Counts an access token. The format is `jwt` or `sealed`.
    pub fn token_issued(&self, grant_type: &str, format: &str) {
        self.tokens.count(&[grant_type, format]);
    }

    /// Counts a sign-in.
    pub fn sign_in(&self, outcome: &str) {
        self.sign_ins.count(&[outcome]);
    }

    /// Counts a refusal.
    pub fn error(&self, reason: &'static str) {
        self.errors.count(reason);
    }

    /// Counts what became of a connection.
    pub fn connection(&self, fate: &str) {
        self.connections.count(&[fate]);
    }

    /// Adds a metric that others count, asked when the metrics are read. A counter's name comes without `_total`; every
    /// other name is whole, with its unit.
    pub fn observe(&self, name: &'static str, help: &'static str, observe: Observe) {
        self.registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .register_collector(Box::new(Observed {
                name,
                help,
                observe,
            }));
    }

    /// Adds one number without labels that goes up and down.
    pub fn observe_gauge(
        &self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> Option<f64> + Send + Sync + 'static,
    ) {
        let read = move || {
            read()
                .map(|value| (Vec::new(), value))
                .into_iter()
                .collect()
        };
        self.observe(name, help, Observe::Gauge(Box::new(read)));
    }

    /// All of it in the OpenMetrics text format.
    ///
    /// # Errors
    /// A collector failed.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(8192);
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        prometheus_client::encoding::text::encode(&mut text, &registry)?;
        Ok(text)
    }

    fn observe_process(&self) {
        type Read = fn() -> Option<f64>;
        let readings: [(&'static str, &'static str, Read); 3] = [
            (
                "process_resident_memory_bytes",
                "Resident memory",
                process::resident_bytes,
            ),
            (
                "process_open_fds",
                "Open file descriptors",
                process::open_files,
            ),
            ("process_threads", "Threads", process::threads),
        ];
        for (name, help, read) in readings {
            self.observe_gauge(name, help, read);
        }
        self.observe(
            "hallpass_log_lines_lost",
            "Lines of the log that nobody took",
            Observe::Counter(Box::new(|| {
                vec![(Vec::new(), crate::telemetry::lost_lines())]
            })),
        );
        self.observe(
            "process_cpu_seconds",
            "Processor time",
            Observe::Seconds(Box::new(process::cpu_seconds)),
        );
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

fn grid(
    registry: &mut Registry,
    name: &'static str,
    help: &'static str,
    labels: Vec<Label>,
) -> Arc<Grid> {
    share(registry, Grid::new(name, help, labels))
}

fn share<C: Collector>(registry: &mut Registry, collector: C) -> Arc<C> {
    let collector = Arc::new(collector);
    registry.register_collector(Box::new(Arc::clone(&collector)));
    collector
}

pub(super) const METHODS: &[&str] = &["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"];

const STATUSES: &[&str] = &[
    "200", "201", "204", "302", "303", "304", "400", "401", "403", "404", "405", "406", "409",
    "411", "413", "414", "415", "421", "429", "431", "500", "501", "503",
];

#[cfg(test)]
mod tests {
    use http::{Method, StatusCode};

    use super::*;

    fn metrics() -> Metrics {
        Metrics::new(Names {
            endpoints: &["token", "authorize"],
            grant_types: &["client_credentials"],
        })
    }

    #[test]
    fn what_was_counted_is_shown_under_its_labels_and_nothing_else() {
        let metrics = metrics();
        let time = Duration::from_micros(200);
        metrics.request("token", &Method::POST, StatusCode::OK, time);
        metrics.request("token", &Method::POST, StatusCode::OK, time);
        metrics.request("authorize", &Method::GET, StatusCode::SEE_OTHER, time);
        metrics.token_issued("client_credentials", "jwt");
        metrics.error("code_spent");
        metrics.error("code_spent");
        let text = metrics.text().unwrap();
        let line = |line: &str| assert!(text.lines().any(|each| each == line), "{line}\n{text}");
        line(r#"hallpass_http_requests_total{endpoint="token",method="POST",status="200"} 2"#);
        line(r#"hallpass_http_requests_total{endpoint="authorize",method="GET",status="303"} 1"#);
        line(r#"hallpass_tokens_issued_total{grant_type="client_credentials",format="jwt"} 1"#);
        line(r#"hallpass_errors_total{reason="code_spent"} 2"#);
        line("# UNIT hallpass_http_request_seconds seconds");
        line(r#"hallpass_http_request_seconds_bucket{le="0.0001",endpoint="token"} 0"#);
        line(r#"hallpass_http_request_seconds_bucket{le="0.00025",endpoint="token"} 2"#);
        line(r#"hallpass_http_request_seconds_bucket{le="+Inf",endpoint="token"} 2"#);
        line(r#"hallpass_http_request_seconds_count{endpoint="token"} 2"#);
        line(r#"hallpass_http_request_seconds_sum{endpoint="token"} 0.0004"#);
        line("# EOF");
        assert_eq!(text.matches("hallpass_http_requests_total{").count(), 2);
    }

    #[test]
    fn a_value_that_nobody_announced_counts_as_other() {
        let metrics = metrics();
        let method = Method::from_bytes(b"BREW").unwrap();
        metrics.request(
            "teapot\"\n",
            &method,
            StatusCode::IM_A_TEAPOT,
            Duration::from_secs(60),
        );
        let text = metrics.text().unwrap();
        assert!(text.contains(
            r#"hallpass_http_requests_total{endpoint="other",method="other",status="other"} 1"#
        ));
        assert!(
            text.contains(r#"hallpass_http_request_seconds_bucket{le="10.0",endpoint="other"} 0"#)
        );
        assert!(
            text.contains(r#"hallpass_http_request_seconds_bucket{le="+Inf",endpoint="other"} 1"#)
        );
    }

    #[test]
    fn a_gauge_is_read_when_the_metrics_are() {
        let metrics = metrics();
        let labels = vec![("alg", "ES256".to_owned()), ("phase", "active".to_owned())];
        let gauge = Observe::Gauge(Box::new(move || vec![(labels.clone(), 12.0)]));
        metrics.observe("hallpass_key_age_seconds", "Age", gauge);
        let histogram = || Distribution::new(0.3, [0.1, 0.5], &[1, 1, 0]);
        metrics.observe(
            "hallpass_wait_seconds",
            "Wait",
            Observe::Histogram(Box::new(histogram)),
        );
        let counter = || vec![(vec![("why", "queue_full".to_owned())], 3)];
        metrics.observe(
            "hallpass_hash_rejected",
            "Rejected",
            Observe::Counter(Box::new(counter)),
        );
        let text = metrics.text().unwrap();
        assert!(
            text.contains(r#"hallpass_key_age_seconds{alg="ES256",phase="active"} 12.0"#),
            "{text}"
        );
        assert!(text.contains("process_resident_memory_bytes "), "{text}");
    }
}
