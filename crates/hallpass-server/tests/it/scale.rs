//! Many issuers against one: what each costs while it sleeps and while it is awake, and what that does to the others.
//!
//! The long run: `cargo test --release -p hallpass-server --test it ten_thousand -- --ignored --nocapture`. With
//! `HALLPASS_SCALE_REPORT` set to a file the figures are written there as well; `HALLPASS_BINARY` names a server that was built
//! elsewhere.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a measurement with small numbers, which it prints"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use hallpass_store::{NewIssuer, Store as _};
use hallpass_store_sqlite::{Options, SqliteStore};
use hallpass_types::Timestamp;
use serde_json::{Map, Value};

use crate::process::{Folder, Serving};

/// A connection that is kept.
struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    fn to(server: &Serving) -> Self {
        let stream = TcpStream::connect(server.said["listen"].as_str().unwrap()).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// The status, and the body if it is JSON.
    fn ask(&mut self, method: &str, path: &str, kind: &str, body: &str) -> (u16, Value) {
        let length = body.len();
        let text = format!(
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(text.as_bytes()).unwrap();
        let mut line = String::new();
        self.stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).unwrap();
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    /// Registers a client of an issuer; the form of its token request.
    fn register(&mut self, issuer: &str) -> String {
        let metadata = r#"{"redirect_uris":[],"grant_types":["client_credentials"],"response_types":[],
            "token_endpoint_auth_method":"client_secret_post"}"#;
        let (status, client) = self.ask(
            "POST",
            &format!("/p/{issuer}/register"),
            "application/json",
            metadata,
        );
        assert_eq!(status, 201, "{client}");
        let text = |name: &str| client[name].as_str().unwrap().to_owned();
        let (id, secret) = (text("client_id"), text("client_secret"));
        format!("grant_type=client_credentials&client_id={id}&client_secret={secret}")
    }

    fn token(&mut self, issuer: &str, form: &str) -> Duration {
        let begin = Instant::now();
        let kind = "application/x-www-form-urlencoded";
        let (status, answer) = self.ask("POST", &format!("/p/{issuer}/token"), kind, form);
        assert_eq!(status, 200, "{answer}");
        begin.elapsed()
    }
}

/// A server with so many issuers, `i0` and so on. Nobody reads its log, and a full pipe would stop it.
fn serve(folder: &Folder, issuers: u32, max_loaded: u32) -> Serving {
    let text = format!(
        "server.issuer = 'http://localhost:4555'\nprotocol.signing_algs = ['ES256']\n[issuers]\nmax_loaded = {max_loaded}\n[danger]\nopen_registration = true\n\
         [registration]\nper_address_per_hour = 1000000\nmax_clients = 1000000\n[log]\nlevel = 'error'\n"
    );
    folder.write("hallpass.toml", &text);
    let server = Serving::start(folder, &["--config", "hallpass.toml"]);
    let path = folder.0.join("hallpass-data/hallpass.sqlite");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = std::sync::Arc::new(SqliteStore::open(path, Options::default()).unwrap());
        let base = server.said["issuer"].as_str().unwrap();
        // Many at once share a transaction.
        let numbers: Vec<u32> = (0..issuers).collect();
        for some in numbers.chunks(500) {
            let mut making = tokio::task::JoinSet::new();
            for number in some {
                let (store, name) = (store.clone(), format!("i{number}"));
                let new = NewIssuer {
                    identifier: format!("{base}/p/{name}"),
                    name,
                    settings: Map::new(),
                    at: Timestamp(1_800_000_000),
                };
                making.spawn(async move { store.create_issuer(new).await.unwrap().unwrap() });
            }
            making.join_all().await;
        }
    });
    let begin = Instant::now();
    while gauge(&server, "hallpass_issuers ") < f64::from(issuers) {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "not all are seen"
        );
        std::thread::yield_now();
    }
    server
}

fn gauge(server: &Serving, name: &str) -> f64 {
    let metrics = server.metrics();
    let line = metrics.lines().find(|line| line.starts_with(name));
    line.unwrap().rsplit(' ').next().unwrap().parse().unwrap()
}

/// Resident memory in MiB.
fn memory(server: &Serving) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process())).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib: f64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kib / 1024.0
}

struct Figures {
    asleep_mib: f64,
    awake_mib: f64,
    /// One client of one issuer, alone and beside those that sleep.
    alone: Duration,
    beside: Duration,
    /// One issuer with as many clients, each in its turn; a thousand issuers; and all of them. A client that was not there
    /// within the last second is read, wherever it is.
    clients: Duration,
    thousand: Duration,
    among: Duration,
    /// The first request to one that sleeps: half, and 99 of a hundred, took no longer.
    waking: [Duration; 2],
}

fn percentile(times: &mut [Duration], of_thousand: usize) -> Duration {
    times.sort_unstable();
    times[times.len() * of_thousand / 1000]
}

/// What 99 of a hundred in a block take no longer than, in half of the blocks: other programs disturb some blocks.
#[derive(Default)]
struct Blocks(Vec<Duration>);

impl Blocks {
    fn add(&mut self, block: impl Iterator<Item = Duration>) {
        let mut times: Vec<Duration> = block.collect();
        self.0.push(percentile(&mut times, 990));
    }

    fn typical(&mut self) -> Duration {
        percentile(&mut self.0, 500)
    }
}

/// A server with clients that are asked for in turn, each far from the one before.
struct Turns {
    connection: Connection,
    /// The issuer of each client, and the form of its token request.
    forms: Vec<(String, String)>,
    next: usize,
}

impl Turns {
    /// Registers so many clients at each of so many issuers.
    fn new(server: &Serving, issuers: u32, clients: u32) -> Self {
        let mut connection = Connection::to(server);
        let issuers = (0..issuers).map(|number| format!("i{number}"));
        let forms = issuers.flat_map(|issuer| {
            let forms: Vec<_> = (0..clients)
                .map(|_| (issuer.clone(), connection.register(&issuer)))
                .collect();
            forms
        });
        let forms: Vec<_> = forms.collect();
        // The first use of a day by a client that registered itself is written down. That is not what is looked at here.
        for (issuer, form) in &forms {
            connection.token(issuer, form);
        }
        Self {
            connection,
            forms,
            next: 0,
        }
    }

    /// Nobody has asked it for minutes, and it closes such connections.
    fn again(&mut self, server: &Serving) {
        self.connection = Connection::to(server);
    }

    fn turn(&mut self) -> Duration {
        self.next = (self.next + 7919) % self.forms.len();
        let (issuer, form) = &self.forms[self.next];
        self.connection.token(issuer, form)
    }
}

/// Measures one issuer alone and many, in turns, so that whatever else this machine does slows all of them.
fn measure(issuers: u32, rounds: usize, block: usize) -> Figures {
    let folders = [Folder::new(), Folder::new(), Folder::new()];
    let one = serve(&folders[0], 1, 10);
    let thousand = serve(&folders[1], issuers / 10, issuers);
    let many = serve(&folders[2], issuers, issuers + 10);
    let (mut to_one, mut to_many) = (Connection::to(&one), Connection::to(&many));
    let forms = [to_one.register("i0"), to_many.register("i0")];
    let alone_mib = memory(&one);
    let asleep_mib = memory(&many) - alone_mib;
    let (mut alone, mut beside) = (Blocks::default(), Blocks::default());
    for _ in 0..rounds {
        alone.add((0..block).map(|_| to_one.token("i0", &forms[0])));
        beside.add((0..block).map(|_| to_many.token("i0", &forms[1])));
    }
    let mut of_one = Turns::new(&one, 1, issuers);
    let mut of_thousand = Turns::new(&thousand, issuers / 10, 10);
    let mut of_many = Turns::new(&many, issuers, 1);
    let awake_mib = memory(&many) - alone_mib;
    for (turns, server) in [
        (&mut of_one, &one),
        (&mut of_thousand, &thousand),
        (&mut of_many, &many),
    ] {
        turns.again(server);
    }
    let mut found = [Blocks::default(), Blocks::default(), Blocks::default()];
    for _ in 0..rounds * 2 {
        found[0].add((0..block).map(|_| of_one.turn()));
        found[1].add((0..block).map(|_| of_thousand.turn()));
        found[2].add((0..block).map(|_| of_many.turn()));
    }
    assert_eq!(gauge(&many, "hallpass_issuers_loaded "), f64::from(issuers));
    many.stop();
    // All of them sleep again.
    let many = Serving::start(&folders[2], &["--config", "hallpass.toml"]);
    while gauge(&many, "hallpass_issuers ") < f64::from(issuers) {
        std::thread::yield_now();
    }
    let mut to_many = Connection::to(&many);
    let some = of_many.forms.iter().step_by(5);
    let mut waking: Vec<Duration> = some
        .map(|(issuer, form)| to_many.token(issuer, form))
        .collect();
    let [clients, thousand, among] = found.each_mut().map(Blocks::typical);
    Figures {
        waking: [500, 990].map(|of_thousand| percentile(&mut waking, of_thousand)),
        asleep_mib,
        awake_mib,
        alone: alone.typical(),
        beside: beside.typical(),
        clients,
        thousand,
        among,
    }
}

#[test]
fn many_issuers_sleep_for_little_and_no_more_than_so_many_are_awake() {
    let folder = Folder::new();
    let server = serve(&folder, 300, 20);
    assert_eq!(gauge(&server, "hallpass_issuers_loaded "), 0.0);
    let mut connection = Connection::to(&server);
    let mut forms = Vec::new();
    for number in 0..60 {
        forms.push(connection.register(&format!("i{number}")));
    }
    assert_eq!(gauge(&server, "hallpass_issuers_loaded "), 20.0);
    // Those that were let go have what they had.
    for number in [0, 59, 1, 30] {
        connection.token(&format!("i{number}"), &forms[number]);
    }
    assert_eq!(gauge(&server, "hallpass_issuers_loaded "), 20.0);
    server.stop();
}

#[test]
fn places_that_nobody_has_cost_neither_memory_nor_a_read() {
    let folder = Folder::new();
    let server = serve(&folder, 3, 10);
    let mut connection = Connection::to(&server);
    for number in 0..2000 {
        let (status, _) = connection.ask("GET", &format!("/p/x{number}/jwks"), "text/plain", "");
        assert_eq!(status, 404);
    }
    assert_eq!(gauge(&server, "hallpass_issuers "), 3.0);
    assert_eq!(gauge(&server, "hallpass_issuers_loaded "), 0.0);
    server.stop();
}

#[test]
#[ignore = "takes minutes and means something in a release build only"]
fn ten_thousand_issuers_against_one() {
    let issuers = 10_000;
    let figures = measure(issuers, 40, 250);
    let Figures {
        asleep_mib,
        awake_mib,
        alone,
        beside,
        clients,
        thousand,
        among,
        waking: [half, most],
    } = figures;
    let ratio = |time: Duration, to: Duration| time.as_secs_f64() / to.as_secs_f64();
    let each = |mib: f64| mib * 1024.0 / f64::from(issuers);
    let text = format!(
        "{issuers} issuers asleep: {asleep_mib:.1} MiB, {:.2} KiB each\n{issuers} issuers awake: {awake_mib:.1} MiB, {:.1} KiB each\n\
         p99 of client_credentials, half of the blocks:\n\
         one client of one issuer: alone {alone:?}, beside {issuers} issuers that sleep {beside:?} ({:.2} x)\n\
         {issuers} clients in turn: of one issuer {clients:?}, of {} issuers {thousand:?}, of {issuers} issuers {among:?} \
         ({:.2} x a tenth as many, {:.2} x one)\n\
         the first request to one that sleeps: half {half:?}, p99 {most:?}\n",
        each(asleep_mib),
        each(awake_mib),
        ratio(beside, alone),
        issuers / 10,
        ratio(among, thousand),
        ratio(among, clients),
    );
    println!("{text}");
    if let Some(path) = std::env::var_os("HALLPASS_SCALE_REPORT") {
        std::fs::write(path, &text).unwrap();
    }
    // The budget of growth.
    assert!(ratio(beside, alone) <= 1.2, "{text}");
    assert!(ratio(among, thousand) <= 1.2, "{text}");
}
